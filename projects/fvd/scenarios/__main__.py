"""Writes clips of a scenario, made here after StarCraft 2 Videos.

python -m projects.fvd.scenarios --scenario=brawl --count=100 --out=DIR
python -m projects.fvd.scenarios --sheet=FILE.png
"""

import argparse
import pathlib
import sys

import numpy as np
import tqdm

from common import cli
from common.errors import InputError, UsageError, check_names

from . import make, moving_mnist, write


def arguments(argv: list[str]) -> argparse.Namespace:
  """The flags.

  Raises:
    UsageError: one of them has a value that it cannot have.
  """
  parser = cli.Parser(
    prog="python -m projects.fvd.scenarios",
    description=(__doc__ or "").splitlines()[0],
  )
  add = parser.add_argument
  scenarios = [*make.SCENARIOS, moving_mnist.NAME]
  names = ", ".join(scenarios)
  add("--scenario", default="", metavar="NAME", help=f"one of {names}")
  add(
    "--count",
    type=cli.whole(1),
    default=100,
    metavar="N",
    help="how many clips",
  )
  add("--out", default="", metavar="DIR", help="folder to write to")
  add("--sheet", metavar="FILE", help="draw a clip of each into one PNG")
  add("--frames", type=int, default=34, metavar="N", help="of a clip")
  side = "height and width of a frame, pixels"
  add("--size", type=int, default=64, metavar="N", help=side)
  splits = ", ".join(f"{name} of {n}" for name, n in make.SPLITS.items())
  add("--split", default="train", metavar="NAME", help=splits)
  first = "number of the first clip in its split"
  add("--first", type=int, default=0, metavar="N", help=first)
  formats = ",".join(write.FORMATS)
  add("--formats", default=formats, help="some of %(default)s")
  add("--data_dir", metavar="DIR", help="of MNIST, for moving_mnist")
  text = "where decoded data is kept; %(default)s by default"
  add("--cache_dir", metavar="DIR", default="~/.cache/images", help=text)
  given = parser.parse_args(argv)
  given.formats = tuple(given.formats.split(","))
  check_names("--formats", given.formats, write.FORMATS)
  check_names("--split", [given.split], list(make.SPLITS))
  if not given.sheet and not (given.scenario and given.out):
    raise UsageError(
      f"say what to write, --scenario of {names}, and where to: --out=DIR"
    )
  if given.scenario:
    check_names("--scenario", [given.scenario], scenarios)
  return given


def maker(given: argparse.Namespace) -> write.Make:
  """What gives the clips that the flags ask for, by their numbers."""
  shape = (given.frames, given.size)
  if given.scenario != moving_mnist.NAME:
    return lambda i: make.videos(given.scenario, given.split, i, *shape)
  if not given.data_dir:
    raise InputError(
      "moving_mnist is made from MNIST: say by --data_dir=DIR where TensorFlow "
      "Datasets has prepared it"
    )
  digits = moving_mnist.digits(
    given.data_dir, given.cache_dir, given.split, given.size
  )
  return lambda i: moving_mnist.videos(digits, given.split, i, *shape)


def main() -> None:
  """The command."""
  with cli.sentences():
    given = arguments(sys.argv[1:])
    if given.sheet:
      write.sheet(pathlib.Path(given.sheet).expanduser())
      return
    out = pathlib.Path(given.out).expanduser()
    last = given.first + given.count - 1
    make.key_of(given.scenario, given.split, np.array([given.first, last]))
    bar = tqdm.tqdm(
      total=given.count, unit="clip", disable=not sys.stderr.isatty()
    )
    with bar:
      write.clips(
        out,
        given.formats,
        given.scenario,
        given.split,
        maker(given),
        given.first,
        given.count,
        bar,
      )
    print(
      f"{given.count} clips of {given.scenario}, {given.frames} frames of "
      f"{given.size}x{given.size}, in {out}: {', '.join(given.formats)}, labels"
    )


if __name__ == "__main__":
  main()
