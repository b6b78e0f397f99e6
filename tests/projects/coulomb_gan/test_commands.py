"""The real commands: smoke runs, kills, errors, devices.

Those that need a process of their own have one (the first run, signals, several
processes); the others run here, where the programs are compiled already.
"""

import contextlib
import functools
import importlib
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import jax
import ml_collections
import numpy as np
import pytest

from common import cli, experiment, keys, workdir
from common.tables import image_table
from configs.coulomb_gan import gaussian_grid
from projects.coulomb_gan import data, reproduce, sample
from projects.coulomb_gan import train as trainer

ROOT = pathlib.Path(__file__).parents[3]
PROJECT = pathlib.Path(__file__).parent.name
CONFIGS = sorted(p.stem for p in (ROOT / "configs" / PROJECT).glob("*.py"))

pytestmark = pytest.mark.processes


def command(module, *arguments, real=False):
  """The command line and environment of a process of this project, one device.

  With `real`, its programs are optimised as a user's are, but for LLVM's level:
  its bits are those of the user's, in two thirds of the time. Else they are
  optimised as this process' are, in a quarter.
  """
  real_flags = "--xla_backend_optimization_level=1"
  flags = real_flags if real else os.environ["XLA_FLAGS"]
  environment = {
    **os.environ,
    "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count=1",
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
  finish(train("gaussian_grid.py:smoke", workdir, real=True))
  return workdir


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
  """The quick tables: (folder, what each printed, trained states by method)."""
  folder, printed, states = tmp_path_factory.mktemp("tables"), {}, {}

  def recording(train):
    def recorded(config, *arguments):
      found = train(config, *arguments)
      states[config.network, config.method] = config, found[0]
      return found

    return recorded

  with pytest.MonkeyPatch.context() as patch:
    for module, name in ((reproduce, "train_population"), (trainer, "train")):
      patch.setattr(module, name, recording(getattr(module, name)))
    for table in ("toy", "particles", "images"):
      flags = ["--quick", "--seeds=2", f"--out={folder / table}"]
      flags += ["--first_seed=0"]
      said = io.StringIO()
      with contextlib.redirect_stdout(said):
        reproduce.main([f"--table={table}", *flags])
      printed[table] = said.getvalue()
  return folder, printed, states


@pytest.mark.parametrize("config", CONFIGS)
def test_every_config_runs(config, one, tables, tmp_path):
  if config == "gaussian_grid":
    workdir = one
  elif config == "fashion_mnist":
    runs = tables[0] / "images" / "quick_trainings" / f"{PROJECT}_images"
    workdir = runs / "fashion_mnist_coulomb"
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


@pytest.fixture
def ends(monkeypatch, capsys):
  """Runs a command's main, which has to fail; returns its one sentence."""

  def run(main, *arguments):
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    with pytest.raises(SystemExit) as left:
      main()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert said.startswith("error: ") and "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    return said

  return run


def test_sample_writes_samples_and_a_picture(one, tmp_path, monkeypatch, ends):
  out = tmp_path / "out"
  arguments = ["sample", f"--workdir={one}", "--count=70", f"--out={out}"]
  monkeypatch.setattr(sys, "argv", arguments)
  sample.main()
  (path,) = out.glob("*.npz")
  with np.load(path) as file:
    assert file["samples"].shape == (70, 2)
    assert int(file["step"]) == 40
  assert path.with_suffix(".png").exists()
  assert "holds no run" in ends(sample.main, f"--workdir={tmp_path}/none")
  foreign = ml_collections.ConfigDict({"seed": 0, "slots": 4})
  workdir.save_config(tmp_path, foreign)
  said = ends(sample.main, f"--workdir={tmp_path}")
  assert f"{tmp_path} is a run of another project" in said
  assert "slots" not in said


def test_reproduce_quick(tables):
  folder, printed, _ = tables
  for table, count in {"toy": 3, "particles": 2, "images": 3}.items():
    assert printed[table].count("\n|") >= 3
    files = list((folder / table).glob("*.json"))
    assert len(files) == count
    stamp = json.loads(files[0].read_text())["provenance"]
    assert {"commit", "jax", "device"} <= stamp.keys()


def test_the_images_may_be_cifar10s(tmp_path, monkeypatch):
  found = {}

  def cell(paper, config, workdir, picture, network):
    found[config.method] = config, workdir.name, picture.name
    scores = {"energy_u": 0.5, "pixel_distance": 2.0}
    return {"scores": scores, "steps": 7, "minutes": 1.0}

  monkeypatch.setattr(image_table, "cell", cell)
  flags = ["--table=images", "--images=cifar10", f"--out={tmp_path}"]
  reproduce.main([*flags, "--data_dir=somewhere"])
  module = importlib.import_module(f"configs.{PROJECT}.fashion_mnist")
  for method, (config, *names) in found.items():
    assert names == [f"cifar10_{method}", f"cifar10_{method}.png"]
    variant = "narrow" if method == "coulomb" else f"narrow,{method}"
    same = module.get_config(variant).to_dict()
    changed = {k for k, v in same.items() if config[k] != v}
    assert changed == {"dataset", "image_channels", "data_dir"}
    assert (config.dataset, config.image_channels) == ("cifar10", 3)
    assert (config.decay_steps, config.total_steps) == (50_000, 50_000)
  assert set(found) == {"coulomb", "gan", "wgan_gp"}


@pytest.mark.parametrize("method", ["coulomb", "gan", "wgan_gp"])
def test_every_method_moves_both_players_of_images(tables, method):
  config, after = tables[2]["dcgan", method]
  init = jax.jit(lambda key: trainer.init(key, config))
  before = init(keys.named(jax.random.key(0), "init"))
  for name in ("generator", "discriminator"):
    change = jax.tree.map(
      lambda a, b: np.abs(np.asarray(b) - np.asarray(a)).max(),
      getattr(before, name),
      getattr(after, name),
    )
    assert 0 < max(jax.tree.leaves(change)) < 1, name


def test_a_member_of_a_population_is_the_single_run(one, tables):
  _, states = tables[2]["mlp", "coulomb"]
  config = gaussian_grid.get_config("smoke")
  with experiment.Run(config, str(one)) as run:
    single = run.restore_or(lambda key: trainer.init(key, config))
  first, second = (
    jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), states.generator)
    for i in range(2)
  )
  # Batched matrix products sum in another order: 40 steps of Adam apart.
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=2e-3),
    first,
    single.generator,
  )
  apart = jax.tree.map(lambda a, b: np.abs(a - b).max(), first, second)
  assert max(jax.tree.leaves(apart)) > 0.1


def test_killed_or_stopped_it_resumes_to_the_same_bits(one, tmp_path):
  # Nor does it matter how many steps a call makes: ten in `one`.
  run = train(
    "gaussian_grid.py:smoke",
    tmp_path,
    "steps_per_call=1",
    "checkpoint_every=4",
    real=True,
  )

  def until(reached):
    known = {p.name for p in tmp_path.glob("checkpoints/*")}
    process = subprocess.Popen(**run)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
      names = {p.name for p in tmp_path.glob("checkpoints/*")} - known
      # Orbax makes a checkpoint in a temporary folder.
      half = [n for n in names if "tmp" in n]
      if reached(names, half):
        break
      time.sleep(0.002)  # Else this would take the core that the run needs.
    assert process.poll() is None, process.communicate()
    return process

  # Killed in the middle of a save, when there is a checkpoint before it.
  process = until(lambda names, half: half and len(names) > len(half))
  process.send_signal(signal.SIGKILL)
  process.communicate()
  names = {p.name for p in tmp_path.glob("checkpoints/*")}
  assert 0 < max(int(name) for name in names if name.isdigit()) < 40
  # Stopped by Ctrl-C, right after a save.
  process = until(lambda names, half: names and not half)
  process.send_signal(signal.SIGINT)
  _, stderr = process.communicate(timeout=60)
  assert process.returncode == 130
  assert "the same command goes on from there" in stderr
  assert "Traceback" not in stderr
  finish(run)
  assert digest(one, 40) == digest(tmp_path, 40)
  for name in ("energy", "discriminator_loss", "generator_loss"):
    assert records(one, name) == records(tmp_path, name)


def arguments_of(config, workdir, *overrides):
  return train(config, workdir, *overrides)["args"][3:]


def test_bad_input_is_one_sentence(tmp_path, ends):  # More in test_cli.
  main = functools.partial(cli.main, trainer.train)
  given = arguments_of("gaussian_grid.py:smoke", tmp_path, "method=colomb")
  assert "did you mean 'coulomb'" in ends(main, *given)
  given = arguments_of(
    "fashion_mnist.py",
    tmp_path / "run",
    f"data_dir={tmp_path}",
    f"cache_dir={tmp_path}/cache",
  )
  said = ends(main, *given)
  assert "build fashion_mnist" in said
  assert "pip install tensorflow" in said


def test_four_devices_log_the_same_numbers_as_one(one, tmp_path, monkeypatch):
  # Pictures on four devices are drawn in test_every_config_runs.
  monkeypatch.setattr(trainer.pictures, "draw", lambda run, state: None)
  assert jax.device_count() == 4  # Of this process; that of `one` has one.
  config = gaussian_grid.get_config("smoke")
  trainer.train(config.copy_and_resolve_references(), str(tmp_path / "4"))
  assert close(one, tmp_path / "4")
  # The potential saw the whole batch: a quarter of it gives other numbers.
  config = config.unlock()
  config.batch_size //= 4
  root = jax.random.key(config.seed)
  init = jax.jit(lambda key: trainer.init(key, config))
  state = init(keys.named(root, "init"))
  batches = data.batches(config, keys.named(root, "data"))
  step = jax.jit(lambda s: trainer.make_train_step(config)(s, batches(s.step)))
  for _ in range(10):
    state, metrics = step(state)
  for name, quarter in metrics.items():
    assert not np.isclose(quarter, records(one, name)[0], rtol=2e-3), name


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
