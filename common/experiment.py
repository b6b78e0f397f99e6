"""`Run`: all around a training loop, while the loop stays in the project.

    with experiment.Run(config, workdir) as run:
      run.claim_data(config.data_dir, arrays)  # Where it is not generated.
      state = run.restore_or(lambda key: init(key, config))
      update = run.compile(make_train_step(config))
      batches = data.batches(config, run.key("data"))
      for step, batch in run.steps(state, batches):
        state, metrics = update(state, batch)
        run.log(step, metrics)
        if run.every(config.eval_every, step):
          run.log_now(step, evaluate(state, run.key("eval")))
        run.save(step, state)

A run is a function of (config, seed): interrupted, it goes on to the same bits.
"""

import contextlib
import math
import pathlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from tqdm import tqdm

from . import checkpoint, config_schema, keys, logs
from . import workdir as workdirs
from .errors import InputError, Stopped
from .provenance import provenance

# Metrics that no training makes, and where to look if they are not finite.
_GIVEN = {
  "reward": "the environment gives it: look there",
  "episode_steps": "an episode outlasts its max_steps_in_episode: raise that",
}


class NonFinite(FloatingPointError):
  """A metric or a part of the state became NaN or infinite."""


class Run:
  """The plumbing of one training run in one work directory."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    workdir: str,
    lengths: Sequence[str] = ("total_steps",),
  ):
    """Opens the work directory and refuses one that belongs to another config.

    Args:
      config: has `seed`, `batch_size` and the keys of `workdir.BUDGETS`.
      workdir: created where it is missing; a run found in it is continued.
      lengths: keys that say how long the run is, and may be others later.

    Raises:
      InputError: the intervals are not multiples of `steps_per_call`; the
        directory cannot be written, is in use, or has another config.
    """
    config_schema.check_common(config)
    self.config = config
    self.workdir = pathlib.Path(workdir).expanduser().absolute()
    self.main = jax.process_index() == 0  # The one process that writes.
    # Explicit axes, today's default, would forbid gathering a batch by index.
    self.mesh = jax.make_mesh(
      (jax.device_count(),), ("data",), axis_types=(AxisType.Auto,)
    )
    self._replicated = NamedSharding(self.mesh, PartitionSpec())
    self._root = jax.random.key(config.seed)
    self._lengths = lengths
    self._pending: list[tuple[int, Any]] = []
    self._signal = 0
    self._bar = self._log = None
    self._latest: dict[str, float] = {}
    self._lock = workdirs.lock(self.workdir) if self.main else None
    self._checkpoints = checkpoint.Checkpoints(
      self.workdir, config.keep_checkpoints
    )
    try:
      # Without a checkpoint there is nothing to lose: a first try went wrong.
      if self._checkpoints.latest() is not None:
        workdirs.refuse_other_config(self.workdir, config, lengths)
    except InputError:
      self._release()
      raise

  def __enter__(self) -> "Run":
    self._handlers = {}
    # SIGHUP: the terminal is gone. SIGUSR1: a scheduler's early warning.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"):
      # Windows has the first two, and only the main thread may set any.
      with contextlib.suppress(AttributeError, ValueError):
        number = getattr(signal, name)
        self._handlers[number] = signal.signal(number, self._on_signal)
    return self

  def _on_signal(self, number, frame):
    del frame
    # A closed terminal may send SIGHUP twice: that is no haste.
    hurry = number == signal.SIGINT or number == self._signal == signal.SIGTERM
    if self._bar is None or (self._signal and hurry):  # Before steps, or again.
      if number == signal.SIGINT:
        raise KeyboardInterrupt
      raise Stopped(f"stopped at once; {self.workdir} stays as it is", number)
    self._signal = self._signal or number
    if number == getattr(signal, "SIGHUP", None):
      self._bar.disable = True  # There may be no terminal to draw it on.
    said = "\nstopping after this step (again: at once, without saving) ..."
    with contextlib.suppress(OSError):
      print(said, file=sys.stderr, flush=True)

  def __exit__(self, *exc: object) -> None:
    for number, handler in self._handlers.items():
      signal.signal(number, handler)
    for part in (self._bar, self._log):
      if part is not None:
        part.close()
    self._release()

  def _release(self):
    self._checkpoints.close()
    if self._lock:
      self._lock.release()

  def key(self, name: str) -> jax.Array:
    """The random key of the stream `name`: a function of seed and name only."""
    return keys.named(self._root, name)

  def claim_data(self, source: str, arrays: Any) -> None:
    """Makes the data a part of the run, which does not go on with other data.

    Args:
      source: the file or folder that it comes from, to be named; "" is none.
      arrays: pytree of all that is trained and judged on, as it is before
        batches are drawn; without a leaf where it is generated.

    Raises:
      InputError: the run in the work directory was trained on other data.
    """
    begun = self._checkpoints.latest() is not None
    workdirs.claim_data(self.workdir, source, arrays, begun, self.main)

  def restore_or(self, init: Callable[[jax.Array], Any]) -> Any:
    """Returns the newest checkpoint's state, or `init(key("init"))`.

    The state lies replicated on every device of the mesh. It has a leaf `step`.
    """
    key = self.key("init")
    like = workdirs.abstract(init, key, self._replicated)
    if self.main:  # Not before: other data may have been refused.
      workdirs.save_config(self.workdir, self.config)
    state = self._checkpoints.restore(like)
    if state is not None:
      if self.main:
        step, total = int(state.step), int(self.config.total_steps)
        print(workdirs.greeting(self.workdir, step, total, self._lengths))
    else:
      state = jax.jit(init, out_shardings=self._replicated)(key)
    if self.main:
      self._log = logs.Log(self.workdir, int(state.step))
    return state

  def local(self, state: Any) -> Any:
    """A copy of a replicated state on this process's first device alone.

    For evaluations, pictures and checkpoints, which one device does.
    """
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), state)

  def compile(
    self,
    step: Callable[[Any, Any], tuple[Any, Any]],
    options: Mapping[str, Any] | None = None,
  ) -> Callable:
    """Compiles a train step: `update(state, batches) -> state, metrics`.

    `batches` has a leading axis of the steps in one call, which run in one
    `lax.scan`; so have the metrics. The old state's memory is given away.
    `options` are XLA's, as those of `common.xla_options`.
    """

    def update(state, batches):
      if jax.tree.leaves(batches)[0].shape[0] == 1:
        # Not through a loop: XLA's CPU convolutions are slow inside of one.
        state, metrics = step(state, jax.tree.map(lambda b: b[0], batches))
        return state, jax.tree.map(lambda m: m[None], metrics)
      return jax.lax.scan(step, state, batches)

    return jax.jit(
      update,
      donate_argnums=0,
      out_shardings=self._replicated,
      compiler_options=dict(options or {}),
    )

  def steps(
    self, state: Any, batches: Callable[[Any], Any] | None = None
  ) -> Iterator[tuple[int, Any]]:
    """Yields (steps done once this batch is used, batch), to `total_steps`.

    Args:
      state: where to start: `state.step` steps are done.
      batches: `t -> batch`, leaves `[batch_size, ...]`; a
        `jax.tree_util.Partial` of arrays is compiled, any other function is
        called on the host. None: the train step makes its own data, as a
        rollout does, and is given the number t of the step, for a batch.

    Yields:
      step, batch: leaves `[steps_per_call, batch_size, ...]`, split over the
        devices along the second axis; or int32 `[steps_per_call]`, the numbers.
    """
    config = self.config
    split = NamedSharding(self.mesh, PartitionSpec(None, "data"))
    if batches is None:
      make = lambda ts: ts
    elif isinstance(batches, jax.tree_util.Partial):
      # By jit: device_put cannot place keys over several processes.
      copy = jax.jit(lambda tree: tree, out_shardings=self._replicated)
      batches = copy(batches)
      compiled = jax.jit(
        lambda batches, ts: jax.vmap(batches)(ts), out_shardings=split
      )
      make = lambda ts: compiled(batches, ts)
      for leaf in jax.tree.leaves(jax.eval_shape(batches, np.int32(0))):
        self._check_split(leaf.shape[0])
    else:
      make = lambda ts: self._from_host(batches, ts, split)
    done, total = int(state.step), int(config.total_steps)
    if done >= total:
      return  # And no bar: it would be an empty one.
    per_call = int(config.steps_per_call)
    self._bar = tqdm(
      total=total,
      initial=done,
      desc="compiling",
      dynamic_ncols=True,
      disable=not self.main,
      # A file is not redrawn: a line now and then, not ten a second.
      mininterval=0.2 if sys.stderr.isatty() else 10,
    )
    while done < total:
      # Up to the next multiple: a run stopped in between falls into step again.
      count = min(per_call - done % per_call, total - done)
      ts = np.arange(done, done + count, dtype=np.int32)
      done += count
      yield done, make(ts)
    self._flush()

  def _check_split(self, batch_size):
    if batch_size % self.mesh.size:
      raise InputError(
        f"a batch of {batch_size} cannot be split over {self.mesh.size} "
        "devices; set config.batch_size to a multiple"
      )

  def _from_host(self, batches, ts, split):
    def place(*leaves):
      stacked = np.stack(leaves)
      self._check_split(stacked.shape[1])
      return jax.make_array_from_callback(
        stacked.shape, split, lambda index: stacked[index]
      )

    return jax.tree.map(place, *[batches(int(t)) for t in ts])

  def every(self, interval: int, step: int) -> bool:
    """True at multiples of `interval` and at the last step."""
    return step % interval == 0 or step == self.config.total_steps

  def log(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
    """Keeps the metrics of a call on the device; reads back every `log_every`.

    Raises:
      NonFinite: a metric of any step since the last reading is not finite.
    """
    self._pending.append((step, metrics))
    is_ready = lambda m: all(leaf.is_ready() for leaf in jax.tree.leaves(m))
    if ready := [s for s, m in self._pending if is_ready(m)]:
      self._progress(max(ready))
    if self.every(self.config.log_every, step):
      self._flush()

  def _flush(self):
    pending, self._pending = jax.device_get(self._pending), []
    for step, metrics in pending:
      count = len(next(iter(metrics.values())))
      # What is given comes first: all that is made of it is NaN, too.
      for name in sorted(metrics, key=lambda name: name not in _GIVEN):
        values = metrics[name]
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
          first = step - count + 1 + int(bad[0])
          self._refuse_non_finite(name, values[bad[0]], first)
      if self.every(self.config.log_every, step):
        values = {n: float(v[-1]) for n, v in metrics.items()}
        self._write(step, values)
    if pending:
      self._progress(pending[-1][0])

  def _refuse_non_finite(self, name, value, step):
    saved = "no checkpoint had been saved yet"
    if latest := self._checkpoints.latest():
      saved = f"the last good checkpoint, of step {latest}, is kept"
    raise NonFinite(
      f"{name} became {value} at step {step}; {saved} in {self.workdir}; "
      + _GIVEN.get(name, "try a lower learning rate")
    )

  def log_now(self, step: int, values: Mapping[str, float]) -> dict[str, float]:
    """Writes host values (an evaluation) at once; returns them.

    Raises:
      NonFinite: one of them is not finite.
    """
    self._flush()
    for name, value in values.items():
      if not math.isfinite(value):
        self._refuse_non_finite(name, value, step)
    self._write(step, values)
    self._progress(step)  # Else the last line shows the evaluation before.
    return dict(values)

  def _write(self, step, values):
    self._latest.update(values)
    if self.main:
      self._log.write(step, values)

  def image(self, step: int, name: str, pixels: np.ndarray) -> None:
    """Shows a picture, uint8 `[height, width, channels]`, in TensorBoard."""
    if self.main:
      self._log.image(step, name, pixels)

  def _progress(self, step):
    if not self.main or self._bar is None:  # No step was asked for yet.
      return
    if self._bar.desc.startswith("compiling"):
      self._bar.set_description(f"{self.workdir.name}", refresh=False)
    shown = {n: f"{v:.3g}" for n, v in list(self._latest.items())[:5]}
    self._bar.set_postfix(shown, refresh=False)
    self._bar.update(step - self._bar.n)

  def save(self, step: int, state: Any) -> None:
    """Saves every `checkpoint_every` steps, at the end, and when asked to stop.

    Raises:
      NonFinite: the state is not finite; nothing is saved.
      Stopped: after saving, when Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 had come.
      InputError: the disk is full or not writable.
    """
    stopping = self._stopping(step)
    if not (stopping or self.every(self.config.checkpoint_every, step)):
      return
    self._flush()
    for path, fine in jax.tree_util.tree_leaves_with_path(
      checkpoint.finite(state)
    ):
      if not fine:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        self._refuse_non_finite(f"state.{name}", "non-finite", step)
    if jax.process_count() == 1:
      # Orbax would have each device write a part, cut out by a program that is
      # compiled for each shape and device.
      state = self.local(state)
    self._checkpoints.save(step, state, provenance())
    if stopping:
      raise Stopped(
        f"stopped at step {step}, saved in {self.workdir}; "
        "the same command goes on from there",
        self._signal,
      )

  def _stopping(self, step):
    if jax.process_count() == 1:
      return bool(self._signal)
    if not self.every(self.config.log_every, step):
      return False
    from jax.experimental import multihost_utils  # All must stop as one.

    asked = multihost_utils.process_allgather(np.int32(self._signal))
    self._signal = int(np.max(asked))
    return bool(self._signal)
