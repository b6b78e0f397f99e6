"""Writes clips where other programs find them: folders of PNGs, .npz, GIF, SCV.

    OUT/png/train-00000/000.png     a folder a clip, a file a frame
    OUT/gif/train-00000.gif         a file a clip
    OUT/npz/train-00000-of-00001.npz     `video`, uint8 [n, t, h, w, 3]
    OUT/Brawl_64x64_png/train-00000-of-00001.tfrecords     as SCV's are
    OUT/labels/train-00000-of-00001.npz     the truth, [n, t, things]

Files of many clips have SHARD of them at most, as SCV's training files have;
SCV's valid and test sets are one file of 2,000 each.
"""

import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from PIL import Image

from common.data import atomic
from common.tables import gif

from .. import record_files
from . import make as scenarios
from . import things

SHARD = 1000
_BATCH = 20  # Clips that are made at once.
_MILLISECONDS = 120  # That a frame of a GIF shows.
_PER_SECOND = 16.0  # Loops of the game a second, at StarCraft's normal speed.

# Of numbers [n], the clips and the truth about them.
Make = Callable[[np.ndarray], tuple[jax.Array, Mapping[str, jax.Array]]]


def shards(
  make: Make, first: int, count: int
) -> Iterator[tuple[int, np.ndarray, dict[str, np.ndarray]]]:
  """Yields the number of the first clip, clips, and labels, SHARD at a time.

  Args:
    make: what gives clips by their numbers; pure, of one shape.
    first: number of the first clip.
    count: how many.
  """
  jitted = jax.jit(make)
  for start in range(first, first + count, SHARD):
    numbers = np.arange(start, min(start + SHARD, first + count))
    found = []
    for at in range(0, len(numbers), _BATCH):
      some = numbers[at : at + _BATCH]
      # The last batch is filled up, so that one program does for all.
      filled = np.resize(some, min(_BATCH, len(numbers)))
      cut = lambda a, some=some: np.asarray(a)[: len(some)]
      found.append(jax.tree.map(cut, jitted(filled)))
    video, labels = jax.tree.map(lambda *a: np.concatenate(a), *found)
    yield start, video, labels


def png(out: pathlib.Path, names: list[str], video: np.ndarray) -> None:
  """A folder a clip, a file a frame; video uint8 [n, t, h, w, 3]."""
  for name, clip in zip(names, video, strict=True):
    (out / name).mkdir(parents=True, exist_ok=True)
    for t, frame in enumerate(clip):
      Image.fromarray(frame).save(out / name / f"{t:03}.png")


def animations(out: pathlib.Path, names: list[str], video: np.ndarray) -> None:
  """A GIF a clip, of at most 256 colours a frame, as all GIFs."""
  out.mkdir(parents=True, exist_ok=True)
  for name, clip in zip(names, video, strict=True):
    frames = [Image.fromarray(frame) for frame in clip]
    gif.save(out / f"{name}.gif", frames, _MILLISECONDS, _MILLISECONDS)


def npz(path: pathlib.Path, found: Mapping[str, np.ndarray]) -> None:
  """Arrays by their names; the file is written whole or not at all."""
  with atomic.replacing(path) as part, open(part, "wb") as file:
    np.savez_compressed(file, **found)


def clips(
  out: pathlib.Path,
  formats: tuple[str, ...],
  scenario: str,
  split: str,
  make: Make,
  first: int,
  count: int,
  bar: Any,
) -> None:
  """Writes `count` clips of a split in each of the formats, and their labels.

  Args:
    out: the folder; files of the same names are overwritten.
    formats: of `FORMATS`.
    scenario: for the name of SCV's folder.
    split: for the names of the files.
    make: see `shards`.
    first: number of the first clip.
    count: how many.
    bar: of tqdm.
  """
  total = -(-count // SHARD)
  # SCV's names, but where a call goes on behind another's clips.
  stem = f"{split}-from-{first:05}" if first else split
  for i, (start, video, labels) in enumerate(shards(make, first, count)):
    names = [f"{split}-{start + j:05}" for j in range(len(video))]
    shard = f"{stem}-{i:05}-of-{total:05}"
    if "png" in formats:
      png(out / "png", names, video)
    if "gif" in formats:
      animations(out / "gif", names, video)
    if "npz" in formats:
      npz(out / "npz" / f"{shard}.npz", {"video": video})
    if "tfrecords" in formats:
      title = scenario.title().replace("_", "")
      folder = f"{title}_{video.shape[3]}x{video.shape[2]}_png"
      path = out / folder / f"{shard}.tfrecords"
      record_files.write_scv(path, video, things.LOOPS, _PER_SECOND)
    npz(out / "labels" / f"{shard}.npz", labels)
    bar.update(len(video))


def sheet(path: pathlib.Path, frames: int = 34, columns: int = 7) -> None:
  """Draws a contact sheet: a clip a row, of each scenario in its order.

  Args:
    path: of the PNG.
    frames: of a clip.
    columns: frames that are shown, from the first to the last.
  """
  rows = []
  for scenario in scenarios.SCENARIOS:
    key = scenarios.key_of(scenario, "test", 1)
    draw = functools.partial(scenarios.clip, scenario, frames=frames, size=128)
    video = np.asarray(jax.jit(draw)(key)[0])
    shown = np.linspace(0, frames - 1, columns).round().astype(int)
    framed = np.pad(video[shown], ((0, 0), (2, 2), (2, 2), (0, 0)))
    rows.append(np.concatenate(list(framed), axis=1))
  with atomic.replacing(path) as part:
    Image.fromarray(np.concatenate(rows)).save(part, "PNG", optimize=True)


FORMATS = ("png", "npz", "gif", "tfrecords")
