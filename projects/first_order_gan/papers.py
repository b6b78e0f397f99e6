"""`--table=papers`: three papers' GANs on the same images, networks and budget.

Each method is trained and sampled by the commands of its own project, which are
printed; nothing of their code is known here. All samples are judged alike.
"""

import functools
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from common import keys
from common.errors import InputError
from common.gan.pictures import save_tiles
from common.metrics import fid, image_sources
from common.stats import frechet
from common.tables import cells, figures, markdown, reproduce

from . import data, train

# What of the table's config each project's own config calls how.
_SAME = {
  "total_steps": "steps",
  "log_every": "eval_every",
  "eval_every": "eval_every",
  "checkpoint_every": "eval_every",
  "image_size": "image_size",
  "batch_size": "batch_size",
}
_TTUR = {"width": "critic_features"}  # The generator's is eight times as much.
_COULOMB = {
  "generator_features": "generator_features",
  "discriminator_features": "shallow_features",
}
_FIRST_ORDER = {
  "generator_features": "generator_features",
  "critic_features": "critic_features",
}
_PLACES = ("--workdir", "--config.data_dir")  # Of this machine.
_NO_SCORES = ("features=pixels", "eval_samples=64")  # The table has its own.
_TTUR_ONLY = (*_NO_SCORES, "fid_reference=64")
_COULOMB_ONLY = (*_NO_SCORES, "energy_samples=64")
_DCGAN = ("ttur", "dcgan_fashion_mnist")
_FASHION = "fashion_mnist"
# Method -> project, config, variant, names of widths, settings.
METHODS = {
  "DCGAN, one rate": (*_DCGAN, "original", _TTUR, _TTUR_ONLY),
  "DCGAN, TTUR": (*_DCGAN, "", _TTUR, _TTUR_ONLY),
  "Coulomb GAN": ("coulomb_gan", _FASHION, "", _COULOMB, _COULOMB_ONLY),
  "WGAN-GP": ("first_order_gan", _FASHION, "wgan_gp", _FIRST_ORDER, ()),
  "First Order GAN": ("first_order_gan", _FASHION, "", _FIRST_ORDER, ()),
}
# FIDs of the papers: CelebA, LSUN bedrooms, CIFAR-10. From memory, but for
# TTUR's and First Order GAN's on CIFAR-10.
PUBLISHED = {
  "DCGAN, one rate": ("21.4", "70.4", "37.7"),
  "DCGAN, TTUR": ("12.5", "57.5", "36.9"),
  "Coulomb GAN": ("9.3", "31.2", "27.3"),
  "First Order GAN": ("6.0", "11.4", "27.4"),
}


def commands(
  config: ml_collections.ConfigDict,
  method: str,
  workdir: pathlib.Path,
  data_dir: str,
  smoke: bool,
) -> list[list[str]]:
  """The commands that train a method in `workdir`, and draw from it."""
  project, name, variant, widths, settings = METHODS[method]
  variant = ",".join(filter(None, [variant, "smoke" if smoke else ""]))
  same = {theirs: config[ours] for theirs, ours in (_SAME | widths).items()}
  settings = [*settings, *(f"{k}={v}" for k, v in same.items())]
  settings += [f"seed={config.seed}"]
  if data_dir:
    settings.append(f"data_dir={data_dir}")
  file = f"configs/{project}/{name}.py"
  return [
    [
      f"projects.{project}.train",
      f"--config={file}:{variant}" if variant else f"--config={file}",
      f"--workdir={workdir}",
      *(f"--config.{setting}" for setting in settings),
    ],
    [
      f"projects.{project}.sample",
      f"--workdir={workdir}",
      f"--count={config.samples}",
    ],
  ]


def run(command: Sequence[str]) -> None:
  """Runs `python -m` with a command, and says which.

  Raises:
    InputError: it failed, and has said why.
  """
  print("python -m", shlex.join(command), file=sys.stderr)
  root = pathlib.Path(__file__).parents[2]
  if subprocess.run([sys.executable, "-m", *command], cwd=root).returncode:
    raise InputError(
      f"{command[0]} failed; what it says above names the reason, and the "
      "table goes on where it stopped when it is asked for again"
    )


def make_judge(
  config: ml_collections.ConfigDict, network: fid.Network | None
) -> Callable[[np.ndarray], dict[str, Any]]:
  """Returns `judge(images) -> scores`, against as many held-out images.

  These are read, and seen by the network, once, when there is something to
  judge.

  Args:
    config: of this project, for the images.
    network: that judges beside pixels, if any.
  """

  @functools.cache
  def held_out():
    key = keys.named(jax.random.key(config.seed), "test")
    real = figures.to_pixels(np.asarray(data.test(config, key)))
    if network is None:
      return real, None
    pictures = image_sources.find(real)
    return real, fid.samples("held-out images", pictures, network)

  def judge(images):
    real, seen = held_out()
    pixels = [train.small(np.float64(x) / 127.5 - 1) for x in (real, images)]
    found: dict[str, Any] = {
      "frechet_8x8": float(frechet.distance_from_features(*pixels))
    }
    if network is not None:
      found["frechet"] = fid.record(seen, images, network)
    return found

  return judge


def measure(
  config: ml_collections.ConfigDict,
  asked: Sequence[Sequence[str]],
  workdir: pathlib.Path,
  judge: Callable[[np.ndarray], dict[str, Any]],
  picture: pathlib.Path | None,
) -> dict[str, Any]:
  """Trains one method with one seed, and judges what it draws.

  Args:
    config: of the table.
    asked: from `commands`.
    workdir: of the run; it is made, or goes on.
    judge: from `make_judge`.
    picture: of the first samples, if they are to be drawn.
  """
  for command in asked:
    run(command)
  path = workdir / f"samples_{config.steps:08d}_0.npz"
  with np.load(path) as file:
    images = file["images"]
  if picture is not None:
    save_tiles(picture, images[:64])
  return {
    **judge(images),
    "steps": config.steps,
    "settings": [part for part in asked[0] if not part.startswith(_PLACES)],
    "config": cells.recorded(config),
  }


def table(context: reproduce.Context) -> str:
  """A row for each method; the median and range over seeds."""
  asked, rows, names = context.arguments, [], set()
  network = None
  if asked.features:
    network = fid.network(asked.features, asked.weights)
  config = reproduce.config_of(context, "papers")
  of_project = reproduce.config_of(context, _FASHION)
  of_project.eval_samples = config.samples
  of_project.image_size = config.image_size
  of_project.data_dir = asked.data_dir or of_project.data_dir
  where = "" if context.quick else of_project.data_dir
  judge = make_judge(of_project, network)
  for method in METHODS:
    found = []
    for config.seed in range(context.seeds):
      name = "papers_" + re.sub("[^a-z]+", "_", method.lower())
      picture = None if config.seed else context.out / f"{name}.png"
      run = reproduce.workdir(context, asked.runs, f"{name}_{config.seed}")
      workdir = run.absolute()
      told = commands(config, method, workdir, where, context.quick)
      compute = functools.partial(
        measure, config, told, workdir, judge, picture
      )
      found.append(reproduce.cell(context, workdir.name, compute))
    judged = [cell["frechet"] for cell in found if "frechet" in cell]
    names.update(one["protocol"]["score"] for one in judged)
    scores = [cell["frechet_8x8"] for cell in found]
    distances = [one["distance"] for one in judged]
    rows.append(
      [
        method,
        spread(distances, ".4g"),
        spread(scores, ".3g"),
        f"{found[0]['steps']:,}",
        str(len(found)),
        cells.origin(found),
        *PUBLISHED.get(method, ["-"] * 3),
      ]
    )
  score = ", ".join(sorted(names)) or "FID"
  header = ["method", score, "Frechet distance of 8x8 pixels", "steps", "seeds"]
  header += [cells.ORIGIN, "paper's FID: CelebA", "LSUN", "CIFAR-10"]
  return markdown.table(header, rows)


def spread(values: Sequence[float], form: str) -> str:
  """The median and range, `-` of none."""
  if not values:
    return "-"
  return cells.median_and_range(cells.summary(values), form)
