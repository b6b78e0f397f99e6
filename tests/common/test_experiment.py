"""`Run` on a model of one line: resume, refusals, non-finite values."""

import gc
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading

import flax.struct
import jax
import ml_collections
import numpy as np
import pytest
from jax import numpy as jnp
from jax.tree_util import Partial

from common import checkpoint, experiment, keys, logs
from common.errors import InputError


@flax.struct.dataclass
class State:
  step: jax.Array
  key: jax.Array
  w: jax.Array


def make_config(**changes):
  config = ml_collections.ConfigDict(
    dict(
      seed=0,
      batch_size=8,
      learning_rate=0.1,
      total_steps=12,
      steps_per_call=1,
      log_every=2,
      eval_every=6,
      checkpoint_every=4,
      keep_checkpoints=3,
    )
  )
  config.update(changes)
  return config.lock()


def init(key):
  return State(jnp.int32(0), key, jax.random.normal(key, (3,)))


def step(state, batch):
  key = keys.named(jax.random.fold_in(state.key, state.step), "noise")
  noise = 0.01 * jax.random.normal(key, (3,))
  grad = jnp.mean(state.w[None] - batch, axis=0)
  state = state.replace(step=state.step + 1, w=state.w - 0.1 * grad + noise)
  return state, {"loss": jnp.sum(grad**2), "size": jnp.sum(state.w**2)}


def batches(key):
  def draw(key, t):
    return jax.random.normal(jax.random.fold_in(key, t), (8, 3)) + 1.0

  return Partial(draw, key)


def go(config, workdir, step=step, batches=batches):
  with experiment.Run(config, str(workdir)) as run:
    state = run.restore_or(init)
    update = run.compile(step)
    for t, batch in run.steps(state, batches(run.key("data"))):
      state, metrics = update(state, batch)
      run.log(t, metrics)
      if run.every(config.eval_every, t):
        run.log_now(t, {"size": float(jnp.sum(state.w**2))})
      run.save(t, state)
  return state


def same(a, b):
  return checkpoint.digest(a) == checkpoint.digest(b)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
  whole = go(make_config(), tmp_path / "whole")
  go(make_config(total_steps=4), tmp_path / "parts")
  go(make_config(total_steps=6), tmp_path / "parts")
  parts = go(make_config(), tmp_path / "parts")
  assert int(parts.step) == 12
  assert same(whole, parts)
  # A shorter budget evaluates at its own end; the losses are the same.
  losses = lambda run: [r for r in logs.read(tmp_path / run) if "loss" in r]
  assert losses("whole") == losses("parts")


def test_steps_per_call_changes_nothing_but_speed(tmp_path):
  # Under the suite's reduced optimisations; the real program is compared in
  # tests/projects.
  one = go(make_config(), tmp_path / "one")
  two = go(make_config(steps_per_call=2), tmp_path / "two")
  np.testing.assert_array_equal(one.w, two.w)
  assert logs.read(tmp_path / "one") == logs.read(tmp_path / "two")


def test_batches_from_the_host_equal_those_of_the_device(tmp_path):
  def on_host(key):
    draw = jax.jit(batches(key))
    return lambda t: {"x": np.asarray(draw(t))}

  hosted = lambda state, batch: step(state, batch["x"])
  device = go(make_config(), tmp_path / "device")
  host = go(make_config(), tmp_path / "host", hosted, on_host)
  np.testing.assert_array_equal(device.w, host.w)


def test_a_step_traces_once(tmp_path):
  traces = []

  def counted(state, batch):
    traces.append(1)
    return step(state, batch)

  go(make_config(), tmp_path, counted)
  assert len(traces) == 1


def test_a_finished_run_stays_as_it_is_and_says_so(tmp_path, capsys):
  done = go(make_config(), tmp_path)
  capsys.readouterr()
  assert same(done, go(make_config(), tmp_path))
  said, bar = capsys.readouterr()
  assert f"{tmp_path} is already finished, at step 12: to go on, " in said
  assert "larger --config.total_steps; to begin anew" in said and not bar


def test_intervals_must_be_multiples_of_the_call(tmp_path):
  with pytest.raises(InputError, match=r"config.eval_every is 6.*per_call = 4"):
    go(make_config(steps_per_call=4, log_every=4), tmp_path)


def test_a_batch_that_cannot_be_split_is_refused(tmp_path):
  odd = lambda key: Partial(lambda key, t: jnp.ones((6, 3)), key)
  with pytest.raises(InputError, match="6 cannot be split over 4 devices"):
    go(make_config(), tmp_path, batches=odd)


def test_a_step_that_makes_its_own_data_is_given_its_number(tmp_path):
  def numbered(state, t):
    noise = jax.random.normal(jax.random.fold_in(state.key, t), (3,))
    return step(state, noise[None])

  odd = dict(batch_size=7)  # Over 4 devices: nothing is split.
  one = go(make_config(**odd), tmp_path / "1", numbered, lambda key: None)
  odd["steps_per_call"] = 2
  two = go(make_config(**odd), tmp_path / "2", numbered, lambda key: None)
  np.testing.assert_array_equal(one.w, two.w)
  assert int(one.step) == 12


def test_another_config_is_refused_with_the_difference(tmp_path):
  go(make_config(total_steps=4), tmp_path)
  with pytest.raises(InputError) as caught:
    go(make_config(learning_rate=0.2), tmp_path)
  assert "learning_rate: 0.1 there, 0.2 here" in str(caught.value)
  assert "total_steps" not in str(caught.value)


def test_a_workdir_of_another_project_is_one_sentence(tmp_path):
  go(make_config(total_steps=4), tmp_path)
  other = {f"key_{i}": i for i in range(20)}
  with pytest.raises(InputError, match="of another kind of config") as caught:
    go(make_config(**other), tmp_path)
  assert "(key_0, key_1, key_10 and 17 more keys" in str(caught.value)
  assert "\n" not in str(caught.value)


def test_other_data_is_refused_with_both_named(tmp_path):
  rows = np.arange(12, dtype=np.float32).reshape(6, 2)
  labels = np.arange(6) % 2

  def claim(place, *arrays, steps=8):
    with experiment.Run(make_config(total_steps=steps), str(tmp_path)) as run:
      run.claim_data(place, arrays)

  claim("first.csv", rows, 1 - labels)  # Nothing is saved: nothing to lose.
  claim("first.csv", rows, labels)
  go(make_config(total_steps=4), tmp_path)
  claim("moved.csv", rows.copy(), labels.copy())
  claim("moved.csv")  # Generated.
  for other in ((rows, 1 - labels), (rows[:5], labels[:5]), (labels, rows)):
    with pytest.raises(InputError) as caught:
      claim("other.csv", *other)
    said = str(caught.value)
    assert "holds a run on other data" in said
    assert "moved.csv (6 + 6 rows, CRC-32 " in said
    assert "/other.csv has" in said and "\n" not in said
  kept = json.loads((tmp_path / "config.json").read_text())
  assert kept["total_steps"] == 4  # What is refused leaves no trace.
  (tmp_path / "data.json").unlink()  # As runs of before had none.
  claim("other.csv", rows, 1 - labels)


def test_the_bar_ends_with_the_last_evaluation(tmp_path, capsys):
  with experiment.Run(make_config(), str(tmp_path)) as run:
    state = run.restore_or(init)
    run.log_now(0, {"judged": 100.0})  # Before there is a bar.
    for t, _ in run.steps(state, batches(run.key("data"))):
      run.log(t, {"loss": jnp.ones(1)})
      if run.every(6, t):
        run.log_now(t, {"judged": float(t)})
  last = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]
  assert "12/12" in last and "judged=12" in last


def test_a_workdir_in_use_is_refused(tmp_path):
  with (
    experiment.Run(make_config(), str(tmp_path)),
    pytest.raises(InputError, match="in use by another process"),
  ):
    experiment.Run(make_config(), str(tmp_path))


def test_an_unwritable_workdir_is_one_sentence(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(InputError, match=r"cannot be written \(Not a directory"):
    experiment.Run(make_config(), str(tmp_path / "file" / "run"))


def test_the_first_non_finite_step_is_named_and_nothing_bad_saved(tmp_path):
  def breaks(state, batch):
    state, metrics = step(state, batch)
    bad = jnp.where(state.step == 7, jnp.nan, 0.0)
    return state.replace(w=state.w + bad), {**metrics, "loss": bad}

  with pytest.raises(experiment.NonFinite) as caught:
    go(make_config(), tmp_path, breaks)
  assert "loss became nan at step 7" in str(caught.value)
  assert "last good checkpoint, of step 4" in str(caught.value)
  assert checkpoint.Checkpoints(tmp_path).latest() == 4


def test_a_reward_that_is_no_number_blames_the_environment(tmp_path):
  def breaks(state, batch):
    state, _ = step(state, batch)
    bad = jnp.where(state.step == 7, jnp.nan, 0.0)
    return state, {"loss": bad, "reward": bad}  # The loss is made of it.

  with pytest.raises(experiment.NonFinite, match="reward became nan") as caught:
    go(make_config(), tmp_path, breaks)
  assert str(caught.value).endswith("the environment gives it: look there")


def test_a_non_finite_state_is_named_and_not_saved(tmp_path):
  def breaks(state, batch):
    state, metrics = step(state, batch)
    bad = jnp.where(state.step == 3, jnp.inf, 0.0)
    return state.replace(w=state.w + bad), {"loss": metrics["loss"] * 0}

  config = make_config(total_steps=4, eval_every=8)
  with experiment.Run(config, str(tmp_path)) as run:
    state = run.restore_or(init)
    update = run.compile(breaks)
    with pytest.raises(experiment.NonFinite, match=r"state\.w became"):
      for t, batch in run.steps(state, batches(run.key("data"))):
        state, _ = update(state, batch)
        run.save(t, state)
  assert checkpoint.Checkpoints(tmp_path).latest() is None


# Of several damaged arrays orbax reports the first; its readers of the others
# sometimes end after their event loop, and complain to nobody.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("harm", ["truncate", "flip", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
  tmp_path, harm, capsys
):
  whole = go(make_config(), tmp_path / "whole")
  go(make_config(total_steps=8), tmp_path / "run")
  newest = tmp_path / "run" / "checkpoints" / "8"
  if harm == "empty":
    shutil.rmtree(newest / "state")
  else:
    files = [f for f in newest.glob("state/**/*") if f.is_file()]
    for file in files:
      data = bytearray(file.read_bytes())
      if harm == "truncate":
        data = data[: len(data) // 2]
      elif "d" in file.parent.name and len(data) > 20:
        data[len(data) // 2] ^= 1
      file.write_bytes(data)
  resumed = go(make_config(), tmp_path / "run")
  assert "checkpoint of step 8" in capsys.readouterr().err
  assert (tmp_path / "run" / "damaged_checkpoints" / "8").is_dir()
  assert same(whole, resumed)
  gc.collect()  # Here, where the complaint is expected.


def test_opening_leaves_nothing_of_a_killed_save_and_no_thread(
  tmp_path, monkeypatch
):
  """A thread's traceback would come behind the sentence of an early error."""
  part = tmp_path / "checkpoints" / "3.orbax-checkpoint-tmp"
  (part / "state").mkdir(parents=True)
  with checkpoint.Checkpoints(tmp_path, read_only=True):
    assert part.exists()  # Another process may be writing it.
  started, start = [], threading.Thread.start
  note = lambda thread: (started.append(type(thread).__name__), start(thread))
  monkeypatch.setattr(threading.Thread, "start", note)
  with checkpoint.Checkpoints(tmp_path, 1):
    assert not part.exists()
  assert "_SignalingThread" not in started


def test_no_sound_checkpoint_left_is_refused_and_kept(tmp_path):
  go(make_config(total_steps=4), tmp_path)
  shutil.rmtree(tmp_path / "checkpoints" / "4" / "state")
  with pytest.raises(InputError, match="none of the 1 checkpoints"):
    go(make_config(), tmp_path)
  assert (tmp_path / "checkpoints" / "4").is_dir()


def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_intact(tmp_path):
  go(make_config(total_steps=4), tmp_path / "run")
  # A limit on the size of files stands in for a disk without room.
  code = f"""
    import resource, signal, sys
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sys.path[:0] = [{str(os.path.dirname(__file__))!r}, {os.getcwd()!r}]
    import test_experiment as t
    from common import cli
    with cli.sentences(), t.experiment.Run(
      t.make_config(), {str(tmp_path / "run")!r}
    ) as run:
      state = run.restore_or(t.init)
      update = run.compile(t.step)
      resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
      for s, batch in run.steps(state, t.batches(run.key("data"))):
        state, metrics = update(state, batch)
        run.save(s, state)
  """
  done = subprocess.run(
    [sys.executable, "-c", textwrap.dedent(code)],
    capture_output=True,
    text=True,
    env={**os.environ, "TENSORBOARDX_DISABLE": "1"},
  )
  assert done.returncode == 1
  said = done.stderr.partition("error: ")[2]
  assert said.startswith("could not write the checkpoint of step 8")
  assert "(File too large); free some space" in said
  assert "Traceback" not in done.stderr and "ERROR" not in done.stderr
  assert "the checkpoint of step 4 is intact" in done.stderr
  whole = go(make_config(), tmp_path / "whole")
  assert same(whole, go(make_config(), tmp_path / "run"))
