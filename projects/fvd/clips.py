"""Reads clips from files, folders and arrays, one after the other.

A video is cut into as many clips of `frames` frames, each `stride` after the
one before it, as fit without sharing a frame: clip i begins at frame
skip + i * frames * stride, and what is left at the end is not used. In memory
is one clip at a time (of an animated image, one video).

What is read, by its name:

    .npy             [t, h, w, c], one video, or [n, t, h, w, c]
    .npz             any number of such arrays
    .gif .webp .png .apng   animated: one video (see `clip_files.times`)
    .tfrecords .tfrecord    of SCV or BAIR: any number of videos
    a folder         all of these in it; its still images (.png .jpg .jpeg .bmp
                     .webp .tif .tiff), in the order of the numbers in their
                     names, are the frames of one video
    a .zip, a pattern, several, -    as `common.data.sources` has them
"""

import contextlib
import functools
import itertools
import pathlib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
import tqdm
from PIL import ImageSequence

from common.checkpoint import warn
from common.data import folders, foreign, sources
from common.errors import InputError
from common.metrics.image_arrays import RANGES, Floats, as_array

from . import clip_files, record_files

_LOSSES = ("unreadable", "too short", "missing")


class Video(NamedTuple):
  """One video.

  Attributes:
    where: for messages.
    length: how many frames.
    frames: `frames(range)` -> [frames, h, w, c].
    label: what its clips are counted as, if there are several sources.
    array: the name of the array of several videos that it is of, or "".
  """

  where: str
  length: int
  frames: Callable[[range], np.ndarray]
  label: str = ""
  array: str = ""


class Options(NamedTuple):
  """How clips are read.

  Attributes:
    frames: of a clip.
    stride: between the frames of a clip, in frames of the video.
    skip: frames at the beginning of a video that are left out: what a model
      that predicts was given.
    floats: what floating point numbers mean, a name of `RANGES`; None refuses
      them.
    count: how many clips to take, the first ones; None takes all.
    strict: makes an error of all that is otherwise counted.
  """

  frames: int = 16
  stride: int = 1
  skip: int = 0
  floats: str | None = None
  count: int | None = None
  strict: bool = False


def read(
  source: Any,
  options: Options,
  notes: Counter[str],
  bar: Any = None,
) -> Iterator[np.ndarray]:
  """Yields clips, [frames, h, w, 3] of 0..255, uint8 or float32.

  Gray frames get three equal channels, transparency is left out, 16-bit values
  are divided by 257 (of colours in image files, Pillow keeps 8 bits). Files
  that cannot be read and videos that are too short are left out. All of this is
  counted, and an error if `strict`.

  Args:
    source: path of a file or folder, or several; an array [n, t, h, w, c] or
      [t, h, w, c], of NumPy, JAX or torch; or a list or a generator of such
      arrays, of any lengths and sizes, read once.
    options: see `Options`.
    notes: counts of what was handled are added here.
    bar: of tqdm, with a total, which grows as videos are opened; or None.

  Raises:
    InputError: no clips; arrays of another shape or type; values that are not
      finite or out of their range; a film, which is not read.
  """
  _check_options(options)
  named = sources.are_names(source)
  name = sources.title(source) if named else "the array"
  handled = functools.partial(_handled, notes, options.strict)
  bar = tqdm.tqdm(disable=True) if bar is None else bar
  scales: dict[str, Floats] = {}
  found = longest = 0
  size, unreadable = None, notes["unreadable"]
  for video in _videos(source, handled, notes, bar):
    longest = max(longest, video.length)
    starts = _starts(video.length, options)
    if not starts:
      handled("too short", f"{video.where}, {video.length} frames")
    _grow(bar, len(starts) - 1)
    for start in starts:
      indices = range(start, start + _span(options), options.stride)
      try:
        clip = video.frames(indices)
      except foreign.BROKEN as error:
        if options.strict and isinstance(error, InputError):
          raise
        handled("unreadable", f"{video.where} ({error})")
        continue  # Others of its clips may be whole.
      if options.floats:
        # Beside an array in 0..255, one in 0..1 would pass for a dark one.
        scales.setdefault(video.array, Floats(options.floats))
      clip = _pixels(clip, video.where, scales.get(video.array), handled)
      size = size or clip.shape[1:3]
      if clip.shape[1:3] != size:
        handled("of another size", video.where)
      found += 1
      if video.label:
        notes[video.label] += 1
      yield clip
      bar.update()
      if found == options.count:
        break
    if found == options.count:
      break
  if not found:
    need = options.skip + _span(options)
    if count := notes["unreadable"] - unreadable:
      raise InputError(
        f"{name} has no clip: {count} of its files or clips cannot be read, "
        f"and no other has {need} frames; --strict says what the first one "
        "lacks"
      )
    raise InputError(
      f"{name} has no clip: its longest video has {longest} frames, and a clip "
      f"takes {need}; ask for fewer --frames"
      if longest
      else f"{name} has no clip: give .npy or .npz files, animated images, or "
      "folders of frames"
    )
  for array, scale in scales.items():
    scale.end(array or name)
  if options.count is not None and found < options.count:
    missing = options.count - found
    where = f"{name}, {found} clips and not {options.count}"
    handled("missing", where, missing)


def check(
  source: sources.Name | Sequence[sources.Name], options: Options
) -> list[np.ndarray]:
  """Two clips; raises InputError of what they and the files' names can show.

  Args:
    source: names of files; "-", which is read once, is none of them.
    options: see `Options`.
  """
  for name in source if isinstance(source, list | tuple) else [source]:
    clip_files.find(name)
  # Of what is lost the reading of all of them will warn.
  with contextlib.closing(read(source, options, Counter(_LOSSES))) as found:
    two = list(itertools.islice(found, 2))
  if len(two) < 2:
    raise InputError(
      f"{sources.title(source)} has 1 clip, and a distance takes at least 2"
    )
  return two


def _check_options(options: Options) -> None:
  if options.frames < 1 or options.stride < 1 or options.skip < 0:
    raise InputError(
      f"frames={options.frames}, stride={options.stride}, skip={options.skip}: "
      "the first two are at least 1, the last at least 0"
    )
  if options.floats not in (None, *RANGES):
    raise InputError(
      f"floats={options.floats!r}: it can be {', '.join(RANGES)}"
    )
  if options.count is not None and options.count < 1:
    raise InputError(f"{options.count} clips asked for: take 1 or more")


def _grow(bar: Any, count: int) -> None:
  """More is to come than was thought: every video had counted as one clip."""
  bar.total = (bar.total or 0) + count


def _span(options: Options) -> int:
  return (options.frames - 1) * options.stride + 1


def _starts(length: int, options: Options) -> range:
  end, step = length - _span(options) + 1, options.frames * options.stride
  return range(options.skip, max(end, options.skip), step)


def _handled(
  notes: Counter[str], strict: bool, kind: str, where: str, count: int = 1
) -> None:
  """Counts what was handled, or makes an error of it; names the first one."""
  if strict:
    raise InputError(f"{where}: {count} {kind}, which --strict forbids")
  if not notes[kind] and kind in _LOSSES:
    warn(f"{where}: {kind}; others like it are counted")
  notes[kind] += count


def _videos(
  source: Any, handled: Callable, notes: Counter[str], bar: Any
) -> Iterator[Video]:
  """Yields the videos of a source, opened one after the other."""
  if not sources.are_names(source):
    several = isinstance(source, list | tuple | Iterator)
    for i, part in enumerate(source if several else [source]):
      where = f"item {i} (from 0) of the stream" if several else "the array"
      _grow(bar, 1)
      yield from _of_array(as_array(part, where), where, bar)
    return
  names = sources.names(source)
  for name, label in zip(names, sources.labels(names), strict=True):
    found = clip_files.find(name)
    # Said, and no error if `strict`, but for what would be a clip or a frame:
    # without it those beside it would follow on each other.
    notes.update(folders.described(found.ignored))
    gone = sum(found.ignored.get(suffix, 0) for suffix in clip_files.KNOWN)
    if gone:
      handled("unreadable", f"{name} (links to nothing)", gone)
    for video in _of_files(name, found.files, handled, bar):
      yield video._replace(label=label)


def _of_files(
  name: str, files: Sequence[sources.File], handled: Callable, bar: Any
) -> Iterator[Video]:
  path = pathlib.Path(name).expanduser()
  items = [path] if files == [path] else clip_files.listed(files, handled)
  _grow(bar, len(items))
  for item in items:
    try:
      with contextlib.closing(_open(item, handled, bar)) as videos:
        yield from videos
    except InputError:
      raise
    except foreign.BROKEN as error:
      if item == path:
        raise InputError(
          f"{path} cannot be read as clips ({error}); it may be cut short"
        ) from error
      handled("unreadable", f"{item} ({error})")


def _open(
  item: clip_files.Item, handled: Callable, bar: Any
) -> Iterator[Video]:
  if isinstance(item, list):
    read = lambda indices: _stills(item, indices, handled)
    yield Video(str(item[0].parent), len(item), read)
    return
  suffix = folders.suffix(item.name)
  if suffix == ".npy" and isinstance(item, pathlib.Path):
    yield from _of_array(np.load(item, mmap_mode="r"), str(item), bar)
  elif suffix == ".npy":
    with item.open("rb") as file:
      yield from _of_stream(file, str(item), bar)
  elif suffix == ".npz":
    with item.open("rb") as raw, zipfile.ZipFile(raw) as archive:
      for name in archive.namelist():
        with archive.open(name) as file:
          where = f"{item}, {name.removesuffix('.npy')}"
          yield from _of_stream(file, where, bar)
  elif suffix in record_files.SUFFIXES:
    for i, found in enumerate(record_files.videos(item)):
      _grow(bar, int(i > 0))
      yield Video(found.where, found.length, found.frames)
  elif suffix in {*clip_files.MAY_MOVE, *clip_files.STILLS}:
    yield _animation(item, handled)
  else:
    raise InputError(
      f"{item} is no file of clips: give .npy, .npz, .tfrecords, an animated "
      "image or a folder"
    )


def _of_array(array: np.ndarray, where: str, bar: Any) -> Iterator[Video]:
  if clip_files.check_shape(array.shape, array.dtype, where) == 4:
    yield _in_memory(array, where)
    return
  _grow(bar, len(array) - 1)
  for i in range(len(array)):
    yield _in_memory(array[i], f"{where}, video {i}", where)


def _of_stream(file: IO[bytes], where: str, bar: Any) -> Iterator[Video]:
  """The videos of an .npy that may not fit into memory, one at a time."""
  shape, fortran, dtype = foreign.npy_header(file)
  rank = clip_files.check_shape(shape, dtype, where)
  if fortran:
    raise InputError(f"{where} is in Fortran order: save it in C order")
  n, shape = (1, shape) if rank == 4 else (shape[0], shape[1:])
  _grow(bar, n - 1)
  for i in range(n):
    wanted = int(np.prod(shape)) * dtype.itemsize
    raw = file.read(wanted)
    if len(raw) != wanted:
      raise ValueError(f"{where} is cut short")
    array = np.frombuffer(raw, dtype).reshape(shape)
    if rank == 4:
      yield _in_memory(array, where)
    else:
      yield _in_memory(array, f"{where}, video {i}", where)


def _in_memory(array: np.ndarray, where: str, of: str = "") -> Video:
  frames = lambda r: np.asarray(array[r.start : r.stop : r.step])
  return Video(where, len(array), frames, array=of)


def _animation(path: sources.File, handled: Callable) -> Video:
  shown = []
  with clip_files.opened(path) as image:

    def images():
      for frame in ImageSequence.Iterator(image):
        yield frame
        shown.append(frame.info.get("duration") or 0)  # Of WebP, now known.

    frames = clip_files.stacked(images(), path, handled)
  if len(set(shown)) > 1:
    handled("with uneven durations", str(path))
  order = np.repeat(np.arange(len(frames)), clip_files.times(shown))
  return Video(str(path), len(order), lambda r: frames[order[list(r)]])


def _stills(
  paths: list[sources.File], indices: range, handled: Callable
) -> np.ndarray:
  def images():
    for i in indices:
      with clip_files.opened(paths[i]) as image:
        yield image

  where = paths[indices.start].parent
  return clip_files.stacked(images(), where, handled)


def _pixels(
  clip: np.ndarray, where: str, scale: Floats | None, handled: Callable
) -> np.ndarray:
  """A clip of any kind as RGB, 0..255; counts what it was."""
  if clip.dtype.kind == "f":
    if scale is None:
      raise InputError(
        f"{where} holds floating point numbers: say what they mean by --floats="
        + ", --floats=".join(RANGES)
      )
    clip = scale.scaled(clip, where)
  elif clip.dtype == np.uint16:
    handled("16-bit", where)
    clip = clip.astype(np.float32) / 257
  if clip.shape[-1] == 4:
    handled("with transparency", where)
    clip = clip[..., :3]
  elif clip.shape[-1] == 1:
    handled("gray", where)
    clip = np.repeat(clip, 3, -1)
  return clip
