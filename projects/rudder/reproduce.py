"""Reproduces the paper's claims, and writes down what came out.

    python -m projects.rudder.reproduce --table=...

`tasks`: episodes to solve tasks I, II and III against the delay. `watch`: the
authors' demonstration. `bias_variance`: why TD and Monte Carlo are slow. `ppo`:
curves of PPO with and without RUDDER. (Each is made by a `tables.py`.) Numbers
go to `results/rudder/` and into the tables of this project's README; a cell
that is there already is kept, unless `--fresh`. `--quick` does the same in a
minute or two and changes neither.
"""

import argparse

from common.tables import reproduce

from . import rooms

TABLES = {
  name: table
  for tables in rooms.modules("tables")
  for name, table in tables.TABLES.items()
}


def arguments(parser: argparse.ArgumentParser) -> None:
  """The flag of this project's own."""
  text = "compute this task alone, of --table=tasks or --table=ppo"
  parser.add_argument("--only", default="", metavar="TASK", help=text)


if __name__ == "__main__":
  reproduce.main(__doc__, __file__, TABLES, arguments, seeds=0)
