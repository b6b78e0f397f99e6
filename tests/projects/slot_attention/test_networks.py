"""The encoder, the auto-encoder and the set predictor, in NumPy."""

import jax
import numpy as np
import pytest

from projects.slot_attention import model
from tests.common import test_slot_attention as theirs

from .test_model import config_of, example

ENCODER = dict(
  image_size=8,
  encoder_features=(5, 6),
  encoder_kernels=(5, 3),
  encoder_strides=(2, 1),
  slot_dim=7,
)
SMALL = {
  "discovery": config_of(
    "tetrominoes_small",
    **ENCODER,
    decoder_grid=4,
    decoder_features=(5, 6, 4),
    decoder_kernels=(3, 5, 3),
    decoder_strides=(1, 2, 1),
  ),
  "set_prediction": config_of("set_prediction_small", **ENCODER),
}
ITERATIONS = 2


@pytest.fixture(scope="module")
def passes():
  """task -> parameters, images, noise and outputs; one program."""
  nets = {task: model.network(config) for task, config in SMALL.items()}
  params = jax.jit(
    lambda key: {task: net.init(key) for task, net in nets.items()}
  )(jax.random.key(0))
  params = {task: theirs.moved(p) for task, p in params.items()}
  # Dark pictures, so that the epsilons of norms are seen.
  inputs = {task: example(config) for task, config in SMALL.items()}
  inputs = {task: (0.1 * x, noise) for task, (x, noise) in inputs.items()}
  found = jax.jit(
    lambda params: {
      task: net.apply(params[task], *inputs[task], ITERATIONS)
      for task, net in nets.items()
    }
  )(params)
  return {
    task: (theirs.float64(params[task]), *map(np.float64, inputs[task]), out)
    for task, out in found.items()
  }


def mlp(a, p, name):
  hidden, last = p[f"{name}_0"], p[f"{name}_1"]
  hidden = theirs.relu(a @ hidden["kernel"] + hidden["bias"])
  return hidden @ last["kernel"] + last["bias"]


def slots_of(config, params, images, noise):
  """The slots and their attention: encoder, then Algorithm 1."""
  p, a = params["encoder"], images
  for i, stride in enumerate(config.encoder_strides):
    a = theirs.relu(theirs.convolution(a, p[f"conv_{i}"], stride))
  a = theirs.with_positions(a, p["position"])
  a = theirs.norm(a.reshape(len(a), -1, a.shape[-1]), p["norm"])
  places = mlp(a, p, "mlp")
  return theirs.algorithm_1(
    params["grouping"], places, noise, ITERATIONS, config
  )


def close(found, expected):
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-5)


def test_the_auto_encoder_is_numpys(passes):
  params, images, noise, found = passes["discovery"]
  config = SMALL["discovery"]
  slots, attention = slots_of(config, params, images, noise)
  close(found["slots"], slots)
  close(found["attention"][-1], attention)
  batch, k, d = slots.shape
  out = theirs.decoded(
    slots.reshape(-1, d), params["decoder"], (4, 4), config.decoder_strides
  ).reshape(batch, k, 8, 8, 4)
  masks = theirs.softmax(out[..., 3], 1)
  close(found["masks"], masks)
  close(found["pictures"], out[..., :3])
  close(found["reconstruction"], (masks[..., None] * out[..., :3]).sum(1))


def test_the_set_predictor_is_numpys(passes):
  params, images, noise, found = passes["set_prediction"]
  slots, attention = slots_of(SMALL["set_prediction"], params, images, noise)
  close(found["attention"][-1], attention)
  expected = theirs.sigmoid(mlp(slots, params, "head"))
  assert expected.std() > 0.05
  close(found["predictions"], expected)


def test_the_first_weights_are_glorots():
  config = config_of("set_prediction", "")
  params = jax.jit(model.network(config).init)(jax.random.key(0))
  kernels = {
    jax.tree_util.keystr(path): np.asarray(leaf)
    for path, leaf in jax.tree.leaves_with_path(
      (params["encoder"], params["head_0"], params["head_1"])
    )
    if leaf.ndim > 1
  }
  assert len(kernels) == 9  # Convolutions, positions, two MLPs.
  for path, kernel in kernels.items():
    theirs.in_limits(path, kernel)
