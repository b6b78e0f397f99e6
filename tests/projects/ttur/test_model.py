"""Networks: the code's shapes, initialisers, order inside blocks, its quirk."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from projects.ttur import model
from tests.common import gan_transcriptions as theirs

from .test_train import config_of


def shapes(config):
  """Parameters' shapes of both players, by path; nothing is computed."""
  out = []
  for net in model.networks(config):
    params, _ = jax.eval_shape(net.init, jax.random.key(0))
    leaves = jax.tree_util.tree_leaves_with_path(params)
    name = lambda path: jax.tree_util.keystr(path, simple=True, separator=".")
    out.append({name(path): leaf.shape for path, leaf in leaves})
  return out


def test_dcgan_is_the_codes():
  g, d = shapes(config_of("dcgan_celeba64", ""))
  assert g["dense.kernel"] == (100, 4 * 4 * 512) and "norm_0.scale" in g
  widths = [g[f"deconv_{i}.kernel"][2:] for i in (1, 2, 3, 4)]
  assert widths == [(512, 256), (256, 128), (128, 64), (64, 3)]
  assert "norm_3.scale" in g and "norm_4.scale" not in g
  widths = [d[f"conv_{i}.kernel"][3] for i in range(4)]
  assert widths == [64, 128, 256, 512]
  assert "norm_0.scale" not in d and "norm_1.scale" in d and "conv_1.bias" in d
  assert d["out.kernel"] == (4 * 4 * 512, 1)
  g, d = shapes(config_of("dcgan_cifar10", ""))  # Four convolutions, to 2x2.
  assert g["dense.kernel"] == (100, 2 * 2 * 512)
  assert d["out.kernel"] == (2 * 2 * 512, 1)


def test_wgan_gp_is_the_codes():
  g, d = shapes(config_of("wgan_gp_lsun64", ""))
  assert g["dense.kernel"] == (128, 4 * 4 * 512)
  assert g["block_3.conv_1.kernel"] == (3, 3, 128, 64)
  assert "block_0.conv_1.bias" not in g and "block_0.conv_2.bias" in g
  assert g["block_0.shortcut.kernel"] == (1, 1, 512, 512)
  assert d["block_0.conv_1.kernel"] == (3, 3, 64, 64)  # Down keeps the width.
  assert d["block_1.conv_2.kernel"] == (3, 3, 128, 256)
  assert d["block_0.norm_1.scale"] == (64,)
  assert d["out.kernel"] == (4 * 4 * 512, 1)
  _, quirk = shapes(config_of("wgan_gp_cifar10", ""))
  _, mended = shapes(
    config_of("wgan_gp_cifar10", "", four_samples_as_one=False)
  )
  assert quirk["out.kernel"] == (4096, 1)
  assert mended["out.kernel"] == (1024, 1)


def test_began_is_the_codes():
  g, d = shapes(config_of("began_celeba64", ""))
  assert g["dense.kernel"] == (64, 8 * 8 * 128)
  assert g["conv.kernel"] == (3, 3, 128, 3)
  widths = [d[f"encoder.conv_{i}_1.kernel"][3] for i in range(4)]
  assert widths == [128, 256, 384, 512]
  assert d["encoder.shrink_2.kernel"] == (3, 3, 384, 384)
  assert "encoder.shrink_3.kernel" not in d
  assert d["encoder.out.kernel"] == (8 * 8 * 512, 64)
  inside = {k.removeprefix("decoder."): v for k, v in d.items() if "deco" in k}
  assert inside == g  # The decoder is the generator's network.


def test_began_is_its_transcription():
  image = jax.random.normal(jax.random.key(1), (2, 16, 16, 1))
  network = model.Autoencoder(2, 4)
  params = jax.jit(network.init)(jax.random.key(0), image)["params"]
  rng = np.random.default_rng(2)
  moved = lambda a: a + 0.2 * rng.normal(size=a.shape).astype("f")
  params = jax.tree.map(moved, params)
  up, p = theirs.doubles(params["decoder"]), theirs.doubles(params["encoder"])
  a = theirs.elu(theirs.conv(image, p["conv"]))
  for name, stride in (
    ("conv_0_0", 1),
    ("conv_0_1", 1),
    ("shrink_0", 2),
    ("conv_1_0", 1),
    ("conv_1_1", 1),
  ):
    a = theirs.elu(theirs.conv(a, p[name], stride))
  z = theirs.linear(a.reshape(2, -1), p["out"])
  a = theirs.linear(z, up["dense"]).reshape(2, 8, 8, 2)
  for i in range(2):
    for j in range(2):
      a = theirs.elu(theirs.conv(a, up[f"conv_{i}_{j}"]))
    a = a if i else theirs.doubled(a)
  want = theirs.conv(a, up["conv"])
  got = jax.jit(network.apply)({"params": params}, image)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_dcgan_is_its_transcription():
  config = config_of("dcgan_cifar10", "smoke", width=2)
  g, d = model.networks(config)
  params, kept = jax.jit(g.init)(jax.random.key(0))
  params = theirs.stirred(params, 0)
  z = np.random.default_rng(1).normal(size=(6, 100)).astype(np.float32)
  of = lambda averages: np.tanh(
    theirs.dcgan_generator(
      theirs.doubles(params), z, 4, 2, True, 1e-5, averages
    )
  )
  x, moved = jax.jit(g.apply)(params, kept, z)
  np.testing.assert_allclose(x, of(None), rtol=1e-3, atol=1e-4)
  first = z @ params["dense"]["kernel"] + params["dense"]["bias"][None]
  np.testing.assert_allclose(  # Decay 0.9, from 0.
    moved["norm_0"]["mean"],
    0.1 * np.mean(first.reshape(-1, 16), 0),
    rtol=1e-3,
    atol=1e-6,
  )
  # The FID's samples: by the averages, not by the batch.
  moved = theirs.stirred(moved, 2)
  moved = jax.tree.map(lambda a: jnp.abs(a) + 0.1, moved)
  got = jax.jit(g.sample)(params, moved, z)
  want = of(theirs.doubles(moved))
  np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)
  params = theirs.stirred(jax.jit(d.init)(jax.random.key(1))[0], 3)
  images = np.asarray(x)
  want = theirs.dcgan_discriminator(
    theirs.doubles(params), images, 4, "batch", False, 1e-5
  )
  got, _ = jax.jit(d.apply)(params, {}, images)
  np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def test_initial_values_are_the_codes():
  config = config_of("dcgan_cifar10", "smoke", width=16)
  (g, _), (d, _) = (
    jax.jit(net.init)(jax.random.key(i))
    for i, net in enumerate(model.networks(config))
  )
  up, down = g["deconv_1"]["kernel"], d["conv_2"]["kernel"]
  np.testing.assert_allclose(jnp.std(up), 0.02, rtol=0.05)
  assert jnp.max(jnp.abs(up)) > 0.05 >= 0.04 >= jnp.max(jnp.abs(down))
  np.testing.assert_allclose(jnp.std(down), 0.0176, rtol=0.05)
  np.testing.assert_allclose(jnp.std(g["dense"]["kernel"]), 0.02, rtol=0.05)


def test_four_samples_share_a_number_at_32_pixels():
  config = config_of("wgan_gp_cifar10", "smoke", width=2)
  _, critic = model.networks(config)
  a = jax.random.normal(jax.random.key(0), (8, 32, 32, 3))
  params, kept = jax.jit(critic.init)(jax.random.key(1))
  of = jax.jit(lambda a: critic.apply(params, kept, a)[0])
  both = of(a)
  assert both.shape == (2,)
  other = of(a.at[5].set(0))
  assert other[0] == both[0] and other[1] != both[1]


@pytest.mark.parametrize(
  ("name", "changes", "sentence"),
  [
    ("dcgan_cifar10", dict(image_size=28), "image_size is 28; the paper's"),
    ("wgan_gp_cifar10", dict(batch_size=6), "and config.batch_size 6"),
    ("wgan_gp_cifar10", dict(image_size=64), "for 32 pixels and batches"),
  ],
)
def test_sizes_that_networks_cannot_have(name, changes, sentence):
  with pytest.raises(InputError, match=sentence):
    model.networks(config_of(name, "", **changes))
