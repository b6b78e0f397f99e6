"""Draws samples from the last checkpoint of a run.

    python -m projects.first_order_gan.sample --workdir=runs/language \\
      --count=10000 --seed=1

Writes, into the workdir or `--out`, `samples_<step>_<seed>.txt`, a line each,
and prints the first ones; or of images `.npz` (`images`: uint8, clipped to what
can be shown) and a picture of the first of them. Samples are drawn with the
moving averages of the generator's norms: none depends on another. The text that
a run has learned must be where it was: it says which character is which.
"""

import pathlib

import jax
import numpy as np

from common.gan import samples
from common.tables import figures
from common.workdir import saved_config, saved_state

from . import pictures, schema, train

_PRINTED = 10


def write_samples(
  workdir: pathlib.Path, out: pathlib.Path, count: int, seed: int
) -> pathlib.Path:
  """Writes the samples; returns the path of the `.txt` or `.npz`.

  Raises:
    InputError: no run or no sound checkpoint in `workdir`; a text that is not
      there any more.
  """
  config = saved_config(workdir, schema.check)
  state = saved_state(workdir, lambda key: train.init(key, config))
  x = train.make_draw(config)(state, jax.random.key(seed), count)
  out.mkdir(parents=True, exist_ok=True)
  path = out / f"samples_{int(state.step):08d}_{seed}"
  if config.network == "characters":
    return pictures.save(path, x, config)
  pictures.save(path, x[: config.picture_samples], config)
  path = path.with_suffix(".npz")
  np.savez_compressed(
    path, images=figures.to_pixels(x), step=int(state.step), seed=seed
  )
  return path


def main() -> None:
  """The command."""
  path = samples.command(__doc__, write_samples)
  if path.suffix == ".txt":
    print(*path.read_text(encoding="utf-8").splitlines()[:_PRINTED], sep="\n")
  print(path)


if __name__ == "__main__":
  main()
