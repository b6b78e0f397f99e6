"""Networks of GAN papers against their transcriptions, and how they start."""

import jax
import numpy as np
import pytest
from flax import linen as nn
from jax import numpy as jnp

from common.gan import dcgan, language, mlp, resnet
from tests.common import gan_transcriptions as theirs

RATIO = {"uniform": (1.6, 1.85), "normal": (3.0, 9.0)}  # See `drawn`.


def begun(module, *inputs, seed=0):
  """Variables of a module, drawn and stirred."""
  made = jax.jit(module.init)(jax.random.key(seed), *inputs)
  params = theirs.stirred(made["params"], seed)
  rng = np.random.default_rng(seed)
  kept = jax.tree.map(
    lambda a: np.float32(rng.uniform(0.5, 1.5, a.shape)),
    made.get("batch_stats", {}),
  )
  return {"params": params, "batch_stats": kept}


def applied(module, variables, *inputs):
  """As in training, by the batch at hand, and the averages after it."""
  apply = lambda v, *a: module.apply(v, *a, mutable=["batch_stats"])
  return jax.jit(apply)(variables, *inputs)


def normal(*shape):
  return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def close(got, want):
  scale = np.abs(want).max()
  np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4 * scale)


def check_drawn(kernel, std, kind):
  found, ratio = theirs.drawn(kernel)
  np.testing.assert_allclose(found, std, rtol=0.06)
  low, high = RATIO[kind]
  assert low < ratio < high, (ratio, kind)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_dcgan_generator_is_its_transcription(norm_first):
  init = nn.initializers.normal(0.02)
  module = dcgan.Generator(
    16, 2, 16, 3, norm_first, 1e-4, 0.8, init, init, init, jnp.sin
  )
  z = normal(6, 5)
  variables = begun(module, z)
  got, moved = applied(module, variables, z)
  p, kept = theirs.doubles((variables["params"], variables["batch_stats"]))
  assert p["deconv_3"]["kernel"].shape == (5, 5, 4, 3)
  assert set(kept) == {"norm_0", "norm_1", "norm_2"} - {
    "norm_0" * (not norm_first)
  }
  of = lambda averages: np.sin(
    theirs.dcgan_generator(p, z, 3, 2, norm_first, 1e-4, averages)
  )
  close(got, of(None))
  close(module.apply(variables, z, True), of(kept))
  assert np.abs(of(kept) - of(None)).max() > 1e-3  # They differ at all.
  if norm_first:
    first = theirs.linear(z, p["dense"]).reshape(-1, 16)
    want = 0.8 * kept["norm_0"]["mean"] + 0.2 * first.mean(0)
    close(moved["batch_stats"]["norm_0"]["mean"], want)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize(
  ("kind", "epsilon"), [("batch", 1e-4), ("layer", 1e-6), ("none", 1e-4)]
)
def test_a_dcgan_discriminator_is_its_transcription(kind, epsilon, norm_first):
  init = nn.initializers.normal(0.02)
  module = dcgan.Discriminator(3, 2, kind, norm_first, True, 1e-4, init, init)
  x = normal(4, 8, 8, 2)
  variables = begun(module, x)
  p = theirs.doubles(variables["params"])
  assert p["conv_1"]["kernel"].shape == (5, 5, 3, 6)
  want = theirs.dcgan_discriminator(p, x, 2, kind, norm_first, epsilon)
  close(applied(module, variables, x)[0], want)


def test_wgan_gps_generator_is_its_transcription():
  module = resnet.Generator(2, 32, 3)
  z = normal(4, 6)
  variables = begun(module, z)
  p = theirs.doubles(variables["params"])
  got = applied(module, variables, z)[0]
  assert got.shape == (4, 32, 32, 3)
  widths = [p[f"block_{i}"]["conv_2"]["kernel"].shape[3] for i in range(4)]
  assert widths == [16, 8, 4, 2] and p["conv"]["kernel"].shape[0] == 3
  close(got, theirs.wgan_gp_generator(p, z, 2))


@pytest.mark.parametrize("as_one", [1, 4])
def test_wgan_gps_critic_is_its_transcription(as_one):
  module = resnet.Critic(2, as_one == 4)
  x = 0.05 * normal(4, 32, 32, 3)  # Dim: the norms' epsilon counts.
  variables = begun(module, x)
  p = theirs.doubles(variables["params"])
  widths = [p[f"block_{i}"]["conv_2"]["kernel"].shape[3] for i in range(4)]
  assert widths == [4, 8, 16, 16] and p["conv"]["kernel"].shape[0] == 3
  widths = [p[f"block_{i}"]["conv_1"]["kernel"].shape[3] for i in range(4)]
  assert widths == [2, 4, 8, 16]  # Down keeps the width.
  want = theirs.wgan_gp_critic(p, x, as_one)
  close(applied(module, variables, x)[0], want)


def test_wgan_gps_networks_start_as_the_codes():
  inputs = (normal(2, 64), normal(2, 32, 32, 3))
  modules = (resnet.Generator(8, 32, 3), resnet.Critic(8, False))
  g, d = (
    jax.jit(module.init)(jax.random.key(0), x)["params"]
    for module, x in zip(modules, inputs, strict=True)
  )

  def check(kernel, gain):
    size, _, of, to = kernel.shape
    fans = size**2 * (of + to)
    check_drawn(kernel, np.sqrt(gain / fans), "uniform")

  for p, ends in ((g, (0, 1)), (d, (2, 3))):
    for i in ends:  # Those of the most channels, which say most.
      block = p[f"block_{i}"]
      check(block["conv_1"]["kernel"], 4)
      check(block["conv_2"]["kernel"], 4)
      check(block["shortcut"]["kernel"], 2)
  check(g["conv"]["kernel"], 4)
  check(d["conv"]["kernel"], 2)  # The critic's first is not "he".
  check_drawn(g["dense"]["kernel"], np.sqrt(2 / (64 + 256)), "uniform")


@pytest.mark.parametrize("kind", language.NORMS)
def test_the_language_generator_is_its_transcription(kind):
  noise = kind != "none"
  module = language.Generator(4, 7, 5, 2, kind, noise, 1e-3, 0.8)
  z = 0.1 * normal(6, 3)
  variables = begun(module, z)
  got, moved = applied(module, variables, z)
  p, kept = theirs.doubles((variables["params"], variables["batch_stats"]))
  norms = ("noise", "dense", "0a", "0b", "1a", "1b") if noise else ()
  assert {k for k in p if "norm" in k} == {f"norm_{n}" for n in norms}
  assert all(set(p[f"norm_{n}"]) == {"bias"} for n in norms)  # No scale.
  assert p["conv_1b"]["kernel"].shape == (5, 4, 4)
  assert p["out"]["kernel"].shape == (1, 4, 5)
  of = lambda averages: theirs.language_generator(
    p, z, 7, 2, kind, 1e-3, averages
  )
  close(got, of(None))
  close(module.apply(variables, z, True), of(kept))
  if noise:
    want = 0.8 * kept["norm_noise"]["mean"] + 0.2 * np.mean(z, 0)
    close(moved["batch_stats"]["norm_noise"]["mean"], want)


@pytest.mark.parametrize("name", language.ACTIVATIONS)
def test_the_language_critic_is_its_transcription(name):
  module = language.Critic(4, 2, name)
  x = np.asarray(jax.nn.softmax(normal(3, 7, 5)))
  variables = begun(module, x)
  p = theirs.doubles(variables["params"])
  assert p["in"]["kernel"].shape == (1, 5, 4)
  act = {"relu": theirs.relu, "elu": theirs.elu}[name]
  want = theirs.language_critic(p, x, 2, act)
  close(applied(module, variables, x)[0], want)


def test_language_networks_start_as_the_codes():
  made = language.Generator(32, 8, 40, 1, "none", False, 1e-5, 0.9)
  critic = language.Critic(32, 1, "relu")
  g = jax.jit(made.init)(jax.random.key(0), normal(2, 16))["params"]
  d = jax.jit(critic.init)(jax.random.key(1), jnp.zeros((2, 8, 40)))["params"]
  for p, name in ((g, "out"), (d, "in")):
    check_drawn(p[name]["kernel"], np.sqrt(4 / (32 + 40)), "uniform")
    fans = 5 * (32 + 32)
    check_drawn(p["conv_0a"]["kernel"], np.sqrt(4 / fans), "uniform")
  check_drawn(g["dense"]["kernel"], np.sqrt(2 / (16 + 8 * 32)), "uniform")
  # 256 entries: the deviation is known less well.
  std, ratio = theirs.drawn(d["out"]["kernel"])
  np.testing.assert_allclose(std, np.sqrt(2 / (8 * 32 + 1)), rtol=0.12)
  assert ratio < 1.9


@pytest.mark.parametrize("activation", ["relu", "adaptive_tanh"])
def test_a_dense_network_is_its_transcription(activation):
  module = mlp.MLP((5, 6), 3, activation, 2.0, 4, 1.5, True)
  x = normal(7, 2)
  variables = begun(module, x)
  p = theirs.doubles(variables["params"])
  # Of the same key for every seed: fixed, and not trained.
  phase = 1.5 * x @ np.asarray(jax.random.normal(jax.random.key(0), (2, 4)))
  a = np.concatenate([x, np.sin(phase), np.cos(phase)], axis=1)
  for i in range(2):
    a = theirs.linear(a, p[f"dense_{i}"])
    if activation == "relu":
      a = theirs.relu(a)
    else:
      a = np.tanh(np.exp(2.0 * p[f"slope_{i}"]) * a)
  want = theirs.linear(a, p["out"]) + theirs.linear(x, p["skip"])
  close(applied(module, variables, x)[0], want)


def test_a_dense_network_starts_by_both_fans():
  module = mlp.MLP((64, 96), 40, "adaptive_tanh", skip=True)
  p = jax.jit(module.init)(jax.random.key(0), normal(2, 32))["params"]
  check_drawn(p["dense_1"]["kernel"], np.sqrt(4 / (64 + 96)), "normal")
  check_drawn(p["out"]["kernel"], np.sqrt(2 / (96 + 40)), "normal")
  check_drawn(p["skip"]["kernel"], np.sqrt(2 / (32 + 40)), "normal")
  assert not np.any(p["slope_0"])  # A tanh at the start.
