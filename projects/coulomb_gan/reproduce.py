"""Reproduces the paper's claims, and writes down what came out.

    python -m projects.coulomb_gan.reproduce --table=toy
    python -m projects.coulomb_gan.reproduce --table=particles
    python -m projects.coulomb_gan.reproduce --table=images

`toy`: Coulomb GAN, GAN and WGAN-GP on the even and the uneven grid, all seeds
of a method as one program. `particles`: the theory without networks. `images`:
the three methods on Fashion-MNIST. Numbers go to `results/coulomb_gan/` and
into the tables of this project's README; a cell that is there already is kept,
unless `--fresh`. `--quick` does the same in a minute and changes neither.
"""

import argparse
import importlib
import json
import pathlib
import time
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp
from tqdm import tqdm

from common import cli, keys, report

from . import data, losses, pictures, train

_HERE = pathlib.Path(__file__).parent
_PROJECT = _HERE.name
NAMES = {"coulomb": "Coulomb GAN", "gan": "GAN", "wgan_gp": "WGAN-GP"}


def config_of(name: str, variants: list[str]) -> ml_collections.ConfigDict:
  """Loads `configs/<project>/<name>.py` with variants, unlocked."""
  module = importlib.import_module(f"configs.{_PROJECT}.{name}")
  config = module.get_config(",".join(v for v in variants if v))
  config.unlock()
  return config


def train_population(
  config: ml_collections.ConfigDict, seeds: int, describe: str
) -> tuple[train.State, jax.Array]:
  """Trains seeds 0 .. seeds - 1 as one program; returns states and root keys.

  Member i computes what `train` computes with `--config.seed=i`: the same keys,
  the same batches.
  """
  roots = jax.vmap(jax.random.key)(jnp.arange(seeds))
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


def toy_cell(
  config: ml_collections.ConfigDict, seeds: int, describe: str
) -> dict[str, Any]:
  """One method on one grid: every seed's scores, minutes and config."""
  start = time.perf_counter()
  states, roots = train_population(config, seeds, describe)
  minutes = (time.perf_counter() - start) / 60

  def judge(state, root):
    real = data.test(config, keys.named(root, "test"))
    return train.make_scores(config)(state, keys.named(root, "eval"), real)

  scores = {
    name: np.asarray(values, np.float64)
    for name, values in jax.jit(jax.vmap(judge))(states, roots).items()
  }
  diverged = ~np.isfinite(scores["energy"])
  return {
    "scores": {n: report.summary(v[~diverged]) for n, v in scores.items()},
    "diverged": int(diverged.sum()),
    "seeds": seeds,
    "minutes": minutes,
    "config": recorded(config),
  }


def toy(out: pathlib.Path, seeds: int, quick: bool, fresh: bool) -> str:
  """Both grids, three methods, all seeds; returns the table as Markdown."""
  rows = []
  for grid in ("gaussian_grid", "gaussian_grid_uneven"):
    for method, name in NAMES.items():
      variants = ["" if method == "coulomb" else method, "smoke" * quick]
      config = config_of(grid, variants)
      cell = report.cached(
        out / f"{grid}_{method}.json",
        lambda c=config, d=f"{name}, {grid}": toy_cell(c, seeds, d),
        fresh,
      )
      rows.append([grid.replace("gaussian_", ""), name, *toy_row(cell)])
  header = [
    "grid", "method", "modes of 25", "within 3 std", "weights' total variation",
    "energy F (U-statistic)", "seeds", "minutes, device, commit",
  ]  # fmt: skip
  return report.markdown_table(header, rows)


def toy_row(cell: dict[str, Any]) -> list[str]:
  """The cells of a table row: median [range] over seeds."""
  form = {
    "modes": "{:.0f}",
    "within_3_std": "{:.3f}",
    "weight_tv": "{:.3f}",
    "energy_u": "{:.1e}",
  }
  texts = []
  for name, f in form.items():
    s = cell["scores"][name]
    low, high = s["range"]
    texts.append(f"{f.format(s['median'])} [{f.format(low)}, {f.format(high)}]")
  seeds = f"{cell['seeds']}"
  if cell["diverged"]:
    seeds += f" ({cell['diverged']} diverged)"
  return [*texts, seeds, origin(cell)]


def recorded(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """The config as a results file keeps it: without where things lay."""
  places = ("data_dir", "cache_dir")
  values = json.loads(config.to_json())
  return {key: value for key, value in values.items() if key not in places}


def origin(cell: dict[str, Any]) -> str:
  """Where a cell comes from: minutes, device, commit."""
  stamp = cell["provenance"]
  minutes = "?" if cell["minutes"] is None else f"{cell['minutes']:.1f}"
  return f"{minutes}, {stamp['device']}, {stamp['commit']}"


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


def particles(out: pathlib.Path, seeds: int, quick: bool, fresh: bool) -> str:
  """Particles without networks, on both grids; returns the table."""
  rows = []
  for grid in ("gaussian_grid", "gaussian_grid_uneven"):
    config = config_of(grid, ["smoke" * quick])

    def compute(config=config, grid=grid):
      start = time.perf_counter()

      def one(root):
        draw = lambda name: data.gaussian_grid(
          keys.named(root, name), config.particles, config
        )
        y, fresh_sample = draw("real"), draw("fresh")
        x = jax.random.normal(keys.named(root, "start"), y.shape)
        x, energies = particle_flow(x, y, config)
        kernel = (config.kernel_exponent, config.kernel_epsilon)
        goal = losses.energy(fresh_sample, y, *kernel, "keep")
        return x, y, energies, goal

      # One after the other: a seed's kernel matrices fill the caches alone.
      roots = jax.vmap(jax.random.key)(jnp.arange(seeds))
      x, y, energies, goal = jax.jit(lambda r: jax.lax.map(one, r))(roots)
      energies, goal = np.float64(energies), np.float64(goal)
      name = f"particles_{grid}"
      pictures.particle_plot(
        out / f"{name}.png", np.asarray(x[0]), np.asarray(y[0]), energies, goal
      )
      return {
        "energy": report.summary(energies[:, -1]),
        "goal": report.summary(goal),
        "start": report.summary(energies[:, 0]),
        # Float32 sums of n^2 terms tell energies apart to about 1e-7.
        "largest_rise": float(np.max(np.diff(energies, axis=1))),
        "seeds": seeds,
        "minutes": (time.perf_counter() - start) / 60,
        "config": recorded(config),
      }

    out.mkdir(parents=True, exist_ok=True)
    cell = report.cached(out / f"particles_{grid}.json", compute, fresh)
    rows.append(
      [
        grid.replace("gaussian_", ""),
        f"{cell['start']['median']:.2e}",
        f"{cell['energy']['median']:.2e}",
        f"{cell['goal']['median']:.2e}",
        f"{cell['largest_rise']:.0e}",
        f"{cell['seeds']}",
        origin(cell),
      ]
    )
  header = [
    "grid", "energy at the start", "at the end", "of a fresh sample",
    "largest rise in a step", "seeds", "minutes, device, commit",
  ]  # fmt: skip
  return report.markdown_table(header, rows)


def images(
  out: pathlib.Path, quick: bool, fresh: bool, runs: pathlib.Path, data_dir: str
) -> str:
  """Fashion-MNIST, three methods, one seed each; returns the table.

  The runs live in `--runs`, and go on where they were cut short.
  """
  rows = []
  for method, name in NAMES.items():
    variants = ["" if method == "coulomb" else method, "smoke" * quick]
    config = config_of("fashion_mnist", variants)
    config.data_dir = data_dir or config.data_dir

    def compute(config=config, method=method):
      start = time.perf_counter()
      workdir = runs / f"fashion_mnist_{method}"
      resumed = (workdir / "checkpoints").exists()
      state, scores = train.train(config.lock(), str(workdir))
      out.mkdir(parents=True, exist_ok=True)
      picture = out / f"fashion_mnist_{method}.png"
      picture.write_bytes((workdir / "samples.png").read_bytes())
      return {
        "scores": scores,
        "steps": int(state.step),
        # Of a run in pieces, nobody has held the watch.
        "minutes": None if resumed else (time.perf_counter() - start) / 60,
        "config": recorded(config),
      }

    cell = report.cached(out / f"fashion_mnist_{method}.json", compute, fresh)
    energy = cell["scores"]["energy_u"]
    rows.append([name, f"{cell['steps']}", f"{energy:.2e}", "-", origin(cell)])
  header = [
    "method", "steps", "energy F in pixel space (U-statistic)", "FID",
    "minutes, device, commit",
  ]  # fmt: skip
  return report.markdown_table(header, rows)


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  add("--table", choices=("toy", "particles", "images"), default="toy")
  add("--seeds", type=int, default=10, help="how many, from 0 on")
  add("--quick", action="store_true", help="a minute's worth of everything")
  add("--fresh", action="store_true", help="compute cells that are there, too")
  add("--out", metavar="DIR", help=f"instead of results/{_PROJECT}")
  add("--data_dir", default="", metavar="DIR", help="of the images' data set")
  add("--runs", default="runs/reproduce", metavar="DIR", help="of image runs")
  with cli.sentences():
    run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
  """Computes what the arguments say; prints the table, and keeps it."""
  quick, fresh = arguments.quick, arguments.fresh
  default = "runs/quick" if quick else f"results/{_PROJECT}"
  out = pathlib.Path(arguments.out or default)
  if arguments.table == "toy":
    table = toy(out, arguments.seeds, quick, fresh)
  elif arguments.table == "particles":
    table = particles(out, arguments.seeds, quick, fresh)
  else:
    runs = pathlib.Path(arguments.runs)
    table = images(out, quick, fresh, runs, arguments.data_dir)
  print(table)
  if not quick and not arguments.out:
    report.insert_table(_HERE / "README.md", arguments.table, table)


if __name__ == "__main__":
  main()
