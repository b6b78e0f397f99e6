"""Slot Attention against its equations in NumPy, and its symmetries."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.nn import slot_attention
from common.nn.slot_attention import SlotAttention

BATCH, N, K, D = 2, 20, 3, 8


@pytest.fixture(scope="module")
def example():
  draw = lambda i, *shape: jax.random.normal(jax.random.key(i), shape)
  return draw(0, BATCH, N, 6), draw(1, BATCH, K, D)


def init(module, inputs, noise):
  params = jax.jit(lambda key: module.init(key, inputs, noise, 1))(
    jax.random.key(2)
  )
  # Layer norms and biases start at ones and zeros, which would hide mistakes.
  leaves, tree = jax.tree.flatten(params)
  rng = np.random.default_rng(0)
  moved = [a + 0.1 * rng.normal(size=a.shape).astype("f") for a in leaves]
  return tree.unflatten(moved)


def algorithm_1(params, inputs, noise, iterations, module):
  """Algorithm 1 of arXiv:2006.15055, in float64, loops where it has loops."""
  p = jax.tree.map(lambda a: np.asarray(a, np.float64), params)["params"]
  inputs, noise = np.float64(inputs), np.float64(noise)

  def norm(a, p):
    centred = a - a.mean(-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3)
    return centred / scale * p["scale"] + p["bias"]

  def softmax(a, axis):
    e = np.exp(a - a.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)

  sigmoid = lambda a: 1 / (1 + np.exp(-a))
  step = p["iteration"]
  inputs = norm(inputs, p["norm_inputs"])
  k, v = inputs @ p["key"]["kernel"], inputs @ p["value"]["kernel"]
  slots = p["mu"] + (
    0 if module.initial == "learned" else np.exp(p["log_sigma"]) * noise
  )
  slots = np.broadcast_to(slots, noise.shape)
  for _ in range(iterations):
    previous = slots
    q = norm(slots, step["norm_slots"]) @ step["query"]["kernel"]
    attention = np.zeros((BATCH, N, K))
    for b in range(BATCH):
      logits = k[b] @ q[b].T / np.sqrt(D)
      attention[b] = softmax(logits, 1 if module.softmax == "slots" else 0)
    weights = attention + 1e-8
    if module.aggregation == "mean":
      weights = weights / weights.sum(axis=1, keepdims=True)
    updates = np.stack([weights[b].T @ v[b] for b in range(BATCH)])
    if module.gru:
      gru = step["gru"]
      x = updates @ gru["input"]["kernel"] + gru["input"]["bias"]
      h = previous @ gru["recurrent"]["kernel"] + gru["recurrent"]["bias"]
      z = sigmoid(x[..., :D] + h[..., :D])
      r = sigmoid(x[..., D : 2 * D] + h[..., D : 2 * D])
      candidate = np.tanh(x[..., 2 * D :] + r * h[..., 2 * D :])
      slots = z * previous + (1 - z) * candidate
    else:
      slots = updates
    hidden = norm(slots, step["norm_mlp"]) @ step["mlp_0"]["kernel"]
    hidden = np.maximum(hidden + step["mlp_0"]["bias"], 0)
    slots = slots + hidden @ step["mlp_1"]["kernel"] + step["mlp_1"]["bias"]
  return slots, attention


@pytest.mark.parametrize(
  "changes",
  [
    {},
    {"softmax": "inputs"},
    {"aggregation": "sum"},
    {"gru": False},
    {"initial": "learned"},
  ],
)
def test_the_module_is_algorithm_1(example, changes):
  module = SlotAttention(hidden=16, **changes)
  params = init(module, *example)
  apply = jax.jit(lambda p, x, z: module.apply(p, x, z, 3))
  slots, attention = apply(params, *example)
  expected, last = algorithm_1(params, *example, 3, module)
  assert attention.shape == (3, BATCH, N, K)
  np.testing.assert_allclose(slots, expected, rtol=2e-4, atol=2e-5)
  np.testing.assert_allclose(attention[-1], last, rtol=2e-4, atol=2e-5)


def test_slots_follow_their_noise_and_not_the_order_of_inputs(example):
  inputs, noise = example
  module = SlotAttention(hidden=16)
  params = init(module, inputs, noise)
  apply = jax.jit(lambda x, z: module.apply(params, x, z, 3))
  slots, attention = apply(inputs, noise)
  turned, turned_attention = apply(inputs, noise[:, ::-1])
  np.testing.assert_allclose(turned, slots[:, ::-1], atol=1e-5)
  np.testing.assert_allclose(turned_attention, attention[..., ::-1], atol=1e-5)
  order = np.random.default_rng(0).permutation(N)
  same, shuffled = apply(inputs[:, order], noise)
  np.testing.assert_allclose(same, slots, atol=1e-5)
  np.testing.assert_allclose(shuffled, attention[:, :, order], atol=1e-5)
  # Fewer slots, with the same parameters; slots do see each other.
  fewer, _ = apply(inputs, noise[:, :2])
  assert fewer.shape == (BATCH, 2, D)
  assert not np.allclose(fewer, slots[:, :2], atol=1e-3)


@pytest.mark.parametrize("iterations", [1, 7])
def test_gradients_are_finite_and_reach_all_parameters(example, iterations):
  inputs, noise = example
  module = SlotAttention(hidden=16)
  params = init(module, inputs, noise)

  @jax.jit
  def gradient(inputs):
    loss = lambda p: jnp.sum(module.apply(p, inputs, noise, iterations)[0] ** 2)
    return jax.grad(loss)(params)

  for scale in (1.0, 0.0, 1e6):  # Also of an empty and of a glaring picture.
    leaves = jax.tree.leaves_with_path(gradient(scale * inputs))
    for path, leaf in leaves:
      assert np.all(np.isfinite(leaf)), jax.tree_util.keystr(path)
      if scale == 1.0:
        # A known fault of ports: mean and deviation without a gradient.
        assert np.max(np.abs(leaf)) > 0, jax.tree_util.keystr(path)


def test_transposed_convolutions_lie_where_keras_puts_them():
  module = slot_attention.UpConv(1)
  kernel = np.arange(1.0, 26.0, dtype=np.float32).reshape(5, 5, 1, 1)
  params = {"params": {"kernel": kernel, "bias": np.zeros(1, np.float32)}}
  apply = jax.jit(module.apply)
  for row, column in ((0, 0), (1, 2), (3, 3)):
    impulse = np.zeros((1, 4, 4, 1), np.float32)
    impulse[0, row, column] = 1
    # Keras' rule: the gradient of a "SAME" convolution of stride 2, which pads
    # 1 before and 2 after; so tap t of input i is output 2 i + t - 1.
    expected = np.zeros((8 + 4, 8 + 4), np.float32)
    corner = (
      slice(2 * row + 1, 2 * row + 6),
      slice(2 * column + 1, 2 * column + 6),
    )
    expected[corner] = kernel[..., 0, 0]
    out = np.asarray(apply(params, impulse))[0, :, :, 0]
    np.testing.assert_array_equal(out, expected[2:-2, 2:-2])


def test_transposed_convolutions_are_the_gradient_of_convolutions():
  draw = lambda i, *shape: jax.random.normal(jax.random.key(i), shape)
  a, kernel = draw(0, 2, 4, 4, 3), draw(1, 5, 5, 3, 2)
  params = {"params": {"kernel": kernel, "bias": jnp.zeros(2)}}
  out = jax.jit(slot_attention.UpConv(2).apply)(params, a)
  forward = lambda x: jax.lax.conv_general_dilated(
    x,
    kernel.transpose(0, 1, 3, 2),
    (2, 2),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  like = jnp.zeros((2, 8, 8, 2))
  (expected,) = jax.jit(lambda a: jax.vjp(forward, like)[1](a))(a)
  np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [3, 5])
def test_a_convolution_of_a_vector_everywhere(size):
  draw = lambda i, *shape: jax.random.normal(jax.random.key(i), shape)
  slots, grid = draw(0, 4, 6), draw(1, 1, 7, 9, 6)
  conv = slot_attention.Conv(5, size)
  params = jax.jit(conv.init)(jax.random.key(2), grid)
  apply = jax.jit(conv.apply)
  quick = apply(params, grid, everywhere=slots)
  plain = apply(params, grid + slots[:, None, None])
  np.testing.assert_allclose(quick, plain, rtol=1e-4, atol=1e-5)


def test_positions_are_distances_to_the_borders():
  grid = slot_attention.position_grid(3, 5)
  np.testing.assert_allclose(grid[0, 0], [0, 0, 1, 1])
  np.testing.assert_allclose(grid[2, 1], [1, 0.25, 0, 0.75])


@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_the_decoder_broadcasts_over_its_grid(strides):
  decoder = slot_attention.SpatialBroadcastDecoder(
    (4, 6), (5, 4), (5, 3), strides
  )
  slots = jax.random.normal(jax.random.key(0), (3, D))
  params = jax.jit(decoder.init)(jax.random.key(1), slots)
  apply = jax.jit(decoder.apply)
  out = apply(params, slots)
  assert out.shape == (3, 4 * strides[0], 6 * strides[0], 4)
  alone = apply(params, slots[1:2])
  np.testing.assert_allclose(out[1:2], alone, rtol=1e-4, atol=1e-5)
