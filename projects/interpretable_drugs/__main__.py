"""Lists the configs, tables and commands of this paper."""

import pathlib

from common import catalogue, flags

if __name__ == "__main__":
  flags.Parser(description=__doc__).parse_args()  # It has none but --help.
  with flags.readers_may_leave():
    print(catalogue.project(pathlib.Path(__file__).parent.name))
