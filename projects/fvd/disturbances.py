"""What the paper does to clips to see which score notices.

Static, on each frame as it is: a black rectangle, Gaussian blur, Gaussian
noise, salt and pepper. Temporal, on the order of frames that stay as they are:
swaps of neighbours, swaps of any frames, clips interleaved, clips switched.

The last two move frames between clips but never between places in time: over
the set, the frames at any time t are the same as before, so that a score which
averages over single frames cannot change at all. Swaps leave every clip its
frames.

The paper's levels are not public; those here are ours, and level 0 is the
clips themselves. Reference: arXiv:1812.01717, its noise study.
"""

import numpy as np
import scipy.ndimage

from common.errors import InputError

STATIC = ("rectangle", "blur", "noise", "salt_and_pepper")
TEMPORAL = ("local_swap", "global_swap", "interleave", "switch")
KINDS = STATIC + TEMPORAL
# Six levels of each kind; `disturb` says what the numbers are.
LEVELS = {
  "rectangle": (0, 0.15, 0.3, 0.45, 0.6, 0.75),
  "blur": (0, 0.02, 0.03, 0.045, 0.06, 0.08),
  "noise": (0, 0.1, 0.2, 0.35, 0.5, 0.75),
  "salt_and_pepper": (0, 0.02, 0.05, 0.1, 0.2, 0.3),
  "local_swap": (0, 0.125, 0.25, 0.5, 1, 2),
  "global_swap": (0, 0.0625, 0.125, 0.25, 0.5, 1),
  "interleave": (1, 2, 3, 4, 5, 6),
  "switch": (0, 1, 2, 3, 4, 5),
}


def disturb(kind: str, clips: np.ndarray, level: int, seed: int) -> np.ndarray:
  """Disturbs clips; the same arguments give the same result.

  Args:
    kind: and what its level, by `LEVELS`, sets:
      rectangle: its sides, as a share of the frame's; black, in a place drawn
        for each clip and the same in all of its frames, or else it would move.
      blur: standard deviation, as a share of the frame's height.
      noise: weight a of the noise in (1 - a) frame + a noise, which is normal
        around 127.5 with standard deviation 63.75: standard normal on [-1, 1],
        at half the width, so that little is clipped.
      salt_and_pepper: probability that a pixel turns black or white, evenly.
      local_swap: swaps for each frame, of a frame drawn at random with the one
        behind it, one swap after the other.
      global_swap: likewise, of two frames drawn from the whole clip.
      interleave: clips m that take turns: a new clip has frame t from the
        (t mod m)-th of them.
      switch: how often a clip goes on as another, at even distances.
    clips: uint8 [n, t, height, width, channels].
    level: 0..5; 0 leaves the clips as they are.
    seed: of all random choices.

  Returns:
    uint8, like `clips`.

  Raises:
    InputError: an unknown kind or level, other clips, or fewer clips than are
      to be mixed.
  """
  if kind not in KINDS:
    raise InputError(f"no disturbance is called {kind!r}: take one of {KINDS}")
  if level not in range(6):
    raise InputError(f"level {level} of {kind}: it can be 0, 1, ..., 5")
  if clips.ndim != 5 or clips.dtype != np.uint8:
    raise InputError(
      f"clips of shape {clips.shape} and type {clips.dtype}: disturbances take "
      "uint8 [n, t, height, width, channels]"
    )
  if level == 0:
    return clips.copy()
  rng = np.random.default_rng([seed, KINDS.index(kind), level])
  return globals()[f"_{kind}"](clips, LEVELS[kind][level], rng)


def _rectangle(clips, share, rng):
  n, _, height, width, _ = clips.shape
  tall, wide = round(share * height), round(share * width)
  top = rng.integers(0, height - tall + 1, n)
  left = rng.integers(0, width - wide + 1, n)
  row, column = np.arange(height)[None, :], np.arange(width)[None, :]
  rows = (row >= top[:, None]) & (row < top[:, None] + tall)
  columns = (column >= left[:, None]) & (column < left[:, None] + wide)
  inside = rows[:, None, :, None, None] & columns[:, None, None, :, None]
  return np.where(inside, np.uint8(0), clips)


def _blur(clips, share, rng):
  del rng
  sigma = share * clips.shape[2]
  blurred = scipy.ndimage.gaussian_filter(
    clips.astype(np.float32), (0, 0, sigma, sigma, 0), mode="nearest"
  )
  return _rounded(blurred)


def _noise(clips, weight, rng):
  noise = rng.standard_normal(clips.shape, np.float32) * 63.75 + 127.5
  return _rounded((1 - weight) * clips + weight * noise)


def _salt_and_pepper(clips, probability, rng):
  draw = rng.random((*clips.shape[:-1], 1), np.float32)
  pepper = np.where(draw < probability / 2, np.uint8(0), clips)
  salt = (draw >= probability / 2) & (draw < probability)
  return np.where(salt, np.uint8(255), pepper)


def _rounded(clips):
  return np.clip(np.rint(clips), 0, 255).astype(np.uint8)


def _local_swap(clips, share, rng):
  n, t = clips.shape[:2]
  first = rng.integers(0, t - 1, (_swaps(share, t), n))
  return _swapped(clips, first, first + 1)


def _global_swap(clips, share, rng):
  n, t = clips.shape[:2]
  first = rng.integers(0, t, (_swaps(share, t), n))
  # One of the others: a frame is not swapped with itself.
  second = (first + rng.integers(1, t, first.shape)) % t
  return _swapped(clips, first, second)


def _swaps(share, t):
  return max(1, round(share * t))


def _swapped(clips, first, second):
  """Does one swap after the other, [swaps, n] each."""
  n, t = clips.shape[:2]
  order = np.tile(np.arange(t), (n, 1))
  clip = np.arange(n)
  for i, j in zip(first, second, strict=True):
    order[clip, i], order[clip, j] = order[clip, j], order[clip, i]
  return clips[clip[:, None], order]


def _interleave(clips, m, rng):
  return _mixed(clips, np.arange(clips.shape[1]) % m, rng)


def _switch(clips, times, rng):
  t = clips.shape[1]
  return _mixed(clips, np.arange(t) * (times + 1) // t, rng)


def _mixed(clips, turn, rng):
  """New clips; frame t is of the turn[t]-th clip from theirs in a ring."""
  n, t = clips.shape[:2]
  turns = int(turn.max()) + 1
  if n < turns:
    raise InputError(
      f"{n} clips cannot be mixed {turns} at a time: give more of them at once"
    )
  ring = rng.permutation(n)
  source = ring[(np.arange(n)[:, None] + turn[None, :]) % n]
  mixed = clips[source, np.arange(t)[None, :]]
  # Back to the places where the clips were that the new ones begin as.
  return mixed[np.argsort(ring)]
