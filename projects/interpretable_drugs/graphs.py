"""Molecules as graphs: the atom vectors of the authors' code, packed batches.

An atom's vector is its type, one of `TYPES`, and four numbers on its bonds. The
authors lay a molecule out in 150 slots of four neighbours each; here a batch is
one long list of atoms and one of bonds, each in both directions. What their
layout does to the numbers is kept, by config (`config.graph`):

  bond_code: "repeated": a kind of bond counts where an atom has more than one
    of it (theirs, perhaps by mistake); "present": where it has any.
  scale: what vectors are divided by (theirs: 44).
  atom_slots, neighbour_slots: 150 and 4 are theirs. Neighbours beyond the
    fourth and molecules of more atoms are cut, and means are over slots, empty
    ones too. 0 cuts nothing, and means are over what is there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp
from rdkit import Chem

# Digits are implicit hydrogens, small letters aromatic atoms, X all others.
TYPES = (
  "Li Na K Be Mg Ca Sc Cr Fe Pt Cu Hg B Al C0 C1 C2 C3 Si Sn N0 N1 N2 P0 As Sb "
  "O0 O1 S0 S1 Se F Cl Br I c n o s X"
).split()
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
FEATURES = len(TYPES) + len(BONDS)

_ATOMS = 128  # A batch's length is a multiple of it: few programs are compiled.
_BONDS = 2.5  # Directed bonds for each atom of a batch's length, at least.


class Graph(NamedTuple):
  """One molecule.

  Attributes:
    atoms: float32 `[atoms, FEATURES]`.
    bonds: int32 `[2, directed bonds]`: neighbour, centre; sorted by centre.
  """

  atoms: np.ndarray
  bonds: np.ndarray


class Packed(NamedTuple):
  """A batch of molecules, filled up to a few lengths.

  What fills it up are atoms of zeros of no molecule, and bonds of the last of
  them with itself: without a bias they stay zeros in every layer, and where a
  table of bonds has nothing, it names the last bond, one of those.

  Attributes:
    atoms: float32 `[atoms, FEATURES]`.
    source: int32 `[bonds]`, the neighbour's row.
    target: int32 `[bonds]`, the centre's row.
    leaving: int32 `[atoms, most]`, the bonds that have the atom as neighbour.
    arriving: int32 `[atoms, most]`, those that have it as centre.
    molecule: int32 `[atoms]`; the number of molecules for what fills up.
    sizes: int32 `[molecules]`, atoms of each.
  """

  atoms: np.ndarray | jax.Array
  source: np.ndarray | jax.Array
  target: np.ndarray | jax.Array
  leaving: np.ndarray | jax.Array
  arriving: np.ndarray | jax.Array
  molecule: np.ndarray | jax.Array
  sizes: np.ndarray | jax.Array


def atom_type(atom: Chem.Atom) -> str:
  """Which of `TYPES` an atom is."""
  name = atom.GetSymbol()
  if atom.GetIsAromatic():
    name = name.lower()
  else:
    name += str(atom.GetNumImplicitHs())
  for known in (name, name[:-1]):
    if known in TYPES:
      return known
  return "X"


def of_molecule(molecule: Chem.Mol, graph: ml_collections.ConfigDict) -> Graph:
  """The graph of a molecule, by `config.graph`; see the module."""
  count = molecule.GetNumAtoms()
  if graph.atom_slots:
    count = min(count, graph.atom_slots)
  atoms = np.zeros((count, FEATURES), np.float32)
  bonds = []
  least = 2 if graph.bond_code == "repeated" else 1
  for i in range(count):
    atom = molecule.GetAtomWithIdx(i)
    atoms[i, TYPES.index(atom_type(atom))] = 1
    kinds = [str(bond.GetBondType()) for bond in atom.GetBonds()]
    atoms[i, len(TYPES) :] = [kinds.count(kind) >= least for kind in BONDS]
    near = [other.GetIdx() for other in atom.GetNeighbors()]
    if graph.neighbour_slots:
      near = near[: graph.neighbour_slots]
    bonds += [(other, i) for other in near if other < count]
  pairs = np.array(bonds, np.int32).reshape(-1, 2).T
  return Graph(atoms / np.float32(graph.scale), pairs)


def cut(
  molecules: Sequence[Chem.Mol], graph: ml_collections.ConfigDict
) -> dict[str, int]:
  """Counts of what the layout does not hold, in molecules of each kind."""
  beyond = lambda limit, values: bool(limit) and max(values, default=0) > limit
  counts = {
    "more atoms than slots": 0,
    "more neighbours than slots": 0,
    "elements outside the vocabulary": 0,
  }
  for molecule in molecules:
    atoms = molecule.GetAtoms()
    found = (
      beyond(graph.atom_slots, [molecule.GetNumAtoms()]),
      beyond(graph.neighbour_slots, [atom.GetDegree() for atom in atoms]),
      any(atom_type(atom) == "X" for atom in atoms),
    )
    for name, value in zip(counts, found, strict=True):
      counts[name] += value
  return counts


def pack(graphs: Sequence[Graph]) -> Packed:
  """Packs molecules into one batch."""
  sizes = np.array([len(graph.atoms) for graph in graphs], np.int32)
  starts = np.cumsum(sizes) - sizes
  bonds = np.concatenate(
    [graph.bonds + start for graph, start in zip(graphs, starts, strict=True)],
    axis=1,
  )
  # One more than there are, so that the last ones are never real.
  room = _ATOMS * -(-(int(sizes.sum()) + 1) // _ATOMS)
  while _BONDS * room < bonds.shape[1] + 1:
    room += _ATOMS
  atoms = np.zeros((room, FEATURES), np.float32)
  atoms[: sizes.sum()] = np.concatenate([graph.atoms for graph in graphs])
  ends = np.full((2, int(_BONDS * room)), room - 1, np.int32)
  ends[:, : bonds.shape[1]] = bonds
  molecule = np.full(room, len(graphs), np.int32)
  molecule[: sizes.sum()] = np.repeat(np.arange(len(graphs)), sizes)
  tables = [_table(end, room, ends.shape[1] - 1) for end in bonds]
  return Packed(atoms, ends[0], ends[1], *tables, molecule, sizes)


def _table(ends: np.ndarray, atoms: int, nothing: int) -> np.ndarray:
  """The bonds at each atom, `[atoms, most]`, filled up with `nothing`."""
  order = np.argsort(ends, kind="stable")
  counts = np.bincount(ends, minlength=atoms)
  place = np.arange(len(ends)) - np.repeat(np.cumsum(counts) - counts, counts)
  table = np.full((atoms, max(4, counts.max())), nothing, np.int32)
  table[ends[order], place] = order
  return table


@jax.custom_vjp
def spread(x: jax.Array, ends: jax.Array, table: jax.Array) -> jax.Array:
  """From atoms `[atoms, d]` to their bonds `[bonds, d]`: `x[ends]`.

  Its gradient is `collect`, which only gathers: XLA's scatter-add, which it
  would be otherwise, is many times slower on CPUs.
  """
  del table
  return x[ends]


@jax.custom_vjp
def collect(bonds: jax.Array, ends: jax.Array, table: jax.Array) -> jax.Array:
  """The sum over each atom's bonds, `[atoms, d]`; its gradient is `spread`.

  Args:
    bonds: `[bonds, d]`, zeros in those that fill up.
    ends: int `[bonds]`, the atom that each belongs to.
    table: int `[atoms, most]`, the bonds of each atom: the same, the other way.
  """
  del ends
  return jnp.sum(bonds[table], axis=1)


spread.defvjp(
  lambda x, ends, table: (spread(x, ends, table), (ends, table)),
  lambda kept, g: (collect(g, *kept), None, None),
)
collect.defvjp(
  lambda bonds, ends, table: (collect(bonds, ends, table), (ends, table)),
  lambda kept, g: (spread(g, *kept), None, None),
)
