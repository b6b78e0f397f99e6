"""Convolutions with the batch last: XLA's own, to the first two derivatives."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from common.nn import convolution
from common.nn.batch_last import Conv, doubled, halved
from common.nn.convolution import Geometry, same

CASES = [  # h, w, kernel, channels, features, geometry
  (8, 8, 5, 3, 4, same(8, 5, 2)),
  (7, 7, 5, 1, 2, same(7, 5, 2)),
  (6, 10, 5, 2, 1, same(6, 5, 2)),
  (28, 28, 3, 1, 4, Geometry(2)),
  (6, 5, 3, 2, 3, same(6, 3, 1)),
  (5, 6, 4, 3, 2, Geometry(1, 1, 2)),
  (4, 5, 2, 3, 2, Geometry(1, 2, 1)),
  (5, 5, 1, 2, 3, Geometry(2)),
]


def test_same_is_tensorflows():
  assert same(224, 7, 2) == (2, 2, 3)  # The stride; before, behind.
  assert same(15, 7, 2) == (2, 3, 3)
  assert same(28, 3, 1) == (1, 1, 1)
  assert same(7, 3, 2) == (2, 1, 1)
  assert same(5, 2, 2) == (2, 0, 1)


def xla(a, kernel, where):
  return jax.lax.conv_general_dilated(
    a,
    kernel,
    (where.stride, where.stride),
    [(where.low, where.high)] * 2,
    dimension_numbers=("CHWN", "HWIO", "CHWN"),
  )


def near(ours, theirs):
  for one, other in zip(
    jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True
  ):
    scale = float(np.max(np.abs(other)))
    one = np.asarray(one)
    np.testing.assert_allclose(one / scale, other / scale, atol=2e-6)


@pytest.mark.parametrize(("h", "w", "k", "c", "f", "where"), CASES)
def test_it_is_xlas_with_all_derivatives(h, w, k, c, f, where):
  draw = np.random.default_rng(0)
  normal = lambda *shape: draw.normal(size=shape).astype(np.float32)
  a, kernel = normal(c, h, w, 3), normal(k, k, c, f)
  out = jax.eval_shape(lambda a, kernel: xla(a, kernel, where), a, kernel)
  g = normal(*out.shape)

  def ours(a, kernel):
    return convolution.convolve(a, kernel, where)

  def theirs(a, kernel):
    return xla(a, kernel, where)

  def transposed(g, kernel):
    return convolution.transpose(g, kernel, where, (h, w))

  def their_transposed(g, kernel):
    x = jnp.zeros(a.shape, g.dtype)  # Linear: any will do.
    return jax.vjp(lambda x: theirs(x, kernel), x)[1](g)[0]

  same_with_derivatives(ours, theirs, a, kernel, g)
  same_with_derivatives(transposed, their_transposed, g, kernel, a)


@pytest.mark.parametrize(("k", "c", "f"), [(3, 2, 5), (5, 3, 1), (3, 1, 2)])
def test_kernels_take_in_what_halves_and_doubles(k, c, f):
  draw = np.random.default_rng(0)
  normal = lambda *shape: draw.normal(size=shape).astype(np.float32)
  kernel = normal(k, k, c, f)
  plain = lambda a, kernel: xla(a, kernel, same(a.shape[1], k, 1))
  same_with_derivatives(
    convolution.convolve_down,
    lambda a, kernel: halved(plain(a, kernel)),
    normal(c, 6, 4, 2),
    kernel,
    normal(f, 3, 2, 2),
  )
  same_with_derivatives(
    convolution.convolve_up,
    lambda a, kernel: plain(doubled(a), kernel),
    normal(c, 3, 4, 2),
    kernel,
    normal(f, 6, 8, 2),
  )


def same_with_derivatives(ours, theirs, a, kernel, g):
  """The values, the pullbacks of g, and the gradient of a gradient's norm."""

  def all_of(function):
    def slope(*arguments):  # A gradient's penalty, as WGAN-GP's.
      total = lambda x, kernel: jnp.sum(jnp.tanh(function(x, kernel)))
      return jnp.sum(jax.grad(total)(*arguments) ** 2)

    return jax.jit(
      lambda x, kernel, g: (
        function(x, kernel),
        jax.vjp(function, x, kernel)[1](g),
        jax.grad(slope, (0, 1))(x, kernel),
      )
    )

  with jax.enable_x64(True):  # XLA's float32, too, rounds by the processor.
    exact = jax.device_get(all_of(theirs)(*map(np.float64, (a, kernel, g))))
  near(all_of(ours)(a, kernel, g), exact)


def test_a_layer_takes_in_what_halves_and_doubles():
  a = jnp.arange(32.0).reshape(2, 4, 4, 1)
  down, up, plain = (
    Conv(3, 3, resample=resample) for resample in ("down", "up", "")
  )
  params = plain.init(jax.random.key(0), a)
  params["params"]["bias"] = jnp.array([1.0, -2.0, 3.0])
  near(down.apply(params, a), halved(plain.apply(params, a)))
  near(up.apply(params, a), plain.apply(params, doubled(a)))


@pytest.mark.parametrize(
  "setting", [dict(stride=2), dict(padding=1), dict(xla=True)]
)
def test_a_setting_that_resampling_would_not_read_is_refused(setting):
  conv = Conv(3, 3, resample="up", name="a", **setting)
  with pytest.raises(ValueError, match="resample='up' takes no stride"):
    jax.eval_shape(conv.init, jax.random.key(0), jnp.zeros((2, 4, 4, 1)))


def test_patches_are_those_of_the_narrower_side():
  where = same(8, 3, 1)

  def patches_input(c, f):
    shapes = jnp.zeros((c, 8, 8, 2)), jnp.zeros((3, 3, c, f))
    convolve = lambda *a: convolution.convolve(*a, where).sum()
    program = jax.jit(jax.grad(convolve, (0, 1))).lower(*shapes).as_text()
    return f"tensor<{9 * 20}x" in program

  assert patches_input(20, 30)
  assert not patches_input(20, 3)


def test_xla_may_not_undo_the_layout_of_kernels():
  where = same(8, 3, 1)

  def kept(f):
    shapes = jnp.zeros((2, 8, 8, 2)), jnp.zeros((3, 3, 2, f))
    program = jax.make_jaxpr(lambda *a: convolution.convolve(*a, where))(
      *shapes
    )
    return "optimization_barrier" in str(program)

  assert kept(1) and kept(4)


def test_another_backend_takes_the_plain_convolution(monkeypatch):
  a, kernel = jnp.ones((1, 5, 5, 2)), jnp.ones((3, 3, 1, 2))
  where = same(5, 3, 2)

  def both():
    convolve = lambda a: convolution.convolve(a, kernel, where)
    turn = lambda g: convolution.transpose(g, kernel, where, (5, 5))
    return jax.jit(lambda a: (convolve(a), turn(convolve(a))))(a)

  here = both()
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  program = jax.make_jaxpr(lambda a: convolution.convolve(a, kernel, where))(a)
  assert "conv_general_dilated" in str(program)
  near(both(), here)


def test_a_layer_is_xlas_where_it_is_asked_and_can_be_fast():
  a = jnp.ones((16, 5, 5, 2))

  def text(features=16, **changes):
    layer = Conv(features, 3, xla=True, **changes)
    params = jax.eval_shape(layer.init, jax.random.key(0), a)
    return str(jax.make_jaxpr(layer.apply)(params, a))

  assert "conv_general_dilated" in text()
  assert "conv_general_dilated" not in text(stride=2)
  assert "conv_general_dilated" not in text(features=3)


def test_a_batch_over_devices_stays_there():
  mesh = Mesh(np.array(jax.devices()), ("batch",))
  split = NamedSharding(mesh, PartitionSpec(None, None, None, "batch"))
  a = jax.device_put(jnp.ones((2, 8, 8, 8)), split)
  kernel = jnp.ones((5, 5, 2, 3))
  where = same(8, 5, 2)
  step = jax.jit(
    lambda a: jax.grad(
      lambda a: jnp.sum(convolution.convolve(a, kernel, where) ** 2)
    )(a)
  )
  program = step.lower(a).compile()
  assert step(a).sharding.is_equivalent_to(split, 4)
  assert "all-gather" not in program.as_text()
