"""Reproduces the paper's experiments and what it lacks, and writes it down.

    python -m projects.interpretable_drugs.reproduce --table=neurons \\
      --data_dir=DIR --alerts=FILE
    python -m projects.interpretable_drugs.reproduce --table=alcohols \\
      --data_dir=DIR
    python -m projects.interpretable_drugs.reproduce --table=ames --data_dir=DIR
    python -m projects.interpretable_drugs.reproduce --table=attribution \\
      --data_dir=DIR

DIR is what the table's config says; FILE is a CSV file of alerts (see
`alerts.py`). Trainings lie in `--runs`, and go on where they were cut short.
`--only=deep,bits` computes some rows, `--seeds=0` none; those of `ONE_SEED`
have one seed however many are asked for. `--quick` does all on generated
molecules, in a minute, and changes neither results nor README.
"""

import argparse
import functools
from collections.abc import Sequence
from typing import Any

import ml_collections

from common.errors import check_names
from common.tables import cells, markdown, reproduce

from . import datasets, gallery, pictures, studies, train
from .result_tables import (
  AMES,
  class_table,
  layer_table,
  spread,
  substructure_table,
  unit_table,
  worth,
)

CONFIGS = {
  "neurons": "tox21",
  "alcohols": "alcohols",
  "ames": "ames",
  "attribution": "tox21",
}
# Of `neurons`: what each row is called, and its config's variant.
NEURONS = {
  "main": ("4 layers", ""),
  "deep": ("8 layers", "deep"),
  "untrained": ("4 layers, untrained", ""),
  "permuted": ("4 layers, labels permuted", "permuted"),
  "distinct": ("4 layers, distinct molecules", ""),
  "bits": ("input bits", ""),
}
# Rows of the first seed alone: they add to another row's, have no seed, or take
# hours.
ONE_SEED = ("distinct", "bits", "paper", "paper_mended")
METHODS = {
  "integrated_gradients": "integrated gradients",
  "integrated_secants": "integrated gradients by secants",
  "gradient_times_input": "gradient x input",
  "occlusion": "occlusion of a bit",
  "smooth_grad": "SmoothGrad",
  "untrained": "integrated gradients, untrained",
}
STEPS = (1, 10, 100, 1_000)


def config_of(
  context: reproduce.Context, table: str, variant: str, seed: int
) -> ml_collections.ConfigDict:
  """The config of a training, unlocked."""
  config = reproduce.config_of(context, CONFIGS[table], variant)
  config.seed = seed
  config.data_dir = str(context.arguments.data_dir)
  return config


def training(
  context: reproduce.Context, table: str, variant: str, seed: int
) -> tuple[ml_collections.ConfigDict, Any, dict[str, Any]]:
  """A training, done or found: its config, best parameters, and cell."""
  config = config_of(context, table, variant, seed)
  flags = context.arguments
  name = f"{CONFIGS[table]}_{variant or 'main'}_{seed}"
  run = reproduce.workdir(context, flags.runs, name)
  state, cell = cells.trained(train.train, config, run)
  after = config.copy_and_resolve_references().unlock()
  if not context.quick:
    after.attribution.steps = flags.ig_steps or after.attribution.steps
  return after, state.best, cell


def wanted(
  context: reproduce.Context, rows: Sequence[str]
) -> list[tuple[str, int]]:
  """The rows and seeds that are asked for, seeds last.

  Raises:
    UnknownName: `--only` names a row that the table has not.
  """
  only = [name for name in context.arguments.only.split(",") if name]
  check_names("--only", only, rows)
  return [
    (row, seed)
    for seed in range(1 if context.quick else context.seeds)
    for row in rows
    if (not only or row in only) and (seed == 0 or row not in ONE_SEED)
  ]


def neuron_table(context: reproduce.Context) -> dict[str, str]:
  """Experiment A: which alerts have a unit, and which controls have one too."""
  base = config_of(context, "neurons", "", 0)
  data = functools.cache(lambda: datasets.load(base))
  known = functools.cache(lambda: studies.read_alerts(context.arguments.alerts))
  tested = functools.cache(lambda: studies.tested(base, data(), known()))

  def measure(row, seed):
    if row == "bits":
      return studies.of_neurons(base, None, tested())
    _, variant = NEURONS[row]
    if row == "untrained":
      config = config_of(context, "neurons", variant, seed)
      return studies.of_neurons(config, studies.initial(config), tested())
    which = tested()  # Before a training that bad alerts would waste.
    config, params, cell = training(context, "neurons", variant, seed)
    if row == "distinct":
      which = studies.only_distinct(which, config.neurons.least)
    found = studies.of_neurons(config, params, which)
    if row == "main" and seed == 0:
      gallery.units(context.out, config, params, which, found)
    return {**cell, **found}

  for row, seed in wanted(context, list(NEURONS)):
    work = functools.partial(measure, row, seed)
    reproduce.cell(context, f"neurons_{row}_{seed}", work)
  found = cells.collected(context.out, "neurons", NEURONS)
  rows = [["paper, 4 layers (figure: 8)", "0.77", "~650", "~290", *["-"] * 5]]
  for row, results in found.items():
    number = lambda name, form, r=results: spread([c[name] for c in r], form)
    scores = [c.get("scores", {}).get("test_auc") for c in results]
    rows.append(
      [
        NEURONS[row][0],
        spread(scores),
        f"{results[0]['alerts']}",
        number("found", ".0f"),
        number("found_greater", ".0f"),
        number("found_bh", ".0f"),
        number("significant", ".3f"),
        number("separation", ".3f"),
        f"{len(results)}",
      ]
    )
  header = ["network", "test AUC", "alerts", "with a unit", "one-sided", "FDR"]
  header += ["significant tests", "AUC of best unit, median", "seeds"]
  shown = {
    NEURONS[row][0]: found[row][0]["layers"]
    for row in ("main", "deep", "untrained")
    if row in found
  }
  tables = {"neurons": markdown.table(header, rows)}
  if shown:
    pictures.layers(context.out / "layers.png", shown)
    tables["layers"] = layer_table(shown)
  if "main" in found:
    tables["units"] = unit_table(found["main"][0])
  return tables


def alcohol_table(context: reproduce.Context) -> str:
  """Experiment B: how well atoms are marked where they are known."""
  data = functools.cache(
    lambda: datasets.load(config_of(context, "alcohols", "", 0))
  )

  def measure(seed):
    config, params, cell = training(context, "alcohols", "", seed)
    if seed == 0:
      gallery.alcohol_sheet(context.out, config, params, data())
    found = studies.of_alcohols(config, params, data())
    steps = config.attribution.steps
    return {**cell, **found, "steps_of_attribution": steps}

  for _, seed in wanted(context, ["main"]):
    work = functools.partial(measure, seed)
    reproduce.cell(context, f"alcohols_main_{seed}", work)
  found = cells.collected(context.out, "alcohols", ["main"])["main"]
  columns = {
    "hydroxyl": "OH of alcohols marked",
    "other": "their other atoms",
    "oxygen_free": "atoms of oxygen-free molecules",
    "acid_hydroxyl": "OH of acids",
    "acid_other": "other atoms of acids",
    "first": "highest atom is OH",
    "auc": "AUC of atoms",
    "auc_near": "AUC, C of C-OH left out",
  }
  rows = [["paper", "0.83 (?)", "-", "0.019", "positive", "-", "-", "-", "-"]]
  # Cells of before there were secants have none.
  shown = [name for name in METHODS if name in found[0]["methods"]]
  for method in shown:
    of = lambda name, m=method: spread([c["methods"][m][name] for c in found])
    rows.append([METHODS[method], *map(of, columns)])
  area = spread([c["scores"]["test_auc"] for c in found], ".4f")
  counts = ", ".join(f"{n} {kind}" for kind, n in found[0]["counts"].items())
  return markdown.table(["method", *columns.values()], rows) + (
    f"\nTest AUC {area} (paper: above 0.99), {len(found)} seeds; atoms of "
    f"{counts} molecules of the test; "
    f"{found[0]['steps_of_attribution']} steps.\n"
  )


def ames_table(context: reproduce.Context) -> dict[str, str]:
  """Experiment D: AUC, and the substructures that the network calls toxic."""
  base = config_of(context, "ames", "", 0)
  data = functools.cache(lambda: datasets.load(base))
  larger = functools.cache(
    lambda: data() if context.quick else datasets.ames_by_whole_key(base)
  )
  # Before a training that bad alerts would waste.
  known = studies.read_alerts(context.arguments.alerts)

  def measure(row, seed):
    config, params, cell = training(context, "ames", AMES[row][1], seed)
    found = studies.of_ames(config, params, data(), larger())
    of = functools.partial(studies.of_substructures, config)
    listed = of(params, data())
    if seed == 0:
      gallery.substructure_sheet(
        context.out / f"substructures_{row}.png", listed, config.substructures
      )
    start = of(studies.initial(config), data())
    few = config.substructures.few
    return {
      **cell,
      **found,
      "best": listed,
      "best_untrained": start,
      "few": few,
    }

  for row, seed in wanted(context, list(AMES)):
    work = functools.partial(measure, row, seed)
    reproduce.cell(context, f"ames_{row}_{seed}", work)
  found = cells.collected(context.out, "ames", AMES)
  rows = [["paper (its code)", "0.804 (0.8006)", "-", "- (0.9189)", *["-"] * 3]]
  for row, results in found.items():
    rows.append(
      [
        AMES[row][0],
        spread([c["key"]["auc"] for c in results]),
        spread([c["skeleton"]["auc"] for c in results]),
        spread([c["scores"]["validation_auc"] for c in results]),
        spread([worth(c["best"]) for c in results]),
        spread([worth(c["best_untrained"]) for c in results]),
        f"{len(results)}",
      ]
    )
  one = next(iter(found.values()))[0]
  size = lambda name: (
    f"{one[name]['molecules']:,}, {one[name]['toxic']:,} toxic"
  )
  base_rate = one["skeleton"]["toxic"] / one["skeleton"]["molecules"]
  header = ["layout", f"AUC, new by InChIKey ({size('key')})"]
  header += [f"new by skeleton ({size('skeleton')})", "validation AUC"]
  header += [f"PPV of 50 best (all: {base_rate:.2f})", "untrained", "seeds"]
  curves = {
    AMES[row][0]: [(c["test_scores"], c["labels"]) for c in results]
    for row, results in found.items()
  }
  pictures.roc(context.out / "roc.png", curves, "0.804")
  return {
    "ames": markdown.table(header, rows),
    "substructures": substructure_table(one["best"], one["few"], known),
    "classes": class_table(found),
  }


def attribution_table(context: reproduce.Context) -> str:
  """Experiment C: completeness, agreement of methods, and twelve molecules."""
  variant = context.arguments.variant
  data = functools.cache(
    lambda: datasets.load(config_of(context, "attribution", "", 0))
  )

  def measure():
    config, params, cell = training(context, "attribution", variant, 0)
    gallery.positives(context.out, config, params, data())
    config.attribution.molecules = context.arguments.molecules
    return {**cell, **studies.of_attribution(config, params, data(), STEPS)}

  found = reproduce.cell(context, "attribution", measure)
  methods = [
    (f"{METHODS[name]}, {n:,} step{'s' * (n > 1)}", f"{name}, {n} steps")
    for name in ["integrated_gradients"]
    for n in STEPS
  ]
  methods += [(METHODS[n], n) for n in METHODS if n in found["gaps"]]
  rows = [
    [label, f"{found['gaps'][name]:.4f}", f"{found['agreement'][name]:.3f}"]
    for label, name in methods
  ]
  header = ["method", "mean gap of completeness", "rank correlation of atoms"]
  return markdown.table(header, rows) + (
    f"\nTest AUC {found['scores']['test_auc']:.3f} (paper: 0.78 with 2,048 "
    f"units; here {found['config']['width']:,}); {found['molecules']} test "
    "molecules.\n"
  )


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of data and trainings."""
  add = parser.add_argument
  add("--data_dir", default="", metavar="DIR", help="of the data, see above")
  add("--alerts", default="", metavar="FILE", help="CSV file of alerts")
  text = "compute these rows of the table alone, with commas between"
  add("--only", default="", metavar="ROWS", help=text)
  text = "where trainings are kept"
  add("--runs", default="runs/reproduce", metavar="DIR", help=text)
  number = {"type": int, "metavar": "N"}
  text = "steps of integrated gradients; 0: the config's"
  add("--ig_steps", default=0, help=text, **number)
  text = "of --table=attribution: how many molecules"
  add("--molecules", default=64, help=text, **number)
  text = (
    "of --table=attribution: variant of configs/interpretable_drugs/tox21.py"
  )
  add("--variant", default="wide", metavar="NAME", help=text)


TABLES = {
  "neurons": neuron_table,
  "alcohols": alcohol_table,
  "ames": ames_table,
  "attribution": attribution_table,
}

if __name__ == "__main__":
  reproduce.main(__doc__, __file__, TABLES, add_arguments, seeds=5, waits=False)
