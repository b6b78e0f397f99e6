"""All seeds of a language config as one program, judged as they learn."""

import time
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp
from tqdm import tqdm

from common import keys, population
from common.data import text
from common.tables import cells

from . import data, pictures, train


def train_all(
  config: ml_collections.ConfigDict, seeds: int, describe: str
) -> tuple[list[train.State], list[list[dict[str, float]]]]:
  """Trains seeds 0 .. seeds - 1; returns their states and evaluations.

  Member i computes what `train` computes with `--config.seed=i`, to rounding.

  Returns:
    Each seed's last state; each seed's records, with `step` and the scores.
  """
  step = train.make_train_step(config)

  def advance(member, shared):
    del shared
    state, root = member["state"], member["root"]
    batch = data.batches(config, keys.named(root, "data"))(state.step)
    state, metrics = step(state, batch)
    return {"state": state, "root": root}, metrics

  # Side by side: in a loop over members CPU convolutions are slow.
  program = population.compiled(advance)
  # Devices work on as many members each: idle ones would wait for the others.
  devices = len(jax.local_devices())
  count = -(-seeds // devices) * devices
  roots = jax.vmap(jax.random.key)(jnp.arange(count))
  begin = lambda root: train.init(keys.named(root, "init"), config)
  members = {"state": jax.jit(jax.vmap(begin))(roots), "root": roots}
  evaluate = train.make_evaluate(config, data.test(config, roots[0]))
  records = [[] for _ in range(seeds)]
  for t in tqdm(range(config.total_steps), desc=describe, mininterval=5):
    members, metrics = program(members, ())
    if (t + 1) % config.eval_every == 0 or t + 1 == config.total_steps:
      metrics = jax.device_get(metrics)
      for seed, state in enumerate(apart(members["state"], seeds)):
        scores = evaluate(state, keys.named(roots[seed], "eval"))
        now = {name: float(v[seed]) for name, v in metrics.items()}
        records[seed].append({"step": t + 1, **now, **scores})
  return apart(members["state"], seeds), records


def apart(states: train.State, seeds: int) -> list[train.State]:
  """States of a population, `[members, ...]`, as one each, on the host.

  Their keys are numbers there.
  """
  numbers = states.replace(key=jax.random.key_data(states.key))
  host = jax.device_get(numbers)
  return [jax.tree.map(lambda leaf, i=i: leaf[i], host) for i in range(seeds)]


def cell(
  config: ml_collections.ConfigDict, seeds: int, describe: str
) -> dict[str, Any]:
  """One method: every seed's curves, and its best and last divergences."""
  start = time.perf_counter()
  states, records = train_all(config, seeds, describe)
  minutes = (time.perf_counter() - start) / 60
  counts = (config.few_samples, config.eval_samples)
  names = [f"jsd{n}_{count}" for count in counts for n in range(1, 7)]
  root = jax.random.key(0)
  ids = train.make_draw(config)(
    states[0], keys.named(root, "eval"), config.picture_samples
  )
  found = data.text_of(config)
  return {
    "curves": [pictures.divergence_curve(r, counts) for r in records],
    # As in the paper: of each run the best evaluation.
    "best": {
      n: cells.summary([min(r[n] for r in run) for run in records])
      for n in names
    },
    "last": {n: cells.summary([run[-1][n] for run in records]) for n in names},
    "floor": {str(c): data.floor(config, c).tolist() for c in counts},
    "finite": bool(all(np.isfinite(r["tau"]) for run in records for r in run)),
    "samples": text.decode(ids, found.characters),
    "text": {
      "training_lines": len(data.split(config, "train")),
      "held_out_lines": len(data.split(config, "test")),
      "characters": len(found.characters),
      "short": found.short,
      "repeated": found.repeated,
    },
    "steps": config.total_steps,
    "seeds": seeds,
    "minutes": minutes,
    "config": cells.recorded(config),
  }
