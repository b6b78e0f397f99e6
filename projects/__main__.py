"""Lists the papers, their configs, tables and commands."""

from common import catalogue

if __name__ == "__main__":
  print("\n\n".join(map(catalogue.project, catalogue.projects())))
  print("\npython -m tools.fork OLD NEW: copies a project under a new name")
  print("The same of one paper: python -m projects.NAME; of a flag: --help")
