"""The command line that every project shares.

    python -m projects.<paper>.train --workdir=DIR
      --config=configs/<paper>/<name>.py[:variant] [--config.KEY=VALUE ...]

Bad input ends in one sentence on standard error and exit code 1, without a
traceback; Ctrl-C in 130, as shells expect.
"""

import contextlib
import importlib.util
import pathlib
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from absl import app, flags, logging
from ml_collections.config_flags import config_flags

from .errors import InputError, Stopped, nearest

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "Path of a config file, with an optional :variant."
)
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Where the run lives; one found there is continued."
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator", None, "host:port of process 0, for a run of several processes."
)
_PROCESSES = flags.DEFINE_integer("processes", 1, "How many processes.")
_PROCESS = flags.DEFINE_integer("process", 0, "Which one this is, from 0.")


def parse(argv: list[str]) -> list[str]:
  """Parses flags; a wrong one ends in a sentence with the nearest right one."""
  # Read once ourselves: ml_collections reports a bad file as a traceback, and
  # of a misspelt key not always the nearest.
  names = []
  try:
    for value in (
      a.split("=", 1)[1] for a in argv if a.startswith("--config=")
    ):
      names = _keys(value)
  except FileNotFoundError as error:
    _leave(f"there is no config file {error.filename}", 1)
  except ValueError as error:  # No such variant.
    _leave(str(error), 1)
  try:
    return flags.FLAGS(argv)
  except (AttributeError, KeyError) as error:
    key = re.findall(r"\w+", str(error))[0]
    close = nearest(key, names)
    _leave(
      f"the config has no key {key!r}"
      + (f"; did you mean {close!r}?" if close else f"; it has {names}"),
      1,
    )
  except (flags.Error, TypeError, ValueError) as error:
    _leave(f"{error}", 1)
  raise AssertionError("unreachable")


def _keys(value):
  """The keys of the config file `path:variant`."""
  path, _, variant = value.partition(":")
  spec = importlib.util.spec_from_file_location("config_file", path)
  if spec is None or spec.loader is None:
    raise ValueError(f"the config file {path} is no Python file")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return list(module.get_config(variant))


def main(train: Callable[[Any, str], Any]) -> None:
  """Runs `train(config, workdir)` from the command line and exits."""

  def run(argv):
    if len(argv) > 1:
      _leave(f"{argv[1]!r} is no flag; flags start with --", 1)
    config, where = load_config(), workdir()
    join_processes(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
    train(config, str(where))

  execute(run)


def join_processes(
  coordinator: str | None, processes: int, process: int
) -> None:
  """Joins the processes of `coordinator`, before JAX computes anything."""
  if coordinator:
    import jax

    jax.distributed.initialize(coordinator, processes, process)


def workdir() -> pathlib.Path:
  """Returns `--workdir`."""
  if not _WORKDIR.value:
    _leave("say where the run lives: --workdir=DIR", 1)
  return pathlib.Path(_WORKDIR.value).expanduser().absolute()


def load_config() -> Any:
  """Returns the config of `--config`, locked, overrides applied."""
  config = _CONFIG.value
  if config is None:
    _leave("say what to train: --config=configs/<paper>/<experiment>.py", 1)
  return config.lock()


def execute(run: Callable[[list[str]], None]) -> None:
  """`absl.app.run` with one-sentence errors."""

  def guarded(argv):
    with sentences():
      run(argv)

  app.run(guarded, flags_parser=parse)


@contextlib.contextmanager
def sentences() -> Iterator[None]:
  """Ends the program with one sentence where what it was given is bad."""
  # Orbax reports some thirty lines for every checkpoint, and warns of reading.
  logging.set_verbosity(logging.ERROR)
  try:
    yield
  except (InputError, FloatingPointError) as error:
    _leave(str(error), 1)
  except OSError as error:
    _leave(f"{error.strerror}: {error.filename}", 1)
  except Stopped as stop:
    _leave(str(stop), 128 + stop.signal)
  except KeyboardInterrupt:  # Outside of a run, which stops in its own way.
    _leave("stopped", 130)


def _leave(message: str, code: int) -> None:
  print(f"error: {message}" if code == 1 else message, file=sys.stderr)
  sys.exit(code)
