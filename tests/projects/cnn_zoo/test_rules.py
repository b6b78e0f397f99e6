"""Keras's rules against values by hand; the fast form against plain lax."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from scipy import stats

from common.errors import InputError
from configs.cnn_zoo import mnist
from projects.cnn_zoo import (
  data,
  hyperparameters,
  losses,
  model,
  optimizers,
  programs,
  train,
)


def test_the_papers_network_has_its_weights_and_order():
  tensors = model.layout((16, 16, 16), 10)
  starts = [t.start for t in tensors]
  assert starts == [0, 16, 160, 176, 2480, 2496, 4800, 4810]
  assert tensors[-1].end == 4970
  assert model.sides(mnist.get_config()) == (13, 6, 2)
  assert model.units(mnist.get_config()) == 16 * (169 + 36 + 4)


def test_a_picture_too_small_is_one_sentence():
  with pytest.raises(InputError, match="side 2 is too small"):
    model.out_side(2, 2)


def test_other_architectures_have_their_tensors():
  dense = model.layout_of(mnist.get_config("dense"))
  assert [t.name for t in dense[::2]] == [
    "dense/bias:0",
    "dense_1/bias:0",
    "dense_2/bias:0",
    "dense_3/bias:0",
  ]
  assert [t.shape for t in dense[1::2]] == [
    (784, 32),
    (32, 32),
    (32, 32),
    (32, 10),
  ]
  assert dense[-1].end == 33 * 10 + 2 * 33 * 32 + 785 * 32
  deep = mnist.get_config("deep")
  assert model.sides(deep) == (13, 6, 4, 2)
  assert model.layout_of(deep)[6].name == "conv2d_3/bias:0"
  assert model.layout_of(mnist.get_config("wide"))[3].shape == (3, 3, 32, 32)


@pytest.mark.parametrize(
  ("variant", "strides", "said"),
  [
    ("", (2, 2), "2 strides and config.widths 3"),
    ("dense", (2,), r"it must be \(\)"),
    ("", (2, 2, 4), None),
    ("deep", (2, 2, 2, 2), "side 2 is too small"),
  ],
)
def test_strides_fit_the_network(variant, strides, said):
  config = mnist.get_config(variant).unlock()
  config.strides = strides
  if said is None:
    assert model.sides(config) == (13, 6, 1)
    return
  with pytest.raises(InputError, match=said):
    train.checks(config)


def updated(name, weights, gradient, moments, rate, step):
  return optimizers.update(
    jnp.int32(optimizers.NAMES.index(name)),
    weights,
    jnp.full(1, gradient),
    moments,
    jnp.float32(rate),
    jnp.int32(step),
  )


@pytest.mark.parametrize("name", optimizers.NAMES)
def test_optimisers_by_hand(name):
  w, g, rate = 1.0, 0.5, 0.1
  change, moments = [], jnp.zeros((2, 1))
  weights = jnp.asarray([w])
  for step in range(2):
    new, moments = updated(name, weights, g, moments, rate, step)
    change.append(float((weights - new)[0]))
    weights = new
  # A constant gradient: Adam's two corrections cancel, so that it moves by the
  # rate; RMSprop, uncorrected, by the rate over the root of 1 - 0.9^t.
  expected = {
    "sgd": [0.05, 0.05],
    "adam": [0.1, 0.1],
    "rmsprop": [0.1 / np.sqrt(0.1), 0.1 / np.sqrt(0.19)],
  }[name]
  # 1 - 0.999 is not exact in float32, in Keras as here.
  np.testing.assert_allclose(change, expected, rtol=2e-5)


def test_adam_forgets_at_its_rates():
  gradients, moments = (0.5, -0.2), jnp.zeros((2, 1))
  for step, g in enumerate(gradients):
    new, moments = updated("adam", jnp.zeros(1), g, moments, 0.1, step)
  m = 0.9 * 0.1 * 0.5 - 0.1 * 0.2
  v = 0.999 * 0.001 * 0.5**2 + 0.001 * 0.2**2
  rate = 0.1 * np.sqrt(1 - 0.999**2) / (1 - 0.9**2)
  np.testing.assert_allclose(-new, rate * m / (np.sqrt(v) + 1e-7), rtol=1e-4)


def test_first_weights_have_their_rules():
  config = mnist.get_config()
  layout = model.layout_of(config)
  first = jax.jit(
    lambda place, std: model.init(jax.random.key(0), place, std, config)
  )
  # Deviations of a kernel [3, 3, 16, 16], of 2,304 numbers; fans are 144.
  wanted = {
    "glorot_normal": np.sqrt(2 / (144 + 144)),
    "he_normal": np.sqrt(2 / 144),
    "RandomNormal": 0.2,
    # A normal cut at two deviations.
    "TruncatedNormal": 0.2 * stats.truncnorm(-2, 2).std(),
  }
  for place, name in enumerate(config.initializers):
    vector = first(jnp.int32(place), jnp.float32(0.2))
    parts = [vector[t.start : t.end].reshape(t.shape) for t in layout]
    for bias in parts[::2]:
      np.testing.assert_array_equal(bias, 0)
    one, other = parts[3], parts[5]  # Of one shape.
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1
    if name == "orthogonal":
      rows = one.reshape(-1, 16)
      np.testing.assert_allclose(rows.T @ rows, np.eye(16), atol=1e-5)
    else:
      np.testing.assert_allclose(np.std(one), wanted[name], rtol=0.06)


def test_hyperparameters_stand_under_their_names():
  config = mnist.get_config()
  drawn = hyperparameters.Hyperparameters(
    *map(jnp.int32, (2, 1, 3, 0)),
    *map(jnp.float32, (0.5, 0.25, 0.125, 0.0625)),
  )
  assert hyperparameters.described(drawn, config) == {
    "config.optimizer": "rmsprop",
    "config.activation": "tanh",
    "config.w_init": "RandomNormal",
    "config.train_fraction": 0.1,
    "config.learning_rate": 0.5,
    "config.l2reg": 0.25,
    "config.dropout": 0.125,
    "config.init_std": 0.0625,
  }


def test_epsilon_stands_outside_of_the_root():
  # Of a tiny gradient: 1e-7 / (sqrt(0.1) 1e-7 + 1e-7) in units of the rate.
  zeros = jnp.zeros((2, 1))
  new, _ = updated("rmsprop", zeros[0], 1e-7, zeros, 1.0, 0)
  np.testing.assert_allclose(-new, 1 / (np.sqrt(0.1) + 1), rtol=1e-5)


def test_the_penalty_is_keras_and_spares_biases():
  weights = jnp.asarray([3.0, 2.0, 1.0])
  mask = jnp.asarray([0.0, 1.0, 1.0])
  assert float(losses.penalty(weights, mask, jnp.float32(0.1))) == 0.5
  whole = model.kernel_mask(mnist.get_config())
  assert int(whole.sum()) == 144 + 2304 + 2304 + 160


def test_hyperparameters_lie_in_their_ranges_and_differ():
  config = mnist.get_config()
  numbers = jnp.arange(400)
  drawn = jax.vmap(
    lambda i: hyperparameters.sample(train.network_key(config, i), config)
  )(numbers)
  for name in ("learning_rate", "l2", "dropout", "init_std"):
    low, high = getattr(config, name)
    found = np.asarray(getattr(drawn, name))
    assert low <= found.min() and found.max() <= high
    assert len(np.unique(found)) > 390
    # Half of the draws lie below the middle, of the logarithm if there is one.
    middle = (low + high) / 2 if name == "dropout" else np.sqrt(low * high)
    assert 0.42 < (found < middle).mean() < 0.58
  for name in ("optimizer", "activation", "initializer", "fraction"):
    options = getattr(config, f"{name}s")
    counts = np.bincount(np.asarray(getattr(drawn, name)), None, len(options))
    assert counts.min() > 0.7 * 400 / len(options)


def network(config):
  """A tiny network of known hyperparameters, pictures and a batch."""
  drawn = hyperparameters.Hyperparameters(
    *map(jnp.int32, (config.optimizers.index("sgd"), 0, 0, 0)),
    *map(jnp.float32, (0.05, 0.01, 0.3, 0.1)),
  )
  rng = np.random.default_rng(0)
  size = model.layout_of(config)[-1].end
  state = train.State(
    step=jnp.int32(0),
    drawn=drawn,  # Biases, too, are not 0.
    weights=jnp.asarray(rng.normal(0.05, 0.2, size), jnp.float32),
    moments=jnp.zeros((2, size)),
  )
  pictures = data.load(config, "train")
  rows = jnp.arange(config.batch_size)
  batch = data.gather(pictures, rows, config)
  batch["noise"] = data.noise(jax.random.key(0), jnp.int32(0), config)
  return state, pictures, batch


def plain_loss(weights, place, rate, l2, pictures, noise, config):
  """The first batch's mean loss, penalty included, and its logits [n, classes].

  As lax and jnp have them.
  """
  x = pictures.pixels[: config.batch_size, :, :, None] * pictures.scale - 1
  noise = jnp.moveaxis(noise, 2, 1).reshape(config.batch_size, -1)
  keep = jnp.where(noise / data.NOISE < rate, 0, 1)
  named = {"relu": lambda x: jnp.maximum(x, 0), "tanh": jnp.tanh}
  first, last = config.activations[0], config.activations[-1]
  activation = lambda x: jnp.where(place == 0, named[first](x), named[last](x))
  tensors = [
    weights[t.start : t.end].reshape(t.shape) for t in model.layout_of(config)
  ]
  if config.network == "dense":
    x = x.reshape(config.batch_size, 1, 1, -1)
  penalty, at = 0.0, 0
  for i, bias in enumerate(tensors[:-2:2]):
    kernel = tensors[2 * i + 1]
    if config.network == "dense":
      x = x @ kernel
    else:
      x = jax.lax.conv_general_dilated(
        x,
        kernel,
        (config.strides[i],) * 2,
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
      )
    x = activation(x + bias[None, None, None])
    n, h, w, c = x.shape
    mask = keep[:, at : at + h * w * c].reshape(n, c, h, w)
    x = x * jnp.moveaxis(mask, 1, -1) / (1 - rate)
    at += h * w * c
    penalty += jnp.sum(kernel**2)
  found = x.mean((1, 2)) @ tensors[-1] + tensors[-2][None]
  penalty = l2 * (penalty + jnp.sum(tensors[-1] ** 2))
  labels = pictures.labels[: config.batch_size]
  chosen = jnp.take_along_axis(jax.nn.log_softmax(found), labels[:, None], 1)
  return penalty - chosen.mean(), found


@pytest.mark.parametrize(
  ("variant", "activations"),
  [("deep,smoke", ("tanh",)), ("dense,smoke", ("tanh", "relu"))],
)
def test_steps_and_judgements_equal_a_plain_transcription(variant, activations):
  config = mnist.get_config(variant).unlock()
  config.activations = activations
  state, pictures, batch = network(config)
  l2, size = float(state.drawn.l2), config.batch_size
  labels = np.asarray(pictures.labels)[: size - 3]
  step = jax.jit(train.make_train_step(config))
  judge = jax.jit(train.make_judge(config))

  @jax.jit
  def plain(weights, place, rate):
    loss = lambda weights: plain_loss(
      weights, place, rate, l2, pictures, batch["noise"], config
    )
    return jax.value_and_grad(loss, has_aux=True)(weights)

  for place in range(len(config.activations)):
    drawn = state.drawn.replace(activation=jnp.int32(place))
    here = state.replace(drawn=drawn)
    new, metrics = step(here, batch)
    (loss, _), slope = plain(state.weights, place, drawn.dropout)
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-5)
    moved = state.weights - drawn.learning_rate * slope
    np.testing.assert_allclose(new.weights, moved, rtol=1e-5, atol=1e-6)
    assert int(new.step) == 1
    # All count but three; nothing is dropped.
    mask = np.arange(size).reshape(batch["labels"].shape) < size - 3
    sums = judge(here, {**batch, "mask": mask})
    (_, found), _ = plain(state.weights, place, 0.0)
    found = np.asarray(found)[:-3]
    right = found.argmax(1) == labels
    assert sums["correct"] == right.sum()
    log = found - np.log(np.exp(found).sum(1, keepdims=True))
    loss = -log[np.arange(size - 3), labels].sum()
    np.testing.assert_allclose(sums["loss"], loss, rtol=1e-5)


@pytest.mark.parametrize("members", [1, 3, 9])
def test_members_are_spread_once_each(members):
  places, counts, at = programs.spread(members, 4, 3)
  each = places.reshape(4, 3)
  real = [m for row, n in zip(each, counts, strict=True) for m in row[:n]]
  assert sorted(real) == list(range(members))
  np.testing.assert_array_equal(places[at], np.arange(members))
