"""Layers of the video models against their definitions."""

import functools

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.nn.batch_last import halved
from projects.fvd.models import discriminator, feedback, layers


def draw(*shape, seed=0):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def count(tree):
  """How many numbers a tree of arrays, or of their shapes, has."""
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


def zeros(shapes):
  return jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)


def test_a_convolutional_lstm_is_its_equations():
  cell = layers.ConvLSTM(2, size=3)
  x, c, h = draw(3, 4, 4, 2), draw(2, 4, 4, 2, seed=1), draw(2, 4, 4, 2, seed=2)
  params = jax.eval_shape(cell.init, jax.random.key(0), (c, h), x)
  assert count(params) == 3 * 3 * 5 * 8 + 8  # One biased convolution.
  zero = zeros(params)
  apply = jax.jit(cell.apply)
  # The gates are halves but the one that forgets, whose bias is 1.
  (new_c, new_h), out = apply(zero, (c, h), x)
  kept = c / (1 + np.exp(-1))
  np.testing.assert_allclose(new_c, kept, atol=1e-6)
  np.testing.assert_allclose(new_h, 0.5 * np.tanh(kept), atol=1e-6)
  np.testing.assert_array_equal(out, new_h)
  # By a bias alone: i, j, f, o in this order.
  bias = np.repeat(np.float32([0.3, -0.7, 0.2, 1.1]), 2)
  biased = {"params": {"gates": {**zero["params"]["gates"], "bias": bias}}}
  (new_c, new_h), _ = apply(biased, (c, h), x)
  s = lambda a: 1 / (1 + np.exp(-a))
  wanted = c * s(1.2) + s(0.3) * np.tanh(-0.7)
  np.testing.assert_allclose(new_c, wanted, atol=1e-6)
  np.testing.assert_allclose(new_h, s(1.1) * np.tanh(wanted), atol=1e-6)
  # What enters: x, then h.
  kernel = np.zeros((3, 3, 5, 8), np.float32)
  kernel[1, 1, 3, 2] = 1.0  # The first channel of h, to the first of j.
  fed = {"params": {"gates": {"kernel": kernel, "bias": 0 * bias}}}
  (new_c, _), _ = apply(fed, (c, h), x)
  wanted = c[0] * s(1.0) + 0.5 * np.tanh(h[0])
  np.testing.assert_allclose(new_c[0], wanted, atol=1e-6)


@pytest.mark.parametrize(
  ("size", "side", "halve"),
  [
    (3, 4, False),
    (5, 7, False),
    (5, 3, False),
    (5, 2, False),
    (5, 8, True),
    (3, 8, True),
    (5, 2, True),
  ],
)
def test_a_convolution_of_latents_is_that_of_flat_channels(size, side, halve):
  x, h = draw(2, side, side, 3), draw(4, side, side, 3, seed=1)
  made_side = side // 2 if halve else side
  z, g = draw(3, 3, seed=2), draw(2, made_side, made_side, 3, seed=3)
  params = {"kernel": draw(size, size, 9, 2, seed=4), "bias": draw(2, seed=5)}

  def ours(params, x, z, h):
    layer = layers.LatentConv(2, size, halve=halve)
    made = layer.apply({"params": params}, x, z, h)
    return (g * made).sum(), made

  def plain(params, x, z, h):
    flat = jnp.broadcast_to(z[:, None, None], (3, side, side, 3))
    seen = jnp.concatenate([x, flat, h])
    made = layers.Conv(2, size).apply({"params": params}, seen)
    made = halved(made) if halve else made
    return (g * made).sum(), made

  (slopes, made), (wanted, all_made) = jax.jit(
    lambda *a: [jax.grad(f, (0, 1, 2, 3), True)(*a) for f in (ours, plain)]
  )(params, x, z, h)
  np.testing.assert_allclose(made, all_made, rtol=1e-4, atol=1e-4)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
    slopes,
    wanted,
  )
  alone = layers.LatentConv(2, size, bias=False)
  shapes = jax.eval_shape(alone.init, jax.random.key(0), x, z)
  assert shapes["params"]["kernel"].shape == (size, size, 5, 2)
  assert list(shapes["params"]) == ["kernel"]


def test_a_convolutional_lstm_sees_latents_as_flat_channels():
  cell = layers.ConvLSTM(2, size=3, normalise=True)
  x, z = draw(3, 4, 4, 2), draw(5, 2, seed=3)
  state = draw(2, 4, 4, 2, seed=1), draw(2, 4, 4, 2, seed=2)
  flat = np.broadcast_to(z[:, None, None], (5, 4, 4, 2))
  seen = np.concatenate([x, flat])
  params = jax.eval_shape(cell.init, jax.random.key(0), state, x, z)
  assert params == jax.eval_shape(cell.init, jax.random.key(0), state, seen)
  params = jax.tree.map(lambda a: draw(*a.shape), params)
  ours, wanted = jax.jit(
    lambda: [cell.apply(params, state, *more) for more in ((x, z), (seen,))]
  )()
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
    ours,
    wanted,
  )


def test_norms_have_the_moments_of_their_axes():
  x = 3 * draw(3, 4, 4, 2) + 5
  for norm, axes in (
    (layers.layer_norm("n"), (0, 1, 2)),
    (layers.instance_norm("n"), (1, 2)),
  ):
    assert count(jax.eval_shape(norm.init, jax.random.key(0), x)) == 6
    apply = jax.jit(norm.apply)
    wanted = (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)
    scale, shift = np.float32([1, 2, 3]), np.float32([-1, 0, 1])
    moved = apply({"params": {"scale": scale, "shift": shift}}, x)
    by = lambda a: a[:, None, None, None]
    np.testing.assert_allclose(moved, wanted * by(scale) + by(shift), atol=1e-4)


def test_batch_norm_has_the_moments_of_each_frame_and_keeps_means():
  x = draw(2, 3, 3, 2 * 4)  # Two frames of four clips.
  x[..., 4:] = 2 * x[..., 4:] + 1
  norm = layers.BatchNorm
  start = jax.jit(norm(True).init)(jax.random.key(0), x[..., :4])
  np.testing.assert_array_equal(start["stats"]["mean"], 0)
  plain = {"scale": np.float32([1, 1]), "shift": np.float32([0, 0])}
  now = {"params": plain, "stats": start["stats"]}
  learn = lambda x: norm(True).apply(now, x, mutable=["stats"])
  frames = np.stack([x[..., :4], x[..., 4:]])
  out, new = jax.jit(lambda x: layers.each(learn, x))(frames)
  out, new = np.concatenate(out, -1), jax.tree.map(lambda a: a.mean(0), new)
  moments = []
  for part in (slice(0, 4), slice(4, 8)):
    one = x[..., part]
    m, v = one.mean((1, 2, 3)), one.var((1, 2, 3))
    by = lambda a: a[:, None, None, None]
    wanted = (one - by(m)) / np.sqrt(by(v) + 1e-5)
    np.testing.assert_allclose(out[..., part], wanted, atol=1e-5)
    moments.append((m, v * 36 / 35))  # Of 3x3 pixels of four clips.
  m, v = np.mean(moments, 0)
  np.testing.assert_allclose(new["stats"]["mean"], 0.1 * m, atol=1e-6)
  np.testing.assert_allclose(new["stats"]["variance"], 0.9 + 0.1 * v, atol=1e-5)
  # Judged, a clip does not depend on the others.
  judge = jax.jit(norm(False).apply)
  judged = judge({"params": plain, **new}, x)
  alone = judge({"params": plain, **new}, x[..., :1])
  np.testing.assert_allclose(judged[..., :1], alone, atol=1e-6)


def test_frames_one_by_one_or_at_once_are_the_same(monkeypatch):
  f = lambda x, y: {"sum": (x * y).sum(), "x": x}
  x, y = draw(3, 2, 4), draw(3, 2, 4)
  slowly = layers.each(f, x, y)
  at_once = layers.each(f, x, y, at_once=True)
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  for other in (at_once, layers.each(f, x, y)):
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), slowly, other
    )
  np.testing.assert_allclose(slowly["sum"], (x * y).sum((1, 2)), rtol=1e-5)


def test_kernels_are_positive_and_sum_to_one():
  raw = draw(4, 5, 5, 3)
  raw[0] = -1.0  # All negative: flat.
  kernels = np.asarray(layers.unit_kernels(raw))
  np.testing.assert_allclose(kernels.sum((1, 2)), 1, atol=1e-6)
  assert kernels.min() > 0
  np.testing.assert_allclose(kernels[0], 1 / 25, rtol=1e-5)
  positive = np.maximum(raw[1], 0)
  np.testing.assert_allclose(
    kernels[1], positive / positive.sum((0, 1)), atol=1e-6
  )


def test_a_warp_is_each_samples_own_cross_correlation():
  x = draw(3, 6, 6, 2)
  still = np.zeros((1, 5, 5, 2), np.float32)
  still[0, 2, 2] = 1
  np.testing.assert_array_equal(layers.warp(x, still, "constant")[0], x)
  left = np.zeros_like(still)
  left[0, 2, 3, 0] = left[0, 2, 2, 1] = 1  # Of the first sample alone.
  moved = np.asarray(layers.warp(x, left, "constant")[0])
  np.testing.assert_array_equal(moved[:, :, :-1, 0], x[:, :, 1:, 0])
  np.testing.assert_array_equal(moved[:, :, -1, 0], 0)
  np.testing.assert_array_equal(moved[..., 1], x[..., 1])
  mirrored = np.asarray(layers.warp(x, left, "symmetric")[0])
  np.testing.assert_array_equal(mirrored[:, :, -1, 0], x[:, :, -1, 0])
  # One colour stays one colour; borders lose what lies outside.
  red = np.zeros_like(x)
  red[0] = 1
  kernels = np.asarray(layers.unit_kernels(draw(2, 5, 5, 2, seed=3)))
  out = np.asarray(layers.warp(red, kernels, "constant"))
  np.testing.assert_array_equal(out[:, 1:], 0)
  np.testing.assert_allclose(out[:, 0, 2:4, 2:4], 1, atol=1e-6)
  corner = kernels[:, 2:, 2:].sum((1, 2))
  np.testing.assert_allclose(out[:, 0, 0, 0], corner, atol=1e-6)


def test_masks_compose_pictures_as_a_weighted_sum():
  masks, pictures = draw(4, 5, 5, 2), draw(4, 3, 5, 5, 2, seed=1)
  g = draw(3, 5, 5, 2, seed=2)
  plain = lambda masks, pictures: (masks[:, None] * pictures).sum(0)
  for ours, wanted in zip(
    *(
      jax.tree.leaves((made, back(g)))
      for made, back in (
        jax.vjp(f, masks, pictures) for f in (layers.compose, plain)
      )
    ),
    strict=True,
  ):
    np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-5)


def test_a_warps_gradients_are_those_of_shifted_copies():
  x, kernels = draw(3, 6, 6, 2), draw(2, 5, 5, 2, seed=1)
  g = draw(2, 3, 6, 6, 2, seed=2)

  def shifted(x, kernels):
    padded = jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), "symmetric")
    return sum(
      kernels[:, None, u, v, None, None] * padded[None, :, u : u + 6, v : v + 6]
      for u in range(5)
      for v in range(5)
    )

  warp = lambda x, kernels: layers.warp(x, kernels, "symmetric")
  ours, wanted = jax.jit(
    lambda: [jax.vjp(f, x, kernels)[1](g) for f in (warp, shifted)]
  )()
  for one, other in zip(ours, wanted, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_enlarging_is_bilinear_between_pixels():
  x = draw(2, 3, 3, 2)
  image = jax.image.resize(x, (2, 6, 6, 2), "linear")
  np.testing.assert_allclose(layers.enlarge(x), image, atol=1e-6)


def test_a_pool_takes_maxima_of_squares():
  x = draw(2, 4, 6, 2)
  squares = x.reshape(2, 2, 2, 3, 2, 2)
  np.testing.assert_array_equal(layers.pool(x), squares.max((2, 4)))


def test_a_transposed_convolution_is_the_transpose():
  conv = layers.Conv(2, 3, 2, bias=False)
  x, y = draw(3, 4, 4, 2), draw(2, 2, 2, 2, seed=1)
  shapes = jax.eval_shape(conv.init, jax.random.key(0), x)["params"]
  kernel = draw(*shapes["kernel"].shape, seed=2)
  back = jax.jit(layers.Deconv(3, 3, 2).apply)(
    {"params": {"kernel": kernel, "bias": np.zeros(3, np.float32)}}, y
  )
  forward = jax.jit(conv.apply)({"params": {"kernel": kernel}}, x)
  np.testing.assert_allclose((x * back).sum(), (forward * y).sum(), rtol=1e-4)


def test_spectral_norm_finds_the_singular_value_and_holds_still_when_judged():
  layer = layers.SpectralNorm((3, 3, 4, 5), jax.nn.initializers.normal(1.0))
  variables = jax.jit(layer.init)(jax.random.key(0))
  params = variables["params"]
  judge = jax.jit(layer.apply)
  still = judge(variables)
  np.testing.assert_array_equal(judge(variables), still)
  learns = jax.jit(lambda now: layer.apply(now, mutable="stats")[1])
  for _ in range(50):
    variables = {"params": params, **learns(variables)}
  kernel = judge(variables)
  top = np.linalg.svd(np.reshape(params["kernel"], (36, 5)))[1][0]
  np.testing.assert_allclose(kernel, params["kernel"] / top, rtol=0.01)


@functools.partial(jax.jit, static_argnums=2)
def both_convolutions(x, kernel, strides):
  wanted = jax.lax.conv_general_dilated(
    x.transpose(4, 0, 2, 3, 1),
    kernel,
    (strides[0], strides[1], strides[1]),
    [(1, 1)] * 3,
    dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
  )
  ours = discriminator.convolve_3d(x, kernel, strides)
  return ours, wanted.transpose(1, 4, 2, 3, 0)


def test_a_convolution_in_time_and_space_is_one():
  x, kernel = draw(6, 2, 4, 4, 2), draw(4, 4, 4, 2, 3, seed=1)
  for strides in ((1, 2), (2, 2)):
    ours, wanted = both_convolutions(x, kernel, strides)
    np.testing.assert_allclose(ours, wanted, atol=1e-4)


def test_least_squares_losses_of_a_judge_that_says_nothing():
  nothing, ones = np.zeros(3), np.ones(3)
  assert discriminator.own_loss(nothing, nothing) == 1
  assert discriminator.generator_loss(nothing) == 1
  assert discriminator.own_loss(ones, nothing) == 0
  assert discriminator.own_loss(nothing, ones) == 2
  assert discriminator.generator_loss(ones) == 0


@pytest.mark.parametrize(
  ("step", "count"), [(0, 16), (5_000, 12), (7_000, 4), (9_213, 0), (10**6, 0)]
)
def test_scheduled_sampling_counts(step, count):
  assert int(feedback.true_count(step, 900.0, 16)) == count


def test_who_sees_the_true_frame():
  shares = [feedback.true_share(t, 900.0) for t in (0, 900 * np.log(900))]
  np.testing.assert_allclose(shares, [900 / 901, 0.5], atol=1e-4)
  key = jax.random.key(0)
  draw = jax.jit(feedback.exact, static_argnums=(2, 3, 4, 5))
  use = np.asarray(draw(key, 7_000, 900.0, 2, 6, 16))
  np.testing.assert_array_equal(use.sum(1), [16, 16, 4, 4, 4, 4])
  assert len({row.tobytes() for row in use[2:]}) == 4  # Others each time.
  draw = jax.jit(feedback.independent, static_argnums=(2, 3, 4, 5))
  use = np.asarray(draw(key, 6_122, 900.0, 2, 40, 400))
  assert use[:2].all()
  np.testing.assert_allclose(use[2:].mean(1), 0.5, atol=0.1)
  late = draw(key, 12_400, 900.0, 2, 40, 400)
  assert not late[2:].any()


def test_frames_and_videos_are_the_same_numbers():
  video = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4, 3), np.uint8)
  frames = feedback.to_frames(jnp.asarray(video))
  assert frames.shape == (3, 3, 4, 4, 2)
  back = feedback.to_video(frames)
  np.testing.assert_allclose(back * 255, video, atol=1e-4)
  floats = feedback.to_frames(jnp.asarray(video / 255, jnp.float32))
  np.testing.assert_allclose(floats, frames, atol=1e-6)
