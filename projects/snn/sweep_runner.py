"""Runs what the journal of a sweep does not have yet, piece by piece."""

import pathlib
import sys
from typing import Any

import jax
import ml_collections
from jax.experimental import multihost_utils
from tqdm import tqdm

from common import config_schema, population
from common.errors import InputError

from . import baselines, sweep
from .datasets import loading, padded
from .schema import SCHEMA


def complete_sweep(
  config: ml_collections.ConfigDict,
  units: dict[str, dict[str, Any]],
  methods: list[str],
  path: pathlib.Path,
  last: bool = True,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
  """Runs what is missing of a sweep; returns all records, and broken units.

  Of several processes only the first returns from the `last` sweep of a table,
  when all are done.
  """
  config_schema.check(config, SCHEMA)
  settings = sweep.settings(config)
  with population.Journal(path, settings) as journal:
    broken = run_sweep(config, units, methods, journal)
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices("the sweep is done")
    if jax.process_index() and last:
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
    methods: of `model` and `baselines`.
    journal: pieces are "unit/graph", and "unit/baseline".

  Units of like shape follow each other, so that compiled programs are used
  while they are there; a broken one is reported and does not stop the rest.
  """
  groups = []
  for method in methods:
    baseline = method in baselines.METHODS
    groups += [method] if baseline else sweep.groups(config, method)
  pending = {
    name: [group for group in groups if f"{name}/{group}" not in journal]
    for name in units
  }
  changed = config.copy_and_resolve_references()
  broken, datasets, table, last = {}, {}, None, None
  for name in filter(pending.get, units):
    changed.data.update(units[name])
    try:
      if changed.data.name != last:  # The folds of a table follow each other.
        table, last = loading.read(changed), changed.data.name
      datasets[name] = loading.split(changed, table)
    except InputError as error:
      broken[name] = str(error)

  def shape(name):
    dataset = datasets[name]
    return padded.padded_shape(dataset), padded.outputs(config, dataset)

  pieces = [
    (name, group)
    for name in sorted(datasets, key=lambda name: (shape(name), name))
    for group in pending[name]
  ]
  pieces = population.share_of_this_process(pieces)
  bar = tqdm(pieces, dynamic_ncols=True, disable=jax.process_index() > 0)
  # A file is not redrawn ten times a second.
  bar.mininterval = 0.2 if sys.stderr.isatty() else 30
  on_device, dataset = None, None
  for name, group in bar:
    bar.set_description(f"{name}, {group}", refresh=False)
    if on_device != name:
      on_device, dataset = name, padded.pad(datasets[name])
    train = baselines.record if isinstance(group, str) else sweep.record
    record = train(config, dataset, group)
    journal.write(f"{name}/{group}", {**record, "task": name})
  return broken
