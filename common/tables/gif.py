"""Animated GIFs."""

import pathlib
from collections.abc import Sequence

from PIL import Image


def save(
  path: pathlib.Path,
  frames: Sequence[Image.Image],
  milliseconds: int,
  last: int,
) -> None:
  """Writes frames as a loop, the last of them shown for `last` milliseconds."""
  frames[0].save(
    path,
    save_all=True,
    append_images=frames[1:],
    duration=[milliseconds] * (len(frames) - 1) + [last],
    loop=0,
  )
