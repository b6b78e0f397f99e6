"""The GAN papers' networks written down again, in NumPy, for tests.

From the papers' code as their fact sheets have it, layer by layer, and by
nothing of `common.gan` but the names of its parameters. Images are `[n, h, w,
c]`; all is float64. Kernels are `[h, w, in, out]`, those of transposed
convolutions turned by 180 degrees, as Flax keeps them.
"""

import jax
import numpy as np


def doubles(params):
  """Parameters as float64."""
  return jax.tree.map(lambda a: np.asarray(a, np.float64), params)


def stirred(params, seed):
  """Parameters whose biases, scales and offsets are not 0 and 1.

  Kernels stay as they were drawn, so that what a norm sees is as small as at
  the start of a training, where its epsilon counts.
  """
  rng = np.random.default_rng(seed)

  def stir(a):
    noise = 0.3 * rng.normal(size=a.shape)
    return a + noise.astype(np.float32) * (np.sum(np.array(a.shape) > 1) < 2)

  return jax.tree.map(stir, params)


def relu(a):
  return np.maximum(a, 0)


def leaky(a):
  return np.where(a > 0, a, 0.2 * a)


def elu(a):
  return np.where(a > 0, a, np.expm1(np.minimum(a, 0)))


def linear(a, p):
  return a @ p["kernel"] + p["bias"]


def conv(a, p, stride=1):
  """A convolution, "SAME" as TensorFlow has it: one pixel less in front."""
  kernel = p["kernel"]
  size = len(kernel)
  n, h, w, _ = a.shape
  missing = max((-(-h // stride) - 1) * stride + size - h, 0)
  room = (missing // 2, missing - missing // 2)
  a = np.pad(a, ((0, 0), room, room, (0, 0)))
  out = np.zeros((n, -(-h // stride), -(-w // stride), kernel.shape[3]))
  for i in range(size):
    for j in range(size):
      there = a[:, i : i + h : stride, j : j + w : stride]
      out += there @ kernel[i, j]
  return out + p.get("bias", 0.0)


def deconv(a, p):
  """The transpose of a 5x5 convolution of stride 2, which doubles the size."""
  n, h, w, _ = a.shape
  out = np.zeros((n, 2 * h + 3, 2 * w + 3, p["kernel"].shape[3]))
  for i in range(5):
    for j in range(5):
      tap = a @ p["kernel"][4 - i, 4 - j]
      out[:, i : i + 2 * h : 2, j : j + 2 * w : 2] += tap
  return out[:, 1 : 2 * h + 1, 1 : 2 * w + 1] + p["bias"]


def conv1d(a, p):
  """A convolution along the line, `[n, length, c]`, "SAME"."""
  kernel = p["kernel"]
  side = len(kernel) // 2
  wide = np.pad(a, ((0, 0), (side, side), (0, 0)))
  length = a.shape[1]
  parts = [wide[:, i : i + length] @ k for i, k in enumerate(kernel)]
  return sum(parts) + p["bias"]


def norm(a, p, axes, epsilon, like=None, moments=None):
  """Normalised over `axes`, by `moments` (mean, var) if there are any.

  `like` is the shape that scale and offset are brought to.
  """
  if moments is None:
    moments = a.mean(axes, keepdims=True), a.var(axes, keepdims=True)
  like = like or (1,) * (a.ndim - 1) + (-1,)
  mean, var = (np.reshape(m, like) if m.ndim == 1 else m for m in moments)
  a = (a - mean) / np.sqrt(var + epsilon)
  scale = p["scale"].reshape(like) if "scale" in p else 1.0
  return a * scale + p["bias"].reshape(like)


def dcgan_generator(p, z, layers, start, norm_first, epsilon, averages=None):
  """Dense, `layers` doublings; a norm behind all but the last, or the first."""

  def normed(a, name):
    kept = averages and (averages[name]["mean"], averages[name]["var"])
    return norm(a, p[name], (0, 1, 2), epsilon, moments=kept)

  a = linear(z, p["dense"]).reshape(len(z), start, start, -1)
  a = relu(normed(a, "norm_0") if norm_first else a)
  for i in range(1, layers):
    a = relu(normed(deconv(a, p[f"deconv_{i}"]), f"norm_{i}"))
  return deconv(a, p[f"deconv_{layers}"])


def dcgan_discriminator(p, a, layers, kind, norm_first, epsilon):
  """`layers` 5x5 convolutions of stride 2, leaky ReLU 0.2, linear."""
  axes = {"batch": (0, 1, 2), "layer": (1, 2, 3)}
  for i in range(layers):
    a = conv(a, p[f"conv_{i}"], 2)
    if kind != "none" and (i or norm_first):
      a = norm(a, p[f"norm_{i}"], axes[kind], epsilon)
    a = leaky(a)
  return linear(a.reshape(len(a), -1), p["out"])[:, 0]


def doubled(a):
  return a.repeat(2, 1).repeat(2, 2)


def halved(a):
  n, h, w, c = a.shape
  return a.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def wgan_gp_generator(p, z, side):
  """Linear, four blocks up, norm, ReLU, 3x3, tanh; norms of the batch."""
  normed = lambda a, q: norm(a, q, (0, 1, 2), 1e-5)
  a = linear(z, p["dense"]).reshape(len(z), side, side, -1)
  for i in range(4):
    q = p[f"block_{i}"]
    inside = conv(doubled(relu(normed(a, q["norm_1"]))), q["conv_1"])
    inside = conv(relu(normed(inside, q["norm_2"])), q["conv_2"])
    a = conv(doubled(a), q["shortcut"]) + inside
  return np.tanh(conv(relu(normed(a, p["norm"])), p["conv"]))


def wgan_gp_critic(p, a, samples_as_one):
  """3x3, four blocks down, linear; norms of a whole sample."""
  normed = lambda a, q: norm(a, q, (1, 2, 3), 1e-5)
  a = conv(a, p["conv"])
  for i in range(4):
    q = p[f"block_{i}"]
    inside = conv(relu(normed(a, q["norm_1"])), q["conv_1"])
    inside = halved(conv(relu(normed(inside, q["norm_2"])), q["conv_2"]))
    a = conv(halved(a), q["shortcut"]) + inside
  # The code is channels first.
  rows = np.moveaxis(a, 3, 1).reshape(len(a) // samples_as_one, -1)
  return linear(rows, p["out"])[:, 0]


def language_block(a, p, i, act, normed):
  inside = a
  for half in ("a", "b"):
    name = f"{i}{half}"
    inside = conv1d(act(inside), p[f"conv_{name}"])
    inside = normed(inside, f"norm_{name}")
  return a + 0.3 * inside


def language_generator(p, z, length, blocks, kind, epsilon, averages=None):
  """Linear, blocks, 1x1, softmax; `kind` of norms "none" has none at all.

  Else the noise is normalised first. "position": one mean and variance a place
  of the line, "channel": one a channel.
  """

  def normed(a, name):
    if kind == "none":
      return a
    kept = averages and (averages[name]["mean"], averages[name]["var"])
    if a.ndim == 2:
      return norm(a, p[name], 0, epsilon, moments=kept)
    axes, like = {
      "position": ((0, 2), (1, -1, 1)),
      "channel": ((0, 1), (1, 1, -1)),
    }[kind]
    return norm(a, p[name], axes, epsilon, like, kept)

  a = normed(linear(normed(z, "norm_noise"), p["dense"]), "norm_dense")
  a = a.reshape(len(z), length, -1)
  for i in range(blocks):
    a = language_block(a, p, i, relu, normed)
  a = np.exp(conv1d(a, p["out"]))
  return a / a.sum(-1, keepdims=True)


def language_critic(p, a, blocks, act):
  """1x1, blocks without norms, linear."""
  a = conv1d(a, p["in"])
  for i in range(blocks):
    a = language_block(a, p, i, act, lambda a, name: a)
  return linear(a.reshape(len(a), -1), p["out"])[:, 0]


def drawn(kernel):
  """Standard deviation, and how many of them the largest entry is.

  Of thousands of entries the second is 1.73 if they are uniform, 2.27 if they
  are normal and cut off at two before it is measured, more than 3 if normal.
  """
  kernel = np.asarray(kernel)
  return kernel.std(), np.abs(kernel).max() / kernel.std()
