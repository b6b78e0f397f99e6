"""Neighbourhoods of atoms that a graph network calls toxic, and their worth.

Each atom's last vector goes through the head as if the molecule had no other
atom of weight (`GraphNetwork.atom_scores`). What the layers have seen around
two atoms is the same where all their vectors are; the highest distinct ones are
drawn, each the atoms within `radius` bonds, and tested on other molecules.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from rdkit import Chem
from scipy import stats

from . import alerts, inputs, model

# The classes of the paper's Figure 7, as SMARTS; nitramines and nitrates, whose
# nitrogen has three neighbours, are other ones.
CLASSES = [
  alerts.Alert(name, (smarts,), ())
  for name, smarts in (
    ("azide", "[#6,#7][N]=[N+]=[N-]"),
    ("aromatic nitro", "c[N+](=O)[O-]"),
    ("sulfonic ester", "[CX4]OS(=O)"),
    ("nitrosamine", "N-[NX2]=O"),
    ("epoxide", "C1OC1"),
    ("monohaloalkene", "C=C[F,Cl,Br,I]"),
    ("alkyl nitrite", "[CX4]O[NX2]=O"),
  )
]


class Scored(NamedTuple):
  """An atom's neighbourhood.

  Attributes:
    score: the head's logit.
    row: of the molecule.
    atom: its centre.
    smiles: of the atoms within the radius, as the molecule writes them.
    smarts: the same as a pattern that a molecule can have.
  """

  score: float
  row: int
  atom: int
  smiles: str
  smarts: str


def neighbourhood(
  molecule: Chem.Mol, atom: int, radius: int
) -> tuple[list[int], list[int]]:
  """Atoms within `radius` bonds of an atom, and the bonds between them.

  A radius that the molecule has not is the largest that it has.
  """
  for size in range(radius, 0, -1):
    bonds = list(Chem.FindAtomEnvironmentOfRadiusN(molecule, size, atom))
    if bonds:
      ends = {
        end
        for i in bonds
        for bond in [molecule.GetBondWithIdx(i)]
        for end in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
      }
      return sorted(ends), bonds
  return [atom], []


def scores(
  config: ml_collections.ConfigDict,
  params: Any,
  found: inputs.Inputs,
  task: int = 0,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
  """Of each molecule the atoms' logits of a task, and their vectors.

  Vectors are those of all layers, `[atoms, sum of widths]`.
  """
  network = model.network(config)

  @jax.jit
  def apply(params, batch):
    variables = {"params": params}
    return (
      network.apply(variables, batch, method="atom_scores")[:, task],
      network.apply(variables, batch, method="atoms"),
    )

  logits, vectors = [], []
  for rows, batch in inputs.chunks(found, config.eval_batch):
    one, layers = jax.device_get(apply(params, batch))
    layers = np.concatenate(layers, axis=1)
    for i in range(len(rows)):
      mine = np.asarray(batch.molecule) == i
      logits.append(one[mine])
      vectors.append(layers[mine])
  return logits, vectors


def best(
  molecules: Sequence[Chem.Mol],
  logits: Sequence[np.ndarray],
  vectors: Sequence[np.ndarray],
  count: int,
  radius: int,
) -> list[Scored]:
  """The `count` highest neighbourhoods, no two alike, highest first.

  Alike: the same vectors in all layers to six decimals, or, since a radius is
  smaller than what layers see, the same drawing.

  Args:
    molecules: `[n]`.
    logits: of each molecule's atoms.
    vectors: likewise.
    count: how many, if there are so many.
    radius: of the drawing, in bonds.
  """
  rows = np.repeat(np.arange(len(logits)), [len(one) for one in logits])
  atoms = np.concatenate([np.arange(len(one)) for one in logits])
  values = np.concatenate(logits)
  found: dict[str, Scored] = {}
  seen: set[bytes] = set()
  for i in np.argsort(-values, kind="stable"):
    if len(found) == count:
      break
    row, atom = int(rows[i]), int(atoms[i])
    vector = np.float32(np.round(vectors[row][atom], 6)).tobytes()
    if vector in seen:
      continue
    seen.add(vector)
    inside, bonds = neighbourhood(molecules[row], atom, radius)
    write = lambda make, m=molecules[row], a=inside, b=bonds: make(
      m, atomsToUse=a, bondsToUse=b
    )
    smiles = write(Chem.MolFragmentToSmiles)
    found.setdefault(
      smiles,
      Scored(
        float(values[i]), row, atom, smiles, write(Chem.MolFragmentToSmarts)
      ),
    )
  return list(found.values())


def wilson(hits: int, count: int, confidence: float) -> tuple[float, float]:
  """Wilson's interval of a share (1927); 0 to 1 where nothing was counted."""
  if not count:
    return 0.0, 1.0
  interval = stats.binomtest(hits, count).proportion_ci(confidence, "wilson")
  return float(interval.low), float(interval.high)


def judge(
  found: Sequence[Scored],
  sources: Sequence[Chem.Mol],
  molecules: Sequence[Chem.Mol],
  toxic: np.ndarray,
  given: ml_collections.ConfigDict,
) -> list[dict[str, Any]]:
  """Of each substructure its worth on molecules that nothing was chosen by.

  Args:
    found: from `best`.
    sources: the molecules that it was found in.
    molecules: `[n]`, to judge by.
    toxic: `[n]`, 0 or 1.
    given: `config.substructures`.

  Returns:
    Plain data: `smiles`, `score`, the `source` molecule and its `atoms` in the
    order of that SMILES, `count` of molecules with it, `ppv` (the toxic ones'
    share, None of none), its `interval`, and which of the paper's `classes` lie
    inside.
  """
  rows = []
  for one in found:
    pattern = Chem.MolFromSmarts(one.smarts)
    has = np.array([m.HasSubstructMatch(pattern) for m in molecules], bool)
    hits, count = int(toxic[has].sum()), int(has.sum())
    source = sources[one.row]
    inside = neighbourhood(source, one.atom, given.radius)[0]
    rows.append(
      {
        "smiles": one.smiles,
        "score": one.score,
        "source": Chem.MolToSmiles(source),
        "atoms": _in_order(source, set(inside)),
        "count": count,
        "ppv": hits / count if count else None,
        "interval": wilson(hits, count, given.confidence),
        "classes": alerts.inside(CLASSES, source, inside),
      }
    )
  return rows


def _in_order(source: Chem.Mol, inside: set[int]) -> list[int]:
  """The neighbourhood's atoms, numbered as the molecule's SMILES has them."""
  Chem.MolToSmiles(source)  # Leaves the order behind.
  order = source.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"]
  return [i for i, atom in enumerate(order) if atom in inside]
