"""Changes that a test must notice: mutants of the equations, one at a time.

    python -m tools.mutants [--only=WORD] [--list]
    python -m tools.mutants --sample=140 --seed=0 --journal=FILE

Each mutant of a list (a file of this folder) replaces one piece of code by a
wrong one, in a copy of the tree, and runs the tests nearest to it. Caught: they
fail. Survived: they pass, and a test is missing. The lists grow with each
paper; this is no part of `make test`, since all of them take hours. A sample
has of each list its share. With a journal, the same command goes on where it
was stopped, and what it holds is not run again.
"""

import importlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

from common.flags import Parser, leave, readers_may_leave, whole
from tools.mutants.mutant import Mutant

ROOT = pathlib.Path(__file__).parents[2]
LISTS = [
  importlib.import_module(f"tools.mutants.{path.stem}")
  for path in sorted(pathlib.Path(__file__).parent.glob("[!_]*.py"))
  if path.stem != "mutant"
]
FOLDERS = ("common", "projects", "configs", "tests", "tools", "benchmarks")


def sample(
  lists: Sequence[Sequence[Mutant]], count: int, seed: int
) -> list[Mutant]:
  """Of each list its share of `count`, at least one, drawn by the seed.

  They come mixed: what is done of a sample that was stopped is a sample, too.
  """
  total = sum(map(len, lists))
  found = []
  for i, one in enumerate(lists):
    share = min(len(one), max(1, round(count * len(one) / total)))
    found += random.Random(f"{seed} {i}").sample(one, share)
  random.Random(seed).shuffle(found)
  return found


def mutated(mutant: Mutant, text: str) -> str:
  """The text of its file with the mutant in it.

  Raises:
    ValueError: the piece of code does not stand once in it.
  """
  if text.count(mutant.right) != 1:
    raise ValueError(
      f"{mutant.file} has {mutant.right!r} {text.count(mutant.right)} times: "
      "bring tools/mutants up to date"
    )
  return text.replace(mutant.right, mutant.wrong)


def survives(mutant: Mutant, root: pathlib.Path) -> bool:
  """Whether the tests pass in the copy `root` with the mutant in it.

  Raises:
    ValueError: `mutated`'s, or the tests could not be run.
  """
  path = root / mutant.file
  text = path.read_text()
  path.write_text(mutated(mutant, text))
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


def verdicts(
  mutants: Sequence[Mutant], journal: pathlib.Path | None
) -> Iterator[tuple[Mutant, bool]]:
  """Yields each mutant and whether it survives, and notes it in the journal."""
  known: dict[tuple[str, ...], bool] = {}
  if journal is not None and journal.exists():
    for line in journal.read_text().splitlines():
      *mutant, alive = json.loads(line)
      known[tuple(mutant)] = alive
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    for name in FOLDERS:
      shutil.copytree(
        ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__")
      )
    shutil.copy(ROOT / "pyproject.toml", root)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
    for mutant in mutants:
      if (alive := known.get(tuple(mutant))) is None:
        alive = survives(mutant, root)
        if journal is not None:
          with journal.open("a") as file:
            file.write(json.dumps([*mutant, alive]) + "\n")
      yield mutant, alive


def main() -> None:
  """The command."""
  parser = Parser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  add(
    "--only",
    default="",
    metavar="WORD",
    help="those of files with it in their path",
  )
  add("--list", action="store_true", help="show them, and run no test")
  add("--sample", type=whole(1), metavar="N", help="try about N of them all")
  add("--seed", type=whole(0), default=0, metavar="N", help="of the drawing")
  kept = "what was tried is written here, and not tried again"
  add("--journal", type=pathlib.Path, metavar="FILE", help=kept)
  given = parser.parse_args()
  lists = [[m for m in one.MUTANTS if given.only in m.file] for one in LISTS]
  lists = [one for one in lists if one]
  chosen = [mutant for one in lists for mutant in one]
  if not chosen:
    leave(
      f"--only={given.only}: no file with mutants has it in its path; --list "
      "without --only shows them all",
      2,
    )
  if given.sample:
    chosen = sample(lists, given.sample, given.seed)
  said = lambda m: f"{m.file}: {m.right!r} -> {m.wrong!r}"
  if given.list:
    for mutant in chosen:
      mutated(mutant, (ROOT / mutant.file).read_text())
      print(said(mutant))
    return
  survivors = 0
  for mutant, alive in verdicts(chosen, given.journal):
    survivors += alive
    verdict = "SURVIVED" if alive else "caught"
    print(f"{verdict:9} {said(mutant)}", flush=True)
  print(f"{len(chosen) - survivors} of {len(chosen)} caught")
  sys.exit(bool(survivors))


if __name__ == "__main__":
  with readers_may_leave():
    main()
