"""Damages files at random, and shows which a reader neither reads nor refuses.

    python -m tools.malformed [--rounds=5000] [--only=WORD] [--out=DIR]

The files and the readers are those of `tests/common/malformed.py`, of which the
tests try some hundred each. A file that ends in anything but a sentence is kept
in DIR with its error; exit code 1 says that there is one. No part of
`make test`.
"""

import collections
import pathlib
import sys
import tempfile
import traceback
import warnings

import numpy as np
import tqdm

from common.errors import did_you_mean
from common.flags import Parser, leave, whole
from tests.common import malformed


def tried(
  reader: malformed.Reader, rounds: int, seed: int, out: pathlib.Path
) -> collections.Counter[str]:
  """Tries damaged files on a reader; counts what became of them.

  Args:
    reader: of `malformed.READERS`.
    rounds: how many files.
    seed: of the damage.
    out: where the files go that are neither "read" nor "refused".
  """
  draw = np.random.default_rng(seed)
  found: collections.Counter[str] = collections.Counter()
  with tempfile.TemporaryDirectory() as folder:
    for _ in tqdm.trange(rounds, desc=reader.name, leave=False):
      content = malformed.mutated(reader.whole, draw)
      try:
        bad = malformed.refused(reader, content, pathlib.Path(folder))
        found["refused" if bad else "read"] += 1
      except Exception as error:
        found[type(error).__name__] += 1
        out.mkdir(parents=True, exist_ok=True)
        kept = out / f"{found.total()}_{type(error).__name__}_{reader.name}"
        kept.write_bytes(content)
        kept.with_name(f"{kept.name}.txt").write_text(traceback.format_exc())
  return found


def main() -> None:
  """The command."""
  parser = Parser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  each = "damaged files for each reader"
  add("--rounds", type=whole(1), default=5_000, metavar="N", help=each)
  add("--seed", type=whole(0), metavar="N", default=0, help="of the damage")
  add(
    "--only",
    default="",
    metavar="WORD",
    help="readers of files with it in their name",
  )
  add(
    "--out",
    type=pathlib.Path,
    default="malformed",
    help="where files go that ended in no sentence",
  )
  given = parser.parse_args()
  names = sorted({reader.name for reader in malformed.READERS})
  if not any(given.only in name for name in names):
    near = did_you_mean(given.only, names)
    said = f"--only={given.only} is in no name of {', '.join(names)}{near}"
    leave(said, 2)
  warnings.simplefilter("ignore")  # NumPy's and Pillow's, of damaged files.
  failed = 0
  for i, reader in enumerate(malformed.READERS):
    if given.only in reader.name:
      found = tried(reader, given.rounds, given.seed, given.out / str(i))
      print(f"{i:2} {reader.name:14}", dict(found), flush=True)
      failed += found.total() - found["read"] - found["refused"]
  if failed:
    print(f"{failed} files ended in no sentence; they are in {given.out}")
  sys.exit(bool(failed))


if __name__ == "__main__":
  main()
