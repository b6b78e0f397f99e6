"""Reproduces the paper's tables on zoos that were trained here, or released.

    python -m projects.cnn_zoo.reproduce --table=r2 --zoo=DIR --zoo=DIR
    python -m projects.cnn_zoo.reproduce --table=transfer
    python -m projects.cnn_zoo.reproduce --table=size
    python -m projects.cnn_zoo.reproduce --table=epochs
    python -m projects.cnn_zoo.reproduce --table=architectures --other=DIR
    python -m projects.cnn_zoo.reproduce --table=hyperparameters

DIR is a zoo's folder, in the released layout or as `train` left it. Its
statistics are written to `zoo_<data set>.npz` beside the results, and are read
from there without `--zoo`, as those of `--other`; only sets of raw weights need
the zoo. Several of one data set are joined, so that a zoo grows from day to day
without its weights: `--zoo=.../zoo_mnist.npz --zoo=DIR --fresh`.
`--quick` does all on generated networks; results and README stay.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from common import config_schema
from common.errors import InputError
from common.tables import cells, reproduce

from . import (
  collection,
  generated,
  hyperparameter_study,
  paper,
  pictures,
  result_tables,
  studies,
)
from .collection import Collection
from .schema import PREDICTORS

QUICK = ("mnist", "fashion_mnist")


def config_of(context: reproduce.Context) -> Any:
  """configs/cnn_zoo/predictors.py, checked."""
  config = reproduce.config_of(context, "predictors").lock()
  config_schema.check(config, PREDICTORS)
  return config


class Zoos(NamedTuple):
  """What a table is made from.

  Attributes:
    found: the networks of each data set, in the paper's order.
    given: those of `found` that the command names; the others are what the
      results have kept.
  """

  found: dict[str, Collection]
  given: frozenset[str]


def collections(context: reproduce.Context) -> Zoos:
  """Reads and joins the zoos, and keeps their statistics among the results.

  Raises:
    InputError: there is no zoo, two cannot be joined, or the results have
      networks that would go.
  """
  config, out = config_of(context), context.out
  zoos = list(context.arguments.zoo)
  if context.quick and not zoos:
    zoos = [
      generated.write(out / f"generated_{name}", name, seed=seed)
      for seed, name in enumerate(QUICK)
    ]
  found = _joined(zoos, config, lambda one: one.name)
  given = frozenset(found)
  _keep(context, {f"zoo_{name}": one for name, one in found.items()}, "--zoo")
  for path in [] if context.quick else sorted(out.glob("zoo_*.npz")):
    name = path.stem.removeprefix("zoo_")
    if name not in found:
      found[name] = collection.read(path, config)
  if not found:
    raise InputError(
      "there is no zoo: train one with projects.cnn_zoo.train, and give its "
      "folder as --zoo=DIR"
    )
  order = [*paper.DATASETS, *sorted(found)]
  names = sorted(found, key=order.index)
  return Zoos({name: found[name] for name in names}, given)


def _joined(
  folders: Sequence[str],
  config: Any,
  name: Callable[[Collection], str],
) -> dict[str, Collection]:
  """The zoos at `folders` by name, those of one name as one."""
  found = {}
  for folder in folders:
    one = collection.read(folder, config)
    if name(one) in found:
      one = collection.join(found[name(one)], one)
    found[name(one)] = one
  return found


def _keep(
  context: reproduce.Context, found: Mapping[str, Collection], flag: str
) -> None:
  """Writes statistics to `<out>/<name>.npz`, all of them or none.

  What is there may be all that is left of networks whose weights went: only a
  collection that has them, too, takes its place. Quick ones are nobody's.

  Raises:
    InputError: networks would go.
  """
  paths = {name: context.out / f"{name}.npz" for name in found}
  for name, path in paths.items():
    if context.quick or not path.exists():
      continue
    old, more = collection.load(path), found[name]
    lost = np.setdiff1d(old.networks, more.networks)
    mend = f"{flag}={path}, too"
    try:
      collection.join(old, more)
    except InputError as error:
      lost, mend = old.networks, f"another zoo ({error})"
    if len(lost):
      raise InputError(
        f"{path} has {len(lost)} network(s), {lost[0]} among them, that would "
        f"be lost: give {mend}, or write elsewhere with --out=DIR"
      )
  for name, path in paths.items():
    collection.save(path, found[name])


def _warn_of(file: str, kept: Any, now: Any) -> None:
  """Says where results are of other networks than there are."""
  if kept != now:
    print(
      f"warning: {file} is of {kept} networks, and there are {now} now: "
      "--fresh computes it again",
      file=sys.stderr,
    )


def each(
  context: reproduce.Context,
  zoos: Zoos,
  table: str,
  study: Callable[[Collection, Any], Mapping[str, Any]],
) -> dict[str, Any]:
  """A cell a data set.

  Where zoos are given, `--fresh` is of their data sets: what was found of the
  others may have needed weights that are not there any more.
  """
  config = config_of(context)
  found = {}
  for name, one in zoos.found.items():
    anew = context.fresh and (name in zoos.given or not zoos.given)
    kept = reproduce.cell(
      context._replace(fresh=anew),
      f"{table}_{name}",
      lambda one=one: {
        **study(one, config),
        "config": cells.recorded(config),
      },
    )
    found[name] = kept
    _warn_of(f"{table}_{name}.json", kept["networks"], len(one.networks))
  return found


def r2_table(context: reproduce.Context) -> dict[str, str]:
  """All sets and predictors, both protocols, and the paper's relations."""
  zoos = collections(context)
  found = each(context, zoos, "r2", studies.of_sets)
  pictures.biases(context.out / "biases.png", list(zoos.found.values()))
  weighed = each(context, zoos, "importances", studies.importances)
  pictures.importances(context.out / "importances.png", weighed)
  path = context.out / "transfer.json"
  pairs = cells.load(path)["pairs"] if path.exists() else None
  others = {  # Behind the row of the zoo's own.
    name: cell["rows"][1:]
    for name, cell in _there(context, "architectures", found).items()
  }
  drawn = _there(context, "hyperparameters", found)
  return {
    "zoos": result_tables.zoo_table(found),
    "r2": result_tables.r2_table(found),
    "protocols": result_tables.protocol_table(found),
    "relations": result_tables.relation_table(found, pairs, others, drawn),
  }


def _there(context, table, names):
  """The cells of another table that has been computed."""
  paths = {name: context.out / f"{table}_{name}.json" for name in names}
  return {n: cells.load(path) for n, path in paths.items() if path.exists()}


def transfer_table(context: reproduce.Context) -> str:
  """Trees of each data set on the networks of all."""
  config = config_of(context)
  zoos = collections(context).found
  several, path = list(zoos.values()), context.out / "transfer.json"
  # Of pairs, so that one set more is a table anew; it needs no weights.
  lacks = path.exists() and zoos.keys() - cells.load(path)["pairs"].keys()
  found = reproduce.cell(
    context._replace(fresh=context.fresh or bool(lacks)),
    "transfer",
    lambda: {
      **studies.transfer(several, config),
      "config": cells.recorded(config),
    },
  )
  now = {name: len(one.networks) for name, one in zoos.items()}
  kept = {name: found["networks"][name] for name in now}
  _warn_of("transfer.json", kept, now)
  # As in the paper: a file's are by the alphabet.
  order = lambda of: {one.name: of[one.name] for one in several}
  pairs = {name: order(row) for name, row in order(found["pairs"]).items()}
  pictures.transfer(context.out / "transfer.png", pairs)
  return result_tables.transfer_table(pairs)


def size_table(context: reproduce.Context) -> str:
  """R2 by the number of training networks."""
  found = each(context, collections(context), "size", studies.of_sizes)
  size = config_of(context).most_training
  pictures.sizes(context.out / "sizes.png", found, size)
  return result_tables.size_table(found, size)


def epoch_table(context: reproduce.Context) -> str:
  """The last accuracy from the weights of earlier epochs."""
  found = each(context, collections(context), "epochs", studies.of_epochs)
  return result_tables.epoch_table(found)


def other_networks(context: reproduce.Context) -> list[Collection]:
  """Networks of other architectures, whatever their data."""
  config, out = config_of(context), context.out
  folders = list(context.arguments.other)
  if context.quick and not folders:
    folders = [
      generated.write(out / f"other_{i}", QUICK[0], seed=2 + i, layout=layout)
      for i, layout in enumerate(generated.OTHERS)
    ]
  kind = lambda one: studies.architecture(one).replace(", ", "_")
  name = lambda one: f"other_{one.name}_{kind(one).replace(' ', '')}"
  _keep(context, _joined(folders, config, name), "--other")
  return [
    collection.read(path, config) for path in sorted(out.glob("other_*.npz"))
  ]


def architecture_table(context: reproduce.Context) -> str:
  """Networks of other widths, depths and kinds, by trees of the paper's."""
  others = other_networks(context)
  found = each(
    context,
    collections(context),
    "architectures",
    lambda one, config: studies.of_architectures(
      one, [other for other in others if other.name == one.name], config
    ),
  )
  return result_tables.architecture_table(found)


def hyperparameter_table(context: reproduce.Context) -> dict[str, str]:
  """What hyperparameters say; accuracies beside the released zoo's."""
  found = each(
    context,
    collections(context),
    "hyperparameters",
    hyperparameter_study.of_hyperparameters,
  )
  return {
    "percentiles": result_tables.percentile_table(found),
    "optimizers": result_tables.optimizer_table(found),
  }


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of zoos."""
  add = parser.add_argument
  text = (
    "a zoo's folder, or its file of statistics; those of one data set join; "
  )
  text += "else statistics are read from zoo_*.npz among the results"
  add("--zoo", action="append", default=[], metavar="DIR", help=text)
  text = "folder of a zoo of another architecture, for --table=architectures"
  add("--other", action="append", default=[], metavar="DIR", help=text)


TABLES = {
  "r2": r2_table,
  "transfer": transfer_table,
  "size": size_table,
  "epochs": epoch_table,
  "architectures": architecture_table,
  "hyperparameters": hyperparameter_table,
}

if __name__ == "__main__":
  reproduce.main(__doc__, __file__, TABLES, add_arguments)
