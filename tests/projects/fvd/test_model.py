"""I3D against stored values of a reference, and what must not pass for it.

The weights are those of the rule beside the golden values, which stand in for
the published ones; see its README for provenance and tolerances.
"""

import csv
import zlib

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from common.metrics import resize
from common.nn import convolution
from projects.fvd import model, weights

pytestmark = pytest.mark.slow

LOGITS, MEANS, RESIZED = 3e-5, 2e-5, 1e-4


def filled(name, shape):
  """The array that the rule puts in place of a weight."""
  z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
  if name.endswith("conv3d.weight"):
    z *= np.sqrt(2 / np.prod(shape[1:]))
  elif name.endswith("running_var"):
    z = 1 + np.abs(0.1 * z)
  else:
    z *= 0.1
  return z.astype(np.float32)


@pytest.fixture(scope="module")
def arrays():
  return {name: filled(name, s) for name, s in model.shapes().items()}


@pytest.fixture(scope="module")
def params(arrays):
  return jax.device_put(model.fold(arrays))


@pytest.fixture(scope="module")
def golden(shared):
  with np.load(shared / "golden" / "i3d_golden.npz") as file:
    return dict(file)


@jax.jit
def endpoints(params, x):
  """Means of all endpoints, and the logits of each step."""
  ends = model.I3D().apply({"params": params}, x)
  logits = ends.pop("Logits")
  last = ends["Mixed_5c"].mean((1, 2, 3))
  return {k: v.mean((1, 2, 3)) for k, v in ends.items()}, logits, last


def stem(params, clip):
  """The means of the first endpoint, compiled anew, for a fifth of the work."""

  @jax.jit
  def mean(params, clip):
    x = model.scaled(clip, model.SIZE)
    return (
      model.I3D()
      .apply({"params": params}, x)["Conv3d_1a_7x7"]
      .mean((0, 1, 2, 3))
    )

  return np.asarray(mean(params, clip))


def test_names_and_shapes_are_the_published_ones(shared, arrays):
  with open(shared / "golden" / "i3d_params.tsv") as file:
    rows = {r["name"]: r for r in csv.DictReader(file, delimiter="\t")}
  assert {n for n in rows if not n.endswith("bn.weight")} == set(arrays)
  for name, array in arrays.items():
    row = rows[name]
    assert "x".join(map(str, array.shape)) == row["shape"]
    assert weights.tf_name(name) == row["tf_name"]
    assert zlib.crc32(array.tobytes()) == int(
      row["crc32_of_float32_le_bytes"], 16
    )


@pytest.mark.parametrize("clips", [(0, 1), (2,), (3,)])  # By their length.
def test_golden_values(clips, golden, params):
  x = model.scaled(np.stack([golden[f"clip_{i}"] for i in clips]), model.SIZE)
  means, logits, last = endpoints(params, x)
  for place, i in enumerate(clips):
    close = lambda got, name, tolerance, place=place, i=i: (
      np.testing.assert_allclose(
        got[place], golden[f"{name}_{i}"], rtol=0, atol=tolerance
      )
    )
    close(logits, "logits_per_step", LOGITS)
    close(logits.mean(1), "logits", LOGITS)
    close(logits.mean(1), "logits_float64", LOGITS)
    ends = [n[5:-2] for n in golden if n[:5] == "mean_" and n[-2:] == f"_{i}"]
    assert set(ends) == set(means) and len(ends) == 17
    for name in ends:
      close(means[name], f"mean_{name}", MEANS)
  if clips == (3,):
    # The mistake that shows on this clip alone: one pool over all that is left.
    layer = params["logits"]["conv"]
    kernel = layer["kernel"].reshape(-1, model.CLASSES)
    pooled = np.asarray(last[0]) @ np.asarray(kernel) + layer["bias"]
    assert np.abs(pooled - golden["logits_3"]).max() > 1000 * LOGITS


@pytest.mark.parametrize("i", range(4))
def test_golden_resize_and_range(i, golden):
  # The stored patches are of the first frame's corners and the last's middle.
  x = np.asarray(model.scaled(golden[f"clip_{i}"][None], model.SIZE))[0]
  first, last = (np.asarray((f + 1) * 127.5) for f in (x[0], x[-1]))
  patches = [
    first[:8, :8],
    first[:8, -8:],
    first[-8:, :8],
    first[-8:, -8:],
    last[108:116, 108:116],
  ]
  wanted = golden[f"resized_patches_{i}"]
  scale = 127.5 if np.abs(wanted).max() <= 1 else 1
  np.testing.assert_allclose(
    patches, (wanted + (scale > 1)) * scale, rtol=0, atol=RESIZED
  )
  half_pixel = jax.image.resize(
    golden[f"clip_{i}"][0].astype(np.float32), (224, 224, 3), "bilinear"
  )
  assert np.abs(half_pixel - first).max() > 1000 * RESIZED


def test_wrong_variants_are_caught(golden, arrays, params, monkeypatch):
  clip = golden["clip_2"][None]
  wanted = golden["mean_Conv3d_1a_7x7_2"]
  off = lambda means: np.abs(means - wanted).max()
  assert off(stem(params, clip)) <= MEANS
  assert off(stem(jax.device_put(model.fold(arrays, 1e-5)), clip)) > 3 * MEANS
  with monkeypatch.context() as patch:  # Rounded once resized.
    right = resize.tf1_bilinear
    patch.setattr(
      resize,
      "tf1_bilinear",
      lambda *args: jnp.round(right(*args)),
    )
    assert off(stem(params, clip)) > MEANS
  with monkeypatch.context() as patch:  # As torch pads.
    other = lambda n, k, s: convolution.Geometry(s, k // 2, k - 1 - k // 2)
    patch.setattr(convolution, "same", other)
    assert off(stem(params, clip)) > 10 * MEANS


@pytest.mark.parametrize(
  "window, strides",
  [
    ((3, 3, 3), (2, 2, 2)),
    ((1, 3, 3), (1, 2, 2)),
    ((2, 2, 2), (2, 2, 2)),
    ((3, 3, 3), (1, 1, 1)),
    ((7, 5, 3), (2, 1, 3)),
  ],
)
def test_pool_and_convolution_are_xlas(window, strides):
  x = jax.random.normal(jax.random.key(0), (2, 5, 9, 8, 3))
  layer = model.Convolution(4, window, strides)

  @jax.jit
  def pairs(x):
    """Ours and XLA's: of the pool, of the convolution."""
    pooled = jax.lax.reduce_window(
      x, -jnp.inf, jax.lax.max, (1, *window, 1), (1, *strides, 1), "SAME"
    )
    params = layer.init(jax.random.key(1), x)["params"]
    kernel = params["conv"]["kernel"]
    kernel = kernel.reshape(*kernel.shape[:2], window[0], 3, 4)
    wanted = jax.lax.conv_general_dilated(
      x,
      kernel.transpose(2, 0, 1, 3, 4),
      strides,
      "SAME",
      dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
    )
    got = layer.apply({"params": params}, x)
    return (model.max_pool(x, window, strides), pooled), (got, wanted)

  pools, convolutions = pairs(x)
  np.testing.assert_array_equal(*pools)
  np.testing.assert_allclose(*convolutions, rtol=0, atol=1e-5)


def test_time_steps_and_full_precision(params):
  apply = lambda x: model.I3D().apply({"params": params}, x)["Logits"]
  for t, steps in {9: 1, 32: 3}.items():  # The golden clips: 10, 16 and 21.
    x = jax.ShapeDtypeStruct((2, t, 224, 224, 3), jnp.float32)
    program = jax.make_jaxpr(apply)(x)
    assert program.out_avals[0].shape == (2, steps, model.CLASSES)
  # TF32 moves logits by 1e-3.
  text = str(program)
  products = text.count("= conv_general_dilated[")
  assert products == 58 and "= dot_general[" not in text
  assert text.count("precision=(Precision.HIGHEST, Precision.HIGHEST)") == 58
  with pytest.raises(InputError, match=r"8 frames is too short.*9 or more"):
    model.features(params, jnp.zeros((1, 8, 224, 224, 3)))


def test_a_gamma_of_the_torch_port_counts(arrays):
  name = "Conv3d_2b_1x1"
  twice = {**arrays, f"{name}.bn.weight": np.full(64, 2, np.float32)}
  one, two = model.fold(arrays)[name]["conv"], model.fold(twice)[name]["conv"]
  np.testing.assert_allclose(two["kernel"], 2 * one["kernel"], rtol=1e-6)
  beta = arrays[f"{name}.bn.bias"]
  np.testing.assert_allclose(
    two["bias"] - beta, 2 * (one["bias"] - beta), rtol=1e-4, atol=1e-6
  )
