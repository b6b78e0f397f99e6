"""Generated motion, and a small network trained on it: features for clips.

Where the weights of I3D are not at hand, this network gives features that see
time. A distance of its features is called the motion distance. It is no FVD,
and no number of it can stand beside one.

A clip shows one shape on a textured ground. The network is asked

    direction  where it moves: to the right and on by 45 degrees, clockwise
    speed      how fast, of three
    growth     whether it shrinks, stays or grows
    presence   whether it is there: always, later, first, with a gap
    colour     which of red, green and blue sets it off most

and the features are what its last layer computes the answers from, scaled to a
standard deviation of 1 over such clips. A clip that runs backwards has another
direction, growth and presence.
"""

import functools
import hashlib
import io
import json
import sys
from typing import Any

import jax
import numpy as np
import optax
import tqdm
from flax import traverse_util
from jax import numpy as jnp

from common.checkpoint import warn
from common.data import foreign
from common.errors import InputError
from common.metrics import weights

from . import model
from .weights import fingerprint

SIZE = 32
FEATURES = 64
FEWEST_FRAMES = 4
QUESTIONS = {
  "direction": 8,
  "speed": 3,
  "growth": 3,
  "presence": 4,
  "colour": 3,
}
NETWORK = model.MotionNet(QUESTIONS)
SPEEDS = (0.4, 0.9, 1.8)  # Pixels a frame.
# All that the weights depend on; the cached file is named by its hash.
CONFIG = {
  "version": 2,  # Of `generate` and of the network.
  "seed": 0,
  "steps": 800,
  "batch_size": 32,
  "learning_rate": 3e-3,
  "frames": 16,
}


# Of a bar, an ellipse and a triangle: what equals their size on the outline.
_OUTLINES = (
  lambda u, v: np.maximum(np.abs(u), np.abs(v) * 2.5),
  lambda u, v: np.hypot(u, 2 * v),
  lambda u, v: 1.5 * np.maximum(-v, 0.5 * v + np.float32(0.866) * np.abs(u)),
)


def generate(
  seed: int, n: int, frames: int = 16
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """Draws clips and the answers to `QUESTIONS`.

  Args:
    seed: of the drawing.
    n: how many clips.
    frames: of a clip.

  Returns:
    uint8 [n, frames, 32, 32, 3], and int32 [n] for each question.
  """
  rng = np.random.default_rng(seed)
  answers = {
    name: rng.integers(0, classes, n).astype(np.int32)
    for name, classes in QUESTIONS.items()
  }

  def uniform(low, high, *shape):
    """One number a clip, to be multiplied with [n, frames, 32, 32]."""
    return rng.uniform(low, high, (n, *(shape or (1, 1, 1)))).astype(np.float32)

  def each(values):
    return np.asarray(values, np.float32).reshape(n, 1, 1, 1)

  t = np.arange(frames, dtype=np.float32)[None, :, None, None]
  y = np.arange(SIZE, dtype=np.float32)[None, None, :, None]
  x = np.arange(SIZE, dtype=np.float32)[None, None, None, :]

  heading = each(answers["direction"]) * np.float32(np.pi / 4)
  heading = heading + uniform(-0.2, 0.2)
  speed = each(np.take(SPEEDS, answers["speed"])) * uniform(0.8, 1.2)
  # What leaves on one side comes in on the other.
  dx, dy = (
    (place - start - t * speed * part + SIZE / 2) % SIZE - SIZE / 2
    for place, start, part in (
      (x, uniform(0, SIZE), np.cos(heading)),
      (y, uniform(0, SIZE), np.sin(heading)),
    )
  )
  angle = uniform(0, 2 * np.pi) + t * uniform(-0.1, 0.1)
  u = dx * np.cos(angle) + dy * np.sin(angle)
  v = dy * np.cos(angle) - dx * np.sin(angle)
  # To half or twice its size, about, from first to last frame.
  growth = each(answers["growth"] - 1) * uniform(0.5, 0.8)
  radius = uniform(5, 8) * np.exp(growth * (t / (frames - 1) - 0.5))
  outline = rng.integers(0, len(_OUTLINES), n)
  distance = np.empty_like(u)
  for i, size in enumerate(_OUTLINES):
    which = outline == i
    distance[which] = size(u[which], v[which])
  mask = np.clip(0.5 + radius - distance, 0, 1)

  cut = uniform(0.3, 0.7) * frames
  gap = np.abs(t - cut) < 0.15 * frames
  there = np.stack([np.ones_like(gap), t >= cut, t < cut, ~gap])
  mask = mask * there[answers["presence"], np.arange(n)]

  waves = sum(
    np.sin(x * uniform(-0.5, 0.5) + y * uniform(-0.5, 0.5) + uniform(0, 6.3))
    * uniform(0, 8)
    for _ in range(3)
  )
  mask = mask[..., None]
  ground = uniform(40, 140, 1, 1, 1, 3)
  colour = ground + uniform(30, 70, 1, 1, 1, 3)
  colour[np.arange(n), ..., answers["colour"]] += 45
  ground = ground + waves[..., None]
  clips = ground * (1 - mask) + colour * mask
  # The same in all three colours.
  noise = rng.standard_normal((*clips.shape[:-1], 1), np.float32)
  clips = clips + noise * uniform(0, 5, 1, 1, 1, 1)
  return np.clip(np.rint(clips), 0, 255).astype(np.uint8), answers


def features(params: Any, x: jax.Array) -> jax.Array:
  """The features of the motion distance, float32 [n, 64].

  Args:
    params: of `train`.
    x: clips as `model.scaled` makes them, [n, t, 32, 32, 3], t >= 4.

  Raises:
    InputError: fewer than 4 frames.
  """
  if x.shape[1] < FEWEST_FRAMES:
    raise InputError(
      f"a clip of {x.shape[1]} frames is too short: the motion network "
      f"takes {FEWEST_FRAMES} or more"
    )
  return NETWORK.apply({"params": params}, x)[0]


def init(config: dict[str, Any]) -> Any:
  """The network's parameters before training."""
  blank = jnp.zeros((1, config["frames"], SIZE, SIZE, 3))
  # Compiled as one program, not as a hundred.
  variables = jax.jit(NETWORK.init)(jax.random.key(config["seed"]), blank)
  return variables["params"]


def train(config: dict[str, Any]) -> Any:
  """Trains the network, a minute or two on one core; returns its parameters."""
  steps = config["steps"]
  schedule = optax.cosine_decay_schedule(config["learning_rate"], steps)
  optimizer = optax.adam(schedule)

  def loss(params, clips, wanted):
    _, logits = NETWORK.apply({"params": params}, model.scaled(clips, SIZE))
    return sum(
      optax.softmax_cross_entropy_with_integer_labels(
        logits[name], wanted[name]
      ).mean()
      for name in QUESTIONS
    )

  @jax.jit
  def step(params, state, clips, wanted):
    value, grads = jax.value_and_grad(loss)(params, clips, wanted)
    updates, state = optimizer.update(grads, state)
    return optax.apply_updates(params, updates), state, value

  params = init(config)
  state = optimizer.init(params)
  # Seeds that no one else is likely to draw clips by.
  first = 10**9 * (1 + config["seed"])
  bar = tqdm.trange(
    steps,
    desc="training the motion network, once",
    leave=False,
    dynamic_ncols=True,
    disable=not sys.stderr.isatty(),
  )
  for i in bar:
    batch = generate(first + i, config["batch_size"], config["frames"])
    params, state, value = step(params, state, *batch)
    if i % 50 == 0:
      bar.set_postfix(loss=f"{value:.2f}")
  sample, _ = generate(first + steps, 512, config["frames"])
  return _standardised(params, model.scaled(sample, SIZE))


def _standardised(params: Any, x: jax.Array) -> Any:
  """The same network, whose features of x have standard deviation 1.

  A ReLU lets a scale through: what the last convolution loses, the heads gain.
  """
  deviation = jax.jit(features)(params, x).std(0)
  # What hardly ever stirs here must not drown the others on other clips.
  scale = jnp.maximum(deviation, 0.1 * deviation.mean())
  last = params["conv_3"]["conv"]
  bias, kernel = last["bias"] / scale, last["kernel"] / scale[None, None, None]
  heads = {
    name: {**head, "kernel": head["kernel"] * scale[:, None]}
    for name, head in params.items()
    if name.startswith("head_")
  }
  return {
    **params,
    **heads,
    "conv_3": {"conv": {"bias": bias, "kernel": kernel}},
  }


def load(config: dict[str, Any] | None = None) -> tuple[Any, str]:
  """The trained network, from the cache if it is there.

  Args:
    config: `CONFIG` if None.

  Returns:
    Parameters, and their SHA-256. Another machine or version of JAX, training
    anew, rounds otherwise and comes to another; the cached file can be copied.
  """
  config = config or CONFIG
  digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
  name = f"fvd-motion-{digest.hexdigest()[:12]}.npz"
  path = weights.folder() / name
  flat = functools.partial(traverse_util.flatten_dict, sep="/")
  wanted = flat(jax.eval_shape(lambda: init(config)))
  if not path.is_file():
    warn(f"{path} is made now, once, which takes a minute or two")
    buffer = io.BytesIO()
    np.savez(buffer, **jax.tree.map(np.asarray, flat(train(config))))
    buffer.seek(0)
    weights.store(weights.File(name, "", ""), buffer)
  try:
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
      arrays = {name: file[name] for name in wanted}
    if any(arrays[name].shape != wanted[name].shape for name in wanted):
      raise ValueError("arrays of other shapes")
  except foreign.BROKEN as error:
    raise InputError(
      f"{path} is damaged ({error}): delete it, and it is made again"
    ) from error
  params = traverse_util.unflatten_dict(arrays, sep="/")
  return params, fingerprint(params)
