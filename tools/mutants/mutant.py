"""One wrong change of the code, and which tests must notice it."""

from typing import NamedTuple


class Mutant(NamedTuple):
  """One change.

  Attributes:
    file: below the root.
    right: the piece of code, which stands exactly once in the file.
    wrong: what replaces it.
    tests: files or folders below the root.
  """

  file: str
  right: str
  wrong: str
  tests: str


def of(file: str, tests: str, *changes: tuple[str, str]) -> tuple[Mutant, ...]:
  """Mutants of one file."""
  return tuple(Mutant(file, right, wrong, tests) for right, wrong in changes)
