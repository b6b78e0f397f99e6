"""What the repository offers, a line each, read from files and not imported."""

import ast
import pathlib
import re

from . import flags

ROOT = pathlib.Path(__file__).parents[1]


def first_line(path: pathlib.Path) -> str:
  """The first line of a Python file's docstring, or ''."""
  text = ast.get_docstring(ast.parse(path.read_text())) or ""
  return text.partition("\n")[0]


def projects() -> list[str]:
  """The names of all papers' folders."""
  folders = (ROOT / "projects").glob("*/README.md")
  return sorted(readme.parent.name for readme in folders)


def project(name: str) -> str:
  """A paper's title, configs, tables and commands, a line each."""
  folder = ROOT / "projects" / name
  readme = (folder / "README.md").read_text()
  lines = [f"{name}: {readme.partition(chr(10))[0].lstrip('# ')}"]
  for path in sorted((ROOT / "configs" / name).glob("*.py")):
    lines.append(f"  {path.relative_to(ROOT)}: {first_line(path)}")
  for path in sorted(folder.rglob("*.py")):
    if path == folder / "__main__.py" or "__main__" not in path.read_text():
      continue  # The former is the list itself.
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    module = module.removesuffix(".__main__")
    lines.append(f"  python -m {module}: {first_line(path)}")
    if path.stem == "reproduce":
      found = re.findall(r"--table=(\w+)", path.read_text() + readme)
      tables = ", ".join(dict.fromkeys(found))
      lines.append(f"    --table={tables or '...'}")
  return "\n".join(lines)


def main(file: str, doc: str | None) -> None:
  """`python -m projects.<paper>`: prints `project` of the folder of `file`.

  Args:
    file: the paper's `__main__.py`.
    doc: what `--help` says; there is no other flag.
  """
  flags.Parser(description=doc).parse_args()
  with flags.readers_may_leave():
    print(project(pathlib.Path(file).parent.name))
