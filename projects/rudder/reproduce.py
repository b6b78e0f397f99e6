"""Reproduces the paper's claims, and writes down what came out.

    python -m projects.rudder.reproduce --table=...

Numbers go to `results/rudder/` and into the tables of this project's README; a
cell that is there already is kept, unless `--fresh`. `--quick` does the same in
a minute or two and changes neither.
"""

import argparse

from common.tables import reproduce

from . import rooms

# The first table is the default: one of the room that has the most.
ROOMS = sorted(rooms.modules("tables"), key=lambda room: -len(room.TABLES))
TABLES = {name: table for room in ROOMS for name, table in room.TABLES.items()}
DOC = "\n".join(filter(None, [__doc__, *(room.__doc__ for room in ROOMS)]))


def arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of this project's own."""
  add = parser.add_argument
  text = "compute this task alone, where a table says so"
  add("--only", default="", metavar="TASK", help=text)
  text = "where what was stopped is kept, to go on: games, and trials"
  add("--runs", default="runs/reproduce", metavar="DIR", help=text)


if __name__ == "__main__":
  reproduce.main(DOC, __file__, TABLES, arguments, seeds=0)
