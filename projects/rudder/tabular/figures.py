"""The pictures that a run and the tables leave behind."""

import pathlib
from typing import Any

import jax
import matplotlib
import numpy as np

from common import experiment, logs

from . import model, rounds, sweep_runner

matplotlib.use("Agg")  # No screen is needed, or looked for.
from matplotlib import pyplot as plt

COLOURS = {
  "rudder": "#d1495b",
  "rudder_q_lambda": "#edae49",
  "q_lambda": "#30638e",
  "sarsa_lambda": "#66a182",
  "monte_carlo": "#2e4057",
  "mcts": "#8d6a9f",
  "rs_moves": "#00a6a6",
  "rs_distance": "#8fb8de",
  "look_ahead": "#b08968",
  "look_back": "#6c757d",
}
TITLES = {
  "grid_world": "Task I: the bomb",
  "choice": "Task II: the choice",
  "trace_back": "Task III: trace back",
}
BIAS = {
  "td": ("TD", "#30638e"),
  "monte_carlo": ("Monte Carlo", "#2e4057"),
  "rudder": ("RUDDER", "#d1495b"),
}
PREDICTED, PAID, GIVEN = "#30638e", "#9aa5b1", "#d1495b"


def save(figure, path: pathlib.Path) -> None:
  """Writes a figure and forgets it."""
  path.parent.mkdir(parents=True, exist_ok=True)
  figure.savefig(path, dpi=120)
  plt.close(figure)


def learning_curve(run: experiment.Run) -> None:
  """Writes learning_curve.png: returns of training and of evaluation."""
  records = logs.read(run.workdir)
  config = run.config
  per_step = getattr(config, "check_every", 1)
  unit = "episodes" if "check_every" in config else "updates"
  figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
  for name, label in (("return", "training"), ("eval_return", "evaluation")):
    points = [(r["step"], r[name]) for r in records if name in r]
    if points:
      x, y = np.array(points).T
      axes.plot(x * per_step, y, label=label)
  axes.set(xlabel=unit, ylabel="return")
  axes.legend()
  save(figure, run.workdir / "learning_curve.png")


def explain(run: experiment.Run, env: Any, params: Any, state: Any) -> None:
  """Writes episode.png: one episode of the policy, and its reward explained."""
  config = run.config
  _, predict = model.predictor(config, env.features + env.num_actions)

  @jax.jit
  def played(state, key):
    lesson, episode = rounds.play(env, params, state.q, key, config.epsilon)
    scaled = lambda x: config.return_scale * predict(state.params, x)
    g = scaled(lesson.inputs)
    return lesson, episode, g, rounds.redistribute(scaled, lesson, config)

  # An episode with a reward, if one is soon found: nothing explains nothing.
  for number in range(20):
    key = jax.random.fold_in(run.key("episode"), number)
    lesson, episode, g, reward = jax.device_get(played(state, key))
    if np.count_nonzero(episode.rewards):
      break
  steps = int(episode.inside.sum())
  states = np.cumsum(lesson.inputs[: steps + 1, : env.features], axis=0)
  figure = episode_figure(
    states[:steps],
    episode.actions[:steps],
    g[: steps + 1],
    episode.rewards[:steps],
    reward[:steps],
  )
  save(figure, run.workdir / "episode.png")


def episode_figure(states, actions, prediction, paid, redistributed):
  """States and actions, the predicted return, and both rewards over time.

  Args:
    states: `[steps, features]`.
    actions: `[steps]`.
    prediction: `[steps + 1]`, the last after the last step.
    paid: `[steps]`, the task's own reward.
    redistributed: `[steps]`.
  """
  figure, (top, middle, bottom) = plt.subplots(
    3, 1, figsize=(7, 6.4), sharex=True, layout="constrained",
    height_ratios=(2, 2, 2),
  )  # fmt: skip
  low, high = states.min(0), states.max(0)
  moving = high > low
  scaled = (states - low) / np.where(moving, high - low, 1.0)
  shown = np.where(moving, scaled, states != 0)
  shown = shown[:, moving | (states[0] != 0)]
  top.imshow(
    shown.T, aspect="auto", cmap="Blues", interpolation="nearest", vmin=0,
    vmax=1.3, extent=(-0.5, len(states) - 0.5, shown.shape[1] - 0.5, -0.5),
  )  # fmt: skip
  if len(states) <= 60:
    for t, action in enumerate(actions):
      top.text(t, -0.7, str(int(action)), ha="center", va="bottom", fontsize=7)
  top.set(yticks=[])
  top.set_ylabel("state (above: actions)")
  middle.plot(prediction, color=PREDICTED, marker=".", ms=4)
  middle.axhline(paid.sum(), color=PAID, ls="--", label="the episode's return")
  middle.set_ylabel("predicted return")
  middle.legend(loc="best", fontsize=8)
  x = np.arange(len(paid))
  bottom.bar(x - 0.2, paid, 0.4, color=PAID, label="as paid")
  bottom.bar(x + 0.2, redistributed, 0.4, color=GIVEN, label="redistributed")
  bottom.axhline(0, color="black", lw=0.5)
  bottom.set(xlabel="step", ylabel="reward")
  bottom.legend(loc="best", fontsize=8)
  return figure


def tasks_figure(path: pathlib.Path, cells: dict) -> None:
  """Episodes to solve against the delay, a panel a task.

  Medians, with bands from the 40% to the 60% quantile; a triangle at the budget
  is a median beyond it.

  Args:
    path: of the PNG.
    cells: (task, method) -> cells, by delay; see `sweep_runner.cell`.
  """
  names = list(dict.fromkeys(task for task, _ in cells))
  figure, panels = plt.subplots(
    1, len(names), figsize=(4.6 * len(names), 4.4), layout="constrained",
    squeeze=False,
  )  # fmt: skip
  for axes, task in zip(panels[0], names, strict=True):
    for (of, method), row in cells.items():
      if of != task:
        continue
      delays = [c["delay"] for c in row]
      budget = row[0]["budget"]
      q = np.array([sweep_runner.quantiles(c) for c in row])
      low, middle, high = np.minimum(q, budget).T
      colour = COLOURS[method]
      label = sweep_runner.METHODS[method][2]
      axes.plot(delays, middle, color=colour, marker="o", ms=4, label=label)
      axes.fill_between(delays, low, high, color=colour, alpha=0.2, lw=0)
      beyond = np.isinf(q[:, 1])
      axes.plot(
        np.array(delays)[beyond], middle[beyond], color=colour, marker="^",
        ms=9, ls="",
      )  # fmt: skip
    axes.set(title=TITLES[task], xlabel="delay", yscale="log")
    axes.legend(fontsize=7)
  panels[0, 0].set_ylabel("episodes until solved")
  save(figure, path)


def bias_variance_figure(path: pathlib.Path, cell: dict) -> None:
  """How the bias falls, what that takes, and states of high variance."""
  figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(13, 3.8), layout="constrained"
  )
  bias = np.array(cell["bias"])
  for i, (label, colour) in enumerate(BIAS.values()):
    for j, delay in enumerate(cell["bias_delays"]):
      shade = 0.3 + 0.7 * (j + 1) / len(cell["bias_delays"])
      left.plot(
        cell["episodes"], np.maximum(bias[i, j], 1e-6), color=colour,
        alpha=shade, label=f"{label}, delay {delay}" if shade == 1 else None,
      )  # fmt: skip
    middle.plot(
      cell["bias_delays"], np.array(cell["samples"][i], float), color=colour,
      marker="o", label=label,
    )  # fmt: skip
  left.set(
    xlabel="episodes", ylabel="normalised squared bias", yscale="log",
    ylim=(1e-4, 2), title="darker: more delay",
  )  # fmt: skip
  middle.set(
    xlabel="delay", ylabel="episodes to a fifth of the bias", yscale="log"
  )
  counts = np.array(cell["high_variance"], float)
  for of, (label, colour) in zip(
    counts[:2], (BIAS["monte_carlo"], BIAS["rudder"]), strict=True
  ):
    right.plot(
      cell["variance_delays"], of, color=colour, marker="o", label=label
    )
  right.set(xlabel="delay", ylabel="states of high variance", yscale="symlog")
  for axes in (left, middle, right):
    axes.legend(fontsize=7)
  save(figure, path)
