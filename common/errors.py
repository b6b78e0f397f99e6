"""What a user is told, in one sentence, when what they gave cannot work."""

import difflib
from collections.abc import Sequence


class InputError(ValueError):
  """Bad input: says what and where, and the mend. Shown without a traceback."""

  exit_code = 1


class UsageError(InputError):
  """The command line itself is wrong: what is misspelt, missing or too much."""

  exit_code = 2


class UnknownName(UsageError):
  """A name on the command line that is none of those to choose from."""


class Stopped(BaseException):
  """The run was asked to stop (Ctrl-C, SIGTERM), and has saved its state.

  As KeyboardInterrupt no Exception: a signal comes at any line, and whoever
  catches what fails there, a checkpoint that cannot be read or JAX's cache of
  programs, would take it for that, and go on.
  """

  def __init__(self, message: str, signal: int):
    super().__init__(message)
    self.signal = signal


def nearest(word: str, choices: Sequence[str]) -> str:
  """Returns the choice that `word` was probably meant to be, or ''."""
  close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
  return close[0] if close else ""


def did_you_mean(word: str, choices: Sequence[str]) -> str:
  """The end of a sentence that asks for the nearest choice; '' if none is."""
  close = nearest(word, choices)
  return f"; did you mean {close!r}?" if close else ""


def first_line(error: Exception) -> str:
  """What an exception says, on one line; its kind if it says nothing."""
  return (str(error).strip().splitlines() or [type(error).__name__])[0]


def unknown(said: str, name: str, choices: Sequence[str]) -> UnknownName:
  """The error of a name, given as `said`, that is none of `choices`."""
  near = did_you_mean(name, choices)
  return UnknownName(f"{said} is none of {', '.join(choices)}{near}")


def check_names(
  flag: str, names: Sequence[str], choices: Sequence[str]
) -> None:
  """Raises UnknownName unless all `names`, given by `flag`, are `choices`."""
  for name in names:
    if name not in choices:
      raise unknown(f"{flag}={name}", name, choices)


def check_choice(key: str, value: str, choices: Sequence[str]) -> None:
  """Raises InputError unless `value` of `config.key` is one of `choices`."""
  if value in choices:
    return
  close = nearest(str(value), choices)
  raise InputError(
    f"config.{key} is {value!r}"
    + (f"; did you mean {close!r}?" if close else ";")
    + f" It can be {', '.join(map(repr, choices))}."
  )
