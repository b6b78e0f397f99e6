"""Reproduces the paper's tables on zoos that were trained here, or released.

    python -m projects.cnn_zoo.reproduce --table=r2 --zoo=DIR --zoo=DIR
    python -m projects.cnn_zoo.reproduce --table=transfer
    python -m projects.cnn_zoo.reproduce --table=size
    python -m projects.cnn_zoo.reproduce --table=epochs
    python -m projects.cnn_zoo.reproduce --table=architectures --other=DIR

DIR is a zoo's folder, in the released layout or as `train` left it. Its
statistics are written to `zoo_<data set>.npz` beside the results, and are read
from there without `--zoo`, as those of `--other`; only sets of raw weights need
the zoo. Several of one data set are joined, so that a zoo grows from day to day
without its weights: `--zoo=.../zoo_mnist.npz --zoo=DIR --fresh`.
`--quick` does all on generated networks; results and README stay.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from common import config_schema
from common.errors import InputError
from common.tables import cells, reproduce

from . import collection, generated, paper, pictures, result_tables, studies
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
    InputError: there is no zoo, or two that cannot be joined.
  """
  config, out = config_of(context), context.out
  zoos = list(context.arguments.zoo)
  if context.quick and not zoos:
    zoos = [
      generated.write(out / f"generated_{name}", name, seed=seed)
      for seed, name in enumerate(QUICK)
    ]
  found = {}
  for folder in zoos:
    one = collection.read(folder, config)
    if one.name in found:
      one = collection.join(found[one.name], one)
    found[one.name] = one
  given = frozenset(found)
  for name, one in found.items():
    collection.save(out / f"zoo_{name}.npz", one)
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
    now = len(one.networks)
    if kept.get("networks", now) != now:
      print(
        f"warning: {table}_{name}.json is of {kept['networks']} networks, and "
        f"there are {now} now: --fresh computes it again",
        file=sys.stderr,
      )
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
  return {
    "zoos": result_tables.zoo_table(found),
    "r2": result_tables.r2_table(found),
    "protocols": result_tables.protocol_table(found),
    "relations": result_tables.relation_table(found, pairs),
  }


def transfer_table(context: reproduce.Context) -> str:
  """Trees of each data set on the networks of all."""
  config = config_of(context)
  several = list(collections(context).found.values())
  found = reproduce.cell(
    context,
    "transfer",
    lambda: {
      **studies.transfer(several, config),
      "config": cells.recorded(config),
    },
  )
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
  for folder in folders:
    one = collection.read(folder, config)
    what = studies.architecture(one).replace(", ", "_").replace(" ", "")
    collection.save(out / f"other_{one.name}_{what}.npz", one)
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
}

if __name__ == "__main__":
  reproduce.main(__doc__, __file__, TABLES, add_arguments)
