"""The command line that every project shares.

    python -m projects.<paper>.train --workdir=DIR
      --config=configs/<paper>/<name>.py[:variant] [--config.KEY=VALUE ...]

Bad input ends in one sentence on standard error and exit code 1, without a
traceback; a command line that is wrong by itself, in exit code 2; Ctrl-C in
130, and a reader that has seen enough (`| head`) in 141, as shells expect.
"""

import argparse
import ast
import contextlib
import errno
import importlib.util
import pathlib
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_collections
from absl import logging

from . import xla_options
from .config_schema import unknown_key
from .errors import InputError, Stopped, UsageError, did_you_mean
from .flags import (
  Parser,
  leave,
  readers_may_leave,
  show_any_character,
  whole,
)

ROOT = pathlib.Path(__file__).parent.parent


def main(train: Callable[[Any, str], Any], waits: bool = True) -> None:
  """Runs `train(config, workdir)` from the command line and exits.

  Args:
    train: `train(config, workdir) -> state, scores`.
    waits: see `xla_options.calls_that_wait`; False where it was slower.
  """
  with sentences():
    module = sys.modules[train.__module__]
    given, overrides = parse(module.__doc__ or "", sys.argv[1:])
    if not given.config:
      raise UsageError(
        "say what to train: --config=configs/<paper>/<experiment>.py"
      )
    project = pathlib.Path(module.__file__ or "").parent.name
    check_project(given.config, project)
    config = load_config(given.config)
    for name in ("total_steps", "steps_per_call"):
      if name not in config:
        raise UsageError(
          f"{given.config} has no {name}: it is the config of a table, not "
          f"of a training, and python -m projects.{project}.reproduce takes it"
        )
    config = override(config, overrides)
    if not given.workdir:
      raise UsageError("say where the run lives: --workdir=DIR")
    workdir = pathlib.Path(given.workdir).expanduser().absolute()
    if waits:
      xla_options.calls_that_wait()
    join_processes(given.coordinator, given.processes, given.process)
    _, scores = train(config, str(workdir))
    _say_the_end(scores, workdir)


def parse(
  description: str, arguments: Sequence[str]
) -> tuple[argparse.Namespace, list[tuple[str, str | None]]]:
  """Returns the flags, and of each `--config.KEY=VALUE` key and value.

  The value is None where none was given.

  Raises:
    UsageError: a flag is misspelt, or its value is none.
  """
  parser = Parser(
    description=description,
    epilog="""  --config.KEY=VALUE    changes a value of the config, as
                        --config.total_steps=1000; a nested one is named with
                        dots, and a KEY that is misspelt names the nearest""",
    allow_abbrev=False,
  )
  add = parser.add_argument
  what = "the experiment, a file of configs/ (`python -m projects` lists them);"
  what += " :smoke behind it takes seconds, on generated data"
  add("--config", metavar="FILE[:VARIANT]", help=what)
  lives = "folder of the run; a run that is found there goes on"
  add("--workdir", metavar="DIR", help=lives)
  several = "of several processes: host:port of the first one; or auto, under "
  several += "SLURM, Open MPI or on a TPU pod, without the next two flags"
  add("--coordinator", metavar="ADDRESS", help=several)
  add("--processes", type=whole(1), default=1, metavar="N", help="how many")
  which = "number of this one, from 0"
  add("--process", type=whole(0), default=0, metavar="I", help=which)
  flags, overrides, left = [], [], list(arguments)
  while left:
    word = left.pop(0)
    if not word.startswith("--config."):
      flags.append(word)
      continue
    key, equals, value = word.removeprefix("--config.").partition("=")
    if not equals and left and not left[0].startswith("--"):
      equals, value = " ", left.pop(0)
    overrides.append((key, value if equals else None))
  given, _ = parser.parse_known_args(flags)
  return given, overrides


def check_project(name: str, project: str) -> None:
  """Refuses the config of another project, whose keys are others.

  Args:
    name: of the config, as `load_config` takes it.
    project: whose command is called.

  Raises:
    UsageError: the config lies in the folder of another project.
  """
  folder = pathlib.Path(name.partition(":")[0]).absolute().parent
  theirs = folder.name
  known = [
    (ROOT / "projects" / one / "train.py").is_file()
    for one in (theirs, project)
  ]
  if folder.parent.name == "configs" and all(known) and theirs != project:
    raise UsageError(
      f"{name} is a config of {theirs}, and this command trains {project}: "
      f"python -m projects.{theirs}.train takes it"
    )


def load_config(name: str) -> ml_collections.ConfigDict:
  """Returns the config of `path[:variant]`, locked.

  Raises:
    UsageError: there is no such file or variant, or it has no get_config.
    InputError: it is no Python that can be run.
  """
  path, _, variant = name.partition(":")
  if not pathlib.Path(path).is_file() and (ROOT / path).is_file():
    path = str(ROOT / path)  # Of this checkout, from another directory.
  if not pathlib.Path(path).is_file():
    raise UsageError(_no_file(path))
  spec = importlib.util.spec_from_file_location("config_file", path)
  if spec is None or spec.loader is None:
    raise InputError(f"the config file {path} is no Python file")
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
  except SyntaxError as error:
    raise InputError(
      f"{error.filename}, line {error.lineno}, is no Python: {error.msg}"
    ) from error
  except Exception as error:
    raise InputError(_failed(path, error)) from error
  if not hasattr(module, "get_config"):
    raise UsageError(f"{path} is no config: it has no get_config(variant)")
  try:
    return module.get_config(variant).lock()
  except ValueError as error:  # No such variant.
    raise UsageError(f"{path}: {error}") from error
  except Exception as error:
    raise InputError(_failed(path, error)) from error


def _no_file(path):
  """That `path` is a folder, and of what, or is not there; the nearest name."""
  place = pathlib.Path(path)
  if not place.parent.is_dir():
    place = ROOT / path  # As `load_config` looks for it.
  names = lambda folder: sorted(one.name for one in folder.glob("[!_.]*"))
  if place.is_dir():
    return f"{path} is a folder; name one file of {', '.join(names(place))}"
  if not place.parent.is_dir():
    place = place.parent  # Then that is misspelt.
  near = did_you_mean(place.name, names(place.parent))
  return f"there is no config file {path}{near}"


def _failed(path, error):
  """Where in the config file `path` an error came up, and which."""
  frames = traceback.extract_tb(error.__traceback__)
  lines = [frame.lineno for frame in frames if frame.filename == path]
  where = f", line {lines[-1]}," if lines else ""
  return f"{path}{where} ends in {type(error).__name__}: {error}"


def override(
  config: ml_collections.ConfigDict,
  overrides: Sequence[tuple[str, str | None]],
) -> ml_collections.ConfigDict:
  """Changes values of `config` to those of the command line; returns it.

  Raises:
    UsageError: there is no such key, or the value is of another type.
  """
  for key, text in overrides:
    *folders, name = key.split(".")
    place = config
    for folder in folders:
      place = place[folder] if folder in place else None
      if not isinstance(place, ml_collections.ConfigDict):
        raise UsageError(unknown_key(key, config))
    if name not in place:
      raise UsageError(unknown_key(key, config))
    place[name] = _value(key, text, place[name])
  return config


def _value(key, text, old):
  """The value that `text` means, of the type of the value before it."""
  if isinstance(old, bool):
    words = {None: True, "true": True, "1": True, "false": False, "0": False}
    value = words.get(text and text.lower())
  elif text is None:
    value = None
  elif isinstance(old, str):
    return text
  else:
    try:
      value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
      value = text
    if isinstance(old, float) and type(value) is int:
      value = float(value)
    elif isinstance(old, tuple | list):
      many = value if isinstance(value, tuple | list) else (value,)
      value = type(old)(many)
  if old is not None and type(value) is not type(old):
    given = "" if text is None else f"={text}"
    raise UsageError(
      f"flag --config.{key}{given}: the value must be of type "
      f"{type(old).__name__}, as {old!r} is"
    )
  return value


def _say_the_end(scores, workdir):
  import jax

  if jax.process_index() == 0:
    said = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
    print(
      f"{said or 'done'}; in {workdir}: metrics.jsonl has every number, "
      f"`tensorboard --logdir={workdir}` shows the curves, and "
      "`python -m projects` lists what else can be done"
    )


def join_processes(
  coordinator: str | None, processes: int, process: int
) -> None:
  """Joins the processes of a run, before JAX computes anything.

  Args:
    coordinator: host:port of process 0; "auto" where SLURM, Open MPI or a TPU
      pod knows it, and the other two; None for a run of one process.
    processes: how many.
    process: which one this is.

  Raises:
    UsageError: "auto", and nothing here started several processes; no host
      with a port; a process that is none of them.
  """
  if not coordinator:
    return
  import jax

  if coordinator != "auto":
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdigit()):
      raise UsageError(
        f"--coordinator={coordinator} is no host:port, as localhost:1234"
      )
    if process >= processes:
      raise UsageError(
        f"--process={process} is none of --processes={processes}, which are "
        "numbered from 0 on"
      )
    jax.distributed.initialize(coordinator, processes, process)
    return
  try:
    jax.distributed.initialize()
  except (ValueError, RuntimeError) as error:
    raise UsageError(
      "--coordinator=auto found no SLURM, Open MPI or TPU pod around this "
      f"process ({error}); give host:port, --processes and --process"
    ) from error


@contextlib.contextmanager
def sentences() -> Iterator[None]:
  """The frame of every command: bad input ends it with one sentence."""
  xla_options.keep_memory()
  xla_options.keep_programs()
  # Orbax reports some thirty lines for every checkpoint, and warns of reading.
  logging.set_verbosity(logging.ERROR)
  show_any_character()
  plain = threading.excepthook
  threading.excepthook = lambda args: _of_a_thread(args, plain)
  try:
    with readers_may_leave():
      yield
    threading.excepthook = plain  # Else it is asked for until the end.
  except (InputError, FloatingPointError) as error:
    leave(str(error), getattr(error, "exit_code", 1))
  except OSError as error:
    # A file that is open already, as a log on a full disk, has no name here.
    where = f": {error.filename}" if error.filename else ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    mend = "; free some space or choose another --workdir" if full else ""
    leave(f"{error.strerror or error}{where}{mend}", 1)
  except (MemoryError, RuntimeError) as error:
    of_xla = "RESOURCE_EXHAUSTED" in str(error)
    if not (of_xla or isinstance(error, MemoryError)):
      raise
    size = re.search(r"[\d.]+ ?([KMGTPE]i?B|bytes)", str(error))
    asked = f" ({size[0]} more were asked for)" if size else ""
    mend = "a smaller --config.batch_size or --batch-size takes less at once"
    leave(f"out of memory{asked}; {mend}", 1)
  except Stopped as stop:
    leave(str(stop), 128 + stop.signal)
  except KeyboardInterrupt:  # Outside of a run, which stops in its own way.
    leave("stopped", 130)


def _of_a_thread(args, plain):
  """TensorBoard's writer is one: on a full disk, a line and no traceback."""
  closed = "closed file" in str(args.exc_value)
  if isinstance(args.exc_value, OSError) or closed:
    print(f"warning: {args.exc_value}", file=sys.stderr)
  else:
    plain(args)
