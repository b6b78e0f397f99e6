"""Copies a project, with its configs and tests, under a new name.

    python -m tools.fork coulomb_gan my_gan

The fork works and passes its tests at once: inside a project imports are
relative, and every path or module of the old name is rewritten.
"""

import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ("projects", "configs", "tests/projects")


def fork(old: str, new: str, root: pathlib.Path = ROOT) -> list[pathlib.Path]:
  """Copies project `old` to `new` below `root`; returns the new folders.

  Raises:
    ValueError: `old` is no project, or `new` no module name, or taken.
  """
  if not (root / "projects" / old / "README.md").exists():
    have = sorted(p.parent.name for p in root.glob("projects/*/README.md"))
    raise ValueError(f"there is no project {old!r}; there is {', '.join(have)}")
  if not re.fullmatch(r"[a-z][a-z0-9_]*", new):
    raise ValueError(
      f"{new!r} cannot name a module: use a-z, 0-9 and _, a letter first"
    )
  made = []
  for folder in FOLDERS:
    target = root / folder / new
    if target.exists():
      raise ValueError(f"{target} is there already; choose another name")
  for folder in FOLDERS:
    source, target = root / folder / old, root / folder / new
    if not source.exists():
      continue
    shutil.copytree(
      source, target, ignore=shutil.ignore_patterns("__pycache__")
    )
    made.append(target)
    for path in target.rglob("*"):
      if path.suffix in (".py", ".md"):
        text = path.read_text()
        # Not every mention: "fcd" is a package of its authors, too.
        where = rf"\b((?:projects|configs|results|runs)[./]){old}\b"
        path.write_text(re.sub(where, rf"\g<1>{new}", text))
  # The numbers in its tables were measured on the original.
  readme = root / "projects" / new / "README.md"
  note = f"> A fork of `{old}`; the results below are the original's.\n\n"
  head, title, rest = readme.read_text().partition("\n\n")
  readme.write_text(head + title + note + rest)
  return made


def main(arguments: list[str]) -> None:
  """The command."""
  if len(arguments) != 2:
    sys.exit("usage: python -m tools.fork OLD NEW")
  old, new = arguments
  try:
    made = fork(old, new)
  except ValueError as error:
    sys.exit(f"error: {error}")
  for path in made:
    print(path.relative_to(ROOT))
  print("\nTry it:")
  if (ROOT / "projects" / new / "train.py").exists():
    config = min((ROOT / "configs" / new).glob("*.py")).relative_to(ROOT)
    print(
      f"  python -m projects.{new}.train --workdir=runs/{new} "
      f"--config={config}:smoke"
    )
  print(f"  python -m pytest tests/projects/{new}")


if __name__ == "__main__":
  main(sys.argv[1:])
