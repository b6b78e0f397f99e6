"""Signals: a run saves and stops, or stops at once and leaves all as it is."""

import signal

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from common import experiment
from common.errors import Stopped

from .test_experiment import batches, go, init, make_config, same


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
def test_a_signal_saves_and_stops(tmp_path, name):
  number = getattr(signal, name)

  def interrupted(key):
    plain = jax.jit(batches(key))

    def draw(t):
      if t == 6:  # Drawn before step 7 is taken.
        signal.raise_signal(number)
      return np.asarray(plain(t))

    return draw

  with pytest.raises(Stopped, match="stopped at step 7") as caught:
    go(make_config(), tmp_path / "run", batches=interrupted)
  assert caught.value.signal == number
  whole = go(make_config(), tmp_path / "whole")
  assert same(whole, go(make_config(), tmp_path / "run"))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_a_signal_while_a_checkpoint_is_read_leaves_it_alone(
  tmp_path, name, monkeypatch, capsys
):
  go(make_config(total_steps=5), tmp_path / "run")
  restore = ocp.CheckpointManager.restore

  def interrupted(*args, **kwargs):
    signal.raise_signal(getattr(signal, name))
    return restore(*args, **kwargs)

  stops = pytest.raises((Stopped, KeyboardInterrupt))
  with monkeypatch.context() as patch, stops:
    patch.setattr(ocp.CheckpointManager, "restore", interrupted)
    go(make_config(), tmp_path / "run")
  assert "damaged" not in capsys.readouterr().err
  go(make_config(), tmp_path / "run")
  assert "at step 5" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("name", "ends"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", Stopped)]
)
def test_a_signal_before_the_first_step_or_a_second_one_stops_at_once(
  tmp_path, name, ends
):
  number = getattr(signal, name)
  plain = signal.getsignal(number)
  with pytest.raises(ends), experiment.Run(make_config(), str(tmp_path)):
    signal.raise_signal(number)
    pytest.fail("it went on")
  with (
    pytest.raises(ends) as caught,
    experiment.Run(make_config(), str(tmp_path)) as run,
  ):
    for _ in run.steps(run.restore_or(init), batches(run.key("data"))):
      signal.raise_signal(number)  # This one is noted.
      signal.raise_signal(number)
      pytest.fail("it went on")
  assert getattr(caught.value, "signal", number) == number
  assert signal.getsignal(number) is plain
