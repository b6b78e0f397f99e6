"""Classes of new rows, by a run that was trained on a table of your own.

    python -m projects.snn.predict --workdir=runs/mine new_rows.csv \\
      [--out=predictions.csv]

The file has the columns of the table that was trained on, in whichever order
and written in the same way (`config.data.separator` and so on); that of the
labels may be missing. The answer is a CSV table: the line of each row, the most
probable class, and a probability for each class.
"""

import contextlib
import csv
import json
import pathlib
import sys
from collections.abc import Sequence

import jax
import ml_collections
import numpy as np

from common import cli, config_schema
from common.data import atomic
from common.errors import InputError
from common.workdir import saved_config, saved_state

from . import losses, model, train
from .datasets import new_rows
from .schema import SCHEMA

ROWS_AT_ONCE = 4096  # Through the network; bounds the memory.


def load_reading(workdir: pathlib.Path) -> new_rows.Reading:
  """How the run in `workdir` reads rows.

  Raises:
    InputError: it has not said so.
  """
  path = workdir / "table.json"
  try:
    return new_rows.reading(json.loads(path.read_text()))
  except (OSError, LookupError, TypeError, ValueError) as error:
    raise InputError(
      f"{path} does not say how rows are read: the run is older than that, or "
      "not on a table of your own (config.data.source=csv); train it anew in "
      "another --workdir"
    ) from error


def probabilities(
  config: ml_collections.ConfigDict, state: train.State, x: np.ndarray
) -> np.ndarray:
  """Of each class, `[rows, classes]`; of each on its own for "tasks".

  Args:
    config: of the run.
    state: its last.
    x: standardised features `[rows, present]`.
  """
  net, data = train.network(config), config.data

  @jax.jit
  def apply(state, x):
    logits = model.apply(net, state.params, state.stats, x)
    if data.kind == "tasks":
      return jax.nn.sigmoid(logits)
    return jax.nn.softmax(losses.without_padding(logits, data.classes))

  rows = min(ROWS_AT_ONCE, len(x))
  pad = -len(x) % rows
  x = np.pad(x, ((0, pad), (0, data.features - x.shape[1])))
  found = [apply(state, part) for part in np.split(x, len(x) // rows)]
  return np.concatenate(found)[: len(x) - pad, : data.classes]


def write(
  out: pathlib.Path | None,
  lines: Sequence[int],
  classes: Sequence[str],
  found: np.ndarray,
) -> None:
  """Writes the table to a file, or to standard output for None."""
  with contextlib.ExitStack() as stack:
    file = sys.stdout
    if out:
      part = stack.enter_context(atomic.replacing(out))
      file = stack.enter_context(part.open("w", newline="", encoding="utf-8"))
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["line", "predicted", *(f"p({name})" for name in classes)])
    for line, row in zip(lines, found, strict=True):
      best = classes[int(np.argmax(row))]
      table.writerow([line, best, *(f"{p:.6f}" for p in row)])


def main(argv: Sequence[str] | None = None) -> None:
  """The command."""
  parser = cli.Parser(description=__doc__)
  add = parser.add_argument
  path = {"type": pathlib.Path}
  add("table", metavar="FILE", help="CSV; - is standard input")
  add("--workdir", required=True, metavar="DIR", help="of a training", **path)
  out = "write here; else on standard output"
  add("--out", metavar="FILE", help=out, **path)
  given = parser.parse_args(argv)
  with cli.sentences():
    workdir = given.workdir.expanduser().absolute()
    config = saved_config(
      workdir, lambda config: config_schema.check(config, SCHEMA)
    )
    out = given.out and given.out.expanduser()
    table = pathlib.Path(given.table).expanduser()
    if out and out.resolve() == table.resolve():
      raise InputError(
        f"--out={out} is the table itself, whose rows would be lost: name "
        "another file"
      )
    known = load_reading(workdir)
    lines, x = new_rows.read(given.table, known, config.data)
    state = saved_state(workdir, lambda key: train.init(key, config))
    found = probabilities(config, state, x)
    write(out, lines, known.classes, found)


if __name__ == "__main__":
  main()
