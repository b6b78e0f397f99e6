"""What no distance sees: whether predicted clips keep the scenarios' rules.

Probes (`scenarios/probes.py`) read the predicted frames, and the exact labels
of the clips say what should be there. Each score is a share of cases, with its
interval, the ceiling (the same probe on the real frames) and the floor (the
labels of other clips). A score whose ceiling is below `CEILING` is left out,
since what it misses may be the probe's fault.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from . import scenarios
from .scenarios import probes, road_trip_with_medivac, things

CEILING = 0.99
_Z = 1.96  # Of a normal distribution, 95% lie within.
Labels = Mapping[str, np.ndarray]


class Share(NamedTuple):
  """So many of so many cases are right."""

  right: int
  cases: int

  @property
  def value(self) -> float | None:
    """The share; None of no case."""
    return self.right / self.cases if self.cases else None


def share(right: np.ndarray, cases: np.ndarray | None = None) -> Share:
  """Counts where `right` holds, of all places or those of `cases`."""
  cases = np.ones_like(right, bool) if cases is None else cases
  return Share(int((right & cases).sum()), int(cases.sum()))


def wilson(found: Share) -> tuple[float, float]:
  """Wilson's interval of a share: of no case, all from 0 to 1.

  Reference: Wilson (1927), "Probable inference, the law of succession, and
  statistical inference".
  """
  n = found.cases
  if not n:
    return 0.0, 1.0
  p, z = found.right / n, _Z
  middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
  half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
  return float(max(middle - half, 0)), float(min(middle + half, 1))


def scores(
  scenario: str, frames: np.ndarray, labels: Labels
) -> dict[str, Share]:
  """The semantic scores of a scenario; higher is better.

  Args:
    scenario: a name of `scenarios.SCENARIOS`.
    frames: predicted, uint8 [n, t, size, size, 3]; the first may be true, as
      the last of those that the model was given.
    labels: of the true clips at these frames, [n, t, ...].

  Raises:
    InputError: an unknown scenario.
  """
  scenarios.make.module(scenario)
  frames = np.asarray(frames)
  labels = {name: np.asarray(value) for name, value in labels.items()}
  return _SCORES[scenario](frames, labels)


def _each(probe, frames, *others):
  """A probe of all frames of all clips, [n, t, ...]."""
  n, t = frames.shape[:2]
  flat = lambda a: a.reshape(n * t, *a.shape[2:])
  found = probe(flat(frames), *map(flat, others))
  return jax.tree.map(lambda a: a.reshape(n, t, *a.shape[1:]), found)


def _border(frames, labels):
  true = labels["position"][:, :, 0]
  place, mass = _each(probes.walker, frames)
  there = mass > 0.25 * np.median(mass[:, 0])
  step, walked = np.diff(place, axis=1), np.diff(true, axis=1)
  length, full = (np.linalg.norm(a, axis=-1) for a in (step, walked))
  speed = full.max()
  # The last step before it stands is shorter, and does not count.
  walks = full > 0.99 * speed
  count = walks.sum(1)
  mean = (length * walks).sum(1) / np.maximum(count, 1)
  # Half a pixel is what the middle of so few pixels is off by.
  wide = 0.25 * speed + 0.5
  steady = (np.abs(length - mean[:, None]) < wide) | ~walks
  constant = steady.all(1) & (np.abs(mean - speed) < 0.25 * speed)
  off = np.linalg.norm(place[:, -1] - true[:, -1], axis=-1)
  unit = frames.shape[2] / things.WIDTH
  return {
    "speed is constant": share(constant & there.all(1), count >= 3),
    "ends where it must": share((off < unit) & there[:, -1]),
  }


def _shards(frames, labels):
  kind = labels["kind"][0, 0]
  gem = kind == things.SHARD
  unit = frames.shape[2] / things.WIDTH
  touch = scenarios.SCENARIOS["collect_mineral_shards"].Rules().touch * unit
  places = labels["position"][:, :, gem]
  here = _each(probes.shards, frames, places)
  walker, there = _each(probes.troopers, frames)
  away = np.linalg.norm(places[:, :, :, None] - walker[:, :, None], axis=-1)
  away = np.where(there[:, :, None], away, np.inf).min(-1)  # [n, t, shards]
  # Between two frames a trooper may come close and go on: so much nearer.
  near = np.minimum(away[:, :-1], away[:, 1:])
  vanishes = here[:, :-1] & ~here[:, 1:]
  touched = here[:, :-1] & (away[:, :-1] < touch + 0.1 * unit)
  stays = here[:, 0] & (away.min(1) > touch + 1.2 * unit)
  return {
    "gone when touched": share(~here[:, 1:], touched),
    "gone only when touched": share(near < touch + 0.9 * unit, vanishes),
    "stays untouched": share(here.all(1), stays),
    "as many are left": share(
      np.abs(here[:, -1].sum(1) - labels["alive"][:, -1, gem].sum(1)) <= 1
    ),
  }


def _brawl(frames, labels):
  true = probes.alive(labels)[:, -1]
  found = probes.armies(frames[:, -1])
  lead, seen = true[:, 0] - true[:, 1], found[:, 0] - found[:, 1]
  return {
    "numbers agree within two": share(np.abs(np.rint(found) - true) <= 2),
    "the same army leads": share(lead * seen > 0, np.abs(lead) >= 3),
  }


def _trip(frames, labels):
  n = len(frames)
  walkers = (labels["kind"] < len(things.WALKERS)).nonzero()
  walkers = np.unique(walkers[2])
  carried = labels["carrier"][:, :, walkers] == road_trip_with_medivac.CARRIER
  held = carried.any(2)
  whom = walkers[carried.any(1).argmax(1)]
  kind = labels["kind"][np.arange(n), -1, whom]
  kept = held.any(1) & ~held[:, -1]  # Both in the clip: the flight, the drop.
  # In the middle of what is seen of the flight.
  middle = np.array(
    [np.flatnonzero(h)[h.sum() // 2] if h.any() else 0 for h in held]
  )
  flies = frames[np.arange(n), middle]
  place, there = probes.carrier(flies)
  true = labels["position"][
    np.arange(n), middle, road_trip_with_medivac.CARRIER
  ]
  off = np.linalg.norm(place - true, axis=-1) * things.WIDTH / frames.shape[2]
  return {
    "the right one is dropped": share(
      probes.dropped(frames[:, -1]) == kind, kept
    ),
    "something is dropped": share(probes.dropped(frames[:, -1]) >= 0, kept),
    "nothing is dropped early": share(probes.dropped(flies) < 0, held.any(1)),
    "the carrier flies its way": share(there & (off < 1.5), held.any(1)),
  }


_SCORES: dict[str, Callable[[np.ndarray, Labels], dict[str, Share]]] = {
  "move_unit_to_border": _border,
  "collect_mineral_shards": _shards,
  "brawl": _brawl,
  "road_trip_with_medivac": _trip,
}


def of_predictions(
  scenario: str, made: np.ndarray, context: int
) -> dict[str, Any]:
  """The scores of a model's predictions of the first test clips; plain data.

  Args:
    scenario: a name of `scenarios.SCENARIOS`.
    made: uint8 [n, t, size, size, 3]: the frames after the `context` first.
    context: how many the model was given.

  Returns:
    The value of each score by its name; under "intervals", "ceiling", "floor"
    and "cases", what belongs to each; "left_out", those whose probe is not
    good enough at this size, with their ceilings. A score without a case, as
    of touched shards where nobody touches any, is in neither.
  """
  n, t, size = made.shape[:3]
  video, labels = drawn(scenario, n, context + t, size)
  seen = {name: a[:, context - 1 :] for name, a in labels.items()}
  given = video[:, context - 1 : context]
  found = scores(scenario, np.concatenate([given, made], axis=1), seen)
  best = scores(scenario, video[:, context - 1 :], seen)
  others = {name: np.roll(a, 1, axis=0) for name, a in seen.items()}
  floor = scores(scenario, video[:, context - 1 :], others)
  good = [name for name in found if (best[name].value or 0) >= CEILING]
  kept = [name for name in good if found[name].cases]
  return {
    **{name: found[name].value for name in kept},
    "intervals": {name: wilson(found[name]) for name in kept},
    "ceiling": {name: best[name].value for name in kept},
    "floor": {name: floor[name].value for name in kept},
    "cases": {name: found[name].cases for name in kept},
    "left_out": {name: best[name].value for name in found if name not in good},
  }


def drawn(
  scenario: str, n: int, frames: int, size: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """The first n test clips and their labels."""
  draw = jax.jit(lambda i: scenarios.videos(scenario, "test", i, frames, size))
  video, labels = draw(np.arange(n))
  return np.asarray(video), {k: np.asarray(a) for k, a in labels.items()}
