"""The command that draws samples from a run's last checkpoint."""

import pathlib
from collections.abc import Callable

from common import cli


def command(
  doc: str | None,
  write: Callable[[pathlib.Path, pathlib.Path, int, int], pathlib.Path],
) -> pathlib.Path:
  """Reads the arguments and writes the samples; returns the path of them.

  Args:
    doc: what the command is for, shown by `--help`.
    write: `(workdir, out, count, seed) -> path`.
  """
  parser = cli.Parser(description=doc)
  add = parser.add_argument
  path = {"type": pathlib.Path, "metavar": "DIR"}
  add("--workdir", required=True, help="of a training", **path)
  add("--out", help="write here, not into --workdir", **path)
  many = "how many samples to draw"
  add("--count", type=cli.whole(1), default=1_000, metavar="N", help=many)
  seed = "of the random inputs: another one draws other samples"
  add("--seed", type=cli.whole(0), default=0, metavar="N", help=seed)
  given = parser.parse_args()
  workdir = given.workdir.expanduser()
  out = given.out.expanduser() if given.out else workdir
  with cli.sentences():
    return write(workdir, out, given.count, given.seed)
