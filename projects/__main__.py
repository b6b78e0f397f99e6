"""Lists the papers, their configs, tables and commands."""

from common import catalogue, errors, flags

if __name__ == "__main__":
  papers = catalogue.projects()
  parser = flags.Parser(description=__doc__)
  alone = "of one paper; of all by default"
  parser.add_argument("name", nargs="?", metavar="NAME", help=alone)
  if name := parser.parse_args().name:
    if name not in papers:
      flags.leave(str(errors.unknown(name, name, papers)), 2)
    papers = [name]
  with flags.readers_may_leave():
    print("\n\n".join(map(catalogue.project, papers)))
    print("\npython -m tools.fork OLD NEW: copies a project under a new name")
    print("One paper alone: python -m projects.NAME; a command's flags: --help")
    print("A training takes one of the configs above, and a folder for what it")
    print("leaves: python -m projects.NAME.train --config=FILE --workdir=DIR")
