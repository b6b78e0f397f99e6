"""The command line that every project shares.

    python -m projects.<paper>.train --workdir=DIR
      --config=configs/<paper>/<name>.py[:variant] [--config.KEY=VALUE ...]

Bad input ends in one sentence on standard error and exit code 1, without a
traceback; Ctrl-C in 130, as shells expect. No flag exists before a command
runs: a program of its own may import every module and have what flags it likes.
"""

import contextlib
import importlib.util
import pathlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import ml_collections
from absl import flags, logging
from ml_collections.config_flags import config_flags

from .errors import InputError, Stopped, nearest

ROOT = pathlib.Path(__file__).parent.parent
_HELP = {
  "config": "Path of a config file, with an optional :variant; any key of it "
  "can be set by --config.KEY=VALUE.",
  "workdir": "Where the run lives; one found there is continued.",
  "coordinator": "HOST:PORT of process 0, for a run of several processes; auto "
  "under SLURM, Open MPI, or on a TPU pod, where the rest is known.",
  "processes": "How many processes.",
  "process": "Which one this is, from 0.",
}


class Given(NamedTuple):
  """What a command line says."""

  config: ml_collections.ConfigDict
  workdir: pathlib.Path
  coordinator: str | None
  processes: int
  process: int


def main(train: Callable[[Any, str], Any]) -> None:
  """Runs `train(config, workdir)` from the command line and exits."""
  with sentences():
    if {"-h", "--help"} & set(sys.argv[1:]):
      print(help_text((train.__globals__.get("__doc__") or "").strip()))
      return
    given = parse(sys.argv)
    join_processes(given.coordinator, given.processes, given.process)
    train(given.config, str(given.workdir))


def help_text(about: str) -> str:
  """What --help prints."""
  lines = [about, "", "flags:"]
  lines += [f"  --{name}: {text}" for name, text in _HELP.items()]
  return "\n".join(lines)


def parse(argv: Sequence[str]) -> Given:
  """Reads a command line, overrides of the config applied, the config locked.

  Args:
    argv: the program and its arguments.

  Raises:
    InputError: a wrong flag, file, variant, key or value: names the nearest.
  """
  words = _joined(argv[1:])
  for word in words:
    if not word.startswith("-"):
      raise InputError(f"{word!r} is no flag; flags start with --")
  paths = [_value(w) for w in words if w.startswith("--config=")]
  if not paths:
    raise InputError(
      "say what to train: --config=configs/<paper>/<experiment>.py"
    )
  path = _found(paths[-1])
  keys = _keys(path)
  rest = [w for w in words if not w.startswith("--config=")]
  for word in rest:
    if word.startswith("--config."):
      key = word[len("--config.") :].split("=", 1)[0]
      if key not in keys:
        close = nearest(key, keys)
        raise InputError(
          f"the config has no key {key!r}"
          + (f"; did you mean {close!r}?" if close else f"; it has {keys}")
        )
  values = flags.FlagValues()
  config = config_flags.DEFINE_config_file(
    "config", None, _HELP["config"], flag_values=values
  )
  for name in ("workdir", "coordinator"):
    flags.DEFINE_string(name, None, _HELP[name], flag_values=values)
  for name, default in (("processes", 1), ("process", 0)):
    flags.DEFINE_integer(name, default, _HELP[name], flag_values=values)
  words = [f"--config={path}", *rest]
  before = sys.argv
  try:
    sys.argv = [argv[0], *words]  # Where ml_collections looks for overrides.
    values(sys.argv)
  except (flags.Error, TypeError, ValueError) as error:
    raise InputError(str(error)) from error
  finally:
    sys.argv = before
  if not values.workdir:
    raise InputError("say where the run lives: --workdir=DIR")
  return Given(
    config.value.lock(),
    pathlib.Path(values.workdir).expanduser().absolute(),
    values.coordinator,
    values.processes,
    values.process,
  )


def _joined(words: Sequence[str]) -> list[str]:
  """`--flag VALUE` as `--flag=VALUE`; dashes in a key as underscores."""
  joined = []
  for word in words:
    if joined and joined[-1].startswith("--") and "=" not in joined[-1]:
      if not word.startswith("--"):
        joined[-1] += f"={word}"
        continue
    if word.startswith("--config."):
      key, equals, value = word.partition("=")
      word = "--" + key[2:].replace("-", "_") + equals + value
    joined.append(word)
  return joined


def _value(word: str) -> str:
  return word.split("=", 1)[1]


def _found(config: str) -> str:
  """The config's path; one of the checkout's own from any directory."""
  path, colon, variant = config.partition(":")
  if not pathlib.Path(path).exists() and (ROOT / path).exists():
    path = str(ROOT / path)
  return path + colon + variant


def _keys(config: str) -> list[str]:
  """The keys of the config file `path:variant`, those of its parts dotted."""
  # Read once ourselves: ml_collections reports a bad file as a traceback, and
  # of a misspelt key not always the nearest.
  path, _, variant = config.partition(":")
  spec = importlib.util.spec_from_file_location("config_file", path)
  if spec is None or spec.loader is None:
    raise InputError(f"the config file {path} is no Python file")
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
    found = module.get_config(variant)
  except FileNotFoundError as error:
    raise InputError(f"there is no config file {path}") from error
  except InputError:
    raise
  except ValueError as error:  # No such variant.
    raise InputError(str(error)) from error
  except Exception as error:
    line = traceback.extract_tb(error.__traceback__)[-1].lineno
    raise InputError(
      f"the config file {path} cannot be read: {type(error).__name__}, "
      f"{error} (line {line})"
    ) from error
  return _dotted(found)


def _dotted(config: ml_collections.ConfigDict, above: str = "") -> list[str]:
  keys = []
  for name, value in config.items():
    keys.append(above + name)
    if isinstance(value, ml_collections.ConfigDict):
      keys += _dotted(value, f"{above}{name}.")
  return keys


def join_processes(
  coordinator: str | None, processes: int, process: int
) -> None:
  """Joins the processes of `coordinator`, before JAX computes anything.

  With "auto", JAX asks the cluster (SLURM, Open MPI, a TPU pod) for the others.

  Raises:
    InputError: "auto", and no cluster that JAX knows.
  """
  if not coordinator:
    return
  import jax

  if coordinator != "auto":
    jax.distributed.initialize(coordinator, processes, process)
    return
  try:
    jax.distributed.initialize()
  except (ValueError, RuntimeError) as error:
    raise InputError(
      f"--coordinator=auto finds no cluster ({str(error).splitlines()[0]}): "
      "give HOST:PORT, --processes and --process"
    ) from error


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
