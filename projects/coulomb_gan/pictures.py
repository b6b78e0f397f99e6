"""The pictures a run leaves behind: samples, potential, energy, and a film."""

import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from PIL import Image

from common import experiment, logs
from common.data import atomic
from common.gan.pictures import save_tiles, tile
from common.tables import figures, gif
from common.tables.figures import to_pixels

from . import data, losses, model

REAL, GENERATED = figures.REAL, figures.OURS


def make_snapshot(run: experiment.Run) -> Callable[[Any, int], None]:
  """Returns `snapshot(state, step)`, which keeps samples for the film.

  Images are shown in TensorBoard, too. The latents are the same at every step,
  so the film shows samples move.
  """
  config, folder = run.config, run.workdir / "film"
  sampled = sampler(config, config.picture_samples)

  def snapshot(state, step):
    x = sampled(state.generator, run.key("film"))
    path = folder / f"{step:08d}.npy"
    with atomic.replacing(path) as part, part.open("wb") as file:
      np.save(file, np.asarray(x, np.float32))
    if config.network == "dcgan":
      run.image(step, "samples", tile(to_pixels(x)))

  return snapshot


def sampler(config, n: int) -> Callable[[Any, jax.Array], jax.Array]:
  """`(parameters, key) -> [n, ...]` samples, compiled once for all calls."""
  return jax.jit(lambda params, key: model.sample(config, params, key, n))


def draw(run: experiment.Run, state) -> None:
  """Writes samples.png, samples.gif, energy.png, and in 2-D potential.png.

  Without a record of the energy, as where `metrics.jsonl` was lost, the curve
  is left out.
  """
  config, workdir = run.config, run.workdir
  records = [r for r in logs.read(workdir) if "energy" in r]
  if records:
    energy_curve(workdir / "energy.png", records)
  frames = sorted(
    p for p in (workdir / "film").glob("*.npy") if int(p.stem) <= state.step
  )
  if config.network == "dcgan":
    sampled = sampler(config, config.picture_samples)
    x = sampled(state.generator, run.key("eval"))
    save_tiles(workdir / "samples.png", to_pixels(x))
    film = [
      Image.fromarray(tile(to_pixels(np.load(p))).squeeze()) for p in frames
    ]
  else:
    y = np.asarray(data.test(config, run.key("test")))
    sampled = sampler(config, 5000)
    x = sampled(state.generator, run.key("eval"))
    scores = records[-1] if records else {}
    sample_plot(workdir / "samples.png", np.asarray(x), y, scores)
    if config.data_dim == 2:
      x = sampled(state.generator, run.key("potential"))[:2000]
      potential_plot(workdir / "potential.png", config, state, x, y[:2000])
    film = [plane_frame(np.load(p), y, int(p.stem)) for p in frames]
  if film:
    gif.save(workdir / "samples.gif", film, milliseconds=120, last=2000)


def energy_curve(path: pathlib.Path, records: list[dict]) -> None:
  """The energy over training: V-statistic, and the unbiased U-statistic."""
  steps = [r["step"] for r in records]
  figure = figures.figure(6, 3.6)
  axes = figure.subplots()
  axes.plot(
    steps, [r["energy"] for r in records], label="V-statistic (biased up)"
  )
  # Symmetric: the U-statistic is around zero, on both sides, once p_x = p_y.
  axes.plot(steps, [r["energy_u"] for r in records], label="U-statistic")
  small = max(min(abs(r["energy_u"]) for r in records), 1e-6)
  axes.set_yscale("symlog", linthresh=float(10 ** np.floor(np.log10(small))))
  axes.axhline(0, color="black", lw=0.5)
  axes.set(xlabel="step", ylabel="energy F (half the squared MMD)")
  axes.legend()
  figures.save(figure, path)


def sample_plot(path, x, y, scores) -> None:
  """Generated samples over real ones, with the scores above."""
  figure = figures.figure(6, 6)
  axes = figure.subplots()
  scatter(axes, x, y)
  if "modes" in scores:
    axes.set_title(
      f"{scores['modes']:.0f} modes, {scores['within_3_std']:.1%} within 3 std,"
      f" weights off by {scores['weight_tv']:.3f},"
      f" std in modes {scores['within_mode_std']:.3f}"
    )
  axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.04), ncol=2)
  figures.save(figure, path)


def scatter(axes, x, y) -> None:
  """Two clouds of points `[n, m]` on the same square, by their first two axes.

  Of one axis, on the diagonal.
  """
  for a, color, label in ((y, REAL, "real"), (x, GENERATED, "generated")):
    plane = a[:, [0, min(1, a.shape[1] - 1)]]
    axes.scatter(*plane.T, s=2, color=color, label=label, rasterized=True)
  reach = extent(y)
  axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


def extent(y) -> float:
  """Half the side of the square that is drawn."""
  return float(1.25 * np.abs(y).max())


def plane_frame(x, y, step) -> Image.Image:
  """One frame of the film, as an image with few colours."""
  figure = figures.figure(4, 4, dpi=80)
  axes = figure.subplots()
  scatter(axes, x, y)
  axes.set(xticks=[], yticks=[], title=f"step {step}")
  return Image.fromarray(figures.pixels(figure)).quantize(32)


def potential_plot(path: pathlib.Path, config, state, x, y) -> None:
  """Learned potential and its field beside the exact one of `[n, 2]`."""
  _, discriminator = model.networks(config)
  reach, resolution, arrows = extent(y), 121, 25
  kernel = (config.kernel_exponent, config.kernel_epsilon)

  # What the discriminator says is in units of the scale that it learned in.
  scale = config.potential_scale if config.method == "coulomb" else 1.0
  learned = lambda a: discriminator.apply(state.discriminator, a) / scale
  exact = lambda a: losses.potential(a, x, y, *kernel)
  names = {
    "coulomb": "potential learned by D",
    "gan": "logit of D",
    "wgan_gp": "critic D",
  }
  figure = figures.figure(12, 5.4)
  panels = figure.subplots(1, 2)
  ticks = np.linspace(-reach, reach, resolution, dtype=np.float32)
  maps = [
    np.asarray(jax.jit(function)(_mesh(ticks))).reshape(resolution, -1)
    for function in (learned, exact)
  ]
  tops = color_limits(maps, config.method == "coulomb")
  for axes, function, title, values, top in zip(
    panels,
    (learned, exact),
    (names[config.method], "potential of 2,000 samples of each kind"),
    maps,
    tops,
    strict=True,
  ):
    drawn = axes.contourf(
      ticks,
      ticks,
      values,
      np.linspace(-top, top, 32),
      cmap="RdBu_r",
      extend="both",
    )
    few = np.linspace(-reach, reach, arrows + 2, dtype=np.float32)[1:-1]
    points = _mesh(few)
    force = jax.jit(jax.grad(lambda a, f=function: jnp.sum(f(a))))(points)
    force = np.asarray(force)
    length = np.linalg.norm(force, axis=1, keepdims=True)
    # Directions with a dulled length: the field spans orders of magnitude.
    force = force / np.maximum(length, 1e-12) * np.sqrt(length / length.max())
    axes.quiver(*points.T, *force.T, scale=40, width=0.002)
    axes.set(title=title, aspect="equal", xlim=(-reach, reach))
    axes.set_ylim(-reach, reach)
    figure.colorbar(drawn, ax=axes, shrink=0.85)
  figures.save(figure, path)


def color_limits(values: list[np.ndarray], comparable: bool) -> list[float]:
  """Where the colours of each panel end, on both sides of zero.

  One scale for all where they show the same quantity in the same unit, so that
  a shade means one number; else a scale each.
  """
  tops = [max(float(np.quantile(np.abs(v), 0.995)), 1e-12) for v in values]
  return [max(tops)] * len(tops) if comparable else tops


def _mesh(ticks):
  across, up = np.meshgrid(ticks, ticks)
  return np.stack([across.ravel(), up.ravel()], axis=1)


def particle_plot(path: pathlib.Path, x, y, energies, goals) -> None:
  """Particles after the flow over real samples, and how the energy fell.

  Args:
    path: of the PNG.
    x: `[n, 2]` particles at the end.
    y: `[n, 2]` real samples.
    energies: `[seeds, steps + 1]` of the particles.
    goals: `[seeds]` of a fresh sample of the target.
  """
  figure = figures.figure(11, 5)
  left, right = figure.subplots(1, 2)
  scatter(left, x, y)
  left.set_title("particles at the end (seed 0)")
  left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.05), ncol=2)
  right.plot(energies.T, color=GENERATED, lw=0.8)
  right.axhline(
    np.median(goals),
    color="black",
    ls="--",
    label="a fresh sample of the target",
  )
  right.set(xlabel="step", ylabel="energy F (V-statistic)", yscale="log")
  right.set_title("every line is a seed")
  right.legend()
  figures.save(figure, path)
