"""The rooms of this project: those of its folders that are there.

A room with learners has `schema.py`, which names them, and `train.py`, with the
four functions of the contract; a room with tables has `tables.py`. Nothing here
names one, so that a fork of one room is a copy without the others.
"""

import importlib
import pathlib
from types import ModuleType


def modules(name: str) -> list[ModuleType]:
  """The module `name` of each room that has one, in the order of the rooms."""
  paths = sorted(pathlib.Path(__file__).parent.glob(f"*/{name}.py"))
  names = [f".{path.parent.name}.{name}" for path in paths]
  return [importlib.import_module(name, __package__) for name in names]
