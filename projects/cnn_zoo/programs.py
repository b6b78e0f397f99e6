"""Many networks as one program: members after members, split over devices.

The form is the fast one: a batch is gathered, cut into patches and given noise
once; then each device goes through its own members, one at a time, so that a
member's work stays in the cache (`vmap` would take 1.7 times as long). How many
members, batches and steps there are is traced: a data set needs two programs,
one to train and one to evaluate.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp
from jax.sharding import AxisType, PartitionSpec

from common import xla_options

from . import data


class Programs(NamedTuple):
  """The compiled functions of a zoo.

  Attributes:
    advance: (states, counts, pictures, rows, key, first step) -> states; over
      the batches `rows` int32 [batches, batch_size], of which `first_step` is
      the number of the first.
    judge: (states, counts, pictures, size) -> sums [members] of the first
      `size` pictures: `correct` and `loss`.
    devices: how many share the members.
  """

  advance: Callable[..., Any]
  judge: Callable[..., dict[str, jax.Array]]
  devices: int


def compiled(
  step: Callable[[Any, Any], tuple[Any, Any]],
  judge: Callable[[Any, Any], dict[str, jax.Array]],
  config: ml_collections.ConfigDict,
) -> Programs:
  """Makes the two programs.

  Args:
    step: of one network: (state, batch) -> state, metrics.
    judge: of one network: (state, batch) -> sums over the batch, whose
      `mask` bool [microbatches, microbatch] says which examples count.
    config: of the zoo.
  """
  devices = jax.local_devices()
  mesh = jax.make_mesh(
    (len(devices),), ("member",), (AxisType.Auto,), devices=devices
  )
  split, whole = PartitionSpec("member"), PartitionSpec()

  def sharded(function, arguments, out):
    specs = (split, split, *(whole for _ in range(arguments)))
    mapped = jax.shard_map(
      function, mesh=mesh, in_specs=specs, out_specs=out, check_vma=False
    )
    return jax.jit(mapped, compiler_options=xla_options.wide_vectors())

  def advance(states, counts, pictures, rows, steps, key, first):
    def one_batch(t, states):
      here = jax.lax.dynamic_index_in_dim(rows, t, keepdims=False)
      batch = data.gather(pictures, here, config)
      batch["noise"] = data.noise(key, first + t, config)

      def one_member(i, states):
        state = jax.tree.map(lambda leaf: leaf[i], states)
        state, _ = step(state, batch)
        put = lambda leaf, new: leaf.at[i].set(new)
        return jax.tree.map(put, states, state)

      return jax.lax.fori_loop(0, counts[0], one_member, states)

    return jax.lax.fori_loop(0, steps, one_batch, states)

  def judged(states, counts, pictures, size):
    members = len(jax.tree.leaves(states)[0])
    sums = {name: jnp.zeros(members) for name in ("correct", "loss")}
    block = config.batch_size

    def one_block(b, sums):
      rows = b * block + jnp.arange(block)
      rows_in = jnp.minimum(rows, len(pictures.labels) - 1)
      batch = data.gather(pictures, rows_in, config)
      batch["mask"] = (rows < size).reshape(-1, config.microbatch)

      def one_member(i, sums):
        found = judge(jax.tree.map(lambda leaf: leaf[i], states), batch)
        return {name: sums[name].at[i].add(found[name]) for name in sums}

      return jax.lax.fori_loop(0, counts[0], one_member, sums)

    blocks = (size + block - 1) // block
    return jax.lax.fori_loop(0, blocks, one_block, sums)

  return Programs(
    sharded(advance, 5, split), sharded(judged, 2, split), len(devices)
  )


def spread(
  members: int, devices: int, room: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """How members are laid out over devices, `room` places on each.

  Returns:
    For each place the member that fills it, int [devices * room]; how many of
    each device's places count, int32 [devices]; the place of each member.
  """
  parts = np.array_split(np.arange(members), devices)
  filled = [np.resize(part if len(part) else [0], room) for part in parts]
  counts = np.asarray([len(part) for part in parts], np.int32)
  at = [d * room + np.arange(n) for d, n in enumerate(counts)]
  return np.concatenate(filled), counts, np.concatenate(at)
