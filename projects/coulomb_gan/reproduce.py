"""Reproduces the paper's claims, and writes down what came out.

    python -m projects.coulomb_gan.reproduce --table=toy
    python -m projects.coulomb_gan.reproduce --table=particles
    python -m projects.coulomb_gan.reproduce --table=images

`toy`: Coulomb GAN, GAN and WGAN-GP on the even and the uneven grid, some seeds
of a method as one program. `particles`: the theory without networks. `images`:
the three methods on Fashion-MNIST, or `--images=cifar10`. Numbers go to
`results/coulomb_gan/` and into the tables of this project's README; a cell that
is there already is kept, unless `--fresh`. `--quick` does the same in a minute
and changes neither.
"""

import argparse
import functools
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp
from tqdm import tqdm

from common import cli, keys, population
from common.gan.gaussian_grid import mode_scores, mode_spread
from common.tables import cells, image_table, markdown, reproduce

from . import data, losses, model, pictures, train

GRIDS = ("gaussian_grid", "gaussian_grid_uneven")
IMAGES = ("fashion_mnist", "cifar10")
NAMES = {"coulomb": "Coulomb GAN", "gan": "GAN", "wgan_gp": "WGAN-GP"}


def train_population(
  config: ml_collections.ConfigDict, seeds: Sequence[int], describe: str
) -> tuple[train.State, jax.Array]:
  """Trains all seeds as one program; returns their states and root keys.

  A member computes what `train` computes with `--config.seed=` its seed: the
  same keys, the same batches.
  """
  roots = jax.vmap(jax.random.key)(jnp.asarray(seeds))
  step = train.make_train_step(config)

  def member(state, root):
    batch = data.batches(config, keys.named(root, "data"))(state.step)
    return step(state, batch)

  @jax.jit
  def advance(states):
    once = lambda states, _: jax.vmap(member)(states, roots)
    return jax.lax.scan(once, states, length=config.steps_per_call)

  begin = lambda root: train.init(keys.named(root, "init"), config)
  states = jax.jit(jax.vmap(begin))(roots)
  with tqdm(total=config.total_steps, desc=describe, mininterval=2) as bar:
    for _ in range(config.total_steps // config.steps_per_call):
      states, metrics = advance(states)
      jax.block_until_ready(metrics)
      bar.update(config.steps_per_call)
  return states, roots


def toy_scores(
  config: ml_collections.ConfigDict, seeds: Sequence[int], describe: str
) -> list[dict[str, Any]]:
  """What one method on one grid scores, and its minutes, seed by seed."""
  start = time.perf_counter()
  states, roots = train_population(config, seeds, describe)
  minutes = (time.perf_counter() - start) / 60

  def judge(state, root):
    real = data.test(config, keys.named(root, "test"))
    return train.make_scores(config)(state, keys.named(root, "eval"), real)

  scores = jax.device_get(jax.jit(jax.vmap(judge))(states, roots))
  return [
    {
      "scores": {name: float(values[i]) for name, values in scores.items()},
      "minutes": minutes / len(seeds),
    }
    for i in range(len(seeds))
  ]


def toy_cell(
  config: ml_collections.ConfigDict,
  seeds: Sequence[int],
  describe: str,
  path: pathlib.Path,
  at_once: int,
) -> dict[str, Any]:
  """One method on one grid: every seed's scores, minutes and config.

  Seeds that are done are kept in the journal at `path`: a table that was cut
  goes on with the others, `at_once` of them as one program.
  """
  with population.Journal(path, cells.recorded(config)) as journal:
    left = [seed for seed in seeds if str(seed) not in journal]
    for i in range(0, len(left), at_once):
      part = left[i : i + at_once]
      for seed, found in zip(
        part, toy_scores(config, part, describe), strict=True
      ):
        journal.write(str(seed), found)
    wanted = {str(seed) for seed in seeds}
    done = [r for r in journal.records() if r["piece"] in wanted]
  done.sort(key=lambda record: int(record["piece"]))
  scores = {
    name: np.array([record["scores"][name] for record in done])
    for name in done[0]["scores"]
  }
  diverged = ~np.isfinite(scores["energy"])
  return {
    "scores": {n: cells.summary(v[~diverged]) for n, v in scores.items()},
    "diverged": int(diverged.sum()),
    "seeds": len(seeds),
    "first_seed": seeds[0],
    "minutes": sum(record["minutes"] for record in done),
    "config": cells.recorded(config),
  }


def toy(context: reproduce.Context) -> str:
  """Both grids, three methods, all seeds; returns the table as Markdown."""
  rows, asked = [], context.arguments
  seeds = range(asked.first_seed, asked.first_seed + context.seeds)
  for grid in GRIDS[: 1 if context.quick else None]:
    for method, name in NAMES.items():
      variant = "" if method == "coulomb" else method
      config = reproduce.config_of(context, grid, variant)
      runs = context.out if context.quick else pathlib.Path(asked.runs)
      journal = runs / f"{grid}_{method}.jsonl"
      if context.fresh:
        journal.unlink(missing_ok=True)
      describe = f"{name}, {grid}"
      compute = functools.partial(
        toy_cell, config, seeds, describe, journal, asked.at_once
      )
      cell = reproduce.cell(context, f"{grid}_{method}", compute)
      rows.append([grid.removeprefix("gaussian_"), name, *toy_row(cell)])
  header = ["grid", "method", "modes of 25", "within 3 std", "std in a mode"]
  header += ["on its narrow axis", "on its wide axis"]
  header += ["weights' total variation", "energy F (U-statistic)"]
  header += ["F at a mode's scale", "seeds"]
  return markdown.table([*header, cells.ORIGIN], rows)


def toy_row(cell: dict[str, Any]) -> list[str]:
  """The cells of a table row: median [range] over seeds."""
  forms = {
    "modes": ".0f",
    "within_3_std": ".3f",
    "within_mode_std": ".3f",
    "within_mode_min": ".3f",
    "within_mode_max": ".3f",
    "weight_tv": ".3f",
    "energy_u": ".1e",
    "energy_at_mode_std": ".1e",
  }
  texts = [
    cells.median_and_range(cell["scores"][name], form)
    for name, form in forms.items()
  ]
  first = cell["first_seed"]
  seeds = f"{first} to {first + cell['seeds'] - 1}"
  if cell["diverged"]:
    seeds += f" ({cell['diverged']} diverged)"
  return [*texts, seeds, cells.origin([cell])]


def particle_flow(
  x: jax.Array, y: jax.Array, config: ml_collections.ConfigDict
) -> tuple[jax.Array, jax.Array]:
  """Moves samples along the field, x' = grad Phi(x), by Euler steps.

  Args:
    x: `[n, m]` where the particles start.
    y: `[k, m]` the fixed real samples.
    config: kernel, `particle_step` (length of a step), `particle_steps`.

  Returns:
    The particles at the end `[n, m]`, and the energy F (V-statistic) before
    every step and after the last `[particle_steps + 1]`.
  """
  kernel = (config.kernel_exponent, config.kernel_epsilon)

  def move(x, _):
    f = losses.energy(x, y, *kernel, "keep")
    return x + config.particle_step * losses.field(x, x, y, *kernel), f

  x, energies = jax.lax.scan(move, x, length=config.particle_steps)
  last = losses.energy(x, y, *kernel, "keep")
  return x, jnp.append(energies, last)


def particles_cell(
  config: ml_collections.ConfigDict, seeds: int, picture: pathlib.Path
) -> dict[str, Any]:
  """Energies and scores of every seed's flow; draws the first in `picture`."""
  kernel = (config.kernel_exponent, config.kernel_epsilon)

  def one(root):
    draw = lambda name: data.gaussian_grid(
      keys.named(root, name), config.particles, config
    )
    y, fresh_sample = draw("real"), draw("fresh")
    x = jax.random.normal(keys.named(root, "start"), y.shape)
    x, energies = particle_flow(x, y, config)
    goal = losses.energy(fresh_sample, y, *kernel, "keep")
    scores = mode_scores(x, config) | mode_spread(x, config)
    return x, y, energies, goal, scores

  # One after the other: a seed's kernel matrices fill the caches alone.
  roots = jax.vmap(jax.random.key)(jnp.arange(seeds))
  flow = jax.jit(lambda roots: jax.lax.map(one, roots))
  x, y, energies, goal, scores = flow(roots)
  energies, goal = np.float64(energies), np.float64(goal)
  first = np.asarray(x[0]), np.asarray(y[0])
  pictures.particle_plot(picture, *first, energies, goal)
  return {
    "energy": cells.summary(energies[:, -1]),
    "goal": cells.summary(goal),
    "start": cells.summary(energies[:, 0]),
    "scores": {name: cells.summary(v) for name, v in scores.items()},
    # Float32 sums of n^2 terms tell energies apart to about 1e-7.
    "largest_rise": float(np.max(np.diff(energies, axis=1))),
    "seeds": seeds,
    "config": cells.recorded(config),
  }


def particles(context: reproduce.Context) -> str:
  """Particles without networks, on both grids; returns the table."""
  rows = []
  for grid in GRIDS:
    name = f"particles_{grid}"
    compute = functools.partial(
      particles_cell,
      reproduce.config_of(context, grid),
      context.seeds,
      context.out / f"{name}.png",
    )
    cell = reproduce.cell(context, name, compute)
    energies = [cell[key]["median"] for key in ("start", "energy", "goal")]
    forms = {"modes": ".0f", "within_3_std": ".3f", "within_mode_std": ".3f"}
    scores = (
      cells.median_and_range(cell["scores"][name], form)
      for name, form in forms.items()
    )
    rows.append(
      [
        grid.removeprefix("gaussian_"),
        *(f"{energy:.2e}" for energy in energies),
        f"{cell['largest_rise']:.0e}",
        *scores,
        f"{cell['seeds']}",
        cells.origin([cell]),
      ]
    )
  header = ["grid", "energy at the start", "at the end", "of a fresh sample"]
  header += ["largest rise in a step", "modes of 25", "within 3 std"]
  header += ["std in a mode", "seeds", cells.ORIGIN]
  return markdown.table(header, rows)


def images(context: reproduce.Context) -> dict[str, str]:
  """The set of `--images`, three methods; returns the table of that set."""

  def draw(config, state, key):
    return model.sample(config, state.generator, key, config.eval_samples)

  paper = image_table.Paper(train.train, data.test, draw)
  scores = {
    "energy F in pixel space (U-statistic)": ("energy_u", ".2e"),
    "pixel distance (not FID)": ("pixel_distance", ".3g"),
  }
  table = image_table.table(context, paper, NAMES, scores, "narrow")
  return {f"images_{context.arguments.images}": table}


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of the grids' and the images' tables."""
  add = parser.add_argument
  text = "of --table=toy; %(default)s by default: seeds below "
  text += "%(default)s may have been used to choose settings"
  add("--first_seed", type=cli.whole(0), default=30, metavar="N", help=text)
  text = "of --table=toy: how many seeds are trained as one program"
  add("--at_once", type=cli.whole(1), default=5, metavar="N", help=text)
  where = "of --table=images: where the set was prepared"
  image_table.add_arguments(parser, IMAGES, where)


def main(argv: Sequence[str] | None = None) -> None:
  """The command; `argv` instead of the command line's arguments."""
  tables = {"toy": toy, "particles": particles, "images": images}
  reproduce.main(__doc__, __file__, tables, add_arguments, 10, argv, fewest=1)


if __name__ == "__main__":
  main()
