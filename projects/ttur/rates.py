"""`--table=rates`: every pair of two learning rates, with seeds, at once.

A member is what `train` trains with its two rates and its seed: the same keys,
the same batches. Rates are leaves of the state, so that all pairs are one
program. Pieces go to a journal in `--runs`; a sweep goes on from there.
"""

import itertools
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import numpy as np
import numpy.typing as npt
from jax import numpy as jnp
from tqdm import tqdm

from common import keys, population
from common.errors import InputError
from common.tables import cells

from . import data, train

SCORE = "mode_distance"  # the one that rates are chosen by


def members_of(config: ml_collections.ConfigDict) -> dict[str, np.ndarray]:
  """All members' leaves `[members]`: both rates and the seed.

  Raises:
    InputError: fewer than two rates for a player: there is nothing to compare.
  """
  of_d = tuple(config.sweep_discriminator_rates)
  of_g = tuple(config.sweep_generator_rates)
  for name, rates in (("discriminator", of_d), ("generator", of_g)):
    if len(set(rates)) < 2:
      raise InputError(
        f"config.sweep_{name}_rates has one rate, {rates[0]:g}; a grid takes "
        "two or more for each player"
      )
  grid = list(itertools.product(of_d, of_g, range(config.sweep_seeds)))
  d, g, seed = zip(*grid, strict=True)
  return {
    "discriminator_rate": np.asarray(d, np.float32),
    "generator_rate": np.asarray(g, np.float32),
    "seed": np.asarray(seed, np.int32),
  }


def make_fit(config: ml_collections.ConfigDict):
  """Returns `fit(member, shared) -> {score: [evaluations]}`, a whole training.

  `shared` is unused: every seed draws its own data.
  """
  step = train.make_train_step(config)
  judge = train.make_mode_scores(config)
  evaluations = config.total_steps // config.eval_every

  def fit(member, shared):
    del shared
    root = jax.random.key(member["seed"])
    state = train.init(keys.named(root, "init"), config)
    rated = lambda player, rate: player.replace(rate=rate)
    state = state.replace(
      generator=rated(state.generator, member["generator_rate"]),
      discriminator=rated(state.discriminator, member["discriminator_rate"]),
    )
    batches = data.batches(config, keys.named(root, "data"))

    def once(state, _):
      state, _ = step(state, batches(state.step))
      return state, None

    def stretch(state, _):
      state, _ = jax.lax.scan(once, state, length=config.eval_every)
      return state, judge(state, keys.named(root, "eval"))

    _, found = jax.lax.scan(stretch, state, length=evaluations)
    return found

  return fit


def sweep(
  config: ml_collections.ConfigDict, folder: pathlib.Path
) -> dict[str, Any]:
  """Trains all members, going on where the journal in `folder` ends."""
  members = members_of(config)
  total = len(members["seed"])
  program = population.compiled(make_fit(config), config.sweep_at_once)
  journal = population.Journal(folder / "rates.jsonl", cells.recorded(config))
  chunk = min(config.sweep_chunk, total)
  # A whole number of every device's groups, or the last would be another size.
  pieces = range(0, total, chunk)
  with journal, tqdm(total=total, desc="pairs of rates", mininterval=5) as bar:
    for start in pieces:
      piece = f"{start}"
      if piece not in journal:
        rows = slice(start, min(start + chunk, total))
        part = {name: leaf[rows] for name, leaf in members.items()}
        begin = time.perf_counter()
        for _, found in population.run(program, part, jnp.zeros(()), chunk):
          record = {
            name: np.round(np.float64(values), 6).tolist()
            for name, values in found.items()
          }
        seconds = time.perf_counter() - begin
        journal.write(piece, {"scores": record, "seconds": seconds})
      bar.update(min(chunk, total - start))
    records = {r["piece"]: r for r in journal.records()}
  # The journal has the other scores, too.
  parts = [records[f"{start}"]["scores"][SCORE] for start in pieces]
  minutes = sum(r["seconds"] for r in records.values()) / 60
  return cell_of(config, SCORE, np.concatenate(parts).round(4), minutes)


def cell_of(
  config: ml_collections.ConfigDict,
  score: str,
  values: npt.ArrayLike,
  minutes: float,
) -> dict[str, Any]:
  """What a table has of a grid, of whose members `values` are in their order.

  Returns:
    "scores": name -> nested lists `[D rates, G rates, seeds, evaluations]`; and
    both lists of rates, minutes, config.
  """
  of_d = list(config.sweep_discriminator_rates)
  of_g = list(config.sweep_generator_rates)
  shape = (len(of_d), len(of_g), config.sweep_seeds, -1)
  return {
    "scores": {score: plain(np.reshape(values, shape))},
    "discriminator_rates": of_d,
    "generator_rates": of_g,
    "minutes": minutes,
    "config": cells.recorded(config),
  }


def plain(values: np.ndarray) -> list:
  """Nested lists for JSON, with None for what is not finite."""
  return np.where(np.isfinite(values), values, None).tolist()


def values_of(cell: Mapping[str, Any], score: str) -> np.ndarray:
  """A score `[D rates, G rates, seeds, evaluations]` that is to be small.

  Infinite where a run had diverged, so that it is the worst there is, and what
  it had before still counts.
  """
  values = np.asarray(cell["scores"][score], np.float64)  # None becomes NaN.
  return np.where(np.isfinite(values), values, np.inf)


def statistics(cell: Mapping[str, Any], score: str) -> dict[str, Any]:
  """What each way of choosing rates gets, of a score that is to be small.

  Args:
    cell: of `sweep`.
    score: its name.

  Returns:
    For "one rate" (both players' the same: the diagonal, or of unequal lists
    the rates that both have) and "two rates" (all pairs):
      "minimum": over pairs, seeds and evaluations, as the paper's Table 1, and
        the "pair" that has it;
      "median": over seeds of the best evaluation, at the pair where that is
        smallest, and "median_pair"; "final" and "final_pair" likewise of the
        last evaluation; "held_out", see there. Infinite where those have
      diverged, with the pair None if all have;
    "fair": the expected best median of "two rates" where it may try only as
    many pairs as there are single rates, drawn at random, and of all single
    rates: what is left of the lead; and "tried", how many that is.
  """
  values = values_of(cell, score)
  of_d = np.asarray(cell["discriminator_rates"])
  of_g = np.asarray(cell["generator_rates"])
  same = of_d[:, None] == of_g[None, :]
  lowest = values.min(-1)  # [d, g, seeds]
  middle, final = np.median(lowest, -1), np.median(values[..., -1], -1)

  def at(table, allowed):
    table = np.where(allowed, table, np.inf)
    i, j = np.unravel_index(np.argmin(table), table.shape)
    if not np.isfinite(table[i, j]):
      return float("inf"), None
    return float(table[i, j]), [float(of_d[i]), float(of_g[j])]

  out: dict[str, Any] = {}
  for name, allowed in (("one rate", same), ("two rates", same | True)):
    if not allowed.any():
      continue
    found = {}
    found["minimum"], found["pair"] = at(lowest.min(-1), allowed)
    found["median"], found["median_pair"] = at(middle, allowed)
    found["final"], found["final_pair"] = at(final, allowed)
    found["held_out"] = held_out(lowest, allowed)
    out[name] = found
  if same.any():
    tried = int(same.sum())
    out["fair"] = {
      "tried": tried,
      "median": expected_minimum(middle.ravel(), tried),
      "final": expected_minimum(final.ravel(), tried),
    }
  return out


def held_out(values: np.ndarray, allowed: np.ndarray) -> float:
  """What seeds get at the pair that the others chose: choosing flatters not.

  Args:
    values: `[d, g, seeds]`.
    allowed: bool `[d, g]`.

  Returns:
    The mean over seeds of the value at the allowed pair whose median over the
    other seeds is smallest; infinite if a seed has diverged there; NaN for a
    single seed, which has no others.
  """
  if values.shape[2] < 2:
    return float("nan")
  found = []
  for seed in range(values.shape[2]):
    others = np.median(np.delete(values, seed, axis=2), axis=-1)
    others = np.where(allowed, others, np.inf)
    chosen = values[..., seed].ravel()[np.argmin(others)]
    found.append(chosen if np.isfinite(others).any() else np.inf)
  return float(np.mean(found))


def expected_minimum(values: np.ndarray, count: int) -> float:
  """The mean over all ways to draw `count` of the values of the smallest.

  Drawn without replacement. The i-th smallest of n (from 0) is the smallest
  drawn in C(n - 1 - i, count - 1) of C(n, count) ways.
  """
  ordered = np.sort(values)
  n = len(ordered)
  left, out = 1.0, 0.0  # The chance that none of the smaller ones is drawn.
  for i, value in enumerate(ordered[: n - count + 1]):
    here = left * count / (n - i)  # This one is.
    out += here * value
    left -= here
  return float(out)
