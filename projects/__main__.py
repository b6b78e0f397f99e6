"""Lists the papers, their configs, tables and commands."""

from common import catalogue

if __name__ == "__main__":
  print("\n\n".join(map(catalogue.project, catalogue.projects())))
  print("\npython -m tools.fork OLD NEW: copies a project under a new name")
  print("One paper alone: python -m projects.NAME; a command's flags: --help")
  print("A training takes one of the configs above, and a folder for what it")
  print("leaves: python -m projects.NAME.train --config=FILE --workdir=DIR")
