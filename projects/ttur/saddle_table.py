"""`--table=saddle`: the rows of rates with their figure, and the heavy ball."""

from typing import Any

import ml_collections
import numpy as np

from common.tables import cells, figures, markdown, reproduce

from . import published, saddle

NAMES = (
  "x and y fast",
  "x and y slow",
  "two time scales, x slow",
  "two time scales, y slow",
)


def measure(context: reproduce.Context) -> dict[str, Any]:
  """All rows and paths; draws their figure."""
  config = reproduce.config_of(context, "saddle")
  points = saddle.population(config)
  balls = saddle.balls(config)
  draw(context.out / "saddle.png", config, points, balls)
  rows = []
  for found in points:
    scores = saddle.scores(found, config)
    first = scores.pop("first_near")
    middle = float(np.median(first))
    rows.append(
      {
        **{name: cells.summary(values) for name, values in scores.items()},
        "first_near": middle if np.isfinite(middle) else None,
        "reached": int(np.isfinite(first).sum()),
      }
    )
  return {
    "rows": rows,
    "gaps": balls["gaps"],
    "gaps_moving": balls["gaps_moving"],
    "config": cells.recorded(config),
  }


def table(context: reproduce.Context) -> dict[str, str]:
  """Both tables, by their places in the README."""
  cell = reproduce.cell(context, "saddle", lambda: measure(context))
  asked = cell["config"]
  rows = []
  for i, (name, rates, found) in enumerate(
    zip(NAMES, asked["rates"], cell["rows"], strict=True)
  ):
    first = found["first_near"]
    rows.append(
      [
        name,
        *(f"{rate:g}" for rate in rates),
        cells.median_and_range(found["last_norm"], ".2g"),
        f"{asked['steps']:,} are too few" if first is None else f"{first:.0f}",
        f"{found['reached']} of {asked['seeds']}",
        cells.median_and_range(found["final_norm"], ".2g"),
        f"{published.SADDLE_NORMS[i]:g}",
      ]
    )
  header = ["row", "rate of x", "rate of y"]
  header += [f"mean distance, last {asked['last']:,} steps"]
  header += [f"median first step within {asked['near']:g}", "seeds that do"]
  header += ["distance at the end", "the authors' one run"]
  ball = []
  moving = cell["gaps_moving"]
  for rate, gap, other in zip(
    asked["ball_rates"], cell["gaps"], moving, strict=True
  ):
    b1 = saddle.adam_b1(rate, asked["ball_friction"])
    ball.append([f"{rate:g}", f"{b1:g}", f"{gap:.3f}", f"{other:.3f}"])
  columns = ["rate", "beta1", "largest gap, second moments held (the premise)"]
  columns += [f"the same, averaged by beta2 = {asked['ball_b2']:g}"]
  origin = f"\nMinutes, device, commit: {cells.origin([cell], '.2f')}.\n"
  return {
    "saddle": markdown.table(header, rows) + origin,
    "heavy_ball": markdown.table(columns, ball),
  }


def draw(
  path,
  config: ml_collections.ConfigDict,
  points: np.ndarray,
  balls: dict[str, Any],
) -> None:
  """Distances and one run of each row; beside them the ball and its paths."""
  figure = figures.figure(14, 7.6)
  panels = figure.subplots(2, 3)
  colors = (figures.GREY, figures.BLUE, figures.RED, figures.OCHRE)
  far, plane, ball = panels[0]
  steps = np.arange(points.shape[2])
  thin = slice(None, None, max(1, len(steps) // 1_000))
  norm = np.linalg.norm(points, axis=-1)
  for name, color, found in zip(NAMES, colors, norm, strict=True):
    low, middle, high = np.quantile(found, [0.1, 0.5, 0.9], axis=0)
    far.plot(steps[thin], middle[thin], color=color, lw=1.2, label=name)
    far.fill_between(
      steps[thin], low[thin], high[thin], color=color, alpha=0.2, lw=0
    )
  far.set(yscale="log", xlabel="step", ylabel="distance from the saddle")
  far.set_title(f"{config.seeds} seeds: median, and 10% to 90%")
  far.legend(fontsize=8, loc="lower left")
  for name, color, found in zip(NAMES, colors, points, strict=True):
    first = found[0][: config.steps // 2]
    plane.plot(*first.T, color=color, lw=0.5, alpha=0.8, label=name)
  plane.plot(*tuple(config.start), "k^", label="start")
  plane.plot(0, 0, "k*", ms=10, label="saddle")
  reach = 1.25 * max(map(abs, tuple(config.start)))
  plane.set(xlabel="x", ylabel="y", xlim=(-reach, reach), ylim=(-reach, reach))
  plane.set_title("seed 0, its first half (row 1 leaves the frame)")
  plane.legend(fontsize=8)
  theta = np.linspace(config.ball_start * 1.05, -config.ball_start * 0.6, 600)
  ball.plot(theta, saddle.landscape(theta, config.ditch), color="black", lw=1.2)
  for path_, color, mark in (
    (balls["truth"], figures.RED, "the ball ends here"),
    (balls["flow"], figures.BLUE, "gradient flow ends here"),
  ):
    end = path_.theta[-1]
    height = float(saddle.landscape(end, config.ditch))
    ball.plot(end, height, "o", color=color, ms=8, label=mark)
  ball.set(
    xlabel="theta", ylabel="f(theta)", title="a sharp and a flat minimum"
  )
  ball.legend(fontsize=8)
  wide, held, moving = panels[1]
  for found, color, name in (
    (balls["truth"], figures.RED, "heavy ball: the equation"),
    (balls["flow"], figures.BLUE, "gradient flow: no mass"),
  ):
    wide.plot(found.time, found.theta, color=color, lw=1.4, label=name)
  wide.set_title("a ball rolls over the ditch")
  for axes, name, title in (
    (held, "held", "Adam, second moments held: the theorem's premise"),
    (moving, "moving", f"Adam as it is, beta2 = {config.ball_b2:g}"),
  ):
    truth = balls["truth"]
    axes.plot(truth.time, truth.theta, color=figures.RED, lw=2.5, alpha=0.4)
    shades = (figures.GREY, figures.OCHRE, "black")
    for rate, found, shade in zip(
      config.ball_rates, balls[name], shades, strict=False
    ):
      label = f"rate {rate:g}"
      axes.plot(found.time, found.theta, color=shade, lw=1, label=label)
    axes.set_title(title, fontsize=10)
  for axes in panels[1]:
    axes.set(xlabel="time of the equation", ylabel="theta")
    axes.axhline(next(iter(config.ditch)), color="black", lw=0.5, ls=":")
    axes.legend(fontsize=8)
  figures.save(figure, path)
