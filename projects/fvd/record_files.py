"""Videos in TFRecord files, without TensorFlow: SCV's and BAIR's.

SCV (StarCraft 2 Videos, arXiv:1812.01717) has a SequenceExample a video:

    context   n_steps int64 [1], screen_size int64 [2], game_duration_loops
              int64 [1], game_duration_seconds float32 [1]
    sequence  rgb_screen: a frame's PNG each

BAIR's robot pushing (softmotion30_44k) has an Example a video, whose frame i is
`i/image_aux1/encoded` and `i/image_main/encoded`, raw bytes of 64x64x3.
"""

import io
import pathlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from common.data import atomic, foreign, protobuf, sources, tfrecord
from common.errors import InputError

SUFFIXES = (".tfrecords", ".tfrecord")
_FRAMES = "rgb_screen"
_BAIR_SHAPE = (64, 64, 3)
# Which of BAIR's two cameras: the one that papers on prediction show.
_BAIR_CAMERA = "image_aux1"


class Stored(NamedTuple):
  """A video of a file.

  Attributes:
    where: file and number, for messages.
    length: how many frames.
    context: of SCV, what it says of the whole video.
    frames: `frames(range)` -> uint8 [frames, h, w, 3].
  """

  where: str
  length: int
  context: Mapping[str, np.ndarray]
  frames: Any


def videos(path: sources.File) -> Iterator[Stored]:
  """Yields the videos of a file, one in memory at a time.

  Raises:
    InputError: the file is missing, damaged or cut short, or of another schema.
  """
  for i, record in enumerate(tfrecord.read(path, gzipped=False)):
    yield _video(record, f"{path}, video {i}")


def _video(record, where):
  try:
    parts = list(protobuf.fields(memoryview(record)))
    if [number for number, _ in parts] == [1]:
      return _bair(tfrecord.example(record), where)
    context, lists = {}, {}
    for number, message in parts:
      if number == 1:
        # Read as an Example, which is a message with this one field.
        context.update(tfrecord.example(protobuf.field(1, bytes(message))))
      else:
        lists.update(tfrecord.entries(message))
  except foreign.BROKEN as error:
    raise InputError(
      f"{where} is no tf.train.Example and no SequenceExample ({error})"
    ) from error
  if _FRAMES not in lists:
    raise InputError(
      f"{where} has the sequences {', '.join(sorted(lists)) or 'none'}, and no "
      f"{_FRAMES!r}, which SCV's files have: it is of another data set"
    )
  frames = [_bytes(feature) for _, feature in protobuf.fields(lists[_FRAMES])]
  steps = context.get("n_steps", np.array([len(frames)]))
  if list(steps) != [len(frames)]:
    raise InputError(
      f"{where} has {len(frames)} frames and says that it has "
      f"{', '.join(map(str, steps))}: get the file again"
    )
  decode = lambda r: np.stack([_decoded(frames[i], where) for i in r])
  return Stored(where, len(frames), context, decode)


def _bytes(feature):
  ((_, values),) = protobuf.fields(feature)
  ((_, value),) = protobuf.fields(values)
  return value


def _decoded(png, where):
  try:
    with Image.open(io.BytesIO(png)) as image:
      return np.asarray(image.convert("RGB"))
  except foreign.BROKEN as error:
    raise InputError(f"{where} has a frame that is no PNG ({error})") from error


def _bair(found, where):
  name = lambda i: f"{i}/{_BAIR_CAMERA}/encoded"
  length = 0
  while name(length) in found:
    length += 1
  if not length:
    raise InputError(
      f"{where} has no feature {name(0)!r}, which BAIR's files have, but "
      f"{', '.join(sorted(found)[:3]) or 'none'}: it is of another data set"
    )
  size = int(np.prod(_BAIR_SHAPE))
  tfrecord.checked(found, {name(i): size for i in range(length)}, where)
  take = lambda r: np.stack([found[name(i)].reshape(_BAIR_SHAPE) for i in r])
  return Stored(where, length, {}, take)


def write_scv(
  path: pathlib.Path, clips: Iterable[np.ndarray], loops: int, per_second: float
) -> None:
  """Writes videos as SCV's files have them.

  Args:
    path: of the file, which is written whole or not at all.
    clips: each uint8 [t, h, w, 3].
    loops: of the game, a frame.
    per_second: loops of the game a second.
  """
  with atomic.replacing(path) as part, open(part, "wb") as file:
    for clip in clips:
      file.write(tfrecord.framed(_sequence_example(clip, loops, per_second)))


def _sequence_example(clip, loops, per_second):
  field = protobuf.field
  integers = lambda *values: field(3, b"".join(field(1, v) for v in values))
  count, height, width, _ = clip.shape
  seconds = struct.pack("<f", count * loops / per_second)
  context = {
    "game_duration_loops": integers(count * loops),
    "game_duration_seconds": field(2, field(1, seconds)),
    "n_steps": integers(count),
    "screen_size": integers(width, height),
  }
  frames = b"".join(field(1, field(1, field(1, _png(f)))) for f in clip)
  return field(1, _map(context)) + field(2, _map({_FRAMES: frames}))


def _map(values):
  field = protobuf.field
  return b"".join(
    field(1, field(1, name.encode()) + field(2, value))
    for name, value in values.items()
  )


def _png(frame):
  buffer = io.BytesIO()
  Image.fromarray(frame).save(buffer, "PNG")
  return buffer.getvalue()
