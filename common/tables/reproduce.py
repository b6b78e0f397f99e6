"""The frame of every project's `reproduce`: flags, folders, cells, README.

    def toy(context):  # Returns a table in Markdown.
      config = reproduce.config_of(context, "toy")
      cell = reproduce.cell(context, "toy", lambda: measure(config))
      return markdown.table(["energy"], [[f"{cell['energy']:.2f}"]])

    if __name__ == "__main__":
      reproduce.main(__doc__, __file__, {"toy": toy})

`python -m projects.<paper>.reproduce --table=toy` then computes what is not
there yet in `results/<paper>/`, prints the table, and puts it between the
markers `<!-- toy -->` and `<!-- /toy -->` of the project's README.
"""

import argparse
import importlib
import pathlib
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from common import cli, xla_options
from common.errors import check_names

from . import cells, markdown


class Context(NamedTuple):
  """What a table is asked for."""

  project: str  # Name of the project's folder, for its configs.
  out: pathlib.Path  # Where results go; the folder is there.
  quick: bool  # Of smoke size, to see that everything works.
  fresh: bool  # Compute what is there, too.
  arguments: argparse.Namespace  # With the project's own flags.
  table: str = ""  # Its name.

  @property
  def seeds(self) -> int:
    """How many; 0 where the command has no `--seeds`."""
    return getattr(self.arguments, "seeds", 0)


# One text, or several by the names of their places in the README.
Tables = Mapping[str, Callable[[Context], str | Mapping[str, str]]]


class Flags(argparse.Namespace):
  """A project's own flags, which remember whether a table has read them."""

  def __init__(self, given: argparse.Namespace):
    super().__init__(**vars(given))
    self._read: set[str] = set()

  def __getattribute__(self, name):
    value = super().__getattribute__(name)
    if not name.startswith("_"):
      self._read.add(name)
    return value

  def unread(self, parser: argparse.ArgumentParser) -> list[str]:
    """Those that were given another value than their default, and not read."""
    return [
      f"--{name}"
      for name, value in vars(self).items()
      if not name.startswith("_") and name not in self._read
      if value != parser.get_default(name)
    ]


def config_of(context: Context, name: str, *variants: str) -> Any:
  """`configs/<project>/<name>.py` with variants, and smoke if quick; unlocked.

  Empty variants do not count.
  """
  module = importlib.import_module(f"configs.{context.project}.{name}")
  asked = [*variants, "smoke" if context.quick else ""]
  config = module.get_config(",".join(filter(None, asked)))
  config.unlock()
  return config


def cell(
  context: Context, name: str, compute: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
  """The results `<out>/<name>.json`, computed unless there; see `cached`."""
  return cells.cached(context.out / f"{name}.json", compute, context.fresh)


def workdir(
  context: Context, runs: str | pathlib.Path, name: str
) -> pathlib.Path:
  """Where the training `name` of a table lives: `<runs>/<name>`.

  Quick ones have a folder of their table, which `main` empties: what is left of
  yesterday's check has ended, or is of another config.
  """
  return (_quick_runs(context) if context.quick else pathlib.Path(runs)) / name


def _quick_runs(context):
  table = f"{context.project}_{context.table}"
  return context.out / "quick_trainings" / table


def printed(found: str | Mapping[str, str]) -> dict[str, str]:
  """Prints the text or texts of a table, none of which is the README's.

  For a part of a table, or one of another size: `return printed(text)`.
  """
  for text in [found] if isinstance(found, str) else found.values():
    print(text)
  return {}


def main(
  doc: str | None,
  file: str,
  tables: Tables,
  add_arguments: Callable[[argparse.ArgumentParser], None] | None = None,
  seeds: int | None = None,
  argv: Sequence[str] | None = None,
  waits: bool = True,
  fewest: int = 0,
) -> None:
  """The command.

  Args:
    doc: what it is for, shown by `--help`.
    file: of the project's `reproduce.py`, beside its README.
    tables: what `--table` may be, the first by default.
    add_arguments: adds the project's own flags to the parser.
    seeds: how many by default, 0 where a config says it; None where the command
      has no `--seeds`.
    argv: instead of the command line's arguments.
    waits: see `xla_options.calls_that_wait`; False where it was slower.
    fewest: seeds that can be asked for; none where the table then shows what
      is there.
  """
  project = pathlib.Path(file).resolve().parent.name
  parser = cli.Parser(description=doc)
  add = parser.add_argument
  first, *_ = tables
  text = f"one of {', '.join(tables)}; {first} by default"
  add("--table", default=first, metavar="NAME", help=text)
  if seeds is not None:
    number = cli.whole(fewest)
    text = f"how many; {seeds or 'as many as the config says'} by default"
    add("--seeds", type=number, default=seeds, metavar="N", help=text)
  quick = "tiny sizes, to see that all works, into runs/quick"
  add("--quick", action="store_true", help=quick)
  fresh = "compute again what is there already; a training that has ended is "
  fresh += "read again, unless its folder is removed"
  add("--fresh", action="store_true", help=fresh)
  out = f"write here; results/{project} and the README stay as they are"
  add("--out", metavar="DIR", help=out)
  if add_arguments:
    add_arguments(parser)
  arguments = parser.parse_args(argv)
  with cli.sentences():
    if waits:
      xla_options.calls_that_wait()
    asked = Flags(arguments)
    _run(asked, project, pathlib.Path(file).with_name("README.md"), tables)
    for flag in asked.unread(parser):
      said = f"warning: {flag} was not used for --table={arguments.table}"
      print(said, file=sys.stderr)


def _run(arguments, project, readme, tables):
  name, quick = arguments.table, arguments.quick
  check_names("--table", [name], list(tables))
  default = "runs/quick" if quick else f"results/{project}"
  out = pathlib.Path(arguments.out or default)
  out.mkdir(parents=True, exist_ok=True)
  # The quick folder is everybody's, and of a check that was yesterday's.
  fresh = arguments.fresh or quick
  context = Context(project, out, quick, fresh, arguments, name)
  if quick:
    shutil.rmtree(_quick_runs(context), ignore_errors=True)
  found = tables[name](context)
  places = {name: found} if isinstance(found, str) else found
  for place, text in places.items():
    print(text)
    if not quick and not arguments.out:
      markdown.insert(readme, place, text)
