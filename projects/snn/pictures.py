"""The pictures of the results: theorem, depth, ranks, and AUC against depth."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogFormatter

from common import logs
from common.tables import figures

from . import published
from .theory import moment_map, proofs

# One colour a method in every picture; SELU's stands out.
COLORS = {
  "SNN": figures.RED,
  "MSRAinit": figures.BLUE,
  "Highway": figures.VIOLET,
  "ResNet": figures.OCHRE,
  "BatchNorm": figures.TEAL,
  "WeightNorm": figures.SLATE,
  "LayerNorm": figures.GREEN,
}
OTHER = figures.GREY


def learning_curve(workdir: pathlib.Path) -> None:
  """Writes `learning_curve.png` of a run: its loss, and each part's score."""
  curves: dict[str, dict[int, float]] = {}
  for row in logs.read(workdir):
    for name in row.keys() - {"step"}:
      curves.setdefault(name, {})[row["step"]] = row[name]
  figure = figures.figure(9, 3.6)
  left, right = figure.subplots(1, 2)
  colors = {"train": figures.GREY, "validation": figures.BLUE}
  for name, curve in sorted(curves.items()):
    part, _, score = name.partition("_")
    axes = right if score else left
    color = colors.get(part, figures.RED)
    axes.plot([*curve], [*curve.values()], ".-", color=color, label=part)
    axes.set(xlabel="step", ylabel=score or name)
  right.legend()
  figures.save(figure, workdir / "learning_curve.png")


def vector_field_plot(path: pathlib.Path) -> None:
  """Where the map takes (mean, variance), as Figure 2 of arXiv:1706.02515.

  Left: omega = 0 and tau = 1, with trajectories into the fixed point. Right:
  the fixed points of other weights, within the domain of Theorem 1 (dashed) and
  the bounds of the domain's image.
  """
  figure = figures.figure(12, 5.2)
  left, right = figure.subplots(1, 2)
  _field(left)
  _fixed_points(right)
  figures.save(figure, path)


def _field(axes: Axes) -> None:
  means, variances = np.linspace(-0.1, 0.1, 15), np.linspace(0.5, 2.0, 16)
  steps = moment_map.vector_field(means, variances)
  width, height = means[-1] - means[0], variances[-1] - variances[0]
  # Arrows are drawn as the eye sees the box, shorter than the spacing.
  dx, dy = steps[0] / width, steps[1] / height
  length = np.hypot(dx, dy)
  dull = np.sqrt(length / length.max()) / np.maximum(length, 1e-12)
  drawn = axes.quiver(
    means,
    variances,
    dx * dull,
    dy * dull,
    length,
    cmap="viridis",
    scale=18,
    width=0.0035,
  )
  axes.figure.colorbar(drawn, ax=axes, label="length of the step (of the box)")
  for start in ((-0.09, 1.9), (0.09, 1.9), (-0.09, 0.55), (0.09, 0.55)):
    mean, variance = _trajectory(start, 40)
    axes.plot(mean, variance, "o-", color=COLORS["SNN"], lw=1, ms=2.5)
  axes.plot(0, 1, "*", color="black", ms=13, label="fixed point (0, 1)")
  axes.set(
    xlim=(-0.107, 0.107),
    xticks=(-0.1, -0.05, 0, 0.05, 0.1),
    ylim=(0.44, 2.06),
    xlabel="mean of the activations",
    ylabel="variance",
    title="the map at ω = 0, τ = 1, and its trajectories",
  )
  axes.legend(loc="upper right")


def _trajectory(start, steps) -> tuple[np.ndarray, np.ndarray]:
  points = [start]
  for _ in range(steps):
    mean, variance = moment_map.moment_map(points[-1][0], 0, points[-1][1], 1)
    points.append((float(mean), float(variance)))
  mean, variance = np.array(points).T
  return mean, variance


def _fixed_points(axes: Axes) -> None:
  domain = proofs.THEOREM_1
  for low, high, style, label in (
    (*zip(domain.mu, domain.nu, strict=True), "--", "domain of Theorem 1"),
    (
      *zip(proofs.THEOREM_1_MEAN, proofs.THEOREM_1_VARIANCE, strict=True),
      "-",
      "bounds of its image, as printed",
    ),
  ):
    box = Rectangle(
      low, high[0] - low[0], high[1] - low[1], fill=False, ls=style, label=label
    )
    axes.add_patch(box)
  omega, tau = np.meshgrid(
    np.linspace(*domain.omega, 9), np.linspace(*domain.tau, 13)
  )
  mean, variance, _ = moment_map.fixed_point(omega, tau)
  drawn = axes.scatter(mean, variance, c=tau, s=12, cmap="plasma", zorder=3)
  axes.figure.colorbar(drawn, ax=axes, label="τ, the sum of squared weights")
  axes.plot(0, 1, "*", color="black", ms=13, zorder=4)
  axes.set(
    xlim=(-0.115, 0.115),
    ylim=(0.75, 1.7),
    xlabel="mean of the activations",
    ylabel="variance",
    title="fixed points for ω in [-0.1, 0.1], τ in [0.95, 1.1]",
  )
  axes.legend(loc="upper left")


def depth_plot(path: pathlib.Path, curves: Mapping[str, npt.ArrayLike]) -> None:
  """Mean and variance of the activations, layer by layer.

  Args:
    path: of the PNG.
    curves: from a method's name to [layers, 2]: mean and variance after each.
  """
  figure = figures.figure(11, 4)
  panels = figure.subplots(1, 2)
  of_panel = zip(panels, ("mean", "variance"), (0.0, 1.0), strict=True)
  for column, (axes, name, goal) in enumerate(of_panel):
    for method, curve in curves.items():
      values = np.asarray(curve)[:, column]
      layers = np.arange(1, len(values) + 1)
      axes.plot(layers, values, "o-", ms=3, lw=1.3, **_look(method))
    axes.axhline(goal, color="black", lw=0.6, ls="--")
    axes.set(xlabel="layer", ylabel=f"{name} of the activations")
  # Variances vanish and explode by factors; those of SELU stay around 1.
  panels[1].set_yscale("log")
  for set_formatter in (
    panels[1].yaxis.set_major_formatter,
    panels[1].yaxis.set_minor_formatter,
  ):
    set_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
  figure.legend(
    *panels[0].get_legend_handles_labels(),
    loc="outside lower center",
    ncols=len(curves),
  )
  figures.save(figure, path)


def _look(method: str) -> dict:
  return {"color": COLORS.get(method, OTHER), "label": method}


def rank_plot(
  path: pathlib.Path,
  names: Sequence[str],
  ranks: npt.ArrayLike,
  cd: float,
) -> None:
  """Average ranks on an axis, with bars over what cannot be told apart.

  Figure 1 of Demsar (2006): two methods differ if their ranks are more than the
  critical difference apart; a bar joins those that do not.

  Args:
    path: of the PNG.
    names: of the methods, [methods].
    ranks: their average ranks, [methods], 1 is best.
    cd: the critical difference, of `common.stats.ranks`.
  """
  order = np.argsort(ranks, kind="stable")
  ranked = np.asarray(ranks, np.float64)[order]
  n = len(ranked)
  half = (n + 1) // 2  # The better half has its names on the left.
  bars = _groups(ranked, cd)
  top = 0.5 + 0.3 * len(bars)
  low, high = np.floor(ranked[0]), np.ceil(ranked[-1])
  high = max(high, low + cd, low + 1)
  margin = 0.35 * (high - low)

  figure = figures.figure(8, 1.0 + 0.3 * (top + half))
  axes = figure.subplots()
  axes.set(
    xlim=(low - margin, high + margin), ylim=(top + 0.6 * half - 0.3, -1.5)
  )
  axes.axis("off")
  axes.plot([low, high], [0, 0], color="black", lw=1)
  for tick in np.arange(low, high + 0.5):
    axes.plot([tick, tick], [0, -0.15], color="black", lw=1)
    axes.text(tick, -0.22, f"{tick:.0f}", ha="center", va="bottom")
  axes.plot([low, low + cd], [-0.95] * 2, "|-", color="black", lw=1.5)
  axes.text(low + cd / 2, -1.02, f"CD = {cd:.2f}", ha="center", va="bottom")

  for i, (rank, k) in enumerate(zip(ranked, order, strict=True)):
    left = i < half
    row = top + 0.6 * (i if left else n - 1 - i)
    edge = low - 0.05 * margin if left else high + 0.05 * margin
    color = COLORS.get(names[k], "black")
    axes.plot([rank, rank, edge], [0, row, row], color=color, lw=1.1)
    text = f"{names[k]}  {rank:.2f}" if left else f"{rank:.2f}  {names[k]}"
    axes.text(
      edge,
      row,
      f" {text} ",
      ha="right" if left else "left",
      va="center",
      color=color,
    )
  for i, (first, last) in enumerate(bars):
    ends = [ranked[first] - 0.02 * margin, ranked[last] + 0.02 * margin]
    axes.plot(ends, [0.3 + 0.3 * i] * 2, color="black", lw=3.5)
  figures.save(figure, path)


def _groups(ranked: np.ndarray, cd: float) -> list[tuple[int, int]]:
  """First and last of each longest run within `cd`, of two or more methods."""
  runs, reach = [], 0
  for first, rank in enumerate(ranked):
    last = int(np.searchsorted(ranked, rank + cd, side="right")) - 1
    if last > first and last > reach:
      runs.append((first, last))
      reach = last
  return runs


def ranks_by_depth_plot(
  path: pathlib.Path,
  sets: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]],
  names: Mapping[str, str],
) -> None:
  """UCI: rank less the mean rank against a depth that is the same for all.

  Args:
    path: of the PNG.
    sets: for each set of tasks what `result_tables.uci_by_depth` returned; an
      empty one is left out. Below 0 is better than the mean.
    names: method -> its name in the legend.
  """
  sets = [by_depth for by_depth in sets if by_depth]
  figure = figures.figure(2.6 + 4.4 * len(sets), 4.2)
  every = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
  for axes, by_depth in zip(every, sets, strict=True):
    for method in {m: 0 for found in by_depth.values() for m in found}:
      has = {int(d): found for d, found in by_depth.items() if method in found}
      axes.plot(
        [*has],
        [found[method]["rank_difference"] for found in has.values()],
        "o-",
        color=COLORS[names[method]],
        lw=3 if method == "selu" else 1.5,
        label=names[method],
      )
    tasks = {s["tasks"] for found in by_depth.values() for s in found.values()}
    axes.axhline(0, color=OTHER, lw=0.8)
    axes.set_xscale("log", base=2)
    axes.set_xticks([*map(int, by_depth)], [*by_depth])
    axes.set(
      title=f"{' or '.join(map(str, sorted(tasks)))} tasks",
      xlabel="hidden layers (ResNet: blocks)",
    )
  every[0].set_ylabel("rank - mean rank (below is better)")
  every[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
  figures.save(figure, path)


def auc_by_depth_plot(
  path: pathlib.Path,
  depths: Sequence[int],
  auc: Mapping[str, npt.ArrayLike],
  error: Mapping[str, npt.ArrayLike],
) -> None:
  """Tox21: AUC against depth of each method, the paper's Table 2 dashed.

  Args:
    path: of the PNG.
    depths: numbers of layers, or of ResNet's blocks, [depths].
    auc: from a method's name to AUC between 0 and 1, [depths]; NaN for none.
    error: from a method's name to the half length of the error bars, [depths].
  """
  figure = figures.figure(12, 6)
  columns = min(4, len(auc))
  rows = -(-len(auc) // columns)
  panels = figure.subplots(
    rows, columns, sharex=True, sharey=True, squeeze=False
  ).ravel()
  ticks = sorted({*depths, *published.TOX21_DEPTHS})
  for axes, method in zip(panels, auc, strict=False):
    color = COLORS.get(method, OTHER)
    axes.errorbar(
      depths, auc[method], error[method], fmt="o-", ms=4, capsize=3, color=color
    )
    if method in published.TOX21_AUC:
      axes.errorbar(
        published.TOX21_DEPTHS,
        np.array(published.TOX21_AUC[method]) / 100,
        np.array(published.TOX21_ERROR[method]) / 100,
        fmt="s--",
        ms=3,
        lw=1,
        capsize=2,
        color="black",
        alpha=0.55,
      )
    axes.set_title(method, color=color)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    axes.grid(axis="y", lw=0.4, alpha=0.6)
  for axes in panels[len(auc) :]:
    axes.axis("off")
  # A row's last axes has its ticks hidden where the one below is left empty.
  for axes in panels[max(0, len(auc) - columns) : len(auc)]:
    axes.tick_params(labelbottom=True)
  figure.supxlabel("layers (ResNet: blocks)")
  figure.supylabel("mean AUC over the 12 tasks")
  lines = [
    panels[0].plot([], [], "o-", color=OTHER)[0],
    panels[0].plot([], [], "s--", color="black", alpha=0.55)[0],
  ]
  labels = ["here", "paper, Table 2"]
  if len(panels) > len(auc):
    panels[-1].legend(lines, labels, loc="center")
  else:
    figure.legend(lines, labels, loc="outside upper center", ncols=2)
  figures.save(figure, path)


def losses_plot(
  path: pathlib.Path,
  curves: Mapping[int, Mapping[str, tuple[Sequence[int], Sequence[float]]]],
) -> None:
  """Training losses, a panel a depth: batches, and medians over 10 of them.

  Args:
    path: of the PNG.
    curves: from depth to a method's name to steps, and the loss of the batch of
      each.
  """
  figure = figures.figure(1 + 4 * len(curves), 3.8)
  panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
  for axes, (depth, methods) in zip(panels, curves.items(), strict=True):
    for method, (steps, loss) in methods.items():
      look = _look(method)
      axes.plot(steps, loss, lw=0.5, alpha=0.3, color=look["color"])
      parts = np.array_split(np.array([steps, loss]), -(-len(steps) // 10), 1)
      axes.plot(
        [np.mean(at) for at, _ in parts],
        [np.median(found) for _, found in parts],
        **look,
      )
    axes.set(title=f"{depth} layers", xlabel="step", yscale="log")
  panels[0].set_ylabel("training loss")
  panels[0].legend()
  figures.save(figure, path)
