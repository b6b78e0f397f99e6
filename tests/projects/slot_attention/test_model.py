"""The networks: shapes, what decodes to what, and what is refused."""

import importlib

import jax
import pytest
from jax import numpy as jnp

from common.errors import InputError
from projects.slot_attention import model, schema

pytestmark = pytest.mark.slow


def config_of(name, variant="smoke", **changes):
  module = importlib.import_module(f"configs.slot_attention.{name}")
  config = module.get_config(variant)
  config.unlock()
  config.update(changes)
  return config


def example(config, slots=None):
  size = config.image_size
  draw = lambda i, *shape: jax.random.normal(jax.random.key(i), shape)
  slots = slots or config.slots
  return draw(0, 2, size, size, 3), draw(1, 2, slots, config.slot_dim)


def shapes(config, slots, iterations):
  """Shapes of all outputs; nothing is compiled."""
  network = model.network(config)
  params = jax.eval_shape(network.init, jax.random.key(0))
  images, noise = jax.eval_shape(lambda: example(config, slots))
  apply = lambda p, x, z: network.apply(p, x, z, iterations)
  out = jax.eval_shape(apply, params, images, noise)
  return {name: leaf.shape for name, leaf in out.items()}


def test_more_slots_and_iterations_than_in_training():
  found = shapes(config_of("tetrominoes_small"), 7, 5)
  assert found["masks"] == (2, 7, 10, 10)
  assert found["attention"] == (5, 2, 100, 7)


@pytest.mark.parametrize("change", ["slot_mlp", "learned_slots"])
def test_a_fixed_number_of_slots_is_one_sentence(change):
  config = config_of("tetrominoes_small", f"{change},smoke")
  found = shapes(config, 4, 3)
  assert found["masks"] == (2, 4, 10, 10)
  assert found["attention"][0] == (0 if change == "slot_mlp" else 3)
  with pytest.raises(InputError, match="5 slots were asked"):
    shapes(config, 5, 3)


def test_the_networks_of_the_paper_have_their_sizes():
  """Counted by hand from the tables of the paper's appendix."""
  config = config_of("tetrominoes", "")
  params = jax.eval_shape(model.network(config).init, jax.random.key(0))
  count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree))
  conv = lambda k, c, f: k * k * c * f + f
  encoder = conv(5, 3, 32) + 3 * conv(5, 32, 32) + 5 * 32 + 2 * 32
  assert count(params["encoder"]) == encoder + 2 * (32 * 32 + 32)
  decoder = conv(5, 64, 32) + 2 * conv(5, 32, 32) + conv(3, 32, 4) + 5 * 64
  assert count(params["decoder"]) == decoder
  slots = 2 * 64 + 2 * 32 + 2 * 32 * 64  # mu and sigma, norm, keys and values
  gru = 2 * 3 * (64 * 64 + 64)
  mlp = 64 * 128 + 128 + 128 * 64 + 64
  slots += 2 * 2 * 64 + 64 * 64 + gru + mlp
  assert count(params["grouping"]) == slots


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    (dict(slots=2), "2 slots cannot hold up to 3 objects"),
    (dict(grouping="slot_atention"), "did you mean 'slot_attention'"),
    (dict(softmax="slot"), "did you mean 'slots'"),
    (dict(aggregation="max"), "'mean', 'sum'"),
    (dict(initial="learnt"), "did you mean 'learned'"),
    (dict(task="discover"), "did you mean 'discovery'"),
    (dict(decoder_grid=9), "the decoder ends at 9 pixels"),
    (dict(encoder_features=(8, 8, 8)), "encoder_strides have 3, 2, 2 values"),
    (dict(decoder_strides=(1, 1)), "decoder_strides have 3, 3, 2 values"),
    (dict(decoder_features=(8, 8, 3)), "decoder_features ends with 3"),
    (
      dict(decoder_kernels=(4, 3, 3)),
      "has a 4 where .* has a 1; it can be odd",
    ),
    (dict(decoder_strides=(1, 2, 1)), "has a 3 where .* has a 2; .* 5 with"),
    (dict(decoder_strides=(1, 3, 1)), "of each of its values: it can be 1, 2"),
    (dict(properties=18), "properties is 18; it can be 19"),
  ],
)
def test_a_wrong_config_is_one_sentence(changes, says):
  with pytest.raises(InputError, match=says):
    config = config_of("tetrominoes_small", **changes)
    schema.check(config)
    model.network(config)


@pytest.mark.parametrize("shape", [(2, 12, 12, 3), (2, 10, 10, 1), (2, 10, 10)])
def test_images_of_another_shape_are_one_sentence(shape):
  config = config_of("tetrominoes_small")
  network = model.network(config)
  params = jax.eval_shape(network.init, jax.random.key(0))
  _, noise = example(config)
  with pytest.raises(InputError, match="resize them"):
    network.apply(params, jnp.zeros(shape), noise, 1)
