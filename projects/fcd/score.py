"""The Fréchet ChemNet distance of two sets of molecules.

    python -m projects.fcd.score reference.smi generated.smi

Files of SMILES (.smi, .txt, .csv, .tsv; also .gz, .xz, .bz2; several in a
folder, in a .zip, by a quoted '*' or by --more-a and --more-b; - is standard
input) or statistics that were saved by --save-stats=FILE.npz. The distance is
the square, as in the paper's code, and depends on n: compare sets of one size.
"""

import argparse
import collections
import functools
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import rdkit

from common import checkpoint, population, provenance
from common.chem import smiles_files
from common.cli import sentences
from common.data import sources
from common.errors import InputError
from common.metrics import command, feature_distance, streaming

from . import model, tokens
from .activations import BATCH_SIZE, activations

Source = str | os.PathLike | Iterable[Any]
Columns = str | None | tuple[str | None, str | None]


class Listed(NamedTuple):
  """Molecules of one side, ready for the network.

  Attributes:
    name: for messages.
    smiles: in the form that is scored.
    notes: counts of what was handled.
  """

  name: str
  smiles: list[str]
  notes: dict[str, int]


def score(
  a: Source,
  b: Source,
  *,
  rule: str = "1.2",
  weights: str | os.PathLike | None = None,
  column: Columns = None,
  canonicalise: bool = True,
  strict: bool = False,
  any_protocol: bool = False,
  distance_only: bool = False,
  batch_size: int = BATCH_SIZE,
  processes: int = 1,
  seed: int = 0,
) -> dict[str, Any]:
  """The FCD of two sets, with what belongs beside it.

  Args:
    a: the reference: SMILES (a list, a generator, an array or a column of
      pandas; None and NaN are counted as empty), the path of a file of them or
      of statistics, or what else `smiles_files.parts` takes.
    b: what is judged; it is read before the first feature of `a`.
    rule: how SMILES become tokens, one of `tokens.RULES`.
    weights: see `model.released`.
    column: of a table; see `smiles_files.read`. A pair is a's and b's.
    canonicalise: whether RDKit rewrites the SMILES, as ChemNet expects.
    strict: makes what is invalid or empty, has several fragments, or is too
      long an error; duplicates are counted only, and stay.
    any_protocol: compares statistics that were made in another way, too.
    distance_only: spares all but the distance.
    batch_size: molecules at a time.
    processes: for `canonicalise`.
    seed: of the random parts behind the error bar.

  Returns:
    As `common.metrics.feature_distance.compare`: "distance" is the FCD.

  Raises:
    InputError: a file, a SMILES or the weights are not what they should be.
  """
  check_rule(rule)
  pair = column if isinstance(column, tuple) else (column, column)
  found = [ready(source) for source in (a, b)]
  # Weights that are wrong end it before millions are canonicalised.
  network = model.released(weights) if None in found else None
  sides = feature_distance.sides(
    *(
      one or listed(source, rule, column, canonicalise, strict, processes)
      for one, source, column in zip(found, (a, b), pair, strict=True)
    ),
    lambda _, one: features(one, rule, network, canonicalise, batch_size, seed),
  )
  return feature_distance.compare(*sides, any_protocol, distance_only)


def samples(
  source: Source,
  *,
  rule: str = "1.2",
  weights: str | os.PathLike | None = None,
  column: str | None = None,
  canonicalise: bool = True,
  strict: bool = False,
  batch_size: int = BATCH_SIZE,
  processes: int = 1,
  seed: int = 0,
) -> feature_distance.Samples:
  """One side of `score`: the moments of its features, and the protocol."""
  check_rule(rule)
  network = model.released(weights)
  found = listed(source, rule, column, canonicalise, strict, processes)
  return features(found, rule, network, canonicalise, batch_size, seed)


def check_rule(rule: str) -> None:
  """Raises InputError unless `rule` is one of `tokens.RULES`."""
  if rule not in tokens.RULES:
    raise InputError(f"the rule {rule!r} of tokens is none of {tokens.RULES}")


def ready(
  source: Source | feature_distance.Samples,
) -> feature_distance.Samples | None:
  """The statistics that a source is, or is a file of; None for molecules."""
  # A list of texts is one of SMILES.
  several = isinstance(source, list | tuple) and any(
    isinstance(path, os.PathLike) for path in source
  )
  if isinstance(source, list | tuple) and not several:
    return None
  return feature_distance.statistics(source)


def listed(
  source: Source,
  rule: str,
  column: str | None,
  canonicalise: bool,
  strict: bool,
  processes: int,
) -> Listed:
  """The molecules of one side of `score`; says what is left out.

  Raises:
    InputError: a file or, if strict, a SMILES is not what it should be, or
      fewer than two molecules are left.
  """
  smiles, notes, n = [], collections.Counter(), 0
  parts = smiles_files.parts(source)
  for each, label, ignored in parts:
    given = isinstance(each, os.PathLike)
    name = os.fspath(each) if given else "the list"
    with streaming.progress(
      f"{name}: molecules", "molecules", None, False
    ) as bar:
      found = smiles_files.load(
        each, column, canonicalise, strict, processes, bar.update
      )
    if complaint := smiles_files.complaint(name, found.invalid, found.empty):
      checkpoint.warn(complaint)
    smiles += found.smiles
    notes.update({label: len(found.smiles)} if label else {})
    notes.update(found.notes())
    notes.update(ignored)
    n += len(found.smiles) + len(found.invalid) + len(found.empty)
  named = all(isinstance(part.source, os.PathLike) for part in parts)
  name = sources.title(source) if named else f"{n} SMILES"
  if longer := tokens.too_long(smiles, rule):
    # As fcd of that rule does.
    unit, what = {
      "1.2": (
        "characters",
        "all of the list are padded further, which changes the distance",
      ),
      "1.1": ("symbols", "what is behind 349 symbols is cut off"),
    }[rule]
    length = f"of {tokens.LENGTH} {unit} or more"
    said = f"{name}: {longer} SMILES {length}"
    if strict:
      raise InputError(f"{said}, and {what}: remove them, or drop --strict")
    checkpoint.warn(f"{said}: {what}")
    notes[length] = longer
  if again := len(smiles) - len(set(smiles)):  # They count, each time.
    notes["duplicates"] = again
  feature_distance.check_count(name, len(smiles), notes)
  return Listed(name, smiles, dict(notes))


def features(
  found: Listed,
  rule: str,
  network: tuple[Any, str],
  canonicalise: bool,
  batch_size: int,
  seed: int,
) -> feature_distance.Samples:
  """The moments of ChemNet's features of one side, and the protocol.

  `network` is what `model.released` returns: parameters, and their digest.
  """
  params, digest = network
  name, smiles, notes = found
  with streaming.progress(
    f"{name}: ChemNet", "molecules", len(smiles), False
  ) as bar:
    chunks = activations(smiles, params, rule, batch_size, bar.update)
    return feature_distance.collect(
      name, chunks, protocol(digest, rule, canonicalise), notes, seed
    )


def protocol(digest: str, rule: str, canonicalise: bool) -> dict[str, Any]:
  """How the features are made: two sides must share it, but for "versions".

  Args:
    digest: SHA-256 of the weights.
    rule: of the tokens.
    canonicalise: whether RDKit rewrites the SMILES; its versions differ in how.
  """
  by = f"canonical by RDKit {rdkit.__version__}"
  return {
    "score": "FCD",
    "network": model.NAME,
    "weights": digest,
    "tokens": f"of fcd {rule}",
    "padding": {
      "1.2": f"{tokens.LENGTH}, or the longest + 1",
      "1.1": f"{tokens.LENGTH}, longer ones cut",
    }[rule],
    "SMILES": by if canonicalise else "as written",
    "versions": feature_distance.versions(),
  }


def main() -> None:
  """The command."""

  def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
      "--tokens",
      choices=tokens.RULES,
      default="1.2",
      help="how SMILES are cut into symbols: 1.2, as the package fcd 1.2; 1.1, "
      "as fcd 1.0, 1.1 and fcd_torch (MOSES)",
    )
    column = "that has the SMILES, of tables; else the one that is called so"
    add("--column", metavar="NAME", help=column)
    for side in "ab":
      other = f"the same of {side.upper()}, where the tables differ"
      add(f"--column-{side}", metavar="NAME", help=other)
    where = "of ChemNet, if they are not in ~/.cache/weights: its .pt, or the "
    add("--weights", metavar="FILE", help=f"{where}wheel of the package fcd")
    written = "take SMILES as they are; else RDKit writes them in its own form"
    add("--as-written", action="store_true", help=written)
    add(
      "--processes",
      type=int,
      default=len(provenance.cores()),
      metavar="N",
      help="how many read and rewrite SMILES",
    )
    parser.set_defaults(batch_size=BATCH_SIZE)

  waiting: list[Callable[[], feature_distance.Samples]] = []

  def read(
    _: command.Source, arguments: argparse.Namespace
  ) -> feature_distance.Samples:
    """A's features, and then B's, if the command has not found statistics."""
    given, rule = arguments, arguments.tokens
    if not waiting:  # B is read before A's features, which take long.
      network = model.released(given.weights)
      for source, column in (
        (given.a, given.column_a),
        (given.b, given.column_b),
      ):
        paths = (
          [pathlib.Path(p) for p in source]
          if isinstance(source, list)
          else source
        )
        if source is None or ready(paths):
          continue
        column = column or given.column
        rest = not given.as_written, given.strict, given.processes
        found = listed(paths, rule, column, *rest)
        rest = not given.as_written, given.batch_size, given.seed
        waiting.append(functools.partial(features, found, rule, network, *rest))
    return waiting.pop(0)()

  population.use_all_cores()
  with sentences():  # Around --help, too.
    title = (__doc__ or "").splitlines()[0]
    sets = (
      "a file of SMILES (.smi, .smiles, .txt, .csv, .tsv; also with .gz, .xz "
      "or .bz2 behind), a folder or .zip of them, a quoted pattern, - (SMILES "
      "on standard input)"
    )
    command.main(title, add_arguments, read, sets=sets)


if __name__ == "__main__":
  main()
