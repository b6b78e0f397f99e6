"""Flags of commands: their parser, which names the nearest, and its help."""

import argparse
import contextlib
import io
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from .errors import UsageError, check_names, nearest


class Help(
  argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
  """Shows a description as it is written, and the defaults that say something.

  Not those that are nothing, nor a second time what a text has said.
  """

  def _get_help_string(self, action):
    said = "default" in (action.help or "")
    nothing = action.default in (None, "", []) or action.default is False
    return action.help if said or nothing else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
  """Says what is wrong in one sentence; in flags "-" and "_" are the same."""

  def __init__(self, **options):
    """Takes argparse's options; shows the command as it is called."""
    called = getattr(sys.modules["__main__"], "__spec__", None)
    if called:
      name = called.name.removesuffix(".__main__")
      options.setdefault("prog", f"python -m {name}")
    options.setdefault("formatter_class", Help)
    super().__init__(**options)

  def print_help(self, file=None) -> None:
    """As argparse's, on a terminal of ASCII, too."""
    show_any_character()
    super().print_help(file)

  def error(self, message: str) -> NoReturn:
    raise UsageError(message)

  def parse_args(self, args=None, namespace=None) -> Any:
    """As argparse's; what is wrong ends the command."""
    try:
      return super().parse_args(args, namespace)
    except UsageError as error:
      leave(str(error), error.exit_code)

  def _check_value(self, action, value):
    """Of a flag's `choices`: argparse's own names no nearest one."""
    if action.choices is not None:
      names = list(map(str, action.choices))
      check_names(action.option_strings[-1], [str(value)], names)

  def parse_known_args(self, args=None, namespace=None):
    """As argparse's, but that nothing may be unknown.

    Raises:
      UsageError: a flag is misspelt, or its value is none.
    """
    flags = self._option_string_actions
    spelt = {flag.replace("_", "-"): flag for flag in flags}
    words = []
    for word in sys.argv[1:] if args is None else args:
      flag, equals, value = word.partition("=")
      if word.startswith("--"):
        flag = spelt.get(flag.replace("_", "-"), flag)
      words.append(flag + equals + value)
    given, unknown = super().parse_known_args(words, namespace)
    if unknown:
      flag = unknown[0].partition("=")[0]
      if not flag.startswith("-"):
        raise UsageError(f"{flag!r} is one word too many; flags start with --")
      close = nearest(flag.strip("-"), [name.strip("-") for name in flags])
      raise UsageError(
        f"there is no flag {flag}"
        + (f"; did you mean --{close}?" if close else "; see --help")
      )
    return given, unknown


def whole(low: int, high: int = 2**32 - 1) -> Callable[[str], int]:
  """The type of a flag: a whole number from `low` to `high`, as of a seed."""

  def read(text):
    try:
      value = int(text)
    except ValueError:
      value = low - 1
    if not low <= value <= high:
      raise argparse.ArgumentTypeError(
        f"{text!r} is no whole number from {low} to {high}"
      )
    return value

  return read


def show_any_character() -> None:
  """A terminal of ASCII must not end, by an accent, what took hours."""
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def readers_may_leave() -> Iterator[None]:
  """Ends the command in silence if who reads has enough, as `| head`."""
  try:
    yield
    print(end="", flush=True)  # Here, since at the exit nobody listens.
  except BrokenPipeError:
    poll = select.poll()
    poll.register(1, 0)
    if not poll.poll(0):  # Standard output is read: another pipe is broken.
      raise
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(128 + signal.SIGPIPE)


def leave(message: str, code: int) -> NoReturn:
  """Ends the command; with 1 or 2, the sentence is an error's."""
  print(f"error: {message}" if code <= 2 else message, file=sys.stderr)
  sys.exit(code)
