"""The video models' networks against transcriptions in NumPy, batch first.

Written from the papers and what is known of their authors' code, with padding
of their own, in float64; maps are `[b, h, w, c]`. Parameters are random.
"""

import jax
import numpy as np
import pytest

from projects.fvd.models import choice, discriminator, savp, sv2p, svp_fp

from .test_video_models import (
  KEY,
  cdna_cell,
  config_of,
  filled,
  savp_cell,
)

pytestmark = pytest.mark.slow

sigmoid = lambda x: 1 / (1 + np.exp(-x))
relu = lambda x: np.maximum(x, 0)
leaky = lambda x, slope: np.maximum(x, slope * x)
cat = lambda *maps: np.concatenate(maps, -1)


def softmax(x):
  x = np.exp(x - x.max(-1, keepdims=True))
  return x / x.sum(-1, keepdims=True)


def doubles(tree):
  return jax.tree.map(lambda a: np.asarray(a, np.float64), tree)


def batch_first(tree):
  """`[c, h, w, b] -> [b, h, w, c]` of all maps."""
  return jax.tree.map(lambda a: np.transpose(a, (3, 1, 2, 0)), doubles(tree))


def same(ours, wanted):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5),
    ours,
    wanted,
  )


def pads(side, size, stride):
  """TensorFlow's: for ceil(side / stride) places, the odd one behind."""
  missing = max((-(-side // stride) - 1) * stride + size - side, 0)
  return missing // 2, missing - missing // 2


def conv(x, p, stride=1, pad=None):
  """`pad`: before and behind; by default "SAME"."""
  kernel = p["kernel"]
  size = len(kernel)
  pad = pad or pads(x.shape[1], size, stride)
  x = np.pad(x, ((0, 0), pad, pad, (0, 0)))
  reach = x.shape[1] - size + 1
  return p.get("bias", 0.0) + sum(
    x[:, u : u + reach : stride, v : v + reach : stride] @ kernel[u, v]
    for u in range(size)
    for v in range(size)
  )


def deconv(x, p, stride=1):
  """Each pixel lays its kernel `[size, size, out, in]`; "SAME" is cut out."""
  kernel, (b, n, _, _) = p["kernel"], x.shape
  size, low = len(kernel), max(len(kernel) - stride, 0) // 2
  side, reach = stride * (n - 1) + size, stride * (n - 1) + 1
  out = np.zeros((b, side, side, kernel.shape[2]))
  for u in range(size):
    for v in range(size):
      laid = x @ kernel[u, v].T
      out[:, u : u + reach : stride, v : v + reach : stride] += laid
  cut = slice(low, low + stride * n)
  return out[:, cut, cut] + p["bias"]


def dense(x, p):
  return x @ p["kernel"] + p["bias"]


def normed(x, p, axes, epsilon):
  mean = x.mean(axes, keepdims=True)
  x = (x - mean) / np.sqrt(x.var(axes, keepdims=True) + epsilon)
  return x * p["scale"] + p["shift"]


layer_norm = lambda x, p: normed(x, p, (1, 2, 3), 1e-12)
instance_norm = lambda x, p: normed(x, p, (1, 2), 1e-6)


def conv_lstm(x, state, p, last=()):
  """Gates i, j, f, o of `[x, h]`; `normalised`, if there are such norms."""
  c, h = state
  norm = lambda x, name: instance_norm(x, p[name]) if name in p else x
  gates = norm(conv(cat(x, *last, h), p["gates"]), "gates_norm")
  i, j, f, o = np.split(gates, 4, -1)
  c = norm(c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j), "cell_norm")
  return c, sigmoid(o) * np.tanh(c)


def unit_kernels(raw):
  positive = relu(raw - 1e-12) + 1e-12
  return positive / positive.sum((2, 3), keepdims=True)


def warp(x, kernels, mode):
  """`[b, size, size]` for each sample, by shifted copies."""
  size, side = kernels.shape[1], x.shape[1]
  room = (size // 2, size // 2)
  x = np.pad(x, ((0, 0), room, room, (0, 0)), mode)
  return sum(
    kernels[:, u, v, None, None, None] * x[:, u : u + side, v : v + side]
    for u in range(size)
    for v in range(size)
  )


def composed(masks, pictures):
  return sum(masks[..., [i]] * picture for i, picture in enumerate(pictures))


def flat_of(x):
  """As ours are: channels, rows, columns."""
  return x.transpose(0, 3, 1, 2).reshape(len(x), -1)


def cdna(p, old, frame, z):
  new = []

  def lstm(x, name):
    new.append(conv_lstm(x, old[len(new)], p[name]))
    return layer_norm(new[-1][1], p[f"{name}_norm"])

  e0 = relu(layer_norm(conv(frame, p["conv_0"], 2), p["conv_0_norm"]))
  e1 = relu(conv(lstm(lstm(e0, "lstm_1"), "lstm_2"), p["conv_1"], 2))
  x = relu(conv(lstm(lstm(e1, "lstm_3"), "lstm_4"), p["conv_2"], 2))
  x = relu(conv(cat(x, z), p["conv_3"]))
  bottom = lstm(x, "lstm_5")
  x = lstm(relu(deconv(bottom, p["deconv_4"], 2)), "lstm_6")
  x = lstm(relu(deconv(cat(x, e1), p["deconv_5"], 2)), "lstm_7")
  e6 = layer_norm(deconv(cat(x, e0), p["deconv_6"], 2), p["deconv_6_norm"])
  raw = dense(flat_of(bottom), p["kernels"]).reshape(len(frame), -1, 5, 5)
  kernels = unit_kernels(raw)[:, :-1].swapaxes(0, 1)
  moved = [warp(frame, kernel, "constant") for kernel in kernels]
  masks = softmax(conv(e6, p["masks"]))
  pictures = [frame, sigmoid(conv(e6, p["scratch"])), *moved]
  return new, composed(masks, pictures)


def test_cdna_is_its_transcription():
  run, params, state, frame, z = cdna_cell()
  new, (made, *_) = run(params, frame)
  wanted = cdna(doubles(params), *batch_first((state, frame, z)))
  same(batch_first((list(new), made)), wanted)


def test_sv2ps_tower_is_its_transcription():
  tower = sv2p.Posterior(2)
  frames = np.random.default_rng(3).uniform(size=(3, 3, 16, 16, 4))
  frames = np.float32(frames)
  params = filled(jax.eval_shape(tower.init, KEY, frames)["params"])
  mean, lv = jax.jit(tower.apply)({"params": params}, frames)
  p, x = doubles(params), np.concatenate(list(batch_first(list(frames))), -1)
  for i, stride in enumerate((2, 2, 1)):
    x = conv(x, p[f"conv_{i}"], stride)
    x = relu(layer_norm(x, p[f"norm_{i}"]))
  least = -5  # exp(-5 / 2) is .082.
  raised = relu(conv(x, p["log_variance"], 2))
  assert (raised == 0).any() and raised.any()
  same(batch_first((mean, lv)), (conv(x, p["mean"], 2), raised + least))


def savp_step(p, state, frame, first, z):
  (c, h), old = state
  latent = p["latent"]["gates"]
  gates = cat(z, h[:, 0, 0]) @ latent["kernel"][0, 0] + latent["bias"]
  i, j, f, o = np.split(gates[:, None, None], 4, -1)
  c = c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
  h = sigmoid(o) * np.tanh(c)
  new, levels = [], []
  flat = lambda x: np.broadcast_to(h, (*x.shape[:3], h.shape[-1]))

  def act(x, name):
    return relu(instance_norm(x, p[f"{name}_norm"]))

  def lstm(x, name):
    new.append(conv_lstm(x, old[len(new)], p[name], [flat(x)]))
    return new[-1][1]

  x = cat(frame, first)
  for n in ("0", "1"):
    x = conv(cat(x, flat(x)), p[f"down_{n}"])
    x = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1)
    x = lstm(act(x.mean((2, 4)), f"down_{n}"), f"down_lstm_{n}")
    levels.append(x)
  raw = dense(flat_of(x), p["kernels"]).reshape(len(x), -1, 5, 5)
  raw[:, :, 2, 2] += 1
  kernels = unit_kernels(raw).swapaxes(0, 1)
  for n in ("0", "1"):
    x = cat(x, levels[0]) if n == "1" else x
    places = np.arange(x.shape[1])
    half = (np.arange(2 * len(places)) + 0.5) / 2 - 0.5
    weights = [np.interp(half, places, row) for row in np.eye(len(places))]
    x = np.einsum("hH,wW,bhwc->bHWc", weights, weights, x)
    x = act(conv(cat(x, flat(x)), p[f"up_{n}"]), f"up_{n}")
    x = lstm(x, f"up_lstm_{n}") if n == "0" else x
  s, m = np.split(act(conv(x, p["heads"]), "heads"), 2, -1)
  pictures = [warp(frame, kernel, "symmetric") for kernel in kernels]
  pictures += [frame, first, sigmoid(conv(s, p["scratch"]))]
  masks = softmax(conv(cat(m, *pictures), p["masks"]))
  return ((c, h), new), composed(masks, pictures)


def test_savps_cell_is_its_transcription():
  run, params, state, frame, first, z = savp_cell()
  (z_state, new), (made, *_) = run(params, frame, first, z)
  wanted = savp_step(
    doubles(params), *batch_first((state, frame, first)), np.float64(z.T)
  )
  same(batch_first(((z_state, list(new)), made)), wanted)


def test_savps_encoder_is_its_transcription():
  encoder = savp.Encoder((2, 3), 3)
  x = np.float32(np.random.default_rng(4).uniform(size=(6, 16, 16, 5)))
  params = filled(jax.eval_shape(encoder.init, KEY, x)["params"])
  params["log_variance"]["bias"] = np.float32([-20, 20, 9])
  mean, lv = jax.jit(encoder.apply)({"params": params}, x)
  p, x = doubles(params), batch_first(x)
  x = leaky(conv(x, p["conv_0"], 2, (1, 1)), 0.2)
  x = instance_norm(conv(x, p["conv_1"], 2, (1, 1)), p["norm_1"])
  x = leaky(x, 0.2).mean((1, 2))
  free = dense(x, p["log_variance"])
  assert (abs(free) > 10)[0].tolist() == [True, True, False]
  same((mean.T, lv.T), (dense(x, p["mean"]), np.clip(free, -10, 10)))


def spectral(p, u):
  kernel = p["kernel"]
  matrix = kernel.reshape(-1, kernel.shape[-1])
  v = matrix @ u
  v /= np.linalg.norm(v)
  u = v @ matrix
  return kernel / np.linalg.norm(u)


def test_savps_discriminator_is_its_transcription():
  judge = discriminator.Discriminator(1)
  x = np.random.default_rng(5).uniform(size=(5, 3, 16, 16, 3))
  x = np.float32(x)
  shapes = jax.eval_shape(judge.init, KEY, x)
  variables = {name: filled(tree) for name, tree in shapes.items()}
  says = jax.jit(judge.apply)(variables, x)
  p, stats = doubles(variables["params"]), doubles(variables["stats"])
  x = np.float64(x).transpose(4, 0, 2, 3, 1)
  strides = [(1, 1), (1, 2), (1, 1), (1, 2), (1, 1), (2, 2), (1, 1)]
  for n, (time, space) in enumerate(strides):
    kernel = spectral(p[f"conv_{n}"], stats[f"conv_{n}"]["u"])
    size = len(kernel)
    x = np.pad(x, ((0, 0), *[(1, 1)] * 3, (0, 0)))
    far, wide = x.shape[1] - size + 1, x.shape[2] - size + 1
    places = np.ndindex(size, size, size)
    x = sum(
      x[:, t : t + far : time, u : u + wide : space, v : v + wide : space]
      @ kernel[t, u, v]
      for t, u, v in places
    )
    x = leaky(x + p[f"bias_{n}"], 0.1)
  flat = x.transpose(0, 1, 4, 2, 3).reshape(len(x), -1)
  out = flat @ spectral(p["out"], stats["out"]["u"])
  same(says, out[:, 0] + p["bias_out"])


def lstm(x, state, p):
  c, h = state
  of = lambda gate: (
    x @ p[f"i{gate}"]["kernel"]
    + h @ p[f"h{gate}"]["kernel"]
    + p[f"h{gate}"]["bias"]
  )
  c = sigmoid(of("f")) * c + sigmoid(of("i")) * np.tanh(of("g"))
  return c, sigmoid(of("o")) * np.tanh(c)


def test_svp_fps_networks_are_their_transcriptions():
  config = config_of("svp_fp")
  widths, convs = tuple(config.widths), tuple(config.convs)
  draw = np.random.default_rng(6)
  some = lambda *shape: np.float32(draw.normal(size=shape))
  frame, z = some(3, 16, 16, 2), some(2, config.latent_dim)
  states = [(some(2, config.hidden), some(2, config.hidden)) for _ in range(3)]
  modules = {
    "encoder": svp_fp.Encoder(widths, convs, config.features, False),
    "decoder": svp_fp.Decoder(widths, convs, 4, False),
    "posterior": svp_fp.Posterior(config.hidden, config.latent_dim),
    "predictor": svp_fp.Predictor(config.hidden, config.features),
  }
  shapes = jax.eval_shape(choice.model_of(config).init, KEY)
  params = filled(shapes["params"]["model"])
  stats = jax.tree.map(np.abs, filled(shapes["stats"]["model"], 1))

  @jax.jit
  def ours():
    of = lambda name, *args: modules[name].apply(
      {"params": params[name], "stats": stats.get(name, {})}, *args
    )
    vector, skips = of("encoder", frame)
    told = of("posterior", states[0], vector)
    guess = of("predictor", tuple(states[1:]), vector, z)
    return (vector, skips), told, guess, of("decoder", guess[1], skips)

  (vector, skips), told, guess, made = ours()
  p, kept = doubles(params), doubles(stats)
  pairs = list(zip(widths, convs, strict=True))

  def act(x, part, name):
    own, now = p[part][f"{name}_norm"], kept[part][f"{name}_norm"]
    x = (x - now["mean"]) / np.sqrt(now["variance"] + 1e-5)
    return x * own["scale"] + own["shift"]

  x, maps = batch_first(frame), []
  for s, (_, n) in enumerate(pairs):
    for i in range(n):
      name = f"scale_{s}_{i}"
      x = leaky(act(conv(x, p["encoder"][name]), "encoder", name), 0.2)
    maps.append(x)
    b, side, _, c = x.shape
    x = x.reshape(b, side // 2, 2, side // 2, 2, c).max((2, 4))
  x = conv(x, p["encoder"]["out"], 1, (0, 0))
  wanted = np.tanh(act(x, "encoder", "out"))[:, 0, 0]
  same((vector, batch_first(list(skips))), (wanted, maps))

  own = p["posterior"]
  c, h = lstm(dense(wanted, own["in"]), states[0], own["lstm"])
  same(told, ((c, h), (dense(h, own["mean"]), dense(h, own["log_variance"]))))

  own = p["predictor"]
  first = lstm(dense(cat(wanted, z), own["in"]), states[1], own["lstm_0"])
  second = lstm(first[1], states[2], own["lstm_1"])
  next_one = np.tanh(dense(second[1], own["out"]))
  same(guess, ((first, second), next_one))

  own = p["decoder"]
  x = np.einsum("bg,uvfg->buvf", next_one, own["in"]["kernel"])
  x = leaky(act(x + own["in"]["bias"], "decoder", "in"), 0.2)
  for s in reversed(range(len(pairs))):
    x = cat(x.repeat(2, 1).repeat(2, 2), maps[s])
    for i in range(convs[s] - (s == 0)):
      name = f"scale_{s}_{i}"
      x = leaky(act(conv(x, own[name]), "decoder", name), 0.2)
  same(batch_first(made), sigmoid(deconv(x, own["out"])))


def spread(model, path, shape):
  """The standard deviation that a parameter begins with."""
  kind, torch = path[-1], model == "svp_fp"
  if torch and "lstm" in path[-3]:  # Uniform; a bias is the sum of two.
    return ((2 if kind == "bias" else 1) / (3 * shape[-1])) ** 0.5
  if torch and kind in ("kernel", "scale"):
    return 0.02
  if kind != "kernel":
    return 0.0
  if model == "savp" and "latent" not in path:
    return 0.02 * 0.8796  # Cut at two standard deviations.
  *size, c, f = shape
  return (2 / (np.prod(size) * (c + f))) ** 0.5  # Glorot's.


@pytest.mark.parametrize("model", ["sv2p", "svp_fp", "savp"])
def test_networks_begin_as_their_authors(model):
  config = config_of(model, "tiny")

  def init(key):
    found = choice.model_of(config).init(key)["params"]
    found.get("discriminators", {}).pop("gan", None)  # As the other begins.
    return found

  params = jax.jit(init)(KEY)
  for where, leaf in jax.tree_util.tree_leaves_with_path(params):
    path = [str(part.key) for part in where]
    wanted = spread(model, path, leaf.shape)
    centred = np.asarray(leaf) - (path[-1] == "scale")
    found = np.sqrt((centred**2).mean())
    assert abs(found - wanted) <= 2 * wanted / leaf.size**0.5, path
