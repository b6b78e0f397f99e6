"""Convolutions with the batch in the minor dimension, `[c, h, w, b]`.

On CPUs XLA's own convolutions reach a tenth of a core's peak where a layer has
few channels, and their gradients less. Here a convolution is one product of the
kernel and the picture's patches, a copy of strided slices whose rows, along the
batch, lie in memory as they are; its transpose is the same product and a sum of
shifted copies. Elsewhere both are `jax.lax.conv_general_dilated` on the same
arrays: the layout in memory is the compiler's choice, and nothing is copied.

Kernels are laid out as Flax has them, `[kh, kw, c, f]`. All is linear in both
arguments, and differentiable any number of times.
"""

import functools
from typing import NamedTuple

import jax
from jax import numpy as jnp


class Geometry(NamedTuple):
  """Where a square kernel is laid on a picture.

  Attributes:
    stride: in both directions.
    low: rows and columns of zeros before the picture.
    high: behind it.
  """

  stride: int
  low: int = 0
  high: int = 0


def same(size: int, kernel: int, stride: int) -> Geometry:
  """The geometry of "SAME" padding, for a picture of `size` by `size`."""
  missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
  return Geometry(stride, missing // 2, missing - missing // 2)


def batch_last(a: jax.Array) -> jax.Array:
  """`[b, h, w, c] -> [c, h, w, b]`."""
  return a.transpose(3, 1, 2, 0)


batch_first = batch_last  # The same exchange, back.


def convolve(
  a: jax.Array, kernel: jax.Array, where: Geometry, xla: bool = False
) -> jax.Array:
  """A convolution, `[c, h, w, b], [k, k, c, f] -> [f, oh, ow, b]`.

  oh = (low + h + high - k) // stride + 1.

  Args:
    a: the pictures.
    kernel: as Flax has it.
    where: it is laid.
    xla: by XLA's own convolution on CPUs, too. At stride 1 on large maps of
      many channels it takes half of the memory, and 0.8 (SVP-FP's VGG) to 1.1
      times as long (BEGAN at a batch of 8; at 16 as long), if compiled with
      `xla_options.convolutions()` and outside of any loop; strided, inside a
      loop, or without the option it takes ten to thirty times as long.
  """
  if jax.default_backend() == "cpu" and not xla:
    k, _, c, f = kernel.shape
    if where.stride == 1 and f <= c and max(where.low, where.high) < k > 1:
      # The same is the convolution by the kernel turned by 180 degrees,
      # transposed: its patches, and its gradients', are those of what comes
      # out, and fewer where that has fewer channels.
      turned = kernel[::-1, ::-1].swapaxes(2, 3)
      back = Geometry(1, k - 1 - where.low, k - 1 - where.high)
      h, w = (n + where.low + where.high - k + 1 for n in a.shape[1:3])
      return _by_overlaps(a, turned, back, (h, w))
    return _by_patches(a, kernel, where)
  return jax.lax.conv_general_dilated(
    a,
    kernel,
    (where.stride, where.stride),
    [(where.low, where.high)] * 2,
    dimension_numbers=("CHWN", "HWIO", "CHWN"),
  )


def transpose(
  g: jax.Array, kernel: jax.Array, where: Geometry, size: tuple[int, int]
) -> jax.Array:
  """The transpose of `convolve` in its input, `[f, oh, ow, b] -> [c, h, w, b]`.

  Args:
    g: as `convolve` gives it.
    kernel: `[k, k, c, f]`.
    where: of the convolution.
    size: h and w of its input.
  """
  if jax.default_backend() == "cpu":
    return _by_overlaps(g, kernel, where, size)
  shape = (kernel.shape[2], *size, g.shape[3])
  like = jax.ShapeDtypeStruct(shape, g.dtype)
  convolution = lambda a: convolve(a, kernel, where)
  (out,) = jax.linear_transpose(convolution, like)(g)
  return out


def convolve_down(a: jax.Array, kernel: jax.Array) -> jax.Array:
  """2x2 means of a convolution, `[c, h, w, b] -> [f, h/2, w/2, b]`.

  Of stride 1, padded as "SAME". The means are taken of the kernel: it becomes
  one of stride 2, a row and a column larger, with 4/9 of a 3x3 kernel's
  products.

  Args:
    a: of even h and w.
    kernel: `[k, k, c, f]`, k odd.
  """
  r = len(kernel) // 2
  return convolve(a, halved_kernel(kernel), Geometry(2, r, r))


def convolve_up(a: jax.Array, kernel: jax.Array) -> jax.Array:
  """A convolution of doubled pixels, `[c, h, w, b] -> [f, 2h, 2w, b]`.

  The transpose of 2x2 means of a convolution, and four times that: the same
  saving as there, and the doubled picture is never made.

  Args:
    a: `[c, h, w, b]`.
    kernel: `[k, k, c, f]`, k odd; of stride 1, padded as "SAME".
  """
  r = len(kernel) // 2
  turned = 4 * halved_kernel(kernel[::-1, ::-1].swapaxes(2, 3))
  size = 2 * a.shape[1], 2 * a.shape[2]
  return transpose(a, turned, Geometry(2, r, r), size)


def halved_kernel(kernel: jax.Array) -> jax.Array:
  """The mean of a kernel at four neighbouring places, `[k + 1, k + 1, ...]`."""
  for axis in (0, 1):
    before, after = [(0, 0)] * kernel.ndim, [(0, 0)] * kernel.ndim
    before[axis], after[axis] = (0, 1), (1, 0)
    kernel = (jnp.pad(kernel, before) + jnp.pad(kernel, after)) / 2
  return kernel


def patches(a: jax.Array, size: int, where: Geometry) -> jax.Array:
  """The squares under a kernel, `[c, h, w, b] -> [k k c, oh, ow, b]`.

  Their rows are ordered as the first three axes of a kernel are.
  """
  low, high, stride = where.low, where.high, where.stride
  a = jnp.pad(a, ((0, 0), (low, high), (low, high), (0, 0)))
  c, h, w = a.shape[:3]
  # First the rows that each row of the kernel sees, then their columns: fewer
  # slices to compile than one for each place of the kernel.
  take = lambda a, axis, first, n: jax.lax.slice_in_dim(
    a, first, first + n, stride, axis
  )
  rows = jnp.stack([take(a, 1, u, h - size + 1) for u in range(size)])
  squares = [take(rows, 3, v, w - size + 1) for v in range(size)]
  squares = jnp.stack(squares, 1)  # [k, k, c, oh, ow, b]
  return squares.reshape(size * size * c, *squares.shape[3:])


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _by_patches(a, kernel, where):
  k, _, c, f = kernel.shape
  return _product(kernel.reshape(k * k * c, f), patches(a, k, where))


def _by_patches_forward(a, kernel, where):
  return _by_patches(a, kernel, where), (a, kernel)


def _by_patches_backward(where, saved, g):
  a, kernel = saved
  to_input = _by_overlaps(g, kernel, where, a.shape[1:3])
  return to_input, _kernel_gradient(a, g, kernel.shape, where)


_by_patches.defvjp(_by_patches_forward, _by_patches_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _by_overlaps(g, kernel, where, size):
  k, _, c, f = kernel.shape
  _, oh, ow, b = g.shape
  rows = kernel.transpose(3, 0, 1, 2).reshape(f, k * k * c)
  columns = _product(rows, g).reshape(k, k, c, oh, ow, b)
  down = _overlap(columns, 3, where.stride)  # [k, c, h', ow, b]
  out = _overlap(down, 3, where.stride)  # [c, h', w', b]
  h, w = (where.low + n for n in size)
  room = [
    max(0, n - had) for n, had in zip((h, w), out.shape[1:3], strict=True)
  ]
  out = jnp.pad(out, ((0, 0), (0, room[0]), (0, room[1]), (0, 0)))
  return out[:, where.low : h, where.low : w]


def _by_overlaps_forward(g, kernel, where, size):
  return _by_overlaps(g, kernel, where, size), (g, kernel)


def _by_overlaps_backward(where, size, saved, out):
  g, kernel = saved
  to_input = _by_patches(out, kernel, where)
  return to_input, _kernel_gradient(out, g, kernel.shape, where)


_by_overlaps.defvjp(_by_overlaps_forward, _by_overlaps_backward)


def _overlap(columns, axis, stride):
  """Adds what the taps `[k, ...]` say of each position along `axis`.

  Tap t of position i is of place stride i + t. Places that differ by a multiple
  of the stride are summed as shifted copies, then laid beside the others.
  """
  k, reach = len(columns), -(-len(columns) // stride)
  phases = []
  for r in range(stride):
    total = 0.0
    for shift, tap in enumerate(columns[t] for t in range(r, k, stride)):
      room = [(0, 0)] * tap.ndim
      room[axis - 1] = (shift, reach - 1 - shift)
      total += jnp.pad(tap, room)
    phases.append(total)
  phases = [jnp.broadcast_to(x, phases[0].shape) for x in phases]
  out = jnp.stack(phases, axis)
  shape = [*out.shape[: axis - 1], -1, *out.shape[axis + 1 :]]
  return out.reshape(shape)


def _kernel_gradient(a, g, shape, where):
  """The gradient of sum(convolve(a, kernel) g) to the kernel."""
  k = shape[0]
  places = ((1, 2, 3), (1, 2, 3))
  columns = patches(a, k, where)
  return jax.lax.dot_general(columns, g, (places, ((), ()))).reshape(shape)


def _product(a, b):
  """`[n, m], [n, h, w, b] -> [m, h, w, b]`; not reshaped, for split batches.

  The kernel a is copied to `[m, n]` first, which XLA would undo: so its product
  takes as little as half of the time.
  """
  a = jax.lax.optimization_barrier(a.T)
  return jax.lax.dot_general(a, b, (((1,), (0,)), ((), ())))
