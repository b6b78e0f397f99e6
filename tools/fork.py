"""Copies a project, with its configs and tests, under a new name.

    python -m tools.fork coulomb_gan my_gan
    python -m tools.fork rudder my_ppo --only=ppo

The fork works and passes its tests at once: inside a project imports are
relative, and every path or module of the old name is rewritten.

`--only` copies one room of a project: a folder with a `train.py` or `tables.py`
of its own, which the project's `rooms.py` finds without naming it. With it come
the modules that it imports, the configs that their schemas take, and the tests
that import nothing else.
"""

import ast
import importlib
import keyword
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterable

from common.errors import InputError, UnknownName, did_you_mean
from common.flags import Parser, leave

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ("projects", "configs", "tests/projects")
HEADS = ("__init__.py", "__main__.py", "train.py", "schema.py")


def fork(
  old: str, new: str, root: pathlib.Path = ROOT, only: str = ""
) -> list[pathlib.Path]:
  """Copies project `old` to `new` below `root`; returns the new folders.

  Args:
    old: name of the project.
    new: of the copy.
    root: of a checkout.
    only: the one room to copy; all of the project if empty.

  Raises:
    ValueError: `old` is no project, or `new` no module name, or taken; or the
      project has no room `only`.
  """
  if not (root / "projects" / old / "README.md").exists():
    have = sorted(p.parent.name for p in root.glob("projects/*/README.md"))
    raise UnknownName(
      f"there is no project {old!r}; there is {', '.join(have)}"
      + did_you_mean(old, have)
    )
  if not re.fullmatch(r"[a-z][a-z0-9_]*", new) or keyword.iskeyword(new):
    raise ValueError(
      f"{new!r} cannot name a module: use a-z, 0-9 and _, a letter first, and "
      "no word of Python's own"
    )
  for folder in FOLDERS:
    target = root / folder / new
    if target.exists():
      raise ValueError(f"{target} is there already; choose another name")
  paths = of_room(old, only, root) if only else files(old, root)
  for path in paths:
    folder = next(f for f in FOLDERS if root / f / old in path.parents)
    target = root / folder / new / path.relative_to(root / folder / old)
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".py", ".md"):
      # Not every mention: "fcd" is a package of its authors, too. What a README
      # says of results, and its pictures, stay the original's.
      results = "" if path.suffix == ".md" else "|results"
      where = rf"\b((?:projects|configs|runs{results})[./]){old}\b"
      target.write_text(re.sub(where, rf"\g<1>{new}", path.read_text()))
    else:
      target.write_bytes(path.read_bytes())
  readme = root / "projects" / new / "README.md"
  text = readme.read_text()
  # The numbers in its tables were measured on the original.
  note = f"> A fork of `{old}`; the results below are the original's.\n\n"
  if only:
    note = (
      f"> A fork of the room `{only}` of `{old}`; what is said below of other "
      "rooms\n> is the original's.\n\n"
    )
    text = with_own_commands(text, new, root)
  head, title, rest = text.partition("\n\n")
  readme.write_text(head + title + note + rest)
  made = [root / folder / new for folder in FOLDERS]
  made = [folder for folder in made if folder.exists()]
  # A longer name breaks lines elsewhere; without ruff they stay as they are.
  format_ = (sys.executable, "-m", "ruff", "format", "--quiet", *made)
  subprocess.run(format_, stderr=subprocess.DEVNULL, check=False)
  return made


def files(old: str, root: pathlib.Path) -> list[pathlib.Path]:
  """All files of a project, its configs and tests."""
  found = [p for f in FOLDERS for p in sorted((root / f / old).rglob("*"))]
  return [p for p in found if p.is_file() and "__pycache__" not in p.parts]


def of_room(old: str, room: str, root: pathlib.Path) -> list[pathlib.Path]:
  """Those of `files` that one room needs.

  Raises:
    ValueError: there is no such room.
  """
  project = root / "projects" / old
  if not (project / "rooms.py").exists():
    raise ValueError(
      f"{old} has no rooms that stand alone, as a project with a rooms.py has: "
      "copy all of it, without --only"
    )
  found = [*project.glob("*/train.py"), *project.glob("*/tables.py")]
  rooms = sorted({path.parent.name for path in found})
  if room not in rooms:
    raise UnknownName(
      f"{old} has no room {room!r}; it has {', '.join(rooms)}"
      + did_you_mean(room, rooms)
    )
  heads = [project / name for name in HEADS]
  kept = closure([*heads, *(project / room).glob("*.py")], project, root)
  tables = any(path.name == "tables.py" for path in kept)
  if tables:
    kept |= closure([project / "reproduce.py"], project, root)
  folders = {path.parent.name for path in kept}
  configs = root / "configs" / old
  schemas = [
    importlib.import_module(f"projects.{old}.{path.parent.name}.schema")
    for path in kept
    if path.name == "schema.py" and path.parent != project
  ]
  taken = [p for p in configs.glob("*.py") if is_taken(old, p.stem, schemas)]
  taken = [path for path in taken if tables or not is_of_a_table(path)]
  kept |= closure(taken, configs, root)

  def belongs(path):
    parts = path.relative_to(root).parts
    inside = parts[3:-1] if parts[0] == "tests" else parts[2:-1]
    if inside and inside[0] not in folders:
      return False
    if path.suffix != ".py" or path in kept:
      return True
    own = {p for p in imported(path, root) if old in p.parts}
    return parts[0] == "tests" and own <= kept

  return [path for path in files(old, root) if belongs(path)]


def closure(
  paths: Iterable[pathlib.Path], within: pathlib.Path, root: pathlib.Path
) -> set[pathlib.Path]:
  """Files, and those below `within` that they import, one through another.

  Folders below `within` come whole: configs name some of what is in them.
  """
  found, left = set(), set(paths)
  while left:
    path = left.pop()
    found.add(path)
    more = {p for p in imported(path, root) if within in p.parents}
    if path.parent != within:
      more |= set(path.parent.glob("*.py"))
    left |= more - found
  return found


def imported(path: pathlib.Path, root: pathlib.Path) -> set[pathlib.Path]:
  """The files below `root` that a file imports, wherever in it."""
  package = path.relative_to(root).parent.parts
  names = []
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      names += [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      above = package[: len(package) + 1 - node.level] if node.level else ()
      base = ".".join(filter(None, (*above, node.module)))
      names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
  modules = [root.joinpath(*name.split(".")) for name in names]
  places = [
    p for m in modules for p in (m.with_suffix(".py"), m / "__init__.py")
  ]
  return {place for place in places if place.is_file()}


def is_taken(old: str, name: str, schemas: Iterable) -> bool:
  """Whether one of the rooms' schemas takes a config."""
  config = importlib.import_module(f"configs.{old}.{name}").get_config()
  for schema in schemas:
    try:
      schema.check(config)
      return True
    except InputError:
      pass
  return False


def is_of_a_table(path: pathlib.Path) -> bool:
  """Whether the first command of a config's head reproduces a table."""
  found = re.search(r"python -m (\S+)", path.read_text())
  return found is not None and found[1].endswith(".reproduce")


def with_own_commands(text: str, new: str, root: pathlib.Path) -> str:
  """A README whose sections Run and Results are those of the copy."""
  config = min((root / "configs" / new).glob("*.py"))
  tables = [
    name
    for path in sorted((root / "projects" / new).glob("*/tables.py"))
    for name in re.findall(r"--table=(\w+)", path.read_text())
  ]
  trained = (
    f"```sh\npython -m projects.{new}.train --workdir=runs/{config.stem} "
    f"--config=configs/{new}/{config.name}\n```\n\n"
    f"`python -m projects.{new}` lists the configs.\n"
  )
  measured = "\n".join(
    f"`python -m projects.{new}.reproduce --table={name}`\n\n"
    f"<!-- {name} -->\n<!-- /{name} -->\n"
    for name in tables
  )
  sections = {"Run": trained, "Results": measured or "None yet.\n"}
  for title, own in sections.items():
    text = re.sub(
      rf"(?ms)^## {title}\n.*?(?=^## )", f"## {title}\n\n{own}\n", text
    )
  return text


def main(arguments: list[str]) -> None:
  """The command."""
  parser = Parser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("old", help="project to copy, as coulomb_gan")
  parser.add_argument("new", help="name of the copy, as my_gan")
  room = "copy one part of it alone, a folder of rudder's, as ppo"
  parser.add_argument("--only", metavar="ROOM", default="", help=room)
  given = parser.parse_args(arguments)
  try:
    made = fork(given.old, given.new, only=given.only)
  except ValueError as error:
    leave(str(error), getattr(error, "exit_code", 1))
  for path in made:
    print(path.relative_to(ROOT))
  print("\nTry it:")
  if (ROOT / "projects" / given.new / "train.py").exists():
    config = min((ROOT / "configs" / given.new).glob("*.py")).relative_to(ROOT)
    print(
      f"  python -m projects.{given.new}.train --workdir=runs/{given.new} "
      f"--config={config}:smoke"
    )
  print(f"  python -m pytest tests/projects/{given.new}")


if __name__ == "__main__":
  main(sys.argv[1:])
