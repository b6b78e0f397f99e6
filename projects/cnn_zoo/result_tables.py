"""The README's tables, from the cells of `reproduce`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.tables import markdown

from . import paper, predictors, studies
from .features import WITH_OPTIMIZER
from .pictures import named

# Above which the paper's trees are, and below which a score says nothing.
HIGH, NOTHING = 0.98, 0.1


def spread(score: list, form: str = ".2f") -> str:
  """A score as "value [low, high]"."""
  value, low, high = score
  if value is None:
    return "undefined"
  if low is None:
    return f"{value:{form}}"
  return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def r2_table(found: Mapping[str, Any]) -> str:
  """Sets x predictors x data sets: ours, honest, and the paper's behind it."""
  header = ["features"] + [
    f"{named(name)}, {paper.KINDS[kind]}"
    for name in found
    for kind in predictors.KINDS
  ]
  rows = []
  for features, label in paper.SETS.items():
    row = [label]
    for name, cell in found.items():
      for kind in predictors.KINDS:
        theirs = paper.r2(features, kind, name)
        behind = "" if theirs is None else f" ({theirs:.2f})"
        one = cell["sets"][features]
        value = one and one[kind]["honest"]["r2"][0]
        row.append("-" if value is None else f"{value:.2f}{behind}")
    rows.append(row)
  return markdown.table(header, rows)


def zoo_table(found: Mapping[str, Any]) -> str:
  """Of each data set: how many networks, how long, how accurate."""
  header = ["data", "networks", "with weights", "left out", "epochs"]
  header += ["test accuracy: least, quartiles, most"]
  rows = [
    [
      named(name),
      f"{cell['networks']}",
      f"{cell.get('with_weights', cell['networks'])}",
      f"{cell['left_out']}",
      f"{cell['epochs'][-1]}",
      ", ".join(f"{value:.2f}" for value in cell["accuracy"]),
    ]
    for name, cell in found.items()
  ]
  return markdown.table(header, rows)


def percentile_table(found: Mapping[str, Any]) -> str:
  """How accurate the networks are, beside those of the released zoo."""
  header = ["data", "zoo", *(f"{p}%" for p in paper.PERCENTILES)]
  rows = []
  for name, cell in found.items():
    ours = f"ours, {cell['networks']} of {cell['epochs'][-1]} epochs"
    values = {ours: cell["percentiles"]}
    if name in paper.RELEASED:
      values["released, 30,000 of 86 epochs"] = paper.RELEASED[name]
    for whose, each in values.items():
      rows.append([named(name), whose, *(f"{value:.2f}" for value in each)])
  return markdown.table(header, rows)


def optimizer_table(found: Mapping[str, Any]) -> str:
  """What the optimiser says, and what the statistics say behind it."""
  header = ["data", "R2 of hyperparameters", "with the optimiser"]
  header += ["statistics less that", "optimiser: networks, median accuracy"]
  header += ["R2 among its networks: hyperparameters; statistics"]
  rows = []
  for name, cell in found.items():
    r2, groups = cell["r2"], cell["optimizers"]
    rows.append(
      [
        named(name),
        spread(r2["hyper"]),
        spread(r2[WITH_OPTIMIZER]),
        spread(cell["difference"]),
        ", ".join(
          f"{one}: {group['networks']}, {group['accuracy'][1]:.2f}"
          for one, group in groups.items()
        ),
        ", ".join(
          f"{one}: {'; '.join(map(spread, group['r2'].values()))}"
          for one, group in groups.items()
          if group["r2"]
        )
        or "-",
      ]
    )
  return markdown.table(header, rows)


def protocol_table(found: Mapping[str, Any]) -> str:
  """Of the 56 statistics: all scores, and what the test networks' help is."""
  header = ["data", "predictor", "R2, honest", "R2, the paper's protocol"]
  header += ["MSE", "MAD", "tau", "seconds", "networks: learn, stop, test"]
  rows = []
  for name, cell in found.items():
    n = cell["split"]
    sizes = f"{n['training']}, {n['validation']}, {n['test']}"
    sizes += f" ({cell['left_out']} left out)"
    judged = []
    for kind in predictors.KINDS:
      one = cell["sets"][paper.STATISTICS][kind]
      honest, theirs = one["honest"], one["paper"]
      seconds = f"{honest['seconds']:.1f}"
      judged.append((paper.KINDS[kind], honest, spread(theirs["r2"]), seconds))
    every = f"trees, epochs {', '.join(map(str, cell['epochs']))}"
    judged.append((every, cell["all_epochs"], "-", "-"))
    for label, score, helped, seconds in judged:
      row = [named(name), label, spread(score["r2"]), helped]
      row += [f"{score['mse'][0]:.4f}", f"{score['mad'][0]:.3f}"]
      rows.append([*row, spread(score["tau"]), seconds, sizes])
  return markdown.table(header, rows)


def verdict(score: list, above: float, small: bool = True) -> str:
  """Whether a score is above a bound, by its interval.

  Below it, a small zoo is not a refutation where the paper's claim is of its
  own size: `small` says so.
  """
  value, low, high = score
  if value is None or low is None:
    return "undefined"
  if low > above:
    return "confirmed"
  if high < above and not small:
    return "refuted"
  return "not at this size"


def relation_table(
  found: Mapping[str, Any],
  pairs: Mapping[str, Any] | None,
  others: Mapping[str, Sequence[Mapping[str, Any]]],
  drawn: Mapping[str, Any],
) -> str:
  """The paper's relations, each data set's number, interval and verdict.

  Args:
    found: of each data set, what `studies.of_sets` has found.
    pairs: of `studies.transfer`, if it was run.
    others: of each data set, what its trees have judged of other architectures.
    drawn: of `of_hyperparameters`, where it was run.
  """
  header = ["the paper's relation", *map(named, found)]
  rows = []

  def row(label, of, above, small):
    cells = []
    for cell in found.values():
      score = of(cell)
      said = score and f"{spread(score)}: {verdict(score, above, small)}"
      cells.append(said or "-")
    rows.append([label, *cells])

  r2 = lambda features: (
    lambda cell: (
      cell["sets"][features] and (cell["sets"][features]["gbm"]["honest"]["r2"])
    )
  )
  row(
    f"R2 of trees on 56 statistics > {HIGH}", r2(paper.STATISTICS), HIGH, True
  )
  for what in (
    "statistics less weights",
    "statistics less hyperparameters",
    "weights less hyperparameters",
  ):
    label = f"R2 of {what} > 0"
    row(label, lambda cell, w=what: cell["differences"].get(w), 0, False)
  if drawn:
    row(
      "R2 of statistics less hyperparameters and optimiser > 0",
      lambda cell: drawn.get(cell["dataset"], {}).get("difference"),
      0,
      False,
    )
  rows.append(
    [
      f"R2 of the learning rate alone < {NOTHING}",
      *(
        _says_nothing(r2("hyper.learning_rate")(cell))
        for cell in found.values()
      ),
    ]
  )
  if pairs:
    taus = lambda name: [
      cell["tau"] for other, cell in pairs[name].items() if other != name
    ]
    rows.append(
      [
        "tau on other data sets > 0, the lowest",
        *(_lowest(taus(name)) if name in pairs else "-" for name in found),
      ]
    )
  if any(others.values()):
    taus = lambda name: [
      row["sets"][paper.ENDS]["tau"] for row in others.get(name, ())
    ]
    rows.append(
      [
        "tau on other architectures > 0, the lowest",
        *(_lowest(taus(name)) for name in found),
      ]
    )
  return markdown.table(header, rows)


def _says_nothing(score):
  if not score or score[0] is None:
    return "-"
  _, low, high = score
  said = "not at this size"
  if high < NOTHING:
    said = "confirmed"
  elif low > NOTHING:
    said = "refuted"
  return f"{spread(score)}: {said}"


def _lowest(taus):
  """The pair with the lowest tau decides for all."""
  known = [tau for tau in taus if tau[0] is not None]
  if not known:
    return "-"
  worst = min(known, key=lambda tau: tau[0])
  return f"{spread(worst)}: {verdict(worst, 0, False)}"


def transfer_table(pairs: Mapping[str, Any]) -> str:
  """Kendall's tau, and R2, of each pair."""
  header = ["trained on", *(f"ranks {named(name)}" for name in pairs)]
  cell = lambda one: f"{spread(one['tau'])}, R2 {_plain(one['r2'][0])}"
  rows = [
    [named(name), *(cell(one) for one in others.values())]
    for name, others in pairs.items()
  ]
  counts = ", ".join(
    f"{one['networks']} of {named(name)}"
    for name, one in next(iter(pairs.values())).items()
  )
  return markdown.table(header, rows) + (
    "\nTau, and R2; judged on the test part of its own set, and on those "
    f"of another that were drawn otherwise (first row: {counts}).\n"
  )


def _plain(value):
  return "undefined" if value is None else f"{value:.2f}"


def size_table(found: Mapping[str, Any], paper_size: int) -> str:
  """R2 by training networks; a guess at the paper's size, and the paper's."""
  sizes = sorted({int(n) for cell in found.values() for n in cell["curve"]})
  header = ["data", *map(str, sizes)]
  header += [f"guess at {paper_size:,}", "the paper's there"]
  rows = []
  for name, cell in found.items():
    curve = cell["curve"]
    each = [curve.get(str(n)) for n in sizes]
    text = lambda v: (
      f"{np.median(v):.2f} [{min(v):.2f}, {max(v):.2f}]" if v else "-"
    )
    theirs = paper.r2(paper.STATISTICS, "gbm", name)
    guess = studies.extrapolated(curve, paper_size)
    rows.append(
      [
        named(name),
        *map(text, each),
        "-" if guess is None else f"{guess:.3f}",
        "-" if theirs is None else f"{theirs:.3f}",
      ]
    )
  return markdown.table(header, rows)


def epoch_table(found: Mapping[str, Any]) -> str:
  """The last accuracy from weights at each epoch, and from the accuracy."""
  header = ["data", "at epoch", "R2 from statistics", "tau"]
  header += ["tau of that epoch's own accuracy", "networks"]
  rows = []
  for name, cell in found.items():
    for epoch, one in sorted(
      cell["by_epoch"].items(), key=lambda item: int(item[0])
    ):
      last = int(epoch) == cell["epochs"][-1]
      rows.append(
        [
          named(name),
          f"{epoch} of {cell['epochs'][-1]}",
          spread(one["weights"]["r2"]),
          spread(one["weights"]["tau"]),
          "1" if last else spread(one["accuracy"]["tau"]),
          f"{cell['split']['test']}",
        ]
      )
  return markdown.table(header, rows)


def architecture_table(found: Mapping[str, Any]) -> str:
  """Trees of one architecture on networks of others, by set of statistics."""
  header = ["trained on", "judged on", "networks", "median accuracy"]
  header += [paper.SETS[name] for name in paper.STATISTICS_SETS]
  rows = []
  for name, cell in found.items():
    for one in cell["rows"]:
      row = [named(name), f"{named(one['dataset'])}: {one['architecture']}"]
      row += [f"{one['networks']}", f"{one['median_accuracy']:.2f}"]
      for features in paper.STATISTICS_SETS:
        score = one["sets"][features]
        tau = score and f"{spread(score['tau'])}, R2 {_plain(score['r2'][0])}"
        row.append(tau or "-")
      rows.append(row)
  return markdown.table(header, rows) + (
    "\nTau, and R2; - where the set wants another number of layers.\n"
  )
