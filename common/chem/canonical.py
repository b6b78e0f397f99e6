"""SMILES in RDKit's canonical form, over several processes."""

from collections.abc import Callable, Iterable, Sequence

from rdkit import Chem, rdBase

from common.errors import InputError

from . import lists, workers

LONGEST = 5_000  # Characters: beyond some 15,000 RDKit ends the process.
_CHUNK = 256  # Molecules that a process answers at a time.
_MIN_FOR_PROCESSES = 2_000  # From so many on, processes repay their start.


def canonicalise(
  smiles: Iterable[str],
  processes: int = 1,
  progress: Callable[[int], object] = lambda done: None,
) -> list[str | None]:
  """RDKit's canonical SMILES, in order; None for what `molecule` rejects.

  The result does not depend on `processes`. An empty text is a molecule to
  RDKit, of no atoms, and stays one.

  Args:
    smiles: `[n]`, as `lists.texts` takes them.
    processes: 1 works in this one, and so does any number for few molecules.
    progress: called with the number of molecules, as they are done.

  Raises:
    InputError: `processes` below 1, or what is listed is no text.
  """
  if processes < 1:
    raise InputError(f"processes = {processes}: it takes 1 or more")
  smiles = lists.texts(smiles)
  chunks = [smiles[i : i + _CHUNK] for i in range(0, len(smiles), _CHUNK)]
  found = workers.mapped(
    _canonical,
    chunks,
    processes if len(smiles) >= _MIN_FOR_PROCESSES else 1,
    lambda chunk: progress(len(chunk)),
  )
  return [text for chunk in found for text in chunk]


def molecule(smiles: str) -> Chem.Mol | None:
  """RDKit's molecule; None for what it rejects, or what is over `LONGEST`."""
  return Chem.MolFromSmiles(smiles) if len(smiles) <= LONGEST else None


def _canonical(smiles: Sequence[str]) -> list[str | None]:
  found: list[str | None] = []
  with rdBase.BlockLogs():  # It reports each; the caller does, with the line.
    for text in smiles:
      one = molecule(text)
      found.append(None if one is None else Chem.MolToSmiles(one))
  return found
