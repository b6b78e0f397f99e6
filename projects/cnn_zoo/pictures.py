"""The pictures: bias ranges, transfer, importances, R2 by size."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.tables import figures

from . import collection, features, paper, protocols, studies

STATISTICS = (*(f"{q}%" for q in features.QUANTILES), "std", "mean")
LEAST = 1e-3  # Of a range that is drawn on a logarithmic axis.


def named(dataset: str) -> str:
  """The data set's name as the paper writes it."""
  return paper.DATASETS.get(dataset, dataset)


def bias_ranges(found: collection.Collection) -> tuple[np.ndarray, np.ndarray]:
  """Highest less lowest bias of the first layer, and of the last: [n] each."""
  every = studies.statistics(found)
  each = every.reshape(len(every), -1, 2, len(STATISTICS))  # By layer, tensor.
  spread = each[:, :, 0, len(features.QUANTILES) - 1] - each[:, :, 0, 0]
  return spread[:, 0], spread[:, -1]


def biases(
  path: pathlib.Path, several: Sequence[collection.Collection]
) -> None:
  """The paper's figure: bias ranges of both ends, coloured by accuracy."""
  made = figures.figure(4.2 * len(several), 3.9)
  axes = made.subplots(1, len(several), squeeze=False)[0]
  for ax, found in zip(axes, several, strict=True):
    fine = collection.usable(found)
    first, last = (np.maximum(v[fine], LEAST) for v in bias_ranges(found))
    colours = protocols.accuracies(found)[fine]
    points = ax.scatter(first, last, c=colours, s=14, cmap="viridis")
    made.colorbar(points, ax=ax, label="test accuracy")
    ax.set(
      xscale="log",
      yscale="log",
      xlabel=f"bias range, first layer ({LEAST:g}: or less)",
      ylabel=f"bias range, last layer ({LEAST:g}: or less)",
      title=f"{named(found.name)}, {fine.sum()} networks",
    )
  figures.save(made, path)


def transfer(path: pathlib.Path, pairs: Mapping[str, Any]) -> None:
  """Predicted against true accuracies: a row a training set."""
  names = list(pairs)
  count = len(names)
  made = figures.figure(2.9 * count + 0.4, 2.8 * count + 0.3)
  axes = made.subplots(count, count, squeeze=False)
  for i, one in enumerate(names):
    for j, other in enumerate(names):
      ax, cell = axes[i, j], pairs[one][other]
      x, y = np.asarray(cell["points"]).T
      colour = figures.OURS if i == j else figures.OTHERS
      ax.plot([0, 1], [0, 1], color=figures.GREY, lw=1)
      ax.scatter(x, y, s=9, alpha=0.6, color=colour, linewidths=0)
      tau = cell["tau"][0]
      said = "tau undefined" if tau is None else f"tau {tau:.2f}"
      ax.set_title(f"{named(one)} to {named(other)}: {said}", fontsize=8)
      ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
      ax.tick_params(labelsize=7)
    axes[i, 0].set_ylabel("predicted accuracy", fontsize=8)
  for ax in axes[-1]:
    ax.set_xlabel("test accuracy", fontsize=8)
  figures.save(made, path)


def importances(path: pathlib.Path, found: Mapping[str, Any]) -> None:
  """By data set, what R2 loses where a statistic of a tensor is shuffled."""
  made = figures.figure(4.0 * len(found) + 1.0, 3.6)
  axes = made.subplots(1, len(found), squeeze=False)[0]
  for ax, (name, one) in zip(axes, found.items(), strict=True):
    loss = np.asarray(one["loss"])
    image = ax.imshow(loss, cmap="magma", vmin=0, aspect="auto")
    made.colorbar(image, ax=ax, label="R2 lost")
    ax.set_xticks(range(len(STATISTICS)), STATISTICS, fontsize=8)
    tensors = one["tensors"] if ax is axes[0] else []
    short = [t.removesuffix(":0").replace("/", " ") for t in tensors]
    ax.set_yticks(range(len(tensors)), short, fontsize=8)
    ax.set_title(named(name), fontsize=10)
  figures.save(made, path)


def sizes(
  path: pathlib.Path, found: Mapping[str, Any], paper_size: int
) -> None:
  """1 - R2 against the number of training networks, and where a line leads."""
  made = figures.figure(6.4, 4.2)
  ax = made.subplots()
  colours = (figures.RED, figures.BLUE, figures.OCHRE, figures.TEAL)
  # Open stars, one inside the other: two of the paper's R2 are nearly the same.
  stars = (22, 12, 7, 4)
  for colour, star, (name, one) in zip(
    colours, stars, found.items(), strict=False
  ):
    curve = one["curve"]
    n = np.sort([int(size) for size in curve])
    lost = 1 - np.asarray([curve[str(size)] for size in n])
    ax.plot(n, np.median(lost, 1), "o-", color=colour, label=named(name))
    ax.fill_between(n, lost.min(1), lost.max(1), color=colour, alpha=0.15, lw=0)
    guess = studies.extrapolated(curve, paper_size)
    if guess is not None:
      ends = [n[-1], paper_size], [np.median(lost[-1]), 1 - guess]
      ax.plot(*ends, ":", color=colour)
    theirs = paper.r2(paper.STATISTICS, "gbm", name)
    if theirs is not None:
      ax.plot(paper_size, 1 - theirs, "*", ms=star, mfc="none", mec=colour)
  ax.set(
    xscale="log",
    yscale="log",
    xlabel="training networks",
    ylabel="1 - R2 of trees on 56 statistics",
    title="stars: the paper's; dotted: a line in logarithms, a guess",
  )
  ax.legend()
  figures.save(made, path)
