"""The four models: closed forms of their cells and of what they share."""

import functools
import importlib

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import xla_options
from projects.fvd import train
from projects.fvd.models import (
  cdna,
  choice,
  feedback,
  savp,
  sv2p,
  svp_fp,
)

from .test_video_layers import count

pytestmark = pytest.mark.slow

KEY = jax.random.key(7)


def config_of(name, variant="smoke", **changes):
  module = importlib.import_module(f"configs.fvd.{name}")
  config = module.get_config(variant)
  config.unlock()
  config.update(changes)
  return config


def filled(shapes, seed=0):
  """Arrays of these shapes, random; scales and biases positive, so that ReLUs
  let something through. Compiles nothing."""
  draw = np.random.default_rng(seed)

  def numbers(leaf):
    shift = 0.5 if len(leaf.shape) == 1 else 0.0
    found = shift + 0.3 * draw.normal(size=leaf.shape)
    return found.astype(leaf.dtype)

  return jax.device_put(jax.tree.map(numbers, shapes))


def blank(tree):
  return jax.device_put(
    jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), tree)
  )


@pytest.mark.parametrize(
  ("name", "counts"),
  [
    ("cdna", {"model": 8_311_368}),
    # The tower, and a channel more for the layer that z enters by.
    ("sv2p", {"cell": 8_311_368 + 64, "posterior": 70_754}),
    (
      "svp_fp",
      {
        "encoder": 8_689_600,
        "decoder": 11_822_659,
        "posterior": 563_476,
        "predictor": 1_119_104,
      },
    ),
    (
      "savp",
      {"cell": 6_683_161, "encoder": 666_832, "vae": 5_144_001},
    ),
  ],
)
def test_the_papers_sizes(name, counts):
  model = choice.model_of(config_of(name, ""))
  params = jax.eval_shape(model.init, KEY)["params"]
  found = {**params, **params.get("model", {}), **params.get("generator", {})}
  found |= params.get("discriminators", {})
  assert {part: count(found[part]) for part in counts} == counts


@functools.cache
def cdna_cell():
  """SV2P's cell with parts: parameters, a state, a picture, a latent map."""
  config = config_of("cdna", kernels=10)
  cell = cdna.Cell(config.width, 10, 5, parts=True)
  draw = np.random.default_rng(0)
  frame = jax.device_put(np.float32(draw.uniform(size=(3, 16, 16, 2))))
  state = filled(jax.eval_shape(lambda: cdna.begin(config, 2)), 1)
  z = jax.device_put(np.float32(draw.normal(size=(1, 2, 2, 2))))
  params = filled(jax.eval_shape(cell.init, KEY, state, frame, z)["params"])
  run = jax.jit(lambda p, x: cell.apply({"params": p}, state, x, z))
  return run, params, state, frame, z


def test_cdna_of_zeros_is_the_mean_of_its_choices():
  run, params, _, frame, _ = cdna_cell()
  made, masks, _ = run(blank(params), jnp.full_like(frame, 0.8))[1]
  # Flat kernels; borders lose what lies outside.
  inside = made[:, 2:-2, 2:-2]
  np.testing.assert_allclose(inside, (10 * 0.8 + 0.5) / 11, atol=1e-6)
  np.testing.assert_allclose(masks, 1 / 11, atol=1e-6)
  assert made[0, 0, 0, 0] < inside[0, 0, 0, 0]


def test_cdna_with_kernels_that_do_nothing_copies_the_frame():
  run, params, _, frame, _ = cdna_cell()
  still = np.zeros((10, 5, 5), np.float32)
  still[:, 2, 2] = 1
  bias = {"bias": still.ravel(), "kernel": 0 * params["kernels"]["kernel"]}
  # And no scratch: its mask is the second.
  masks = blank(params["masks"])
  masks["bias"] = masks["bias"].at[1].set(-100.0)
  still = {**params, "kernels": bias, "masks": masks}
  made, _, choices = run(still, frame)[1]
  np.testing.assert_allclose(choices[2:], frame[None].repeat(9, 0), atol=1e-6)
  np.testing.assert_allclose(made, frame, atol=1e-5)


def test_cdna_composes_its_choices_and_never_uses_the_last_kernel():
  run, params, _, frame, _ = cdna_cell()
  made, masks, choices = run(params, frame)[1]
  np.testing.assert_allclose(masks.sum(0), 1, atol=1e-5)
  np.testing.assert_allclose(made, (masks[:, None] * choices).sum(0), atol=1e-5)
  np.testing.assert_array_equal(choices[0], frame)
  last = slice(9 * 25, None)
  without = params["kernels"]["kernel"].at[:, last].set(3.0)
  changed = {**params, "kernels": {**params["kernels"], "kernel": without}}
  np.testing.assert_array_equal(run(changed, frame)[1][0], made)
  # A red picture stays red, but for the scratch.
  red = run(params, frame.at[1:].set(0.0))[1][2]
  np.testing.assert_array_equal(red[2:, 1:], 0)


@functools.cache
def savp_cell():
  """The cell with parts: parameters, a state, two pictures, numbers z."""
  config = config_of("savp")
  cell = savp.Cell(tuple(config.down), tuple(config.up), 4, 5, parts=True)
  draw = np.random.default_rng(0)
  pictures = np.float32(draw.uniform(size=(2, 3, 16, 16, 2)))
  frame, first = jax.device_put(pictures)
  state = filled(jax.eval_shape(lambda: savp.begin(config, 2)), 1)
  z = jax.device_put(np.float32(draw.normal(size=(config.latent_dim, 2))))
  shapes = jax.eval_shape(cell.init, KEY, state, frame, first, z)
  run = jax.jit(lambda p, *now: cell.apply({"params": p}, state, *now))
  return run, filled(shapes["params"]), state, frame, first, z


def test_savp_of_zeros_is_the_mean_of_its_choices():
  run, params, *_, z = savp_cell()
  x, first = (jnp.full((3, 16, 16, 2), value) for value in (0.8, 0.1))
  _, (made, masks, _) = run(blank(params), x, first, z)
  np.testing.assert_allclose(made, (5 * 0.8 + 0.1 + 0.5) / 7, atol=1e-5)
  np.testing.assert_allclose(masks, 1 / 7, atol=1e-6)


def test_the_divergence_of_normals():
  kl = lambda mean, lv: float(
    sv2p.divergence(jnp.float32(mean), jnp.float32(lv))
  )
  assert kl(1, 0) == 0.5
  assert kl(0, 0) == 0
  np.testing.assert_allclose(kl(0, -5), 2.0034, atol=1e-4)
  np.testing.assert_allclose(64 * kl(0, -5), 128.2, atol=0.05)


def test_schedules_are_zero_before_they_start():
  step = jnp.arange(6)
  np.testing.assert_allclose(sv2p.ramp(step, 2, 2), [0, 0, 0, 0.5, 1, 1])
  np.testing.assert_allclose(sv2p.ramp(step, 2, 0), [0, 0, 1, 1, 1, 1])


def test_a_rollout_feeds_back_what_it_made():
  frames = jnp.arange(4.0)[:, None, None, None, None] * 10 + jnp.zeros(
    (1, 1, 1, 1, 2)
  )
  use = jnp.array([[1, 1], [0, 1], [0, 0], [1, 0]], bool)

  def cell(state, frame, more):
    return state + frame, frame + more

  more = jnp.float32([1, 2, 3, 4])
  for remat in (False, True):
    made = feedback.rollout(cell, 0.0 * frames[0], frames, use, more, remat)
    # True where used, else what was made before, and 1, 2, 3, 4 more.
    np.testing.assert_array_equal(
      made[:, 0, 0, 0], [[1, 1], [3, 12], [6, 15], [34, 19]]
    )
  end = lambda w, remat: feedback.rollout(
    lambda s, x, m: (s, jnp.tanh(w * x) + m), 0.0, frames, use, more, remat
  ).sum()
  slopes = [jax.grad(end)(0.3, remat) for remat in (False, True)]
  np.testing.assert_allclose(*slopes, rtol=1e-6)
  seen, used = feedback.extended(frames[:2], 3)
  assert seen.shape[0] == 4
  np.testing.assert_array_equal(seen[2:], 0)
  np.testing.assert_array_equal(used[:, 0], [True, True, False, False])


def test_which_frames_maps_are_skipped_to():
  # One context frame more, one frame later.
  index = [int(svp_fp.skip_index(t, 3)) for t in range(1, 6)]
  assert index == [0, 1, 2, 2, 2]


def test_svp_fp_takes_all_frames_at_once_outside_of_loops_only():
  """XLA's own convolutions, which are slow in loops, and the same loss."""
  sizes = {"widths": (16, 16), "convs": (2, 1), "batch_size": 2, "frames": 3}
  alone, looped = (
    config_of("svp_fp", steps_per_call=n, **sizes) for n in (1, 2)
  )
  assert train.compiler_options(looped) == {}
  assert train.compiler_options(alone) == xla_options.convolutions()
  assert train.compiler_options(config_of("cdna")) == {}
  variables = filled(jax.eval_shape(choice.model_of(alone).init, KEY))
  video = jax.random.uniform(KEY, (2, 3, 16, 16, 3))
  loss = lambda config: choice.model_of(config).loss(variables, video, KEY, 0)
  traced = [str(jax.make_jaxpr(lambda c=c: loss(c))()) for c in (alone, looped)]
  cpu = jax.default_backend() == "cpu"
  assert ["conv_general_dilated" in text for text in traced] == [True, not cpu]
  (a, (_, kept_a)), (b, (_, kept_b)) = jax.jit(
    lambda: [loss(c) for c in (alone, looped)]
  )()
  np.testing.assert_allclose(a, b, rtol=1e-5)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    kept_a,
    kept_b,
  )
