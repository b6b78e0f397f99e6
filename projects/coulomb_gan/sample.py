"""Draws samples from the last checkpoint of a run.

    python -m projects.coulomb_gan.sample --workdir=runs/gaussian_grid \\
      --count=10000 --seed=1

Writes `samples_<step>_<seed>.npz` (`samples`: float32 `[count, ...]`, as the
generator gives them; for images also `images`: uint8, clipped to what can be
shown) and a picture of the first of them, into the workdir or `--out`.
Images with batch normalisation are drawn in batches of the training size, which
`batch_size` in the file records.
"""

import pathlib

import jax
import numpy as np
from jax import numpy as jnp

from common.gan import samples
from common.gan.gaussian_grid import mode_scores, mode_spread
from common.gan.pictures import save_tiles
from common.workdir import saved_config, saved_state

from . import data, model, pictures, schema, train


def write_samples(
  workdir: pathlib.Path, out: pathlib.Path, count: int, seed: int
) -> pathlib.Path:
  """Writes the samples and their picture; returns the path of the `.npz`.

  Raises:
    InputError: no run or no sound checkpoint in `workdir`.
  """
  config = saved_config(workdir, schema.check)
  state = saved_state(workdir, lambda key: train.init(key, config))
  batches = 16  # At once: what fits beside a large generator.
  draw = jax.jit(
    lambda first: model.sample(
      config,
      state.generator,
      jax.random.key(seed),
      batches * config.batch_size,
      first,
    )
  )
  starts = range(0, -(-count // config.batch_size), batches)
  x = np.concatenate([np.asarray(draw(start)) for start in starts])[:count]
  out.mkdir(parents=True, exist_ok=True)
  path = out / f"samples_{int(state.step):08d}_{seed}.npz"
  arrays = {"samples": x}
  picture = path.with_suffix(".png")
  if config.network == "dcgan":
    arrays["images"] = pictures.to_pixels(x)
    save_tiles(picture, arrays["images"][: config.picture_samples])
  else:
    y = np.asarray(data.test(config, jax.random.key(seed)))
    scores = {}
    if config.dataset == "gaussian_grid":
      points = jnp.asarray(x)
      scores = mode_scores(points, config) | mode_spread(points, config)
    pictures.sample_plot(picture, x, y, scores)
  np.savez_compressed(
    path,
    **arrays,
    step=int(state.step),
    seed=seed,
    batch_size=config.batch_size,
  )
  return path


def main() -> None:
  """The command."""
  path = samples.command(__doc__, write_samples)
  print(f"{path}\n{path.with_suffix('.png')}")


if __name__ == "__main__":
  main()
