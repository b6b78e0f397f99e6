"""Clips of the scenarios: pure functions of a key, for `jit` and `vmap`.

    make = jax.jit(lambda i: scenarios.videos("brawl", "train", i, 16, 64))
    video, labels = make(jnp.arange(8))  # uint8 [8, 16, 64, 64, 3]

After StarCraft 2 Videos (SCV, arXiv:1812.01717), whose maps and clips these are
not: rules, looks and numbers were made here.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from common import keys
from common.errors import InputError, did_you_mean

from . import (
  brawl,
  collect_mineral_shards,
  ground,
  move_unit_to_border,
  render,
  road_trip_with_medivac,
  schema,
  things,
)

SCENARIOS: Mapping[str, ModuleType] = {
  "move_unit_to_border": move_unit_to_border,
  "collect_mineral_shards": collect_mineral_shards,
  "brawl": brawl,
  "road_trip_with_medivac": road_trip_with_medivac,
}
# How many clips each split has, as SCV's.
SPLITS = {"train": 10_000, "valid": 2_000, "test": 2_000}
SIZES = (8, 256)  # Pixels a side: from, to.


def clip(
  scenario: str, key: jax.Array, frames: int, size: int, rules: Any = None
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """One clip, and the truth about it.

  Args:
    scenario: a name of `SCENARIOS`.
    key: typed; the clip is a function of it and of what follows.
    frames: of the clip.
    size: pixels a side.
    rules: `Rules` of the scenario; None is as they stand there.

  Returns:
    uint8 [frames, size, size, 3], and arrays [frames, n] of n things, by the
    names that `things.labels` gives them.

  Raises:
    InputError: an unknown scenario; frames, a size or rules that it cannot
      have.
  """
  chosen = module(scenario)
  if frames < chosen.FEWEST_FRAMES:
    raise InputError(
      f"{scenario} takes {chosen.FEWEST_FRAMES} frames or more, not {frames}"
    )
  if not SIZES[0] <= size <= SIZES[1]:
    raise InputError(
      f"a frame of {size}x{size} pixels: scenarios are drawn at "
      f"{SIZES[0]} to {SIZES[1]} a side"
    )
  rules = rules or chosen.Rules()
  schema.check(scenario, rules)
  seen = chosen.play(key, frames, rules)
  floor = ground.picture(chosen.GROUND, size)
  video = render.video(seen, chosen.layers(rules), floor)
  return video, things.labels(seen, size)


def module(scenario: str) -> ModuleType:
  """The scenario's module, or an `InputError` that names those there are."""
  if scenario not in SCENARIOS:
    near = did_you_mean(scenario, list(SCENARIOS))
    raise InputError(
      f"there is no scenario {scenario!r}{near} "
      f"(there are {', '.join(SCENARIOS)})"
    )
  return SCENARIOS[scenario]


def key_of(scenario: str, split: str, index: jax.Array | int) -> jax.Array:
  """The key of clip `index` of a split: no two splits share one.

  Raises:
    InputError: an unknown split; an index that is known, and not in it.
  """
  if split not in SPLITS:
    raise InputError(
      f"there is no split {split!r}: there are {', '.join(SPLITS)}"
    )
  if not isinstance(index, jax.core.Tracer):
    low, high = int(np.min(index)), int(np.max(index))
    if low < 0 or high >= SPLITS[split]:
      raise InputError(
        f"{split} has the clips 0 to {SPLITS[split] - 1}, not {low} to {high}"
      )
  names = list(SPLITS)
  first = sum(SPLITS[name] for name in names[: names.index(split)])
  root = keys.named(jax.random.key(0), scenario)
  fold = lambda i: jax.random.fold_in(root, i)
  places = jnp.asarray(index, jnp.uint32) + first
  return fold(places) if places.ndim == 0 else jax.vmap(fold)(places)


def videos(
  scenario: str,
  split: str,
  indices: jax.Array,
  frames: int,
  size: int,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Clips of a split by their numbers; pure, so that `jit` takes it.

  Args:
    scenario: a name of `SCENARIOS`.
    split: a name of `SPLITS`.
    indices: int [n], below the split's number of clips.
    frames: of a clip.
    size: pixels a side.

  Returns:
    uint8 [n, frames, size, size, 3], and the labels, [n, frames, things].

  Raises:
    InputError: as `clip` and `key_of`.
  """
  chosen = key_of(scenario, split, indices)
  return jax.vmap(lambda key: clip(scenario, key, frames, size))(chosen)
