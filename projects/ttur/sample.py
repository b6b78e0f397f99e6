"""Draws samples from the last checkpoint of a run.

    python -m projects.ttur.sample --workdir=runs/dcgan_fashion_mnist \\
      --count=10000 --seed=1

Writes `samples_<step>_<seed>.npz` (`samples`: float32 `[count, ...]`, as the
generator gives them; for images also `images`: uint8, clipped to what can be
shown) and a picture of the first of them, into the workdir or `--out`. They are
drawn as the paper's are for its FID, in batches of `sample_batch`.
"""

import pathlib

import jax
import numpy as np

from common.gan import samples
from common.gan.pictures import save_tiles
from common.tables import figures
from common.workdir import saved_config, saved_state

from . import pictures, schema, scores, train


def write_samples(
  workdir: pathlib.Path, out: pathlib.Path, count: int, seed: int
) -> pathlib.Path:
  """Writes the samples and their picture; returns the path of the `.npz`.

  Raises:
    InputError: no run or no sound checkpoint in `workdir`.
  """
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
  path = samples.command(__doc__, write_samples)
  print(f"{path}\n{path.with_suffix('.png')}")


if __name__ == "__main__":
  main()
