"""The Fréchet ChemNet distance of two sets of molecules.

    python -m projects.fcd.score reference.smi generated.smi

Files of SMILES (.smi, .txt, .csv, .tsv; also .gz, .xz, .bz2) or statistics that
were saved by --save-stats=FILE.npz. The distance is the square, as in the
paper's code, and depends on n: compare sets of one size.
"""

import argparse
import os
from collections.abc import Sequence
from typing import Any

import rdkit

from common import checkpoint, population, provenance
from common.chem import smiles_files
from common.errors import InputError
from common.metrics import command, feature_distance, streaming

from . import model, tokens
from .activations import BATCH_SIZE, activations

Source = str | os.PathLike | Sequence[str]


def score(
  a: Source,
  b: Source,
  *,
  rule: str = "1.2",
  weights: str | os.PathLike | None = None,
  column: str | None = None,
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
    a: the reference: SMILES, or the path of a file of them or of statistics.
    b: what is judged.
    rule: how SMILES become tokens, one of `tokens.RULES`.
    weights: see `model.released`.
    column: of a table; see `smiles_files.read`.
    canonicalise: whether RDKit rewrites the SMILES, as ChemNet expects.
    strict: makes all that is counted an error: what is invalid or empty, has
      several fragments, or is too long.
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
  read = lambda name, source: samples(
    source,
    rule=rule,
    weights=weights,
    column=column,
    canonicalise=canonicalise,
    strict=strict,
    batch_size=batch_size,
    processes=processes,
    seed=seed,
  )
  sides = feature_distance.sides(a, b, read)
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
  if rule not in tokens.RULES:
    raise InputError(f"the rule {rule!r} of tokens is none of {tokens.RULES}")
  params, digest = model.released(weights)
  named = isinstance(source, str | os.PathLike)
  name = os.fspath(source) if named else f"{len(source)} SMILES"
  with streaming.progress(
    f"{name}: molecules", "molecules", None, False
  ) as bar:
    found = smiles_files.load(
      source, column, canonicalise, strict, processes, bar.update
    )
  if complaint := smiles_files.complaint(name, found):
    checkpoint.warn(complaint)
  notes = found.notes()
  if longer := sum(len(text) >= tokens.LENGTH for text in found.smiles):
    # As fcd of that rule does.
    what = {
      "1.2": "all of the list are padded further, which changes the distance",
      "1.1": "what is behind 349 symbols is cut off",
    }[rule]
    said = f"{name}: {longer} SMILES of {tokens.LENGTH} characters or more"
    if strict:
      raise InputError(f"{said}, and {what}: remove them, or drop --strict")
    checkpoint.warn(f"{said}: {what}")
    notes[f"of {tokens.LENGTH} characters or more"] = longer
  n = len(found.smiles)
  with streaming.progress(f"{name}: ChemNet", "molecules", n, False) as bar:
    chunks = activations(found.smiles, params, rule, batch_size, bar.update)
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
      help="1.2: of fcd 1.2; 1.1: of fcd 1.0, 1.1 and fcd_torch (MOSES)",
    )
    add("--column", help="a table's column of SMILES, where it is not clear")
    add("--weights", metavar="FILE", help="ChemNet's .pt, or fcd's wheel")
    add("--as-written", action="store_true", help="do not canonicalise")
    add(
      "--processes",
      type=int,
      default=len(provenance.cores()),
      help="that canonicalise",
    )
    parser.set_defaults(batch_size=BATCH_SIZE)

  def read(
    path: str, arguments: argparse.Namespace
  ) -> feature_distance.Samples:
    return samples(
      path,
      rule=arguments.tokens,
      weights=arguments.weights,
      column=arguments.column,
      canonicalise=not arguments.as_written,
      strict=arguments.strict,
      batch_size=arguments.batch_size,
      processes=arguments.processes,
      seed=arguments.seed,
    )

  population.use_all_cores()
  command.main(__doc__ or "", add_arguments, read)


if __name__ == "__main__":
  main()
