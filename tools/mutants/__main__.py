"""Changes that a test must notice: mutants of the equations, one at a time.

    python -m tools.mutants [--only=WORD] [--list]

Each mutant of a list (a file of this folder) replaces one piece of code by a
wrong one, in a copy of the tree, and runs the tests nearest to it. Caught: they
fail. Survived: they pass, and a test is missing. The lists grow with each
paper; this is no part of `make test`, since it takes some twenty minutes.
"""

import argparse
import importlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tools.mutants.mutant import Mutant

ROOT = pathlib.Path(__file__).parents[2]
LISTS = [
  importlib.import_module(f"tools.mutants.{path.stem}")
  for path in sorted(pathlib.Path(__file__).parent.glob("[!_]*.py"))
  if path.stem != "mutant"
]
FOLDERS = ("common", "projects", "configs", "tests", "tools", "benchmarks")


def survives(mutant: Mutant, root: pathlib.Path) -> bool:
  """Whether the tests pass in the copy `root` with the mutant in it.

  Raises:
    ValueError: the piece of code does not stand once in its file.
  """
  path = root / mutant.file
  text = path.read_text()
  if text.count(mutant.right) != 1:
    raise ValueError(
      f"{mutant.file} has {mutant.right!r} {text.count(mutant.right)} times: "
      "bring tools/mutants up to date"
    )
  path.write_text(text.replace(mutant.right, mutant.wrong))
  command = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
  try:
    done = subprocess.run(
      [sys.executable, *command, *mutant.tests.split()],
      cwd=root,
      capture_output=True,
      text=True,
      env={**os.environ, "PYTHONPATH": ""},
    )
  finally:
    path.write_text(text)
  if done.returncode not in (0, 1):
    raise ValueError(f"pytest on {mutant.tests} ended with:\n{done.stdout}")
  return done.returncode == 0


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--only", default="", help="a word in the file's path")
  parser.add_argument("--list", action="store_true", help="run nothing")
  arguments = parser.parse_args()
  chosen = [m for one in LISTS for m in one.MUTANTS if arguments.only in m.file]
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    for name in FOLDERS:
      shutil.copytree(
        ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__")
      )
    shutil.copy(ROOT / "pyproject.toml", root)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
    survivors = 0
    for mutant in chosen:
      verdict = "listed"
      if not arguments.list:
        alive = survives(mutant, root)
        survivors += alive
        verdict = "SURVIVED" if alive else "caught"
      change = f"{mutant.right!r} -> {mutant.wrong!r}"
      print(f"{verdict:9} {mutant.file}: {change}", flush=True)
  if not arguments.list:
    print(f"{len(chosen) - survivors} of {len(chosen)} caught")
    sys.exit(bool(survivors))


if __name__ == "__main__":
  main()
