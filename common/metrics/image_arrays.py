"""Images out of arrays: in memory, .npy and .npz files, prepared data sets.

Files are read as streams, compressed ones too: memory does not grow with them.
"""

import collections
import contextlib
import os
import pathlib
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from common import errors
from common.data import foreign, image_files, images

from . import weights

RANGES = {"0..255": (0, 255), "0..1": (0, 1), "-1..1": (-1, 1)}  # Of floats.
# How the paper has the data sets: height and width, and the centre cut out.
_TFDS = {
  "cifar10": (32, None),
  "cifar100": (32, None),
  "fashion_mnist": (28, None),
  "mnist": (28, None),
  "svhn_cropped": (32, None),
  "celeb_a": (64, 108),
  "lsun/bedroom": (64, None),
}
_ROWS = 64  # That are read at a time.
_GLANCE = 16  # Pictures of floats that must show what range they are in.


def scaled(pixels: np.ndarray, name: str, where: str) -> np.ndarray:
  """Float pixels in the range `name`, of `RANGES`, as float32 in 0..255.

  Raises:
    InputError: not finite, or not in the range; by a thousandth of it they may
      pass its ends, as a network's rounded outputs do.
  """
  low, high = RANGES[name]
  pixels = pixels.astype(np.float32)
  if not np.isfinite(pixels).all():
    raise errors.InputError(
      f"{where} has pixels that are not finite: mend the file"
    )
  least, most = float(pixels.min()), float(pixels.max())
  slack = 1e-3 * (high - low)
  if least < low - slack or most > high + slack:
    raise errors.InputError(
      f"{where} has pixels from {least:.4g} to {most:.4g}, not in --floats="
      f"{name}: say another of {', '.join(RANGES)}, which all of one side must "
      "be in, or clip them"
    )
  return (pixels - np.float32(low)) * np.float32(255 / (high - low))


class _Seen:
  """Whether float pixels show that they are in the range that is said.

  Those in "0..255" that never pass 2, or in "-1..1" that are never below 0,
  were scaled otherwise: read as they are said to be, they would be all but
  black, or half as bright again, and the distance a wrong number.
  """

  def __init__(self, name: str):
    self._name, self._most, self._least = name, -np.inf, np.inf

  def add(self, pixels: np.ndarray) -> bool:
    """Looks at some more, and tells whether they have shown it."""
    if not np.isfinite(pixels.max()):
      return True  # Nothing is left to show: `scaled` refuses it.
    self._most = max(self._most, float(pixels.max()))
    self._least = min(self._least, float(pixels.min()))
    return {
      "0..255": self._most > 2,
      "-1..1": self._least < 0,
      "0..1": True,
    }[self._name]

  def __str__(self) -> str:
    return f"float pixels are from {self._least:.3g} to {self._most:.3g}"

  def refused(self, where: str) -> errors.InputError:
    """The error that they have not."""
    others = "".join(
      f"say --floats={name}, or "
      for name, (low, high) in RANGES.items()
      if low <= self._least and self._most <= high
      if name != self._name and (self._most > 2) == (high > 2)
    )
    return errors.InputError(
      f"up to {where} {self}, and {self._name} is expected: {others}save them "
      "as uint8"
    )


class Floats:
  """Float pixels of a stream, in the range that they are said to be in.

  Pictures that come one by one are judged together, since one may be black.
  """

  def __init__(self, name: str):
    """Takes a name of `RANGES`."""
    self._name, self._seen, self._count = name, _Seen(name), 0
    self._shown = True  # Where there are no floats.

  def scaled(self, pixels: np.ndarray, where: str) -> np.ndarray:
    """`scaled`; an error, too, if the first sixteen do not show their range."""
    found = scaled(pixels, self._name, where)
    self._shown, self._count = self._seen.add(pixels), self._count + 1
    if self._count == _GLANCE:
      self.end(where)
    return found

  def end(self, where: str) -> None:
    """After the last picture: InputError if what was seen cannot be."""
    if not self._shown:
      raise self._seen.refused(where)


class Notes(collections.Counter):
  """Counts of what was handled; under `strict` the first one is an error."""

  def __init__(self, strict: bool):
    super().__init__()
    self.strict = strict
    self.current: Any = ""  # Which image is looked at.

  def __setitem__(self, what: str, count: int) -> None:
    if self.strict and count:
      raise errors.InputError(
        f"{self.current} would have to be handled ({what}), which --strict "
        "does not allow: convert or remove it"
      )
    super().__setitem__(what, count)

  def update_unhandled(self, counts: dict[str, int]) -> None:
    """Counts what is said, but no error under `strict`; "" is nothing."""
    for what, count in counts.items():
      if what:
        super().__setitem__(what, self[what] + count)


class Pictures(NamedTuple):
  """The images of one source.

  Attributes:
    count: how many there are, unreadable ones included; None of a generator.
    images: yields uint8 or float32 [height, width, 3], RGB in 0..255; once.
    notes: counts of what was handled; complete after the last image.
  """

  count: int | None
  images: Iterator[np.ndarray]
  notes: dict[str, int]


def chosen(n: int, count: int | None, seed: int, name: str) -> list[int]:
  """Which of n images are taken, in their order."""
  if count is None:
    return list(range(n))
  if count > n:
    raise errors.InputError(
      f"{name} holds {n:,} images, fewer than the {count:,} asked for: add "
      "some, or ask for fewer on both sides"
    )
  drawn = np.random.default_rng(seed).choice(n, count, replace=False)
  return np.sort(drawn).tolist()


def as_array(source: Any, name: str) -> np.ndarray:
  """An array of NumPy, JAX or torch as NumPy's; bfloat16 becomes float32.

  Raises:
    InputError: it is none.
  """
  try:
    if hasattr(source, "detach"):  # Of torch, which is not imported here.
      source = source.detach().cpu()
      source = source.float() if "bfloat16" in str(source.dtype) else source
    array = np.asarray(source)
  except (TypeError, ValueError, RuntimeError) as error:
    raise errors.InputError(f"{name} is no array of pixels: {error}") from error
  if array.dtype.name == "bfloat16":
    return array.astype(np.float32)
  if array.dtype.kind not in "uif":
    raise errors.InputError(
      f"{name} is no array of pixels: it is {type(source).__name__}, of "
      f"{array.dtype}"
    )
  return array


class Rows(NamedTuple):
  """An array of images, row by row."""

  name: str
  shape: tuple[int, ...]
  dtype: np.dtype
  open: Callable[[], Iterator[np.ndarray]]


def open_file(path: pathlib.Path) -> Rows:
  """Reads the header of an .npy, or of the one array of images in an .npz."""
  zipped = path.suffix.lower() == ".npz"
  member = ""
  try:
    if zipped:
      with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith(".npy")]
      known = [n for n in ("images.npy", "arr_0.npy") if n in names]
      if not known and len(names) != 1:
        raise errors.InputError(
          f"{path} holds {', '.join(n[:-4] for n in names) or 'no array'}: "
          "call the one with the images 'images'"
        )
      member = (known or names)[0]
    with _stream(path, member) as file:
      shape, fortran, dtype = foreign.npy_header(file)
  except FileNotFoundError as error:
    raise errors.InputError(f"there is no file {path}") from error
  except errors.InputError:
    raise
  except foreign.BROKEN as error:
    raise errors.InputError(
      f"{path} is no whole {path.suffix} file ({error}): write it again"
    ) from error
  if fortran or dtype.hasobject:
    raise errors.InputError(
      f"{path} holds {'objects' if dtype.hasobject else 'columns first'}: save "
      "a contiguous array of numbers"
    )

  def rows() -> Iterator[np.ndarray]:
    count, *rest = shape
    size = int(np.prod(rest)) * dtype.itemsize
    try:
      with _stream(path, member) as file:
        foreign.npy_header(file)
        for start in range(0, count, _ROWS):
          n = min(_ROWS, count - start)
          raw = file.read(n * size)
          yield from np.frombuffer(raw, dtype).reshape(n, *rest)
    except foreign.BROKEN as error:
      raise errors.InputError(
        f"{path} is cut short or damaged ({error}): write it again"
      ) from error

  return Rows(str(path), shape, dtype, rows)


@contextlib.contextmanager
def _stream(path: pathlib.Path, member: str) -> Iterator[IO[bytes]]:
  if not member:
    with path.open("rb") as file:
      yield file
    return
  with zipfile.ZipFile(path) as archive, archive.open(member) as file:
    yield file


def check(rows: Rows) -> None:
  """Raises InputError unless the rows are images."""
  shape, dtype, name = rows.shape, rows.dtype, rows.name
  fine = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
  if not fine or 0 in shape:
    hint = ""
    if len(shape) == 4 and shape[1] in (1, 3):
      hint = "; move the channels to the end: array.transpose(0, 2, 3, 1)"
    if 0 in shape:
      raise errors.InputError(f"{name} has shape {shape}: it holds no images")
    raise errors.InputError(
      f"{name} has shape {shape}, and images are [n, height, width] or "
      f"[n, height, width, channels] of 1, 3 or 4 channels{hint}"
    )
  if dtype.kind != "f" and dtype not in (np.uint8, np.uint16):
    raise errors.InputError(
      f"{name} is of {dtype}: save uint8 in 0..255, or floats"
    )
  if len(shape) == 3 and shape[2] in (3, 4):
    raise errors.InputError(
      f"{name} has shape {shape}, which is one picture in colours as well as "
      f"{shape[0]} gray ones that are {shape[2]} wide: give [n, h, w, c]"
    )


def check_floats(arrays: Sequence[Rows], name: str) -> None:
  """Raises InputError of arrays of floats that are not in the range `name`.

  Each is judged by all of its pixels and by no other's: beside an array in
  0..255, one in 0..1 would pass for a dark one. One that is that dark can be
  saved as uint8, of which there is nothing to judge.
  """
  fine = ""
  wrong: dict[str, _Seen] = {}
  for rows in arrays:
    if rows.dtype.kind == "f":
      seen = _Seen(name)
      if any(seen.add(row) for row in rows.open()):
        fine = fine or rows.name
      else:
        wrong[rows.name] = seen
  for where, seen in wrong.items():
    if not fine:
      raise seen.refused(f"the end of {where}")
    raise errors.InputError(
      f"{fine} is in {name}, and in {where} {seen}, as in another range: bring "
      "both to one, or save it as uint8"
    )


def pixels(
  rows: Rows,
  indices: Sequence[int],
  scale: Callable[[np.ndarray, str], np.ndarray],
  notes: Notes,
) -> Iterator[np.ndarray]:
  """Yields the images of these rows, uint8 or float32 [height, width, 3].

  Args:
    rows: of images: see `check`.
    indices: ascending.
    scale: of floats and where they are: those as float32 in 0..255.
    notes: where what was handled is counted.
  """
  if not indices:
    return
  wanted = iter(indices)
  following = next(wanted)
  for index, row in enumerate(rows.open()):
    if index != following:
      continue
    following = next(wanted, -1)
    notes.current = f"image {index} (from 0) of {rows.name}"
    if row.ndim == 2 or row.shape[2] == 1:
      notes["gray"] += 1
      row = np.repeat(row.reshape(*row.shape[:2], 1), 3, -1)
    elif row.shape[2] == 4:
      notes["alpha"] += 1
      row = row[..., :3]
    if row.dtype == np.uint16:
      notes["16-bit"] += 1
      row = image_files.eight_bits(row)
    if row.dtype.kind == "f":
      row = scale(row, str(notes.current))
    yield row
    if following < 0:
      return


def data_set(
  name: str, split: str, data_dir: str | os.PathLike | None, size: int | None
) -> Rows:
  """One of TensorFlow Datasets, decoded into the cache: uint8 [n, h, w, c].

  Args:
    name: as "cifar10" or "cifar10:train[:5000]".
    split: of names without one.
    data_dir: where it was prepared; None is the user's usual folder.
    size: h and w; None is as in the paper.

  Raises:
    InputError: no such name, nothing prepared, or a size that is not known.
  """
  if not re.fullmatch(r"[a-z]\w*(/[\w.]+)?(:.+)?", name):
    path = pathlib.Path(name).expanduser()
    raise errors.InputError(f"there is no folder or file {path}")
  whole = name
  name, _, own = name.partition(":")
  if data_dir is not None:
    data_dir = pathlib.Path(data_dir).expanduser()
  else:
    data_dir = pathlib.Path.home() / "tensorflow_datasets"
  default, crop = _TFDS.get(name, (None, None))
  if size is None and default is None:
    raise errors.InputError(
      f"there is no folder or file {name!r}; if it is a data set of TensorFlow "
      "Datasets, say the size of its images, as --size=64"
    )
  size = size or default
  kept = default == size and crop is None  # As they are.
  array = images.load(
    name,
    own or split,
    data_dir,
    weights.folder().parent / "images",
    (size, size),
    "pad" if kept else "crop_resize",
    None if crop is None or kept else (crop, crop),
  )
  return Rows(whole, array.shape, array.dtype, lambda: iter(array))
