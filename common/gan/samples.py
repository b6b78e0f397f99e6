"""The command that draws samples from a run's last checkpoint."""

import pathlib
from collections.abc import Callable

from common import cli
from common.errors import InputError


def command(
  doc: str | None,
  write: Callable[[pathlib.Path, pathlib.Path, int, int], pathlib.Path],
) -> pathlib.Path:
  """Reads the arguments and writes the samples; returns the path of them.

  Args:
    doc: what the command is for, in its first line.
    write: `(workdir, out, count, seed) -> path`.
  """
  parser = cli.Parser(description=(doc or "").splitlines()[0])
  add = parser.add_argument
  add("--workdir", required=True, type=pathlib.Path, help="of the run")
  add("--out", type=pathlib.Path, help="where to write, if not there")
  add("--count", type=int, default=1_000, help="how many samples to draw")
  add("--seed", type=int, default=0, help="of the latents")
  given = parser.parse_args()
  workdir = given.workdir.expanduser()
  out = given.out.expanduser() if given.out else workdir
  with cli.sentences():
    return write(workdir, out, given.count, given.seed)


def check_count(count: int) -> None:
  """Refuses to draw nothing.

  Raises:
    InputError: `count` is below 1.
  """
  if count < 1:
    raise InputError(f"--count is {count}; ask for at least one sample")
