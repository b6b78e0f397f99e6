"""The four models' losses from their parts."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn
from jax import numpy as jnp

from common import keys
from projects.fvd import train
from projects.fvd.models import (
  cdna,
  choice,
  discriminator,
  feedback,
  savp,
  sv2p,
  svp_fp,
)

from .test_video_models import KEY, config_of, filled

pytestmark = pytest.mark.slow

MODELS = ("cdna", "sv2p", "svp_fp", "savp")


def a_video(config, seed=0):
  side = config.image_size
  shape = config.batch_size, config.frames, side, side, 3
  draw = np.random.default_rng(seed)
  return jax.device_put(np.float32(draw.uniform(0.2, 0.8, shape)))


# So that each part of SAVP's loss shows in its slope, with a weight of its own;
# discriminators have a choice of clips, and KL rises.
CHANGES = {
  "savp": {
    "l1_weight": 0.5,
    "vae_gan_weight": 0.7,
    "frames": 7,
    "kl_start": 1,
    "kl_ramp": 2,
  }
}


class Built:
  """A model at its smoke size, each of its programs compiled once."""

  def __init__(self, name):
    self.config = config_of(name, **CHANGES.get(name, {}))
    self.model = choice.model_of(self.config)
    shapes = jax.eval_shape(self.model.init, KEY)
    positive = lambda a: 0.5 + np.abs(a)
    stats = jax.tree.map(positive, filled(shapes["stats"], 1))
    self.variables = {"params": filled(shapes["params"]), "stats": stats}
    self.video = a_video(self.config)
    self.slope = jax.jit(self._slope, static_argnums=4)

  def _slope(self, variables, video, key, step, player):
    """The loss, what comes with it, its gradient by the player's own."""
    params, model = variables["params"], self.model

    def value(own):
      now = {**variables, "params": {**params, player: own}}
      maker = now["params"][model.players[-1]]
      made = model.make(maker, video, key, step)
      return model.loss(now, video, key, step, player, made)

    if self.config.model == "svp_fp":  # Another test trains it.
      return value(params[player]), None
    return jax.value_and_grad(value, has_aux=True)(params[player])


class Plain(nn.Module):
  """In place of a cell: how a loss is put together shows as well, and sooner.

  What it sees, a state, and whatever more there is all change what it makes.
  """

  @nn.compact
  def __call__(self, state, frame, *more):
    w = self.param("w", nn.initializers.ones, (4,))
    return plain(w, state, frame, *more)


def plain(w, state, frame, *more):
  state = state / 2 + frame
  x = w[0] * frame + w[1] * state
  for weight, one in zip(w[2:], more, strict=False):
    if one is not None and one.shape != frame.shape:  # z; else the first frame.
      flat = one.reshape(-1, one.shape[-1])
      one = (np.arange(1.0, 1 + len(flat), dtype=np.float32) @ flat)[None]
      one = one[:, None, None] / len(flat)
    if one is not None:
      x = x + weight * one
  return state, 1 / (1 + jnp.exp(-x))


def plain_begin(config, b):
  return np.zeros((3, config.image_size, config.image_size, b), np.float32)


_built = functools.cache(Built)


@pytest.fixture
def built(monkeypatch):
  """built(name): with plain cells, and judges of two layers."""
  monkeypatch.setattr(discriminator, "_LAYERS", discriminator._LAYERS[:2])
  for module in (cdna, savp):
    monkeypatch.setattr(module, "cell_of", lambda config: Plain())
    monkeypatch.setattr(module, "begin", plain_begin)
  return _built


def loss_of(one, video, step, player):
  """Value, metrics, statistics after it."""
  found, _ = one.slope(one.variables, video, KEY, step, player)
  return found[0], *found[1]


def unrolled(cell, state, frames, use, z):
  """A rollout as a Python loop; `z` of each step."""
  made, last = [], np.zeros_like(frames[0])
  for t, now in enumerate(z):
    state, last = cell(state, np.where(use[t], frames[t], last), now)
    made.append(np.asarray(last))
  return np.stack(made)


def kernels_of(config, step, independent=False, times=1):
  rule = feedback.independent if independent else feedback.exact
  sizes = config.sampling_k, config.context, config.frames - 1
  draw = jax.jit(
    lambda key, step: rule(key, step, *sizes, times * config.batch_size)
  )
  return np.asarray(draw(keys.named(KEY, "feedback"), step))


def divergence(mean, lv):
  return 0.5 * (mean**2 + np.exp(lv) - 1 - lv)


def frames_of(one):
  return np.asarray(feedback.to_frames(one.video))


@pytest.mark.parametrize("name", ["cdna", "sv2p"])
def test_the_losses_of_cdna_and_sv2p(built, name):
  one = built(name)
  config, c = one.config, one.config.context
  params = one.variables["params"]["model"]
  frames = frames_of(one)
  zs = [None] * (config.frames - 1)
  tower = params
  if name == "sv2p":
    assert (config.noise_steps, config.kl_start) == (1, 2)
    noise = jax.random.normal(keys.named(KEY, "latent"), (1, 2, 2, 4))
    tower = params["cell"]
    infer = jax.jit(sv2p.Posterior(config.width).apply)
    found = infer({"params": params["posterior"]}, frames)
    mean, lv = map(np.asarray, found)
  for step in (0, 1, 2) if name == "sv2p" else (0, 3):
    kl = weight = 0.0
    if name == "sv2p":
      z = noise if step < 1 else mean + np.exp(lv / 2) * noise
      zs = [z] * (config.frames - 1)  # The same at all times.
      kl = divergence(mean, lv).sum() / config.batch_size
      weight = 1e-3 * (step >= 2)
    use = kernels_of(config, step)
    cell = functools.partial(plain, tower["w"])
    made = unrolled(cell, plain_begin(config, 4), frames, use, zs)
    wanted = np.mean((made[c - 1 :] - frames[c:]) ** 2) + weight * kl
    value, metrics, _ = loss_of(one, one.video, step, "model")
    np.testing.assert_allclose(value, wanted, rtol=1e-4)
    if name == "sv2p":
      np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-4)
      np.testing.assert_allclose(metrics["kl_weight"], weight, rtol=1e-5)
  args = one.video, KEY, step, "model"
  goes_down(one, one.slope(one.variables, *args)[1], *args)


def test_the_loss_of_svp_fp(built):
  one = built("svp_fp")
  config, c = one.config, one.config.context
  params = one.variables["params"]["model"]
  stats = one.variables["stats"]["model"]
  frames = frames_of(one)
  sizes = tuple(config.widths), tuple(config.convs)
  image = lambda part: {"params": params[part], "stats": stats[part]}
  encode = jax.jit(
    lambda x: svp_fp.Encoder(*sizes, config.features, True).apply(
      image("encoder"), x, mutable=["stats"]
    )
  )
  decode = jax.jit(
    lambda v, s: svp_fp.Decoder(*sizes, 4, True).apply(
      image("decoder"), v, s, mutable=["stats"]
    )[0]
  )
  infer = jax.jit(svp_fp.Posterior(config.hidden, config.latent_dim).apply)
  advance = jax.jit(svp_fp.Predictor(config.hidden, config.features).apply)
  # Each frame by itself: the moments are a frame's own.
  seen, kept = zip(*map(encode, frames), strict=True)
  zeros = np.zeros((4, config.hidden), np.float32)
  p_state, f_states = (zeros, zeros), ((zeros, zeros),) * 2
  noise = np.asarray(jax.random.normal(KEY, (4, 4, config.latent_dim)))
  mse = kl = 0.0
  for t in range(1, 5):
    p_state, (mean, lv) = infer(
      {"params": params["posterior"]}, p_state, seen[t][0]
    )
    mean, lv = np.asarray(mean), np.asarray(lv)
    z = mean + np.exp(lv / 2) * noise[t - 1]
    f_states, guess = advance(
      {"params": params["predictor"]}, f_states, seen[t - 1][0], z
    )
    # The skips of the last frame of the context, which is frame 1.
    made = decode(guess, seen[min(t - 1, c - 1)][1])
    mse += np.mean((made - frames[t]) ** 2)
    kl += divergence(mean, lv).sum() / 4
  value, metrics, new = loss_of(one, one.video, 0, "model")
  np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-3)
  np.testing.assert_allclose(value, mse + config.kl_weight * kl, rtol=1e-4)
  moved = jax.tree.map(
    lambda a, b: np.abs(np.asarray(a) - b).sum(), new["model"], stats
  )
  assert all(jax.tree.leaves(moved))  # Each mean is kept.
  jax.tree.map(
    lambda ours, *each: np.testing.assert_allclose(
      ours, np.mean(each, 0), rtol=1e-4, atol=1e-6
    ),
    new["model"]["encoder"],
    *[one["stats"] for one in kept],
  )


def test_the_losses_of_savp(built):
  one = built("savp")
  config, b = one.config, one.config.batch_size
  generator = one.variables["params"]["generator"]
  judges = one.variables["params"]["discriminators"]
  stats = one.variables["stats"]["discriminators"]
  frames = frames_of(one)
  first = frames[0]
  infer = jax.jit(functools.partial(savp.posterior, config))
  mean, lv = map(np.asarray, infer(generator["encoder"], frames))
  draw = lambda name: np.array(
    jax.random.normal(keys.named(KEY, name), mean.shape)
  )
  z = mean + np.exp(lv / 2) * draw("posterior")
  # One context step is the posterior's in both.
  prior = draw("prior")
  prior[0] = z[0]
  step = 2
  use = kernels_of(config, step, independent=True, times=2)
  w = generator["cell"]["w"]
  cell = lambda state, x, now: plain(w, state, x, first, now)
  state = plain_begin(config, b)
  made = {
    "vae": unrolled(cell, state, frames, use[:, :b], z),
    "gan": unrolled(cell, state, frames, use[:, b:], prior),
  }
  assert not np.array_equal(z[1], z[2])  # Another at each time.
  judge = jax.jit(discriminator.network(config).apply)
  starts = {
    part: np.asarray(
      jax.random.randint(keys.named(KEY, f"clip_{part}"), (b,), 0, 3)
    )
    for part in made
  }
  assert (starts["vae"] != starts["gan"]).any()

  def says(part, x):
    clip = [x[s : s + 4, ..., i] for i, s in enumerate(starts[part])]
    own = {"params": judges[part], "stats": stats[part]}
    return np.asarray(judge(own, np.stack(clip, -1)))

  said = {p: (says(p, frames[1:]), says(p, made[p])) for p in made}
  share = {"vae": 0.7, "gan": 1.0}
  d_loss = sum(
    share[p] * (np.mean((real - 1) ** 2) + np.mean(fake**2))
    for p, (real, fake) in said.items()
  )
  args = one.video, KEY, step
  player = "discriminators"
  (value, (_, moved)), slope = one.slope(one.variables, *args, player)
  np.testing.assert_allclose(value, d_loss, rtol=1e-4)
  goes_down(one, slope, *args, player)
  changes = jax.tree.map(
    lambda a, b: np.abs(np.asarray(a) - b).sum(), moved[player], stats
  )
  assert min(jax.tree.leaves(changes)) > 1e-6
  l1 = np.abs(made["vae"] - frames[1:]).mean()
  kl = divergence(mean, lv).sum(1).mean()
  fooled = sum(share[p] * np.mean((said[p][1] - 1) ** 2) for p in said)
  # KL counts half: it began at step 1, and rises for two.
  player = "generator"
  (value, (metrics, kept)), slope = one.slope(one.variables, *args, player)
  np.testing.assert_allclose(value, 0.5 * l1 + 0.05 * kl + fooled, rtol=1e-4)
  np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-3, atol=1e-6)
  jax.tree.map(np.testing.assert_array_equal, kept["discriminators"], stats)
  goes_down(one, slope, *args, player)


def test_each_clip_is_judged_from_a_start_of_its_own():
  config = config_of("savp")
  x = np.arange(7.0)[:, None, None, None, None] + np.zeros((1, 2, 3, 3, 60))
  clips = np.asarray(jax.jit(functools.partial(savp.clips, config))(KEY, x))
  assert clips.shape == (4, 2, 3, 3, 60)
  starts = clips[0, 0, 0, 0]
  np.testing.assert_array_equal(clips, (starts + x[:4]) + 0 * clips)
  assert set(starts) == {0, 1, 2, 3}


def test_a_step_of_savp_is_that_of_two_players_that_each_predict(built):
  """Each moves by its whole loss's slope: the frames are predicted anew."""
  one = built("savp")
  adam = train.optimizer(one.config)
  start, update = jax.jit(adam.init), jax.jit(adam.update)
  state = train.State(
    step=jnp.int32(2),
    key=KEY,
    opt={p: start(own) for p, own in one.variables["params"].items()},
    **one.variables,
  )
  # The step's key is not the run's.
  key, now, moments = jax.random.fold_in(KEY, 2), dict(one.variables), {}
  for player in ("discriminators", "generator"):
    (_, (_, stats)), grads = one.slope(now, one.video, key, 2, player)
    moves, moments[player] = update(grads, state.opt[player])
    own = jax.tree.map(np.add, now["params"][player], moves)
    now = {"params": {**now["params"], player: own}, "stats": stats}
    largest = max(np.abs(g).max() for g in jax.tree.leaves(grads))
    assert largest > 1e-4
  step = jax.jit(train.make_train_step(one.config))
  after, found = step(state, {"video": one.video})
  assert found.keys() >= {"discriminator_loss", "loss", "l1", "kl"}
  after, moments, now = jax.device_get((after.replace(key=0), moments, now))

  def same(a, b, least=1e-6):
    scale = max(np.abs(b).max(), least)
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * scale)

  # After one step Adam's moments are shares of the gradient and its square.
  for player, moment in moments.items():
    jax.tree.map(same, after.opt[player][0].nu, moment[0].nu)

    def moved(path, mean, a, expected, b):
      # A bias before a normalisation has no slope but rounding; Adam moves it.
      bias = "bias" in str(path[-1])
      same(mean, expected, 1e-3 if bias else 1e-6)
      if not (bias and abs(expected).max() < 1e-7):
        same(a, b)

    jax.tree_util.tree_map_with_path(
      moved,
      after.opt[player][0].mu,
      after.params[player],
      moment[0].mu,
      now["params"][player],
    )
  jax.tree.map(same, after.stats, now["stats"])


def goes_down(one, slope, video, key, step, player):
  """The loss falls along its gradient, by the gradient's square."""
  # In NumPy, which compiles no program for each shape.
  own, slope = jax.device_get((one.variables["params"][player], slope))
  square = sum(float((g**2).sum()) for g in jax.tree.leaves(slope))
  (value, _), _ = one.slope(one.variables, video, key, step, player)
  length = np.float32(1e-4 * float(value) / square)
  values = []
  for way in (-length, length):
    params = jax.tree.map(lambda p, g, way=way: p + way * g, own, slope)
    moved = {**one.variables["params"], player: params}
    now = {**one.variables, "params": moved}
    values.append(one.slope(now, video, key, step, player)[0][0])
  rise = (values[1] - values[0]) / (2 * length)
  np.testing.assert_allclose(rise, square, rtol=5e-3)


@pytest.mark.parametrize("name", MODELS[1:])
def test_the_future_is_in_the_latents_of_training(built, name):
  one = built(name)
  player = one.model.players[-1]
  kl = lambda video: loss_of(one, video, 2, player)[1]["kl"]
  assert kl(one.video) != kl(one.video.at[:, -1].set(0.0))
