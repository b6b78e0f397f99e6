"""Reproduces the paper's tables, and writes down what came out.

    python -m projects.snn.reproduce --table=uci --data_dir=DIR
    python -m projects.snn.reproduce --table=theorem

`uci`: seven methods, and two references from scikit-learn, on every task of the
folder. `theorem`: the checks of Theorems 1 to 3, and the moments in a network
of 32 layers. Numbers go to `results/snn/` and into the tables of this project's
README; a sweep goes on where it was stopped. `--only=iris,wine` restricts the
tasks, `--quick` takes generated data and changes neither results nor README.
"""

import importlib
import pathlib
import sys

import jax
import ml_collections
from absl import flags
from tqdm import tqdm

from common import command, population, report
from common.errors import InputError, check_choice

from . import data, model, sweep, tasks

_TABLE = flags.DEFINE_string("table", "uci", "uci or theorem.")
_ONLY = flags.DEFINE_list("only", [], "Names of tasks; all where empty.")
_METHODS = flags.DEFINE_list("methods", list(model.METHODS), "Which to train.")
_PAPER = flags.DEFINE_bool("paper", False, "The paper's grid; needs a GPU.")
_QUICK = flags.DEFINE_bool("quick", False, "Seconds, on generated data.")
_OUT = flags.DEFINE_string("out", None, "Default: results/snn.")
_DATA_DIR = flags.DEFINE_string("data_dir", "", "Where the tasks' files are.")
_CACHE_DIR = flags.DEFINE_string("cache_dir", "", "For an archive's tasks.")

_HERE = pathlib.Path(__file__).parent
_PROJECT = _HERE.name


def config_of(name: str, variant: str) -> ml_collections.ConfigDict:
  """Loads `configs/<project>/<name>.py`, unlocked."""
  module = importlib.import_module(f"configs.{_PROJECT}.{name}")
  config = module.get_config(variant)
  config.unlock()
  config.data_dir, config.cache_dir = _DATA_DIR.value, _CACHE_DIR.value
  return config


def uci_sweep(
  config: ml_collections.ConfigDict,
  names: list[str],
  methods: list[str],
  journal: population.Journal,
) -> dict[str, str]:
  """Trains what the journal does not have yet; returns the broken tasks.

  Pieces are (task, method, graph), tasks of like shape after each other, so
  that compiled programs are used while they are there.
  """
  broken, ready = {}, {}
  for name in names:
    config.data.name = name
    try:
      task = tasks.load(config)
    except InputError as error:
      broken[name] = str(error)
      continue
    ready[name] = (task.parts["train"].x.shape, tasks.outputs(config, task))
  pieces = [
    (name, group)
    for name in sorted(ready, key=lambda name: (ready[name], name))
    for method in methods
    for group in sweep.groups(config, method)
    if f"{name}/{group}" not in journal
  ]
  pieces = population.mine(pieces)
  bar = tqdm(pieces, dynamic_ncols=True, disable=jax.process_index() > 0)
  # A file is not redrawn ten times a second.
  bar.mininterval = 0.2 if sys.stderr.isatty() else 30
  task = None
  for name, group in bar:
    bar.set_description(f"{name}, {group}", refresh=False)
    if task is None or task.name != name:
      config.data.name = name
      task = tasks.load(config)
    record = sweep.group_record(config, task, group)
    journal.write(f"{name}/{group}", record)
  return broken


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  check_choice("table", _TABLE.value, ("uci", "theorem"))
  for method in _METHODS.value:
    check_choice("methods", method, model.METHODS)
  quick = _QUICK.value
  default = "runs/quick" if quick else f"results/{_PROJECT}"
  out = pathlib.Path(_OUT.value or default)
  out.mkdir(parents=True, exist_ok=True)
  if _TABLE.value == "theorem":
    table = tables_of.theorem(out)
  else:
    variant = "smoke" if quick else "paper" * _PAPER.value
    config = config_of("uci", variant)
    if quick:
      every = ["blobs"]
    elif not _DATA_DIR.value:
      raise InputError("say where the tasks' files are with --data_dir=DIR")
    else:
      every = data.uci_names(config.data_dir, config.cache_dir or None)
    for name in _ONLY.value:
      check_choice("only", name, every)
    name = "uci_paper" if _PAPER.value else "uci"
    with population.Journal(out / f"{name}.jsonl") as journal:
      names = _ONLY.value or every
      broken = uci_sweep(config, names, _METHODS.value, journal)
      table = tables_of.uci(out / f"{name}.json", journal.records(), broken)
  print(table)
  if not quick and not _OUT.value and not _ONLY.value:
    report.insert_table(_HERE / "README.md", _TABLE.value, table)


if __name__ == "__main__":
  command.execute(main)
