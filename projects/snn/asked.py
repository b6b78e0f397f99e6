"""What a table is asked for: its config, its tasks, whether it is whole."""

import ml_collections

from common.errors import InputError
from common.tables import reproduce

from .datasets import loading, uci


def config_of(
  context: reproduce.Context, name: str, variant: str = ""
) -> ml_collections.ConfigDict:
  """Loads `configs/<project>/<name>.py` as the arguments say, unlocked."""
  paper = context.arguments.paper and not context.quick
  config = reproduce.config_of(context, name, "paper" if paper else "", variant)
  config.data_dir = context.arguments.data_dir
  config.cache_dir = context.arguments.cache_dir or config.cache_dir
  return config


def name_of(context: reproduce.Context, *words: str) -> str:
  """The name of a table's files, of the words that are not empty."""
  paper = "paper" if context.arguments.paper else ""
  return "_".join(filter(None, [*words, paper]))


def in_part(context: reproduce.Context) -> bool:
  """Whether some tasks or methods alone are asked for."""
  return bool(context.arguments.only or context.arguments.methods)


def may_write(context: reproduce.Context) -> bool:
  """Whether the table's files may be written: a part replaces no whole."""
  elsewhere = context.quick or context.arguments.out
  return bool(elsewhere) or not in_part(context)


def need_files(context: reproduce.Context, files: str) -> None:
  """Refuses a table whose `files` nobody has said the place of.

  Raises:
    InputError: there is no `--data_dir`, and the table is not a quick one.
  """
  if not context.quick and not context.arguments.data_dir:
    raise InputError(f"say where {files} with --data_dir=DIR")


def uci_tasks(
  context: reproduce.Context, config: ml_collections.ConfigDict
) -> list[str]:
  """The names of the tasks in `--data_dir`; of generated data if quick.

  Raises:
    InputError: there is no `--data_dir`, or nothing in it.
  """
  need_files(context, "the tasks' files are")
  if context.quick:
    return ["blobs"]
  return uci.names(config.data_dir, config.cache_dir or None)


def small_tasks(
  context: reproduce.Context, config: ml_collections.ConfigDict
) -> list[str]:
  """Those of `uci_tasks` with at most `config.small_rows` rows to train on."""
  found = []
  for name in uci_tasks(context, config):
    config.data.name = name
    try:
      rows = len(loading.split(config, loading.read(config)).split[0])
    except InputError:  # The sweep says so.
      rows = 0
    if rows <= config.small_rows or context.quick:
      found.append(name)
  return found
