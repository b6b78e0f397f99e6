"""Tables in Markdown, and their places in READMEs."""

import pathlib
from collections.abc import Sequence

from common.errors import InputError


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """A Markdown table, ending in a newline."""
  lines = [header, ["---"] * len(header), *rows]
  return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def insert(readme: pathlib.Path, name: str, text: str) -> None:
  """Puts `text` between the markers `<!-- name -->` and `<!-- /name -->`.

  Raises:
    InputError: the file has no such markers.
  """
  old = readme.read_text()
  begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
  if begin not in old or end not in old:
    raise InputError(f"{readme} has no place for a table: add {begin} {end}")
  head, rest = old.split(begin, 1)
  tail = rest.split(end, 1)[1]
  readme.write_text(f"{head}{begin}\n{text}{end}{tail}")
