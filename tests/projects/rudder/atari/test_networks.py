"""Atari's networks against Flax's own convolutions and pooling, batch first."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from jax import numpy as jnp

from configs.rudder import atari as configs
from projects.rudder.atari import model

CONFIG = configs.get_config("smoke")


def conv(x, weights, stride):
  """`[b, h, w, c]`, by Flax, whose padding is "VALID" here."""
  kernel = weights["kernel"]
  layer = nn.Conv(
    kernel.shape[-1], kernel.shape[:2], (stride, stride), padding="VALID"
  )
  return layer.apply({"params": weights}, x)


def seen_by_policy(weights, stack):
  x = stack.astype(jnp.float32) / 255
  for i, stride in enumerate((4, 2, 1)):
    x = nn.relu(conv(x, weights["eyes"][f"conv_{i}"], stride))
  return x.reshape(len(x), -1)


def seen_by_reward_model(weights, stack):
  new, old = (stack[..., i : i + 1].astype(jnp.float32) for i in (3, 2))
  pool = lambda x: nn.max_pool(nn.relu(x), (2, 2), (2, 2), padding="SAME")
  frame = pool(conv(new / 127.5 - 1, weights["of_frame"], 2))
  delta = pool(conv((new - old) / 255, weights["of_delta"], 2))
  x = jnp.concatenate([frame, delta], axis=-1)
  return pool(conv(x, weights["joint"], 1)).reshape(len(x), -1)


@pytest.mark.parametrize(
  ("which", "plain", "sides"),
  [
    (0, seen_by_policy, (20, 9, 7)),
    (1, seen_by_reward_model, (39, 20, 18, 9)),
  ],
)
def test_what_is_seen_and_its_gradient_are_flaxs(
  monkeypatch, which, plain, sides
):
  monkeypatch.setattr(model, "_FRAMES_AT_ONCE", 2)  # of three: two parts
  network = model.atari_networks(CONFIG, 6)[which]
  rng = np.random.default_rng(0)
  stack = jnp.asarray(rng.integers(0, 256, (3, 84, 84, 4)), jnp.uint8)
  see = lambda w, s: model.seen(network, {"params": w}, s)
  weights = network.init(jax.random.key(0), stack, method="see")["params"]
  # Biases are 0 at first, which would hide that one is not added.
  weights = jax.tree.map(
    lambda leaf: leaf + jnp.asarray(0.1 * rng.normal(size=leaf.shape)), weights
  )

  def both(see):
    power = lambda w, s: jnp.sum(jnp.sin(see(w, s)))
    return jax.jit(lambda w, s: (see(w, s), jax.grad(power)(w, s)))

  ours, theirs = (jax.device_get(both(f)(weights, stack)) for f in (see, plain))
  assert ours[0].shape == (3, sides[-1] ** 2 * (8 if which == 0 else 4))
  assert np.std(ours[0]) > 0.01
  for mine, flax in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
    close = 1e-5 * np.abs(flax).max()
    np.testing.assert_allclose(mine, flax, rtol=1e-4, atol=close)


def test_weights_begin_as_the_authors():
  network = model.AtariReturnModel((4, 4), 64)
  key, stack = jax.random.key(0), jnp.zeros((1, 84, 84, 4), jnp.uint8)
  seeing = network.init(key, stack, method="see")["params"]
  for name in ("of_frame", "of_delta", "joint"):
    kernel = seeing[name]["kernel"].reshape(-1, 4)
    np.testing.assert_allclose(
      kernel.T @ kernel, 0.01 * np.eye(4), rtol=1e-4, atol=1e-6
    )
  kernel = network.init(key, jnp.zeros((1, 3)))["params"]["read_out"]["kernel"]
  # N(0, 1) within 2.
  assert 0.75 < np.std(kernel) < 1 and 1.5 < np.abs(kernel).max() < 2


def test_pooling_keeps_what_lies_at_an_odd_edge():
  x = -jnp.arange(1.0, 10.0).reshape(1, 3, 3, 1)
  found = np.asarray(model._pooled(x))[0, :, :, 0]
  np.testing.assert_array_equal(found, [[-1, -3], [-7, -9]])
