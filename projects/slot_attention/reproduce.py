"""Reproduces the paper's two tables at a size for CPUs, and writes it down.

    python -m projects.slot_attention.reproduce --table=discovery
    python -m projects.slot_attention.reproduce --table=set_prediction
    python -m projects.slot_attention.reproduce --table=data

A cell is one training: a variant of the table's config, and a seed. Numbers go
to `results/slot_attention/`, a file a cell, and into the tables of this
project's README, which show the cells that are there. A cell that is there is
kept, unless `--fresh`, and a training that was cut short goes on.
`--only=slot_mlp,no_gru` does some variants, `main` the paper's method.
`--quick` does all of it in minutes, and changes neither results nor README.
"""

import argparse
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from PIL import Image

from common import keys, logs
from common.errors import check_names
from common.tables import cells, markdown, reproduce

from . import data, pictures, train

CONFIGS = {
  "discovery": "tetrominoes_small",
  "set_prediction": "set_prediction_small",
}
# Of the paper's tables, at its size: what to compare relations with. The words
# are from memory.
ROWS = {
  "discovery": {
    "main": ("Slot Attention", "99.5 ± 0.2"),
    "slow_decay": ("a rate that falls more slowly", "99.5 ± 0.2"),
    "larger_cells": ("that, and cells of two pixels", "99.5 ± 0.2"),
    "slot_mlp": ("Slot MLP", "25.1 ± 34.3"),
    "softmax_inputs": ("softmax over inputs", "fails"),
    "weighted_sum": ("weighted sum", "worse"),
    "no_gru": ("no GRU", "worse"),
    "learned_slots": ("learned slots", "slightly worse at generalising"),
    "one_iteration": ("1 iteration, not 3", "worse"),
    "no_spare_slot": ("3 slots, not 4", "-"),
  },
  "set_prediction": {
    "main": ("Slot Attention", "94.3 / 86.7 / 56.0 / 10.8 / 0.9"),
    "slot_mlp": ("Slot MLP", "19.8 / 1.4 / 0.3 / 0.0 / 0.0"),
  },
}
LAST = ("seeds", "steps", cells.ORIGIN)  # Columns of both.


def config_of(
  context: reproduce.Context, table: str, variant: str, seed: int
) -> ml_collections.ConfigDict:
  """Loads the config of a cell, unlocked."""
  variant = "" if variant == "main" else variant
  config = reproduce.config_of(context, CONFIGS[table], variant)
  config.seed = seed
  return config


def training(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  variations: Callable | None,
) -> dict[str, Any]:
  """One training: its scores, their curve, minutes, config."""
  state, cell = cells.trained(train.train, config, workdir)
  scores = cell["scores"]
  records = [r for r in logs.read(workdir) if r.keys() & scores.keys()]
  return {
    **cell,
    "curve": [{k: r[k] for k in ("step", *scores)} for r in records],
    "variations": variations(config, state) if variations else {},
  }


def generalisation(
  config: ml_collections.ConfigDict, state
) -> dict[str, float]:
  """ARI with other iterations, slots and objects than in training."""
  ours = dict(
    eval_iterations=config.iterations,
    eval_slots=config.slots,
    eval_max_objects=config.max_objects,
  )
  found = {}
  for change in (
    *({"eval_iterations": n} for n in (1, 2, 3, 5, 7)),
    *({"eval_slots": config.slots + n} for n in (1, 3)),
    # Each with a slot for the background.
    *(
      {
        "eval_max_objects": config.max_objects + n,
        "eval_slots": config.slots + n,
      }
      for n in (1, 2)
    ),
  ):
    other = config.copy_and_resolve_references()
    other.unlock()
    other.update({**ours, **change})
    root = jax.random.key(config.seed)
    test = data.test(other, keys.named(root, "test"))
    ari = train.make_evaluate(other, test)(state, keys.named(root, "eval"))
    name = ", ".join(f"{k[5:]} {v}" for k, v in change.items())
    found[name] = ari["foreground_ari"]
  return found


def asked(
  table: str, only: list[str], seeds: int, quick: bool
) -> list[tuple[str, int]]:
  """Variants and seeds in the order of the table, or of `only`.

  Raises:
    UnknownName: `only` names a variant that the table has not.
  """
  wanted = only or list(ROWS[table])
  check_names("--only", wanted, list(ROWS[table]))
  count = 1 if quick else seeds
  return [(name, seed) for name in wanted for seed in range(count)]


def compute(
  context: reproduce.Context, table: str, wanted: list[tuple[str, int]]
) -> None:
  """Trains the cells that are not there, each to a file and a picture."""
  flags = context.arguments
  for variant, seed in wanted:
    name = f"{table}_{variant}_{seed}"
    study = variant == "main" and table == "discovery"
    config = config_of(context, table, variant, seed)
    config.total_steps = flags.steps or config.total_steps
    others = generalisation if study else None
    run = reproduce.workdir(context, flags.runs, name)
    train_it = functools.partial(training, config, run, others)
    reproduce.cell(context, name, train_it)
    for picture in ("slots", "attention"):
      source = run / f"{picture}.png"
      if source.exists() and seed == 0:
        copy = context.out / f"{name}_{picture}.png"
        copy.write_bytes(source.read_bytes())


def by_length(
  found: dict[str, list[dict[str, Any]]],
) -> list[tuple[str, list[dict[str, Any]]]]:
  """Rows and their cells, those of each number of steps apart, most first."""
  return [
    (name, [r for r in results if r["steps"] == steps])
    for name, results in found.items()
    for steps in sorted({r["steps"] for r in results}, reverse=True)
  ]


def discovery_tables(out: pathlib.Path) -> dict[str, str]:
  """The table, the study of other numbers, and the figure of curves."""
  found = cells.collected(out, "discovery", ROWS["discovery"])
  # Where all were judged, however long the others went on.
  curves = [
    {row["step"] for row in r["curve"]} for v in found.values() for r in v
  ]
  common = max(set.intersection(*curves), default=0)
  rows, groups = [], by_length(found)
  for name, results in groups:
    label, paper = ROWS["discovery"][name]
    ari = [100 * r["scores"]["foreground_ari"] for r in results]
    best = [
      100 * max(row["foreground_ari"] for row in r["curve"]) for r in results
    ]
    rows.append(
      [
        label,
        paper,
        spread(ari),
        spread(best),
        spread([100 * ari_at(r, common) for r in results]) if common else "-",
        f"{np.mean([r['scores']['test_loss'] for r in results]):.4f}",
        f"{len(results)}",
        f"{results[0]['steps']:,}",
        cells.origin(results, ".0f", "in pieces"),
      ]
    )
  header = ["model", "paper, 35x35", "ours, last", "best"]
  header += [f"at step {common:,}", "error", *LAST]
  tables = {"discovery": markdown.table(header, rows)}
  if "main" in found:
    longest = next(results for name, results in groups if name == "main")
    study = [
      [name, spread([100 * r["variations"][name] for r in longest])]
      for name in longest[0]["variations"]
    ]
    tables["generalisation"] = markdown.table(
      ["at the test", "foreground ARI"], study
    )
  pictures.curves(
    out / "discovery.png",
    {
      ROWS["discovery"][n][0]: [r["curve"] for r in v] for n, v in found.items()
    },
    common,
  )
  return tables


def ari_at(result: dict, step: int) -> float:
  """The index at the evaluation of `step`."""
  rows = (row for row in result["curve"] if row["step"] == step)
  return next(rows)["foreground_ari"]


def set_tables(out: pathlib.Path) -> dict[str, str]:
  """Average precision at five distances."""
  distances = ("inf", "1", "0.5", "0.25", "0.125")
  rows = []
  titles = ROWS["set_prediction"]
  found = cells.collected(out, "set_prediction", titles)
  for name, results in by_length(found):
    label, paper = titles[name]
    ours = [
      spread([100 * r["scores"][f"ap_{distance}"] for r in results])
      for distance in distances
    ]
    steps = f"{results[0]['steps']:,}"
    rows.append(
      [
        label,
        paper,
        *ours,
        f"{len(results)}",
        steps,
        cells.origin(results, ".0f", "in pieces"),
      ]
    )
  ours = [f"ours, AP {distance}" for distance in distances]
  header = ["model", "paper, full size", *ours, *LAST]
  return {"set_prediction": markdown.table(header, rows)}


def spread(values: list[float]) -> str:
  """Mean ± standard deviation (ddof 1) over seeds, or the one value."""
  if len(values) == 1:
    return f"{values[0]:.1f}"
  return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"


def contact_sheet(context: reproduce.Context) -> dict[str, str]:
  """Draws eight pictures of each generated set, and their objects; no table."""
  sets = []
  for name in ("tetrominoes", "multi_dsprites", "clevr_like6"):
    config = reproduce.config_of(context, name)
    config.eval_images = 8
    test = jax.device_get(data.test(config, jax.random.key(0)))
    sets.append((test["image"], test["masks"]))
  sheet = Image.fromarray(pictures.contact_sheet(sets))
  sheet.save(context.out / "contact_sheet.png")
  return {}


def table_of(
  name: str,
  show: Callable[[pathlib.Path], dict[str, str]],
  context: reproduce.Context,
) -> dict[str, str]:
  """Computes what is missing of a table; shows what is there."""
  only = [text for text in context.arguments.only.split(",") if text]
  wanted = asked(name, only, context.seeds, context.quick)
  compute(context, name, wanted)
  return show(context.out)


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of the trainings."""
  add = parser.add_argument
  text = "compute these rows of the table alone, with commas between"
  add("--only", default="", metavar="VARIANTS", help=text)
  text = "of each training; 0: the config's (the table says what was done)"
  add("--steps", type=int, default=0, metavar="N", help=text)
  text = "where trainings are kept"
  add("--runs", default="runs/reproduce", metavar="DIR", help=text)


TABLES = {
  "discovery": functools.partial(table_of, "discovery", discovery_tables),
  "set_prediction": functools.partial(table_of, "set_prediction", set_tables),
  "data": contact_sheet,
}

if __name__ == "__main__":
  reproduce.main(__doc__, __file__, TABLES, add_arguments, seeds=3)
