"""The real commands, as processes: smoke runs, kills, errors, devices."""

import importlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from projects.coulomb_gan import train as trainer

ROOT = pathlib.Path(__file__).parents[3]
PROJECT = pathlib.Path(__file__).parent.name
CONFIGS = sorted(p.stem for p in (ROOT / "configs" / PROJECT).glob("*.py"))

pytestmark = pytest.mark.processes


def command(module, *arguments, devices=1, real=False):
  """The command line and environment of a process of this project.

  With `real`, its programs are optimised as a user's are; else they compile in
  half the time.
  """
  environment = {
    **os.environ,
    "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": str(not real),
  }
  line = [sys.executable, "-m", f"projects.{PROJECT}.{module}", *arguments]
  return dict(
    args=line,
    cwd=ROOT,
    env=environment,
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )


def train(config, workdir, *overrides, **options):
  return command(
    "train",
    f"--config=configs/{PROJECT}/{config}",
    f"--workdir={workdir}",
    *(f"--config.{o}" for o in overrides),
    **options,
  )


def finish(process):
  done = subprocess.run(**process)
  assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
  return done


def digest(workdir, step):
  path = workdir / "checkpoints" / str(step) / "record" / "metadata"
  return json.loads(path.read_text())["digest"]


def records(workdir, name):
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  return [r[name] for r in map(json.loads, lines) if name in r]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
  """The workdir of the default experiment's smoke run, on one device."""
  workdir = tmp_path_factory.mktemp("one")
  finish(train("gaussian_grid.py:smoke", workdir))
  return workdir


@pytest.mark.parametrize("config", CONFIGS)
def test_every_config_runs(config, one, tmp_path):
  if config == "gaussian_grid":
    workdir = one
  else:  # Without the seconds in which a process of its own begins.
    workdir = tmp_path
    module = importlib.import_module(f"configs.{PROJECT}.{config}")
    trainer.train(module.get_config("smoke"), str(workdir))
  left = {p.name for p in workdir.iterdir()}
  assert {"checkpoints", "metrics.jsonl", "tensorboard", "config.json"} <= left
  pictures = {"samples.png", "energy.png", "samples.gif"}
  if config.startswith("gaussian"):
    pictures.add("potential.png")
  assert pictures <= left
  for name in pictures:
    assert (workdir / name).stat().st_size > 500


def test_sample_writes_samples_and_a_picture(one, tmp_path):
  out = tmp_path / "out"
  finish(command("sample", f"--workdir={one}", "--count=70", f"--out={out}"))
  (path,) = out.glob("*.npz")
  with np.load(path) as file:
    assert file["samples"].shape == (70, 2)
    assert int(file["step"]) == 40
  assert path.with_suffix(".png").exists()
  done = subprocess.run(**command("sample", f"--workdir={tmp_path}/none"))
  assert done.returncode == 1
  assert "holds no run" in done.stderr
  assert "Traceback" not in done.stderr


@pytest.mark.parametrize("table", ["toy", "particles", "images"])
def test_reproduce_quick(table, tmp_path):
  done = finish(
    command(
      "reproduce",
      f"--table={table}",
      "--quick",
      "--seeds=2",
      f"--out={tmp_path}",
      f"--runs={tmp_path}/runs",
    )
  )
  assert done.stdout.count("\n|") >= 3
  files = list(tmp_path.glob("*.json"))
  assert len(files) == {"toy": 6, "particles": 2, "images": 3}[table]
  stamp = json.loads(files[0].read_text())["provenance"]
  assert {"commit", "jax", "device"} <= stamp.keys()


def test_killed_at_any_moment_it_resumes_to_the_same_bits(tmp_path):
  budget = (
    "total_steps=60",
    "steps_per_call=1",
    "log_every=5",
    "checkpoint_every=5",
    "eval_every=60",
  )
  whole, killed = tmp_path / "whole", tmp_path / "killed"
  # Nor does it matter how many steps a call makes.
  finish(
    train(
      "gaussian_grid.py:smoke", whole, *budget, "steps_per_call=5", real=True
    )
  )
  saving = 0
  for attempt in range(3):
    process = subprocess.Popen(
      **train("gaussian_grid.py:smoke", killed, *budget, real=True)
    )
    known = {p.name for p in killed.glob("checkpoints/*")}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
      # Twice in the middle of a save, which orbax makes in a temporary folder;
      # once right after one.
      names = {p.name for p in killed.glob("checkpoints/*")} - known
      half = [n for n in names if "tmp" in n]
      if (half and len(names) > 1) if attempt < 2 else (names and not half):
        saving += bool(half)
        break
    process.send_signal(signal.SIGKILL)
    process.communicate()
  assert saving == 2
  assert (
    0 < max(int(p.name) for p in killed.glob("checkpoints/[0-9]*[0-9]")) < 60
  )
  finish(train("gaussian_grid.py:smoke", killed, *budget, real=True))
  assert digest(whole, 60) == digest(killed, 60)
  assert records(whole, "energy") == records(killed, "energy")
  losses = records(whole, "discriminator_loss")
  assert losses == records(killed, "discriminator_loss")


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
  process = subprocess.Popen(
    **train("gaussian_grid.py:smoke", tmp_path, "total_steps=100000")
  )
  while not (tmp_path / "checkpoints" / "20").exists():
    assert process.poll() is None, process.communicate()
    time.sleep(0.05)
  process.send_signal(signal.SIGINT)
  _, stderr = process.communicate(timeout=60)
  assert process.returncode == 130
  assert "the same command goes on from there" in stderr
  assert "Traceback" not in stderr


def test_bad_input_is_one_sentence(tmp_path):  # More in test_cli.
  process = train("gaussian_grid.py:smoke", tmp_path, "method=colomb")
  done = subprocess.run(**process)
  assert done.returncode == 1
  assert "did you mean 'coulomb'" in done.stderr
  assert "Traceback" not in done.stderr
  assert len(done.stderr.strip().splitlines()) <= 2


def test_a_missing_data_set_says_what_to_run(tmp_path):
  done = subprocess.run(
    **train(
      "fashion_mnist.py",
      tmp_path / "run",
      f"data_dir={tmp_path}",
      f"cache_dir={tmp_path}/cache",
    )
  )
  assert done.returncode == 1
  assert "Traceback" not in done.stderr
  assert "build fashion_mnist" in done.stderr
  assert "pip install tensorflow" in done.stderr


def test_eight_devices_log_the_same_numbers_as_one(one, tmp_path):
  finish(train("gaussian_grid.py:smoke", tmp_path / "8", devices=8))
  assert close(one, tmp_path / "8")
  # The potential saw the whole batch: an eighth of it gives other numbers.
  finish(train("gaussian_grid.py:smoke", tmp_path / "small", "batch_size=8"))
  assert not close(one, tmp_path / "small")


def close(one, other):
  """Equal up to float32 sums in another order, over 40 steps of Adam."""
  return all(
    np.allclose(records(one, name), records(other, name), rtol=2e-3)
    for name in ("discriminator_loss", "generator_loss", "energy")
  )


def test_two_processes_are_one_run(one, tmp_path):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  both = []
  for i in range(2):
    process = train("gaussian_grid.py:smoke", tmp_path / "two")
    process["args"] += [
      f"--coordinator=localhost:{port}",
      "--processes=2",
      f"--process={i}",
    ]
    both.append(subprocess.Popen(**process))
  for i, process in enumerate(both):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, f"process {i}: {out[-2000:]}{err[-2000:]}"
  assert close(one, tmp_path / "two")
  assert len(records(tmp_path / "two", "energy")) == 2  # Written once.
