"""Draws samples from the last checkpoint of a run.

    python -m projects.ttur.sample --workdir=runs/dcgan_fashion_mnist \\
      --count=10000 --seed=1

Writes `samples_<step>_<seed>.npz` (`samples`: float32 `[count, ...]`, as the
generator gives them; for images also `images`: uint8, clipped to what can be
shown) and a picture of the first of them, into the workdir or `--out`. They are
drawn as the paper's are for its FID, in batches of `sample_batch`.
"""

import argparse
import pathlib

import jax
import numpy as np

from common import cli
from common.errors import InputError
from common.gan.pictures import save_tiles
from common.tables import figures
from common.workdir import saved_config, saved_state

from . import pictures, schema, scores, train


def write_samples(
  workdir: pathlib.Path, out: pathlib.Path, count: int, seed: int
) -> pathlib.Path:
  """Writes the samples and their picture; returns the path of the `.npz`.

  Raises:
    InputError: no run or no sound checkpoint in `workdir`; `count` below 1.
  """
  if count < 1:
    raise InputError(f"--count is {count}; ask for at least one sample")
  config = saved_config(workdir, schema.check)
  state = saved_state(workdir, lambda key: train.init(key, config))
  draw = scores.sampled(config)
  x = np.concatenate(list(draw(state, jax.random.key(seed), count)))
  out.mkdir(parents=True, exist_ok=True)
  path = out / f"samples_{int(state.step):08d}_{seed}.npz"
  arrays, picture = {"samples": x}, path.with_suffix(".png")
  if config.network == "mlp":
    pictures.points_plot(picture, x, int(state.step))
  else:
    arrays["images"] = figures.to_pixels(x)
    save_tiles(picture, arrays["images"][: config.picture_samples])
  np.savez_compressed(
    path,
    **arrays,
    step=int(state.step),
    seed=seed,
    sample_batch=config.sample_batch,
  )
  return path


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  add("--workdir", required=True, type=pathlib.Path, help="of the run")
  add("--out", type=pathlib.Path, help="where to write, if not there")
  add("--count", type=int, default=1_000, help="how many samples to draw")
  add("--seed", type=int, default=0, help="of the latents")
  given = parser.parse_args()
  workdir = given.workdir.expanduser()
  out = given.out.expanduser() if given.out else workdir
  with cli.sentences():
    path = write_samples(workdir, out, given.count, given.seed)
  print(f"{path}\n{path.with_suffix('.png')}")


if __name__ == "__main__":
  main()
