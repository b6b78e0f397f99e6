"""Moving MNIST: two digits that bounce off the frame, made from MNIST.

After Srivastava et al. (2015), arXiv:1502.04681: 64x64 pixels, digits of 28x28,
the brighter of both where they overlap. At other sizes all shrinks or grows
alike. The training digits serve training and validation, the test digits the
test, each clip a function of its number; the published test file is another.
"""

import os

import jax
import numpy as np
from jax import numpy as jnp
from PIL import Image

from common import keys
from common.data import images

from . import make

NAME = "moving_mnist"
DIGITS = 2  # In a clip.
DIGIT = 28 / 64  # A side of one, part of the frame's.
SPEED = (2 / 64, 5 / 64)  # Parts of the frame, a frame: from, to.


def digits(
  data_dir: str | os.PathLike,
  cache_dir: str | os.PathLike,
  split: str,
  size: int,
) -> np.ndarray:
  """The digits of a split, uint8 [n, d, d], as large as frames of `size` ask.

  Args:
    data_dir: where TensorFlow Datasets has prepared MNIST.
    cache_dir: where it is kept decoded.
    split: a name of `make.SPLITS`.
    size: pixels a side of the frames.

  Raises:
    InputError: MNIST is not there.
  """
  part = "test" if split == "test" else "train"
  found = images.load("mnist", part, data_dir, cache_dir, (28, 28), "pad")
  side = round(DIGIT * size)
  if side == 28:
    return np.asarray(found[..., 0])
  shrunk = lambda x: Image.fromarray(x).resize(
    (side, side), Image.Resampling.BOX
  )
  return np.stack([np.asarray(shrunk(x)) for x in found[..., 0]])


def clip(
  digits: jax.Array,
  key: jax.Array,
  frames: int,
  size: int,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """One clip, and where its digits are.

  Args:
    digits: uint8 [n, d, d], of `digits`.
    key: typed; the clip is a function of it.
    frames: of the clip.
    size: pixels a side.

  Returns:
    uint8 [frames, size, size, 3], all three channels alike; `position`, the
    digits' middles in pixels, [frames, digits, 2], and `digit`, which of all
    each is, [frames, digits].
  """
  side = digits.shape[1]
  room = size - side
  draw = lambda name, *shape: jax.random.uniform(keys.named(key, name), shape)
  which = jax.random.randint(
    keys.named(key, "digits"), (DIGITS,), 0, len(digits)
  )
  angle = 2 * jnp.pi * draw("angle", DIGITS)
  low, high = SPEED
  speed = size * (low + (high - low) * draw("speed", DIGITS))
  velocity = speed[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
  time = jnp.arange(frames, dtype=jnp.float32)[:, None, None]
  straight = room * draw("start", DIGITS, 2)[None] + time * velocity[None]
  # Bouncing between two walls is a straight line, folded.
  corner = room - jnp.abs(room - straight % (2 * room))
  whole = jnp.round(corner).astype(jnp.int32)

  def place(frame, one):
    digit, at = one
    now = jax.lax.dynamic_slice(frame, (at[1], at[0]), digit.shape)
    put = jnp.maximum(now, digit)
    return jax.lax.dynamic_update_slice(frame, put, (at[1], at[0])), None

  blank = jnp.zeros((size, size), jnp.uint8)
  chosen = jnp.asarray(digits)[which]
  gray = jax.vmap(lambda at: jax.lax.scan(place, blank, (chosen, at))[0])(whole)
  labels = {
    "position": whole + side / 2,
    "digit": jnp.broadcast_to(which[None], (frames, DIGITS)),
  }
  return jnp.repeat(gray[..., None], 3, axis=-1), labels


def videos(
  digits: jax.Array,
  split: str,
  indices: jax.Array,
  frames: int,
  size: int,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Clips of a split by their numbers, as `make.videos`.

  Raises:
    InputError: as `make.key_of`.
  """
  chosen = make.key_of(NAME, split, indices)
  return jax.vmap(lambda key: clip(digits, key, frames, size))(chosen)
