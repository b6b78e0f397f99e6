"""One episode of a policy, and where RUDDER puts its reward."""

from typing import Any

import jax
import numpy as np

from common import experiment
from common.tables import figures

from ..figures import save
from . import model, rudder

PREDICTED, PAID, GIVEN = "#30638e", "#9aa5b1", "#d1495b"


def explain(run: experiment.Run, env: Any, params: Any, state: Any) -> None:
  """Writes episode.png: one episode of the policy, and its reward explained."""
  config = run.config
  _, predict = model.predictor(config, env.features + env.num_actions)

  @jax.jit
  def played(state, key):
    lesson, episode = rudder.play(env, params, state.q, key, config.epsilon)
    scaled = lambda x: config.return_scale * predict(state.memory.params, x)
    g = scaled(lesson.inputs)
    return lesson, episode, g, rudder.redistribute(scaled, lesson, config)

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
    (*env.labels, "time"),
  )
  save(figure, run.workdir / "episode.png")


def episode_figure(states, actions, prediction, paid, redistributed, labels):
  """States and actions, the predicted return, and both rewards over time.

  Args:
    states: `[steps, features]`.
    actions: `[steps]`.
    prediction: `[steps + 1]`, the last after the last step.
    paid: `[steps]`, the task's own reward.
    redistributed: `[steps]`.
    labels: of the features; rows stay without where they are not as many.
  """
  figure = figures.figure(7, 6.4)
  top, middle, bottom = figure.subplots(3, 1, sharex=True)
  low, high = states.min(0), states.max(0)
  moving = high > low
  scaled = (states - low) / np.where(moving, high - low, 1.0)
  shown = np.where(moving, scaled, states != 0)
  kept = moving | (states[0] != 0)
  shown = shown[:, kept]
  top.imshow(
    shown.T,
    aspect="auto",
    cmap="Blues",
    interpolation="nearest",
    vmin=0,
    vmax=1.3,
    extent=(-0.5, len(states) - 0.5, shown.shape[1] - 0.5, -0.5),
  )
  if len(states) <= 60:
    for t, action in enumerate(actions):
      top.text(t, -0.7, str(int(action)), ha="center", va="bottom", fontsize=7)
    top.text(-0.9, -0.7, "action", ha="right", va="bottom", fontsize=8)
  top.set(yticks=[])
  top.set_ylabel("state, each row\nfrom its least to its most")
  if len(labels) == len(kept):
    rows = [
      label for label, is_kept in zip(labels, kept, strict=True) if is_kept
    ]
    size = min(9, 120 / len(rows))  # Points; the panel is 2 inches high.
    top.set_yticks(range(len(rows)), rows, fontsize=size)
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
