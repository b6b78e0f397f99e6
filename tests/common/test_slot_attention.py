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
  return moved(
    jax.jit(lambda key: module.init(key, inputs, noise, 1))(jax.random.key(2))
  )


def moved(params):
  """Norms and biases start at ones and zeros, which would hide mistakes."""
  leaves, tree = jax.tree.flatten(params)
  rng = np.random.default_rng(0)
  noise = lambda a: 0.1 * rng.normal(size=a.shape).astype("f")
  return tree.unflatten([a + noise(a) for a in leaves])


def float64(params):
  return jax.tree.map(lambda a: np.asarray(a, np.float64), params)


def norm(a, p):
  centred = a - a.mean(-1, keepdims=True)
  scale = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3)
  return centred / scale * p["scale"] + p["bias"]


def softmax(a, axis):
  e = np.exp(a - a.max(axis, keepdims=True))
  return e / e.sum(axis, keepdims=True)


def sigmoid(a):
  return 1 / (1 + np.exp(-a))


def relu(a):
  return np.maximum(a, 0)


def convolution(a, p, stride):
  """Padded as TensorFlow's "SAME": one pixel more behind where it is odd."""
  size = len(p["kernel"])
  more = [
    max(0, (-(-n // stride) - 1) * stride + size - n) for n in a.shape[1:3]
  ]
  pads = [(0, 0), *((n // 2, n - n // 2) for n in more), (0, 0)]
  seen = np.lib.stride_tricks.sliding_window_view(
    np.pad(a, pads), (size, size), (1, 2)
  )[:, ::stride, ::stride]
  return np.einsum("nhwcst,stcf->nhwf", seen, p["kernel"]) + p["bias"]


def transposed(a, p):
  """Keras' rule: tap t of input pixel i goes to output pixel 2i + t - 1."""
  n, h, w, _ = a.shape
  size, _, _, features = p["kernel"].shape
  out = np.zeros((n, 2 * h + size, 2 * w + size, features))
  for i in range(h):
    for j in range(w):
      out[:, 2 * i : 2 * i + size, 2 * j : 2 * j + size] += np.einsum(
        "nc,stcf->nstf", a[:, i, j], p["kernel"]
      )
  return out[:, 1 : 2 * h + 1, 1 : 2 * w + 1] + p["bias"]


def with_positions(a, p):
  """`[n, h, w, d]`, and a linear map of the distances to the borders."""
  down, right = np.meshgrid(
    *(np.linspace(0, 1, n) for n in a.shape[1:3]), indexing="ij"
  )
  grid = np.stack([down, right, 1 - down, 1 - right], -1)
  return a + grid @ p["grid"]["kernel"] + p["grid"]["bias"]


def decoded(slots, p, grid, strides):
  """The spatial broadcast decoder: `[n, d]` to `[n, height, width, c]`."""
  a = np.broadcast_to(slots[:, None, None], (len(slots), *grid, slots.shape[1]))
  a = with_positions(a, p["position"])
  for i, stride in enumerate(strides):
    layer = p[f"conv_{i}"]
    a = convolution(a, layer, 1) if stride == 1 else transposed(a, layer)
    a = relu(a) if i < len(strides) - 1 else a
  return a


def algorithm_1(params, inputs, noise, iterations, module):
  """Algorithm 1 of arXiv:2006.15055, in float64, loops where it has loops."""
  p = float64(params)
  inputs, noise = np.float64(inputs), np.float64(noise)
  batch, _, d = noise.shape
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
    logits = [k[b] @ q[b].T / np.sqrt(d) for b in range(batch)]
    axis = 1 if module.softmax == "slots" else 0
    attention = np.stack([softmax(of_one, axis) for of_one in logits])
    weights = attention + 1e-8
    if module.aggregation == "mean":
      weights = weights / weights.sum(axis=1, keepdims=True)
    updates = np.stack([weights[b].T @ v[b] for b in range(batch)])
    if module.gru:
      gru = step["gru"]
      x = updates @ gru["input"]["kernel"] + gru["input"]["bias"]
      h = previous @ gru["recurrent"]["kernel"] + gru["recurrent"]["bias"]
      z = sigmoid(x[..., :d] + h[..., :d])
      r = sigmoid(x[..., d : 2 * d] + h[..., d : 2 * d])
      candidate = np.tanh(x[..., 2 * d :] + r * h[..., 2 * d :])
      slots = z * previous + (1 - z) * candidate
    else:
      slots = updates
    hidden = norm(slots, step["norm_mlp"]) @ step["mlp_0"]["kernel"]
    hidden = relu(hidden + step["mlp_0"]["bias"])
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
  expected, last = algorithm_1(params["params"], *example, 3, module)
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


def test_transposed_convolutions_are_the_gradient_of_convolutions():
  """Keras defines them so; `transposed` is what that says of each tap."""
  draw = lambda i, *shape: jax.random.normal(jax.random.key(i), shape)
  a, kernel = draw(0, 2, 4, 4, 3), draw(1, 5, 5, 3, 2)
  forward = lambda x: jax.lax.conv_general_dilated(
    x,
    kernel.transpose(0, 1, 3, 2),
    (2, 2),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  like = jnp.zeros((2, 8, 8, 2))
  (expected,) = jax.jit(lambda a: jax.vjp(forward, like)[1](a))(a)
  found = transposed(np.float64(a), float64({"kernel": kernel, "bias": 0}))
  np.testing.assert_allclose(expected, found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strides", [(1, 2, 1), (2, 1)])
def test_the_decoder_is_numpys(strides):
  features, kernels = (5, 6, 4)[-len(strides) :], (3, 5, 3)[-len(strides) :]
  decoder = slot_attention.SpatialBroadcastDecoder(
    (4, 6), features, kernels, strides
  )
  slots = jax.random.normal(jax.random.key(0), (3, D))
  params = moved(jax.jit(decoder.init)(jax.random.key(1), slots))
  found = jax.jit(decoder.apply)(params, slots)
  assert found.shape == (3, 8, 12, 4)
  expected = decoded(
    np.float64(slots), float64(params["params"]), (4, 6), strides
  )
  np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def in_limits(path, kernel):
  """Glorot's uniform: up to sqrt(6 / (inputs + outputs)), and nearly there."""
  taps = np.prod(kernel.shape[:-2])
  limit = np.sqrt(6 / (taps * sum(kernel.shape[-2:])))
  assert 0.85 < np.abs(kernel).max() / limit <= 1.0001, path
  assert abs(kernel.std() / limit - 3**-0.5) < 0.15, path


def test_the_first_weights_are_those_of_keras():
  d = 32
  modules = {
    "slots": (
      SlotAttention(64),
      (jnp.zeros((1, 4, d)), jnp.zeros((1, 3, d)), 1),
    ),
    "decoder": (
      slot_attention.SpatialBroadcastDecoder((2, 2), (8, 4), (5, 3), (2, 1)),
      (jnp.zeros((1, d)),),
    ),
  }
  params = jax.jit(
    lambda key: {
      name: module.init(key, *inputs)["params"]
      for name, (module, inputs) in modules.items()
    }
  )(jax.random.key(0))
  recurrent = np.asarray(
    params["slots"]["iteration"]["gru"]["recurrent"]["kernel"]
  )
  np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(d), atol=1e-5)
  for path, leaf in jax.tree.leaves_with_path(params):
    name = jax.tree_util.keystr(path)
    if "recurrent" in name and "kernel" in name:
      continue
    if "kernel" in name or "mu" in name or "log_sigma" in name:
      in_limits(name, np.asarray(leaf))
    else:
      np.testing.assert_array_equal(leaf, 1.0 if "scale" in name else 0.0)
