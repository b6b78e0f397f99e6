"""Lists the configs, tables and commands of this paper."""

import pathlib

from common import catalogue

if __name__ == "__main__":
  print(catalogue.project(pathlib.Path(__file__).parent.name))
