"""Runs what the journal of a sweep does not have yet, piece by piece."""

import pathlib
import sys
from typing import Any

import jax
import ml_collections
from jax.experimental import multihost_utils
from tqdm import tqdm

from common import population
from common.errors import InputError

from . import references, sweep, tasks


def swept(
  config: ml_collections.ConfigDict,
  units: dict[str, dict[str, Any]],
  methods: list[str],
  path: pathlib.Path,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
  """Runs what is missing of a sweep; returns all records, and broken units.

  Of several processes only the first returns, when all are done.
  """
  settings = sweep.settings(config)
  with population.Journal(path, settings) as journal:
    broken = run_sweep(config, units, methods, journal)
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices("the sweep is done")
    if jax.process_index():
      sys.exit(0)
  with population.Journal(path, settings) as journal:
    return journal.records(), broken


def run_sweep(
  config: ml_collections.ConfigDict,
  units: dict[str, dict[str, Any]],
  methods: list[str],
  journal: population.Journal,
) -> dict[str, str]:
  """Trains what the journal does not have yet; returns the broken units.

  Args:
    config: of the sweep.
    units: tasks or folds: name -> what it changes in `config.data`.
    methods: of `model` and `references`.
    journal: pieces are "unit/graph", and "unit/reference".

  Units of like shape follow each other, so that compiled programs are used
  while they are there; a broken one is reported and does not stop the rest.
  """

  def load(name):
    changed = config.copy_and_resolve_references()
    changed.data.update(units[name])
    return tasks.load(changed)

  broken, ready = {}, {}
  for name in units:
    try:
      task = load(name)
      ready[name] = (task.parts["train"].x.shape, tasks.outputs(config, task))
    except InputError as error:
      broken[name] = str(error)
  pieces = [
    (name, group)
    for name in sorted(ready, key=lambda name: (ready[name], name))
    for method in methods
    for group in (
      (method,)
      if method in references.METHODS
      else sweep.groups(config, method)
    )
    if f"{name}/{group}" not in journal
  ]
  pieces = population.mine(pieces)
  bar = tqdm(pieces, dynamic_ncols=True, disable=jax.process_index() > 0)
  # A file is not redrawn ten times a second.
  bar.mininterval = 0.2 if sys.stderr.isatty() else 30
  loaded, task = None, None
  for name, group in bar:
    bar.set_description(f"{name}, {group}", refresh=False)
    if loaded != name:
      loaded, task = name, load(name)
    train = references.record if isinstance(group, str) else sweep.record
    record = train(config, task, group)
    journal.write(f"{name}/{group}", {**record, "task": name})
  return broken
