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

import itertools
import pathlib

import jax
import ml_collections
import numpy as np
from PIL import Image

from common import cli
from common.data import image_files, images
from common.errors import InputError
from common.workdir import saved_config, saved_state

from . import files, model, pictures, schema, train


def read(
  path: pathlib.Path, config: ml_collections.ConfigDict
) -> tuple[np.ndarray, list[str]]:
  """Reads a picture as the network of `config` takes it.

  Args:
    path: of any format that Pillow reads; see `common.data.image_files`.
    config: of the run; its size, and how its data set is resized.

  Returns:
    uint8 `[size, size, 3]`; what was done to the picture, in words.

  Raises:
    InputError: it cannot be read.
  """
  pixels, done = image_files.decode(path, 3)
  (height, width), size = pixels.shape[:2], config.image_size
  side = min(height, width)
  if width != height:
    pixels = images.fit(pixels, (side, side), "crop_resize")
    done.append(f"of {height}x{width} the central {side}x{side} was kept")
  if side != size:
    if config.dataset == "folder":  # As those that it was trained on.
      pixels = images.fit(pixels, (size, size), "crop_resize")
    else:
      pixels = files.resized(pixels, size)
    done.append(f"{side}x{side} was resized to {size}x{size}")
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
    InputError: no run of this project or no sound checkpoint in `workdir`, or
      one that has no masks; a picture that cannot be read; two of one name.
  """
  config = saved_config(workdir, schema.check)
  if config.task != "discovery":
    raise InputError(
      f"the run in {workdir} predicts sets and has no masks; give one of "
      "object discovery"
    )
  for one, other in itertools.combinations(paths, 2):
    if one.stem == other.stem:
      raise InputError(
        f"{one} and {other} would write the same files, which begin with "
        f"{one.stem}_: rename one, or give them one by one, each its --out"
      )
  count = slots or config.eval_slots
  written = [_outputs(out / path.stem, count) for path in paths]
  given = {path.resolve() for path in paths}
  for path, own in zip(paths, written, strict=True):
    for file in own:
      if file.resolve() in given:
        raise InputError(
          f"{file} is one of the pictures, and the masks of {path} would take "
          "its place: write elsewhere with --out=DIR"
        )
  found = [read(path, config) for path in paths]
  state = saved_state(workdir, lambda key: train.init(key, config))
  shown = files.to_unit(np.stack([pixels for pixels, _ in found]))
  noise = jax.random.normal(
    jax.random.key(seed),
    (len(shown), count, config.slot_dim),
  )
  network = model.network(config)
  steps = iterations or config.eval_iterations
  apply = jax.jit(lambda *args: network.apply(*args, steps))
  outputs = jax.device_get(apply(state.params, shown, noise))
  drawn = {n: outputs[n] for n in ("masks", "pictures", "reconstruction")}
  out.mkdir(parents=True, exist_ok=True)
  for i, (path, (_, done)) in enumerate(zip(paths, found, strict=True)):
    for note in done:
      print(f"{path}: {note}")
    one = jax.tree.map(lambda output, i=i: output[i : i + 1], drawn)
    _write(written[i], shown[i : i + 1], one)
  return [sheet for *_, sheet in written]


def _outputs(stem: pathlib.Path, slots: int) -> list[pathlib.Path]:
  """The files of a picture: each slot's mask, the segments, the sheet."""
  kinds = (*(f"slot_{k}" for k in range(slots)), "segments", "sheet")
  return [pathlib.Path(f"{stem}_{kind}.png") for kind in kinds]


def _write(paths: list[pathlib.Path], image, one) -> None:
  *of_slots, segments, sheet = paths
  (masks,) = one["masks"]
  for path, mask in zip(of_slots, masks, strict=True):
    Image.fromarray(np.round(255 * mask).astype(np.uint8)).save(path)
  Image.fromarray(pictures.segments(masks)).save(segments)
  Image.fromarray(pictures.slots_sheet(image, one, None)).save(sheet)


def main() -> None:
  """The command."""
  parser = cli.Parser(description=__doc__)
  add = parser.add_argument
  path = {"type": pathlib.Path}
  what = "a picture, as .png or .jpg"
  add("pictures", nargs="+", metavar="FILE", help=what, **path)
  add("--workdir", required=True, metavar="DIR", help="of a training", **path)
  out = "write here, not into --workdir"
  add("--out", metavar="DIR", help=out, **path)
  seed = "of the slots' random start"
  add("--seed", type=cli.whole(0), default=0, metavar="N", help=seed)
  count = {"type": cli.whole(0, 10_000), "default": 0, "metavar": "N"}
  add("--slots", help="how many; 0: as in evaluation", **count)
  rounds = "rounds of attention; 0: as in evaluation"
  add("--iterations", help=rounds, **count)
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
