"""Masks of your own pictures, by the last checkpoint of a run.

    python -m projects.slot_attention.segment --workdir=runs/tetrominoes \\
      picture.png [another.png ...]

Writes, into the workdir or `--out`, for each picture: `NAME_slot_0.png` and so
on, a slot's mask from black to white; `NAME_segments.png`, a colour where a
slot's mask is the largest; and `NAME_sheet.png`: what the network saw,
reconstruction, segments, and each slot's part.

A network knows the kind of pictures that it was trained on, and no other: the
same size, the same background. What has to be done to a picture for that is
said, a line each.
"""

import argparse
import pathlib

import jax
import numpy as np
from PIL import Image

from common import cli
from common.data import foreign
from common.errors import InputError
from common.workdir import saved_config, saved_state

from . import files, model, pictures, train


def read(path: pathlib.Path, size: int) -> tuple[np.ndarray, list[str]]:
  """Reads a picture as the network takes it.

  Args:
    path: of any format that Pillow reads.
    size: height and width of the result.

  Returns:
    uint8 `[size, size, 3]`; what was done to the picture, in words.

  Raises:
    InputError: it cannot be read.
  """
  done = []
  try:
    with Image.open(path) as file:
      image = file.copy()
  except foreign.BROKEN as error:
    raise InputError(
      f"{path} is no picture that can be read: {error}"
    ) from error
  if "A" in image.getbands() or "transparency" in image.info:
    image = image.convert("RGBA")
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    image = Image.alpha_composite(black, image)
    done.append("what is transparent was laid on black")
  elif image.mode.startswith(("I", "F")):
    array = np.asarray(image, np.float64)
    low, high = array.min(), array.max()
    gray = 255 * (array - low) / max(high - low, 1e-9)
    image = Image.fromarray(gray.astype(np.uint8))
    done.append(f"its values, {low:g} to {high:g}, became 0 to 255")
  if image.mode in ("1", "L", "LA"):
    done.append("gray became RGB")
  elif image.mode not in ("RGB", "RGBA"):
    done.append(f"{image.mode} became RGB")
  image = image.convert("RGB")
  width, height = image.size
  if width != height:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    done.append(f"of {height}x{width} the central {side}x{side} was kept")
  pixels = np.asarray(image)
  if image.width != size:
    pixels = files.resized(pixels, size)
    done.append(f"{image.width}x{image.width} was resized to {size}x{size}")
  return pixels, done


def write_masks(
  workdir: pathlib.Path,
  out: pathlib.Path,
  paths: list[pathlib.Path],
  seed: int,
  slots: int = 0,
  iterations: int = 0,
) -> list[pathlib.Path]:
  """Writes the masks of each picture; returns the sheets' paths.

  Raises:
    InputError: no run or no sound checkpoint in `workdir`, or one that has no
      masks; a picture that cannot be read.
  """
  config = saved_config(workdir)
  if config.task != "discovery":
    raise InputError(
      f"the run in {workdir} predicts sets and has no masks; give one of "
      "object discovery"
    )
  found = [read(path, config.image_size) for path in paths]
  state = saved_state(workdir, lambda key: train.init(key, config))
  images = files.to_unit(np.stack([pixels for pixels, _ in found]))
  noise = jax.random.normal(
    jax.random.key(seed),
    (len(images), slots or config.eval_slots, config.slot_dim),
  )
  network = model.network(config)
  steps = iterations or config.eval_iterations
  apply = jax.jit(lambda *args: network.apply(*args, steps))
  outputs = jax.device_get(apply(state.params, images, noise))
  out.mkdir(parents=True, exist_ok=True)
  sheets = []
  for i, (path, (_, done)) in enumerate(zip(paths, found, strict=True)):
    for note in done:
      print(f"{path}: {note}")
    one = {
      name: outputs[name][i] for name in ("masks", "pictures", "reconstruction")
    }
    sheets.append(_write(out / path.stem, images[i], one))
  return sheets


def _write(stem: pathlib.Path, image, one) -> pathlib.Path:
  masks = one["masks"]
  for k, mask in enumerate(masks):
    gray = np.round(255 * mask).astype(np.uint8)
    Image.fromarray(gray).save(f"{stem}_slot_{k}.png")
  segments = pictures.PALETTE[np.argmax(masks, axis=0) % len(pictures.PALETTE)]
  Image.fromarray(segments).save(f"{stem}_segments.png")
  parts = masks[..., None] * np.clip(one["pictures"], -1, 1)
  # On white: a slot's own black is then not its absence.
  parts = parts + (1 - masks[..., None])
  panels = [
    pictures.to_pixels(image),
    pictures.to_pixels(one["reconstruction"]),
    segments,
    *pictures.to_pixels(parts),
  ]
  path = pathlib.Path(f"{stem}_sheet.png")
  Image.fromarray(pictures.sheet([panels])).save(path)
  return path


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  add("pictures", nargs="+", type=pathlib.Path, help="of any format")
  add("--workdir", required=True, type=pathlib.Path, help="of the run")
  add("--out", type=pathlib.Path, help="where to write, if not there")
  add("--seed", type=int, default=0, help="of the slots' noise")
  add("--slots", type=int, default=0, help="how many; 0: as in evaluation")
  add("--iterations", type=int, default=0, help="as --slots")
  given = parser.parse_args()
  workdir = given.workdir.expanduser()
  out = given.out.expanduser() if given.out else workdir
  paths = [path.expanduser() for path in given.pictures]
  options = (given.seed, given.slots, given.iterations)
  with cli.sentences():
    for path in write_masks(workdir, out, paths, *options):
      print(path)


if __name__ == "__main__":
  main()
