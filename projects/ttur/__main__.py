"""Lists the configs, tables and commands of this paper."""

from common import catalogue

if __name__ == "__main__":
  catalogue.main(__file__, __doc__)
