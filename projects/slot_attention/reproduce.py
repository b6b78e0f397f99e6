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
import importlib
import json
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from PIL import Image

from common import cli, keys, logs, report
from common.errors import InputError

from . import data, pictures, train

_HERE = pathlib.Path(__file__).parent
_PROJECT = _HERE.name
CONFIGS = {
  "discovery": "tetrominoes_small",
  "set_prediction": "set_prediction_small",
}
# Of the paper's tables, at its size: what to compare relations with.
ROWS = {
  "discovery": {
    "main": ("Slot Attention", "99.5 ± 0.2"),
    "slot_mlp": ("Slot MLP", "25.1 ± 34.3"),
    "softmax_inputs": ("softmax over inputs", "fails"),
    "weighted_sum": ("weighted sum", "worse"),
    "no_gru": ("no GRU", "worse"),
    "learned_slots": ("learned slots", "slightly worse"),
    "one_iteration": ("1 iteration, not 3", "worse"),
    "no_spare_slot": ("3 slots, not 4", "-"),
  },
  "set_prediction": {
    "main": ("Slot Attention", "94.3 / 86.7 / 56.0 / 10.8 / 0.9"),
    "slot_mlp": ("Slot MLP", "19.8 / 1.4 / 0.3 / 0.0 / 0.0"),
  },
}


def config_of(table: str, variant: str, seed: int, quick: bool):
  """Loads the config of a cell, unlocked."""
  module = importlib.import_module(f"configs.{_PROJECT}.{CONFIGS[table]}")
  parts = ["" if variant == "main" else variant, "smoke" if quick else ""]
  config = module.get_config(",".join(filter(None, parts)))
  config.unlock()
  config.seed = seed
  return config


def cell(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  variations: Callable | None,
) -> dict[str, Any]:
  """One training: its scores, their curve, minutes, config."""
  start = time.perf_counter()
  resumed = (workdir / "checkpoints").exists()
  state, scores = train.train(config.lock(), str(workdir))
  # Of a run in pieces, nobody has held the watch.
  minutes = None if resumed else (time.perf_counter() - start) / 60
  records = [r for r in logs.read(workdir) if r.keys() & scores.keys()]
  places = ("data_dir", "cache_dir")
  values = json.loads(config.to_json())
  return {
    "scores": scores,
    "curve": [{k: r[k] for k in ("step", *scores)} for r in records],
    "steps": int(state.step),
    "variations": variations(config, state) if variations else {},
    "minutes": minutes,
    "config": {k: v for k, v in values.items() if k not in places},
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


def cells(
  table: str, only: list[str], seeds: int, quick: bool
) -> list[tuple[str, int]]:
  """Variants and seeds in the order of the table, or of `only`.

  Raises:
    InputError: `only` names a variant that the table has not.
  """
  wanted = only or list(ROWS[table])
  for name in wanted:
    if name not in ROWS[table]:
      raise InputError(
        f"--only={name}: --table={table} has {', '.join(ROWS[table])}"
      )
  count = lambda name: 1 if quick or name != "main" else seeds
  return [(name, seed) for name in wanted for seed in range(count(name))]


def compute(
  table: str,
  wanted: list[tuple[str, int]],
  out: pathlib.Path,
  runs: pathlib.Path,
  quick: bool = False,
  fresh: bool = False,
  steps: int = 0,
) -> None:
  """Trains the cells that are not there, each to a file and a picture."""
  out.mkdir(parents=True, exist_ok=True)
  for variant, seed in wanted:
    name = f"{table}_{variant}_{seed}"
    path = out / f"{name}.json"
    if path.exists() and not fresh:
      continue
    study = variant == "main" and table == "discovery"
    config = config_of(table, variant, seed, quick)
    config.total_steps = steps or config.total_steps
    found = cell(
      config,
      runs / name,
      generalisation if study else None,
    )
    report.save_results(path, found)
    for picture in ("slots", "attention"):
      source = runs / name / f"{picture}.png"
      if source.exists() and seed == 0:
        (out / f"{name}_{picture}.png").write_bytes(source.read_bytes())


def collected(table: str, out: pathlib.Path) -> dict[str, list[dict]]:
  """The cells that are there, by variant, in the order of the table."""
  found = {
    name: [
      report.load_results(path)
      for path in sorted(out.glob(f"{table}_{name}_[0-9]*.json"))
    ]
    for name in ROWS[table]
  }
  return {name: results for name, results in found.items() if results}


def origin(results: list[dict]) -> str:
  """Minutes of a training, device, commit."""
  stamp = results[0]["provenance"]
  minutes = [r["minutes"] for r in results if r["minutes"] is not None]
  each = f"{np.mean(minutes):.0f}" if minutes else "in pieces"
  return f"{each}, {stamp['device']}, {stamp['commit']}"


def discovery_tables(out: pathlib.Path) -> dict[str, str]:
  """The table, the study of other numbers, and the figure of curves."""
  found = collected("discovery", out)
  # Where all have been, however long the others went on.
  common = min((r["steps"] for v in found.values() for r in v), default=0)
  rows = []
  for name, results in found.items():
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
        spread([100 * ari_at(r, common) for r in results]),
        f"{np.mean([r['scores']['test_loss'] for r in results]):.4f}",
        f"{len(results)}",
        f"{results[0]['steps']:,}",
        origin(results),
      ]
    )
  header = [
    "model", "paper, 35x35", "ours, last", "best", f"at step {common:,}",
    "error", "seeds", "steps", "minutes, device, commit",
  ]  # fmt: skip
  tables = {"discovery": report.markdown_table(header, rows)}
  if "main" in found:
    names = list(found["main"][0]["variations"])
    study = [
      [
        name,
        spread([100 * r["variations"][name] for r in found["main"]]),
      ]
      for name in names
    ]
    tables["generalisation"] = report.markdown_table(
      ["at the test", "foreground ARI"], study
    )
  pictures.curves(
    out / "discovery.png",
    {
      ROWS["discovery"][n][0]: [r["curve"] for r in v] for n, v in found.items()
    },
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
  for name, results in collected("set_prediction", out).items():
    label, paper = ROWS["set_prediction"][name]
    ours = [
      spread([100 * r["scores"][f"ap_{distance}"] for r in results])
      for distance in distances
    ]
    steps = f"{results[0]['steps']:,}"
    rows.append(
      [label, paper, *ours, f"{len(results)}", steps, origin(results)]
    )
  header = [
    "model", "paper, full size", *(f"ours, AP {d}" for d in distances), "seeds",
    "steps", "minutes, device, commit",
  ]  # fmt: skip
  return {"set_prediction": report.markdown_table(header, rows)}


def spread(values: list[float]) -> str:
  """Mean ± standard deviation over seeds, or the one value."""
  if len(values) == 1:
    return f"{values[0]:.1f}"
  return f"{np.mean(values):.1f} ± {np.std(values):.1f}"


def contact_sheet(path: pathlib.Path, quick: bool) -> None:
  """Draws eight pictures of each generated set, and their objects."""
  sets = []
  for name in ("tetrominoes", "multi_dsprites", "clevr_like6"):
    module = importlib.import_module(f"configs.{_PROJECT}.{name}")
    config = module.get_config("smoke" if quick else "")
    config.unlock()
    config.eval_images = 8
    test = jax.device_get(data.test(config, jax.random.key(0)))
    sets.append((test["image"], test["masks"]))
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(pictures.contact_sheet(sets)).save(path)


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  add("--table", choices=(*ROWS, "data"), default="discovery", help="which")
  add("--seeds", type=int, default=3, help="of the method; others have one")
  add(
    "--only", default="", metavar="VARIANTS", help="with commas; default: all"
  )
  add("--steps", type=int, default=0, help="a shorter training; the table says")
  add("--quick", action="store_true", help="smoke sizes")
  add("--fresh", action="store_true", help="compute cells that are there, too")
  add("--out", metavar="DIR", help=f"instead of results/{_PROJECT}")
  add("--runs", default="runs/reproduce", metavar="DIR", help="of trainings")
  arguments = parser.parse_args()
  with cli.sentences():
    run(arguments)


def run(arguments: argparse.Namespace) -> None:
  """Computes what the arguments say; prints the tables, and keeps them."""
  table, quick = arguments.table, arguments.quick
  default = "runs/quick" if quick else f"results/{_PROJECT}"
  out = pathlib.Path(arguments.out or default)
  if table == "data":
    contact_sheet(out / "contact_sheet.png", quick)
    return
  only = [name for name in arguments.only.split(",") if name]
  wanted = cells(table, only, arguments.seeds, quick)
  runs = "runs/quick_trainings" if quick else arguments.runs
  compute(
    *(table, wanted, out, pathlib.Path(runs), quick),
    *(arguments.fresh, arguments.steps),
  )
  tables = (discovery_tables if table == "discovery" else set_tables)(out)
  for name, text in tables.items():
    print(f"{name}\n\n{text}")
    if not quick and not arguments.out:
      report.insert_table(_HERE / "README.md", name, text)


if __name__ == "__main__":
  main()
