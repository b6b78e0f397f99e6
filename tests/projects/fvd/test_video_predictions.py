"""The four models' predictions: of three frames, unrolled from their parts."""

import functools

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import keys
from projects.fvd.models import cdna, feedback, savp, svp_fp

from .test_video_losses import MODELS, Built, frames_of, unrolled
from .test_video_models import KEY

pytestmark = pytest.mark.slow

CONTEXT = STEPS = 3
TRUE = np.array([True] * CONTEXT + [False] * (STEPS - 1))[:, None]


class Whole(Built):
  """A model as it is, its prediction compiled once."""

  def __init__(self, name):
    super().__init__(name)
    if name == "svp_fp":  # So that what its vectors do is seen in frames.
      own = self.variables["params"]["model"]
      for part in ("posterior", "predictor"):
        own[part] = jax.tree.map(lambda a: 3 * a * (a.ndim > 1), own[part])
      own["decoder"]["in"]["kernel"] *= 30
    predict = jax.jit(self.model.predict, static_argnums=3)
    self.predict = lambda context, key=KEY: predict(
      self.variables, context, key, STEPS
    )
    self.context = self.video[:, :CONTEXT]
    self.params = self.variables["params"][self.model.players[-1]]


whole = functools.cache(Whole)


def same(one, made):
  """What is predicted is what was made."""
  found = feedback.to_frames(one.predict(one.context))
  np.testing.assert_allclose(found, made, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_of_the_past_alone(name):
  one = whole(name)
  context = one.context
  made = one.predict(context)
  assert made.shape == (4, STEPS, 16, 16, 3)
  assert 0 <= made.min() and made.max() <= 1.0001
  np.testing.assert_array_equal(made, one.predict(context))
  other = one.predict(context, jax.random.key(8))
  assert jnp.array_equal(made, other) == (name == "cdna")
  # Each clip by itself: the first does not see the others.
  mixed = context.at[1:].set(context[1:] ** 2)
  first = one.predict(mixed)[0]
  np.testing.assert_allclose(first, made[0], atol=1e-5)


@pytest.mark.parametrize("name", ["cdna", "sv2p"])
def test_cdna_and_sv2p_predict_from_their_own_frames(name):
  one = whole(name)
  run = jax.jit(cdna.cell_of(one.config).apply)
  z, params = None, one.params
  if name == "sv2p":  # Of the prior, and the same at all times.
    z, params = jax.random.normal(KEY, (1, 2, 2, 4)), params["cell"]
  cell = functools.partial(run, {"params": params})
  state = cdna.begin(one.config, 4)
  made = unrolled(cell, state, frames_of(one), TRUE, [z] * len(TRUE))
  same(one, made[CONTEXT - 1 :])


def test_savp_predicts_with_the_posterior_of_the_context():
  one = whole("savp")
  frames = frames_of(one)
  infer = jax.jit(functools.partial(savp.posterior, one.config))
  mean, lv = map(np.asarray, infer(one.params["encoder"], frames[:CONTEXT]))
  draw = lambda name, n: np.asarray(
    jax.random.normal(keys.named(KEY, name), (n, *mean.shape[1:]))
  )
  known = mean + np.exp(lv / 2) * draw("posterior", CONTEXT - 1)
  z = np.concatenate([known, draw("prior", STEPS)])
  run = jax.jit(savp.cell_of(one.config).apply)
  params = {"params": one.params["cell"]}
  cell = lambda state, x, now: run(params, state, x, frames[0], now)
  made = unrolled(cell, savp.begin(one.config, 4), frames, TRUE, z)
  same(one, made[CONTEXT - 1 :])


def test_svp_fp_predicts_from_vectors_of_its_own_frames():
  one = whole("svp_fp")
  config, frames = one.config, frames_of(one)
  stats = one.variables["stats"]["model"]
  of = lambda part: {"params": one.params[part]}
  image = lambda part: {**of(part), "stats": stats[part]}
  sizes = tuple(config.widths), tuple(config.convs)
  encoder = svp_fp.Encoder(*sizes, config.features, False)
  decoder = svp_fp.Decoder(*sizes, 4, False)
  posterior = svp_fp.Posterior(config.hidden, config.latent_dim)
  predictor = svp_fp.Predictor(config.hidden, config.features)
  encode, decode, infer, advance = (
    functools.partial(jax.jit(module.apply), own)
    for module, own in (
      (encoder, image("encoder")),
      (decoder, image("decoder")),
      (posterior, of("posterior")),
      (predictor, of("predictor")),
    )
  )
  zeros = np.zeros((4, config.hidden), np.float32)
  p_state, f_states = (zeros, zeros), ((zeros, zeros),) * 2
  before, skips = encode(frames[0])
  for frame in frames[1:CONTEXT]:
    after, skips = encode(frame)
    p_state, (mean, _) = infer(p_state, after)
    f_states, _ = advance(f_states, before, mean)
    before = after
  made, last = [], frames[CONTEXT - 1]
  for z in jax.random.normal(KEY, (STEPS, 4, config.latent_dim)):
    f_states, guess = advance(f_states, encode(last)[0], z)
    last = decode(guess, skips)  # Those of the context's last frame.
    made.append(np.asarray(last))
  same(one, made)
