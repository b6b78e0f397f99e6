"""Files that are written whole, or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """A path to write to, which becomes `path` where the block ends well.

  A process that is killed leaves the old file or the new one, no half; and of
  two at the same work, whoever is last wins. The folder is made.

  Raises:
    OSError: the folder cannot be made, or the file put into its place.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  part = path.with_name(f".{path.name}.{os.getpid()}")
  try:
    yield part
    os.replace(part, path)
  finally:
    part.unlink(missing_ok=True)
