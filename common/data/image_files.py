"""One picture file, of whatever kind, to 8 bits a channel: one rule for all.

Trainers and the commands that show a network one's own pictures read them here,
so that both see the same:

- turned as the camera's orientation tag (EXIF) says;
- what is transparent lies on black, never the colours hidden below it;
- gray of 16 bits becomes 8 by division by 257, rounded, so that 65535 is 255;
  of colours of 16 bits Pillow keeps the upper byte;
- floats are 0..1, or else 0..255; NaN and other ranges are refused;
- of several pictures (GIF, TIFF) the first.
"""

import pathlib
import warnings
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from common import errors
from common.data import foreign

_MODES = {1: "L", 3: "RGB"}
_CUT = "16 bits became 8"


def is_deep(image: Image.Image) -> bool:
  """Whether 16 bits a value are stored; asked before the image is decoded.

  Pillow makes 8 bits of 16-bit colours without a word.
  """
  stored = image.tile[0].args if image.tile else ""
  parts = list(stored) if isinstance(stored, tuple) else [stored]
  deep = image.mode.startswith("I") or ";16" in str(parts[:1])
  # A .ppm has its largest value there.
  large = (isinstance(part, int) and part > 255 for part in parts[1:])
  return deep or (image.format == "PPM" and any(large))


def deep_gray(image: Image.Image) -> np.ndarray | None:
  """The pixels of 16-bit gray, uint16 [height, width]; None of other images.

  Raises:
    ValueError: floats, or numbers beyond 16 bits.
  """
  if image.mode == "F":
    raise ValueError("its pixels are floats, of a range that is not known")
  if not image.mode.startswith("I"):
    return None
  values = np.asarray(image)
  if values.min() < 0 or values.max() > 65535:
    raise ValueError("its pixels are no 16-bit numbers")
  return values.astype(np.uint16)


def decode(
  file: str | pathlib.Path | IO[bytes], channels: int, where: str = ""
) -> tuple[np.ndarray, list[str]]:
  """Reads one picture.

  Args:
    file: its path, or its bytes as an open file.
    channels: 1 (gray) or 3 (RGB).
    where: what an error calls it, if not by its path.

  Returns:
    uint8 [height, width, channels], and in words what was done to it; nothing
    is said of what leaves the picture as it was.

  Raises:
    InputError: it cannot be decoded, or its pixels are no numbers of a picture.
  """
  if isinstance(file, str | pathlib.Path):
    foreign.refuse_pipe(file)
  try:
    with warnings.catch_warnings(), Image.open(file) as image:
      warnings.simplefilter("ignore")  # Odd metadata, very large images.
      cut = is_deep(image) and not image.mode.startswith("I")
      array, done = _pixels(image, channels)
      return array, [_CUT] * cut + done
  except foreign.BROKEN as error:
    raise errors.InputError(
      f"{where or file} is no picture that can be decoded: {error}"
    ) from error


def _pixels(image, channels):
  done = []
  frames = getattr(image, "n_frames", 1)
  if frames > 1:
    done.append(f"the first of {frames} pictures was taken")
  turned = ImageOps.exif_transpose(image)
  if image.getexif().get(0x0112, 1) != 1:
    done.append("it was turned as its orientation tag says")
  image = turned
  if image.mode.startswith(("I", "F")):
    image, said = _to_bytes(image)
    done.append(said)
  elif image.has_transparency_data:
    # Pillow has no way from premultiplied gray but this one.
    image = image.convert("LA") if image.mode == "La" else image
    image = image.convert("RGBA")
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    image = Image.alpha_composite(black, image).convert("RGB")
    done.append("what is transparent was laid on black")
  gray, wanted = image.mode in ("1", "L"), _MODES[channels]
  if gray and wanted == "RGB":
    done.append("gray became RGB")
  elif not gray and image.mode != wanted:
    done.append(f"{image.mode} became {'gray' if channels == 1 else wanted}")
  array = np.asarray(image.convert(wanted))
  return array.reshape(*array.shape[:2], channels), done


def _to_bytes(image):
  """Gray pixels of 16 bits, or floats, as 8 bits; and what was done."""
  values = np.asarray(image)
  if not np.isfinite(values).all():
    raise ValueError("it holds NaN or an infinity")
  low, high = values.min(), values.max()
  if image.mode == "F":
    if low < 0 or high > 255:
      raise ValueError(
        f"its floats go from {low:g} to {high:g}, and can be 0..1 or 0..255"
      )
    top, said = (1, "0..1") if high <= 1 else (255, "0..255")
    values = np.round(values.astype(np.float64) * (255 / top))
    said = f"floats of {said} became 0 to 255"
    return Image.fromarray(values.astype(np.uint8)), said
  if low < 0 or high > 65535:
    raise ValueError(f"its numbers go from {low} to {high}, not 0 to 65535")
  return Image.fromarray(eight_bits(values)), _CUT


def eight_bits(values: np.ndarray) -> np.ndarray:
  """Numbers of 16 bits as uint8, rounded to nearest: 65535 becomes 255."""
  return ((values.astype(np.int64) + 128) // 257).astype(np.uint8)
