"""The four models: closed forms, and their losses from their parts."""

import functools
import importlib

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import keys
from projects.fvd.models import (
  cdna,
  choice,
  discriminator,
  feedback,
  layers,
  savp,
  sv2p,
  svp_fp,
)

pytestmark = pytest.mark.slow

MODELS = ("cdna", "sv2p", "svp_fp", "savp")
KEY = jax.random.key(7)


def config_of(name, variant="smoke", **changes):
  module = importlib.import_module(f"configs.fvd.{name}")
  config = module.get_config(variant)
  config.unlock()
  config.update(changes)
  return config


def a_video(config, seed=0):
  side = config.image_size
  shape = config.batch_size, config.frames, side, side, 3
  draw = np.random.default_rng(seed)
  return jnp.asarray(draw.uniform(0.2, 0.8, shape), jnp.float32)


class Built:
  """A model at its smoke size, each of its programs compiled once."""

  def __init__(self, name):
    self.config = config_of(name)
    self.model = choice.model_of(self.config)
    self.variables = jax.jit(self.model.init)(jax.random.key(0))
    self.video = a_video(self.config)
    self.loss = jax.jit(self.model.loss, static_argnums=4)
    self.predict = jax.jit(self.model.predict, static_argnums=3)


@pytest.fixture(scope="module")
def built():
  return functools.cache(Built)


def blank(tree):
  return jax.tree.map(jnp.zeros_like, tree)


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
      {"cell": 6_688_489, "encoder": 666_832, "vae": 5_144_001},
    ),
  ],
)
def test_the_papers_sizes(name, counts):
  model = choice.model_of(config_of(name, ""))
  params = jax.eval_shape(model.init, KEY)["params"]
  found = {**params, **params.get("model", {}), **params.get("generator", {})}
  found |= params.get("discriminators", {})
  assert {part: layers.count(found[part]) for part in counts} == counts


@functools.cache
def cdna_cell():
  """The cell with parts, its parameters, and a picture."""
  config = config_of("cdna", kernels=10)
  cell = cdna.Cell(config.width, 10, 5, parts=True)
  frame = jnp.asarray(np.random.default_rng(0).uniform(size=(3, 16, 16, 2)))
  frame = frame.astype(jnp.float32)
  state = cdna.begin(config, 2)
  params = jax.jit(cell.init)(KEY, state, frame)["params"]
  run = jax.jit(lambda p, x: cell.apply({"params": p}, state, x)[1])
  return run, params, frame


def test_cdna_of_zeros_is_the_mean_of_its_choices():
  run, params, frame = cdna_cell()
  made, masks, _ = run(blank(params), jnp.full_like(frame, 0.8))
  # Flat kernels; borders lose what lies outside.
  inside = made[:, 2:-2, 2:-2]
  np.testing.assert_allclose(inside, (10 * 0.8 + 0.5) / 11, atol=1e-6)
  np.testing.assert_allclose(masks, 1 / 11, atol=1e-6)
  assert made[0, 0, 0, 0] < inside[0, 0, 0, 0]


def test_cdna_with_kernels_that_do_nothing_copies_the_frame():
  run, params, frame = cdna_cell()
  still = np.zeros((10, 5, 5), np.float32)
  still[:, 2, 2] = 1
  bias = {"bias": still.ravel(), "kernel": 0 * params["kernels"]["kernel"]}
  # And no scratch: its mask is the second.
  masks = blank(params["masks"])
  masks["bias"] = masks["bias"].at[1].set(-100.0)
  made, _, choices = run({**params, "kernels": bias, "masks": masks}, frame)
  np.testing.assert_allclose(choices[2:], frame[None].repeat(9, 0), atol=1e-6)
  np.testing.assert_allclose(made, frame, atol=1e-5)


def test_cdna_composes_its_choices_and_never_uses_the_last_kernel():
  run, params, frame = cdna_cell()
  made, masks, choices = run(params, frame)
  np.testing.assert_allclose(masks.sum(0), 1, atol=1e-5)
  np.testing.assert_allclose(made, (masks[:, None] * choices).sum(0), atol=1e-5)
  np.testing.assert_array_equal(choices[0], frame)
  last = slice(9 * 25, None)
  without = params["kernels"]["kernel"].at[:, last].set(3.0)
  changed = {**params, "kernels": {**params["kernels"], "kernel": without}}
  np.testing.assert_array_equal(run(changed, frame)[0], made)
  # A red picture stays red, but for the scratch.
  red = run(params, frame.at[1:].set(0.0))[2]
  np.testing.assert_array_equal(red[2:, 1:], 0)


def test_savp_of_zeros_is_the_mean_of_its_choices(built):
  config = built("savp").config.copy_and_resolve_references()
  cell = savp.Cell(tuple(config.down), tuple(config.up), 4, 5, parts=True)
  state = savp.begin(config, 2)
  x, first = (jnp.full((3, 16, 16, 2), value) for value in (0.8, 0.1))
  z = jnp.zeros((config.latent_dim, 2))
  shapes = jax.eval_shape(cell.init, KEY, state, x, first, z)
  zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
  _, (made, masks, _) = jax.jit(cell.apply)(zeros, state, x, first, z)
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


def unrolled(cell, state, frames, use, z):
  """A rollout as a Python loop; `z` of each step."""
  made, last = [], jnp.zeros_like(frames[0])
  for t, now in enumerate(z):
    state, last = cell(state, jnp.where(use[t], frames[t], last), now)
    made.append(last)
  return jnp.stack(made)


def kernels_of(config, step, independent=False, times=1):
  draw = feedback.independent if independent else feedback.exact
  return draw(
    keys.named(KEY, "feedback"),
    step,
    config.sampling_k,
    config.context,
    config.frames - 1,
    times * config.batch_size,
  )


@pytest.mark.parametrize("name", ["cdna", "sv2p"])
def test_the_losses_of_cdna_and_sv2p(built, name):
  one = built(name)
  config, c = one.config, one.config.context
  params = one.variables["params"]["model"]
  frames = feedback.to_frames(one.video)
  zs = [None] * (config.frames - 1)
  tower = params
  cell = jax.jit(lambda p, *a: cdna.cell_of(config).apply({"params": p}, *a))
  for step in (0, 1, 2) if name == "sv2p" else (0, 3):
    kl = weight = 0.0
    if name == "sv2p":
      assert (config.noise_steps, config.kl_start) == (1, 2)
      noise = jax.random.normal(keys.named(KEY, "latent"), (1, 2, 2, 4))
      tower = params["cell"]
      mean, lv = sv2p.Posterior(config.width).apply(
        {"params": params["posterior"]}, frames
      )
      z = noise if step < 1 else mean + jnp.exp(lv / 2) * noise
      zs = [z] * (config.frames - 1)  # The same at all times.
      kl = jnp.sum(0.5 * (mean**2 + jnp.exp(lv) - 1 - lv)) / config.batch_size
      weight = 1e-3 * (step >= 2)
    use = kernels_of(config, step)
    run = functools.partial(cell, tower)
    made = unrolled(run, cdna.begin(config, 4), frames, use, zs)
    wanted = jnp.mean((made[c - 1 :] - frames[c:]) ** 2) + weight * kl
    value, (metrics, _) = one.loss(one.variables, one.video, KEY, step, "model")
    np.testing.assert_allclose(value, wanted, rtol=1e-4)
    if name == "sv2p":
      np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-4)
      np.testing.assert_allclose(metrics["kl_weight"], weight, rtol=1e-5)


def test_the_loss_of_svp_fp(built):
  one = built("svp_fp")
  config, c = one.config, one.config.context
  params = one.variables["params"]["model"]
  stats = one.variables["stats"]["model"]
  frames = feedback.to_frames(one.video)
  sizes = tuple(config.widths), tuple(config.convs)
  image = lambda part: {"params": params[part], "stats": stats[part]}
  encode = jax.jit(
    lambda x: svp_fp.Encoder(*sizes, config.features, True, 1).apply(
      image("encoder"), x, mutable=["stats"]
    )[0]
  )
  decode = jax.jit(
    lambda v, s: svp_fp.Decoder(*sizes, 4, True, 1).apply(
      image("decoder"), v, s, mutable=["stats"]
    )[0]
  )
  infer = svp_fp.Posterior(config.hidden, config.latent_dim)
  advance = svp_fp.Predictor(config.hidden, config.features)
  # Each frame by itself: the moments are a frame's own.
  seen = [encode(frame) for frame in frames]
  zeros = jnp.zeros((4, config.hidden))
  p_state, f_states = (zeros, zeros), ((zeros, zeros),) * 2
  noise = jax.random.normal(KEY, (4, 4, config.latent_dim))
  mse = kl = 0.0
  for t in range(1, 5):
    p_state, (mean, lv) = infer.apply(
      {"params": params["posterior"]}, p_state, seen[t][0]
    )
    z = mean + jnp.exp(lv / 2) * noise[t - 1]
    f_states, guess = advance.apply(
      {"params": params["predictor"]}, f_states, seen[t - 1][0], z
    )
    # The skips of the last frame of the context, which is frame 1.
    made = decode(guess, seen[min(t - 1, c - 1)][1])
    mse += jnp.mean((made - frames[t]) ** 2)
    kl += jnp.sum(0.5 * (mean**2 + jnp.exp(lv) - 1 - lv)) / 4
  value, (metrics, new) = one.loss(one.variables, one.video, KEY, 0, "model")
  np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-3)
  np.testing.assert_allclose(value, mse + config.kl_weight * kl, rtol=1e-4)
  moved = jax.tree.map(lambda a, b: jnp.abs(a - b).sum(), new["model"], stats)
  assert all(jax.tree.leaves(moved))  # Each mean is kept.


def test_which_frames_maps_are_skipped_to():
  # One context frame more, one frame later.
  index = [int(svp_fp.skip_index(t, 3)) for t in range(1, 6)]
  assert index == [0, 1, 2, 2, 2]


def test_the_losses_of_savp(built):
  one = built("savp")
  config, b = one.config, one.config.batch_size
  generator = one.variables["params"]["generator"]
  judges = one.variables["params"]["discriminators"]
  stats = one.variables["stats"]["discriminators"]
  frames = feedback.to_frames(one.video)
  first = frames[0]
  mean, lv = savp.posterior(config, generator["encoder"], frames)
  draw = lambda name: jax.random.normal(keys.named(KEY, name), mean.shape)
  z = mean + jnp.exp(lv / 2) * draw("posterior")
  # One context step is the posterior's in both.
  prior = draw("prior").at[0].set(z[0])
  step = 2
  use = kernels_of(config, step, independent=True, times=2)
  cell = jax.jit(
    lambda s, x, now: savp.cell_of(config).apply(
      {"params": generator["cell"]}, s, x, first, now
    )
  )
  state = savp.begin(config, b)
  made = {
    "vae": unrolled(cell, state, frames, use[:, :b], z),
    "gan": unrolled(cell, state, frames, use[:, b:], prior),
  }
  assert not jnp.array_equal(z[1], z[2])  # Another at each time.
  judge = jax.jit(
    lambda part, x: discriminator.network(config).apply(
      {"params": judges[part], "stats": stats[part]}, x
    ),
    static_argnums=0,
  )
  # The only clip of four frames among the four that were made.
  said = {p: (judge(p, frames[1:]), judge(p, made[p])) for p in made}
  d_loss = sum(
    jnp.mean((real - 1) ** 2) + jnp.mean(fake**2)
    for real, fake in said.values()
  )
  args = one.variables, one.video, KEY, step
  value, (_, moved) = one.loss(*args, "discriminators")
  np.testing.assert_allclose(value, d_loss, rtol=1e-4)
  changes = jax.tree.map(
    lambda a, b: jnp.abs(a - b).sum(), moved["discriminators"], stats
  )
  assert all(float(c) > 1e-6 for c in jax.tree.leaves(changes)[:-1])
  l1 = jnp.abs(made["vae"] - frames[1:]).mean()
  kl = jnp.sum(0.5 * (mean**2 + jnp.exp(lv) - 1 - lv), 1).mean()
  fooled = sum(jnp.mean((fake - 1) ** 2) for _, fake in said.values())
  # config.kl_start is 0 of 4 steps here, kl_ramp 0: KL counts fully.
  value, (metrics, kept) = one.loss(*args, "generator")
  np.testing.assert_allclose(value, 100 * l1 + 0.1 * kl + fooled, rtol=1e-4)
  np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-3, atol=1e-6)
  jax.tree.map(np.testing.assert_array_equal, kept["discriminators"], stats)


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_of_the_past_alone(built, name):
  one = built(name)
  context = one.video[:, :2]
  made = one.predict(one.variables, context, KEY, 3)
  assert made.shape == (4, 3, 16, 16, 3)
  assert 0 <= made.min() and made.max() <= 1.0001
  again = one.predict(one.variables, context, KEY, 3)
  np.testing.assert_array_equal(made, again)
  other = one.predict(one.variables, context, jax.random.key(8), 3)
  assert jnp.array_equal(made, other) == (name == "cdna")
  # Each clip by itself: the first does not see the others.
  mixed = context.at[1:].set(context[1:] ** 2)
  first = one.predict(one.variables, mixed, KEY, 3)[0]
  np.testing.assert_allclose(first, made[0], atol=1e-5)
  # What is to come is in the training's latents, but never here.
  if name != "cdna":
    player = one.model.players[-1]
    kl = lambda video: one.loss(one.variables, video, KEY, 4, player)[1][0][
      "kl"
    ]
    later = one.video.at[:, -1].set(0.0)
    assert kl(one.video) != kl(later)


def test_cdna_predicts_from_its_own_frames(built):
  one = built("cdna")
  params = one.variables["params"]["model"]
  cell = jax.jit(
    lambda *a: cdna.cell_of(one.config).apply({"params": params}, *a)
  )
  frames = feedback.to_frames(one.video)
  state, made = cdna.begin(one.config, 4), []
  for t in range(4):
    state, frame = cell(state, frames[t] if t < 2 else made[-1])
    made.append(frame)
  ours = one.predict(one.variables, one.video[:, :2], KEY, 3)
  np.testing.assert_allclose(
    feedback.to_frames(ours), jnp.stack(made[1:]), atol=1e-5
  )
