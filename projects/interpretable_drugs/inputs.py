"""What a network takes of molecules, bits or graphs, in batches."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp
from rdkit import Chem

from common.data import in_memory, shuffle
from common.errors import InputError

from . import datasets, fingerprints, graphs

# Of a "selu" network uint8 [n, bits]; of a "graph_conv" one, a graph each.
Inputs = np.ndarray | list[graphs.Graph]


def of_molecules(
  molecules: Sequence[Chem.Mol], config: ml_collections.ConfigDict
) -> Inputs:
  """The inputs of molecules, by `config.model`."""
  if config.model == "selu":
    return fingerprints.fingerprints(molecules, config.bits, config.radius)
  return [graphs.of_molecule(one, config.graph) for one in molecules]


def batch_of(found: Inputs, rows: np.ndarray) -> jax.Array | graphs.Packed:
  """Some rows of inputs, as a network takes them."""
  if isinstance(found, list):
    return graphs.pack([found[i] for i in rows])
  return jnp.asarray(found[rows], jnp.float32)


def chunks(
  found: Inputs, batch_size: int
) -> Iterator[tuple[np.ndarray, jax.Array | graphs.Packed]]:
  """Goes through all inputs once, in order: (rows, batch).

  The last rows come twice in the last batch, which has the others' length.
  """
  for start in range(0, len(found), batch_size):
    rows = np.arange(start, start + batch_size)
    yield (
      rows[rows < len(found)],
      batch_of(found, np.minimum(rows, len(found) - 1)),
    )


def arrays(
  config: ml_collections.ConfigDict, data: datasets.Dataset
) -> dict[str, np.ndarray]:
  """All that is trained and judged on; nothing where it is generated."""
  if config.dataset == "generated":
    return {}
  # Not their bits or graphs, which would be made twice.
  smiles = [Chem.MolToSmiles(molecule) for molecule in data.molecules]
  named = {"smiles": np.array(smiles), "tasks": np.array(data.tasks)}
  return {**named, "y": data.y, **data.parts}


def batches(
  config: ml_collections.ConfigDict,
  data: datasets.Dataset,
  key: jax.Array,
) -> Callable[[Any], dict[str, Any]]:
  """Returns `t -> {"x": batch, "y": labels}` of the training molecules.

  A function of (key, t), each epoch in an order of its own. Bits stay on the
  device; graphs are packed on the host, and steps are then one a call, since
  batches have several lengths.

  Raises:
    InputError: a batch is larger than the training set.
  """
  rows = data.parts["train"]
  if config.batch_size > len(rows):
    raise InputError(
      f"config.batch_size is {config.batch_size}, but there are {len(rows)} "
      "molecules to train on; it can be that many at most"
    )
  found = of_molecules([data.molecules[i] for i in rows], config)
  y = data.y[rows]
  if not isinstance(found, list):

    def ready(drawn, key):
      del key
      return {"x": drawn["x"].astype(jnp.float32), "y": drawn["y"]}

    arrays = {"x": found, "y": y}
    return in_memory.batches(
      arrays, key, config.batch_size, ready, config.max_device_bytes
    )

  def draw(t):
    chosen = shuffle.batch_indices(key, t, config.batch_size, len(found))
    chosen = np.asarray(chosen)
    return {"x": batch_of(found, chosen), "y": y[chosen]}

  return draw
