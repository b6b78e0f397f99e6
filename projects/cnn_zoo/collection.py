"""Networks of one data set as predictors see them; from a zoo, or its summary.

A zoo's statistics are small where its weights are large: `save` writes them to
a file which nearly all tables can be made from again.
"""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import ml_collections
import numpy as np

from common.data import atomic, foreign
from common.errors import InputError

from . import features, files, model

# Of the pictures' name in a zoo's metrics, what the paper calls the data set.
SAME = {"sheets": "cifar10"}
CHUNK = 1_000  # Networks whose quantiles are found at once.
TEXTS = (features.OPTIMIZER, *features.CHOICES)  # Columns; others are numbers.
ARRAYS = ("scores", "columns", "statistics")  # By name, a row a network.


class Collection(NamedTuple):
  """Networks of one data set, each at some epochs.

  Attributes:
    name: of the data set.
    networks: their names, [n].
    epochs: of the checkpoints, rising; the last is where they are judged.
    scores: test_accuracy and others, float64 [n, epochs]; NaN where a network
      has diverged, or stopped before.
    columns: hyperparameters by the released table's names, [n] each.
    statistics: by the names of feature sets, float64 [n, epochs, k].
    layout: of their weights.
    weights: of the zoo's rows [rows, weights]; None of a file of statistics.
    rows: which are those of a network at an epoch, int [n, epochs]; -1: none.
      None where `weights` is.
  """

  name: str
  networks: np.ndarray
  epochs: tuple[int, ...]
  scores: dict[str, np.ndarray]
  columns: dict[str, np.ndarray]
  statistics: dict[str, np.ndarray]
  layout: tuple[model.Tensor, ...]
  weights: np.ndarray | None
  rows: np.ndarray | None


def read(
  path: str | os.PathLike, config: ml_collections.ConfigDict
) -> Collection:
  """Reads a zoo's folder, or a file of statistics.

  Raises:
    InputError: it is neither, damaged, or has too few networks.
  """
  path = pathlib.Path(path).expanduser()
  found = load(path) if path.is_file() else of_zoo(path, config)
  sound = int(usable(found).sum())
  if sound < config.fewest:
    raise InputError(
      f"{path} has {sound} network(s) with finite weights and an accuracy at "
      f"epoch {found.epochs[-1]}: a predictor needs at least {config.fewest}"
    )
  return found


def join(one: Collection, more: Collection) -> Collection:
  """A zoo and its continuation, each a folder's or a file of statistics'.

  Weights that only one of them has stay with its networks, and a network that
  both have counts once.

  Raises:
    InputError: a network is in both and differs, or they are not of one kind.
  """
  what = f"the zoos of {one.name} cannot be joined: "
  if one.layout != more.layout:
    raise InputError(f"{what}their networks' layers differ")
  if one.epochs != more.epochs:
    both = " and ".join(str(list(part.epochs)) for part in (one, more))
    raise InputError(f"{what}their epochs are {both}")
  for field in ARRAYS:
    odd = getattr(one, field).keys() ^ getattr(more, field).keys()
    if odd:
      raise InputError(f"{what}one lacks {', '.join(sorted(odd))}")
  twice = np.isin(one.networks, more.networks)
  if twice.any():
    again = np.isin(more.networks, one.networks)
    if not _same(_those(one, twice), _those(more, again)):
      raise InputError(
        f"{what}{twice.sum()} network(s) are in both, "
        f"{one.networks[twice][0]} among them, and differ: zoos of several "
        "seeds are no one zoo"
      )
    if more.weights is None:
      more = _those(more, ~again)
    else:
      one = _those(one, ~twice)
  chain = lambda a, b: {name: np.concatenate([a[name], b[name]]) for name in a}
  both = {f: chain(getattr(one, f), getattr(more, f)) for f in ARRAYS}
  parts = [part for part in (one, more) if part.weights is not None]
  weights = np.concatenate([p.weights for p in parts]) if parts else None
  return one._replace(
    networks=np.concatenate([one.networks, more.networks]),
    weights=weights,
    rows=None if weights is None else _joined_rows(one, more),
    **both,
  )


def _joined_rows(one, more):
  """Of the weights of both, one's first; -1 where there are none."""
  none = lambda part: np.full((len(part.networks), len(part.epochs)), -1)
  rows = [none(p) if p.rows is None else p.rows for p in (one, more)]
  before = 0 if one.weights is None else len(one.weights)
  rows[1] = np.where(rows[1] < 0, -1, rows[1] + before)
  return np.concatenate(rows)


def _those(found, here):
  """The networks where the bools `here` [n] say so."""
  part = lambda arrays: {name: values[here] for name, values in arrays.items()}
  return found._replace(
    networks=found.networks[here],
    rows=None if found.rows is None else found.rows[here],
    **{field: part(getattr(found, field)) for field in ARRAYS},
  )


def _same(one, more):
  """Whether both are the same, in any order, up to what a file rounds."""
  a, b = np.argsort(one.networks), np.argsort(more.networks)
  return all(
    np.allclose(x[a], getattr(more, field)[name][b], 1e-4, 1e-6, equal_nan=True)
    for field in ("scores", "statistics")
    for name, x in getattr(one, field).items()
  )


def with_weights(found: Collection) -> Collection:
  """Those networks whose weights are at hand: `found` itself if all are."""
  if found.rows is None:
    here = np.zeros(len(found.networks), bool)
  else:
    here = (found.rows >= 0).any(axis=1)
  return found if here.all() else _those(found, here)


def usable(found: Collection, place: int = -1) -> np.ndarray:
  """Which networks can be used at an epoch: bool [n].

  Those left out have diverged, or were not trained so far.
  """
  fine = np.isfinite(found.scores["test_accuracy"][:, place])
  for values in found.statistics.values():
    fine &= np.isfinite(values[:, place]).all(axis=1)
  return fine


def of_zoo(
  folder: pathlib.Path, config: ml_collections.ConfigDict
) -> Collection:
  """Reads a zoo, in the released layout or in shards.

  Rows may be in any order, and a network may lack checkpoints.

  Raises:
    InputError: a row is there twice, its epoch or accuracy is no number, rows
      are of several data sets, or the layout is not layers of bias and kernel.
  """
  zoo = files.read(folder)
  features.layers(zoo.layout)
  steps = [_value(folder, zoo.rows, i, "step") for i in range(len(zoo.rows))]
  last = max(steps)
  epochs = tuple(sorted({*tuple(config.kept_epochs), last} & set(steps)))
  first: dict[str, int] = {}  # Of each network the first row, by its name.
  for i, row in enumerate(zoo.rows):
    first.setdefault(row["modeldir"], i)
  names = list(first)
  place = {name: i for i, name in enumerate(names)}
  at = {epoch: i for i, epoch in enumerate(epochs)}
  rows = np.full((len(names), len(epochs)), -1)
  seen = set()
  for i, (row, step) in enumerate(zip(zoo.rows, steps, strict=True)):
    if (row["modeldir"], step) in seen:
      raise InputError(
        f"{folder}: {row['modeldir']} has two rows of epoch {step:g}"
      )
    seen.add((row["modeldir"], step))
    if step in at:
      rows[place[row["modeldir"]], at[step]] = i
  scores = {
    name: np.full(rows.shape, np.nan)
    for name in files.SCORES
    if name in zoo.rows[0]
  }
  for spot in np.argwhere(rows >= 0):
    i = rows[tuple(spot)]
    for name, values in scores.items():
      values[tuple(spot)] = _value(folder, zoo.rows, i, name)
  accuracy = scores["test_accuracy"]
  if ((accuracy < 0) | (accuracy > 1)).any():  # NaN is neither.
    raise InputError(f"{folder}: a test accuracy lies outside of 0 to 1")
  columns = {
    name: np.asarray(
      [_value(folder, zoo.rows, i, name) for i in first.values()]
    )
    for name in (*features.HYPERPARAMETERS, "config.optimizer")
    if name in zoo.rows[0]
  }
  several = {row.get("config.dataset", folder.name) for row in zoo.rows}
  if len(several) > 1:
    raise InputError(
      f"{folder} has networks of {', '.join(sorted(several))}: a zoo is of one "
      "data set; write a folder for each"
    )
  (data,) = several
  return Collection(
    SAME.get(data, data),
    np.asarray(names),
    tuple(int(epoch) for epoch in epochs),
    scores,
    columns,
    statistics_of(zoo.weights, rows, zoo.layout),
    zoo.layout,
    zoo.weights,
    rows,
  )


def _value(folder, rows, i, name):
  """A text, or a number: NaN where row i says nothing, but for the epoch."""
  text = rows[i].get(name)
  if name in TEXTS:
    return text
  try:
    value = float(text or "nan")
  except ValueError:
    value = None
  if value is None or (name == "step" and not np.isfinite(value)):
    raise InputError(
      f"{folder}, row {i + 1} of the metrics: {name} is {text!r}, and no number"
    )
  return value


def stored(layout: Sequence[model.Tensor]) -> dict:
  """The feature sets that a file of statistics keeps; it implies two more."""
  sets = features.of_weights(layout)
  names = features.names_of(layout)
  return {n: sets[n] for n in (names.every, names.whole, names.l1, names.l2)}


def statistics_of(
  weights: np.ndarray, rows: np.ndarray, layout: Sequence[model.Tensor]
) -> dict[str, np.ndarray]:
  """Statistics of `weights[rows]`, NaN where a row is -1 or not finite."""
  sets, flat = stored(layout), rows.ravel()
  found = {name: [] for name in sets}
  for start in range(0, len(flat), CHUNK):
    which = flat[start : start + CHUNK]
    part = np.array(weights[np.maximum(which, 0)], np.float64)
    bad = (which < 0) | ~np.isfinite(part).all(axis=1)
    part[bad] = 0
    for name, make in sets.items():
      made = make(part)
      made[bad] = np.nan
      found[name].append(made)
  return {
    name: np.concatenate(parts).reshape(*rows.shape, -1)
    for name, parts in found.items()
  }


def of_set(found: Collection, name: str, place: int = -1) -> np.ndarray:
  """The features of one of the paper's 14 sets, or of ours: float64 [n, k].

  Args:
    found: the networks.
    name: of the set, as in the released file; or `features.WITH_OPTIMIZER`.
    place: of the epoch in `found.epochs`.

  Raises:
    InputError: the set needs what is not there.
  """
  names = features.names_of(found.layout)
  if name.startswith("hyper"):
    wanted = {
      "hyper.learning_rate": ("config.learning_rate",),
      features.WITH_OPTIMIZER: (*features.HYPERPARAMETERS, features.OPTIMIZER),
    }.get(name, features.HYPERPARAMETERS)
    here, fine = found.columns, usable(found, place)
    # NaN is such as the deviation of an initialiser that has none.
    bare = lambda n: n not in TEXTS and not np.isfinite(here[n][fine]).all()
    missing = [n for n in wanted if n not in here or bare(n)]
    if missing:
      raise InputError(
        f"the zoo's metrics have no {', '.join(missing)}, or not of all"
      )
    if name in ("hyper", features.WITH_OPTIMIZER):
      return features.hyper(found.columns, wanted)
  if name == "hyper.learning_rate":
    return features.learning_rate(found.columns)
  if name in found.statistics:
    return found.statistics[name][:, place]
  every = found.statistics[names.every][:, place]
  if name == names.ends:
    return features.of_layers(every, (0, -1))
  if name == names.last:
    return features.of_layers(every, (-1,))
  sets = features.of_weights(found.layout)
  if name not in sets and name != "hyper+weights":
    raise InputError(
      f"networks of {len(found.layout) // 2} layers have no set {name}"
    )
  if found.weights is None or found.rows is None:
    raise InputError(
      f"{name}: a file of statistics has no weights; give the zoo's folder"
    )
  weights = np.asarray(found.weights[found.rows[:, place]])
  if name == "hyper+weights":
    return features.hyper_and_weights(found.columns, weights)
  return sets[name](weights)


def save(path: pathlib.Path, found: Collection) -> None:
  """Writes statistics, scores and hyperparameters, without the weights."""
  about = {
    "name": found.name,
    "epochs": found.epochs,
    "layout": [[t.name, t.start, t.end, t.shape] for t in found.layout],
  }
  arrays: Mapping[str, np.ndarray] = {
    "about": np.asarray(json.dumps(about)),
    "networks": found.networks,
    **{f"column {name}": value for name, value in found.columns.items()},
    **{
      f"score {name}": value.astype(np.float32)
      for name, value in found.scores.items()
    },
    **{
      f"set {name}": value.astype(np.float32)
      for name, value in found.statistics.items()
    },
  }
  with atomic.replacing(path) as part, part.open("wb") as file:
    np.savez_compressed(file, allow_pickle=False, **arrays)


def load(path: pathlib.Path) -> Collection:
  """Reads what `save` wrote.

  Raises:
    InputError: it cannot be read, or is something else.
  """
  try:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
      arrays = {name: kept[name] for name in kept}
    about = json.loads(str(arrays["about"]))
    layout = tuple(
      model.Tensor(name, start, end, tuple(shape))
      for name, start, end, shape in about["layout"]
    )
    part = lambda prefix: {
      name.removeprefix(prefix): value
      for name, value in arrays.items()
      if name.startswith(prefix)
    }
    numbers = lambda prefix: {
      n: v.astype(np.float64) for n, v in part(prefix).items()
    }
    return Collection(
      about["name"],
      arrays["networks"],
      tuple(about["epochs"]),
      numbers("score "),
      part("column "),
      numbers("set "),
      layout,
      None,
      None,
    )
  except foreign.BROKEN as error:
    raise InputError(
      f"{path} is no file of a zoo's statistics ({error or type(error)}): "
      "give a zoo's folder, or a file that `reproduce` has written"
    ) from error
