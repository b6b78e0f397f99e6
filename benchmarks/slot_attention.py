"""Training steps of Slot Attention, and what generated pictures cost.

  python -m benchmarks slot_attention

The peer is plain eager PyTorch (CPU build, no `torch.compile`) with the same
network for object discovery, loss, Adam and schedule, at the paper's size for
Tetrominoes: 35x35, batch 64. Ours draws a new batch for every step; the peer
has one batch for all, which costs it nothing. Float32 and as many threads as
cores on both sides. Ours is compiled as training compiles it
(`common.xla_options`); one row is without, as XLA comes. Goal: 1.5 times the
peer's speed.

"Share" is the time to draw a batch over that of the step that it is for, with
the drawing. Its goal is a tenth. Steps at 128x128 are measured at batches of 4
and 16 (the paper's 64 and 512 do not fit into a small machine's memory), with
the share of such a batch.

The rest are steps at a base of 4 slots, 3 iterations and 35x35, batch 16, with
one of them changed, and their time by that of the base; devices are a process's
own, those of a CPU are virtual.

The sides take turns, in one process, after a warm-up; seconds are medians of
the rounds. Programs are compiled anew, without the persistent cache. Measure on
an idle machine.
"""

import json
import os
import subprocess
import sys

import jax
import ml_collections

from benchmarks import timing
from common import xla_options
from configs.slot_attention import clevr_like6, set_prediction, tetrominoes
from projects.slot_attention import data, train

try:
  from benchmarks import slot_attention_torch as peer
except ImportError:  # Then the peer's cells stay empty.
  peer = None

HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per measurement; `quick` takes smoke configs."""
  variant, rounds = ("smoke", 1) if quick else ("", 5)
  base = tetrominoes.get_config(variant)
  with timing.conditions(quick):
    if quick:
      base = _resized(base, 14)
      rows = [_against_peer(base, 1)]
      rows += _changes(base, {}, base.batch_size, 1)
      return rows + _on_devices(base, (2,), 1, rows[-1]["ours_s"], "quick")
    rows = [_against_peer(base, rounds)]
    if timing.alone():  # The others differ by a size, and take minutes.
      return rows
    seconds, cells = _time(base, {}, 1)
    rows.append(timing.row("the same, as XLA comes", seconds, **cells))
    rows += [
      _share("tetrominoes, 35x35", base, rounds),
      _share("clevr_like6, 128x128", clevr_like6.get_config(), 2, 4),
      _share("set_prediction, 128x128", set_prediction.get_config(), 2, 16),
    ]
    changes = _changes(
      base,
      {
        "slots": (2 * base.slots, 4 * base.slots),
        "iterations": (1, 7),
        "image_size": (15, 70),
      },
      16,
      rounds,
    )
    base = _changed(base, batch_size=16)
    rows += changes
    rows += _on_devices(base, (2, 4), rounds, changes[0]["ours_s"])
  return rows


def _against_peer(config: ml_collections.ConfigDict, rounds: int) -> dict:
  """Our step and PyTorch's, in turns."""
  options, step = xla_options.convolutions(), peer and peer.step
  return timing.beside_pytorch(
    _name(config), config, train, data, options, step, rounds, 1.5
  )


def _name(config) -> str:
  size = config.image_size
  return f"step at {size}x{size}, batch {config.batch_size}"


def _changed(config, **changes) -> ml_collections.ConfigDict:
  config = config.copy_and_resolve_references()
  with config.unlocked():
    config.update(changes)
  return config


def _resized(config, size: int) -> ml_collections.ConfigDict:
  """Pictures of another size, with cells of pixels in proportion."""
  cell = size * config.cell_size // config.image_size
  return _changed(config, image_size=size, decoder_grid=size, cell_size=cell)


def _time(config, options, rounds: int) -> tuple[float, dict]:
  """Seconds of a step, and cells about its program."""
  ours = timing.training(config, train, data, options)
  with ours as (advance, cells, _):
    return timing.seconds_of(advance, 1, rounds), cells


def _share(
  name: str,
  config: ml_collections.ConfigDict,
  rounds: int,
  batch_size: int | None = None,
) -> dict:
  """How long the pictures of a batch take, and its share of the step."""
  config = _changed(config, batch_size=batch_size or config.batch_size)
  draw = data.batches(config, jax.random.key(0))
  lower = lambda: jax.jit(lambda draw, t: draw(t)).lower(draw, 0)
  program, cells = timing.compiled(lower)

  drawing = timing.seconds_of(timing.repeated(program, draw, 0), 2, rounds)
  step, _ = _time(config, xla_options.convolutions(), rounds)
  what = f"drawing {name}, batch {config.batch_size}"
  cells |= {"share": drawing / step, "most_share": 0.1}
  return timing.row(what, drawing, **cells)


def _changes(
  config: ml_collections.ConfigDict,
  changes: dict[str, tuple[int, ...]],
  batch_size: int,
  rounds: int,
) -> list[dict]:
  """Steps with one setting of the base changed at a time."""
  config = _changed(config, batch_size=batch_size)
  seconds, cells = _time(config, xla_options.convolutions(), rounds)
  base = f"{_name(config)}, {config.slots} slots, {config.iterations} rounds"
  rows = [timing.row(f"base: {base}", seconds, **cells)]
  for key, values in changes.items():
    for value in values:
      resize = key == "image_size"
      changed = (
        _resized(config, value) if resize else _changed(config, **{key: value})
      )
      took, cells = _time(changed, xla_options.convolutions(), rounds)
      cells["to_base"] = took / seconds
      rows.append(timing.row(f"base, {key} {value}", took, **cells))
  return rows


def _on_devices(
  config: ml_collections.ConfigDict,
  counts: tuple[int, ...],
  rounds: int,
  base_s: float,
  *quick: str,
) -> list[dict]:
  """Steps of one batch over several devices; a CPU's are parts of it.

  A process each, for JAX counts its devices once.
  """
  rows = []
  for count in counts:
    flags = f"--xla_force_host_platform_device_count={count}"
    visible = ",".join(map(str, range(count)))
    done = subprocess.run(
      [sys.executable, "-m", "benchmarks.slot_attention", str(rounds), *quick],
      env={**os.environ, "XLA_FLAGS": flags, "CUDA_VISIBLE_DEVICES": visible},
      input=config.to_json(),
      capture_output=True,
      check=True,
      text=True,
    )
    took, cells = json.loads(done.stdout)
    cells["to_base"] = took / base_s
    rows.append(timing.row(f"base, devices {count}", took, **cells))
  return rows


if __name__ == "__main__":
  given = ml_collections.ConfigDict(json.load(sys.stdin))
  often, hurry = int(sys.argv[1]), "quick" in sys.argv
  if hurry:
    xla_options.compile_in_haste()
    xla_options.keep_programs()
  with timing.conditions(hurry):
    print(json.dumps(_time(given, xla_options.convolutions(), often)))
