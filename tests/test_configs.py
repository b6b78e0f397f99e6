"""Every key of a config is read by the code that it configures.

Short runs and steps of other variants are traced, and nothing is compiled; some
keys belong to one method or data set only.
"""

import functools
import importlib
import pathlib
import re
import sys

import jax
import ml_collections
import pytest
from jax import numpy as jnp

from common.config_schema import COMMON
from common.errors import InputError

ROOT = pathlib.Path(__file__).parent.parent
JIT = jax.jit
# Those that read every key, whatever it is for.
BLIND = ("config_dict.py", "schema.py", "workdir.py", "cells.py")
# Read by what a smoke run does not do: real data, sweeps, tables.
LATER = {
  "coulomb_gan": (
    "max_device_bytes",
    "particles",
    "particle_step",
    "particle_steps",
  ),
  "first_order_gan": (),
  # Of the benchmark's table; the loop's are read by a run.
  "fvd": (
    "eval_samples",
    "data_dir",
    "cache_dir",
    *(set(COMMON) - {"batch_size"}),
  ),
  "interpretable_drugs": ("cache_dir", "data_dir", "max_device_bytes"),
  # The loop's are read by a run of another learner.
  "rudder": ("delays", "trials_at_once", *(set(COMMON) - {"batch_size"})),
  "slot_attention": ("cache_dir", "data_dir", "test_images", "train_images"),
  "snn": (
    "data.categorical",
    "data.fingerprint_share",
    "data.fingerprints",
    "data.header",
    "data.missing",
    "data.name",
    "data.processes",
    "data.separator",
    "max_bytes",
    "max_steps",
    "min_epochs",
    "repetitions",
    "small_rows",
    "smoothing",
  ),
  "ttur": (
    "max_device_bytes",
    "weights",
    "sweep_at_once",
    "sweep_chunk",
  ),
}
# SNN's sweep and what stands beside it; the studies of trained networks.
ROOMS_LATER = (
  "grid.",
  "references.",
  "alcohols.",
  "attribution.",
  "neurons.",
  "substructures.",
)
# Keys that tell RUDDER's configs apart: of Atari, of PPO; else of a table.
LEARNERS = ("game", "delayed")

pytestmark = pytest.mark.slow


@pytest.fixture
def reads(monkeypatch):
  """The keys that are asked of any config: {(keys of its dict, key)}."""
  found = set()
  plain = ml_collections.ConfigDict.__getitem__

  def asked(self, key):
    frame = sys._getframe(1)
    while frame and frame.f_code.co_filename.endswith("config_dict.py"):
      frame = frame.f_back
    if frame and not frame.f_code.co_filename.endswith(BLIND):
      found.add((tuple(self), key))
    return plain(self, key)

  monkeypatch.setattr(ml_collections.ConfigDict, "__getitem__", asked)
  return found


def config_of(project, name, variant="smoke", **changes):
  module = importlib.import_module(f"configs.{project}.{name}")
  config = module.get_config(variant).unlock()
  config.update(changes)
  return config


def unread(config, reads):
  """The keys of `config` that nobody asked for, nested ones with dots."""
  learner = lambda keys: [name in keys for name in LEARNERS]
  same = lambda keys: (
    keys == tuple(config)
    or (
      "seed" in keys and "seed" in config and learner(keys) == learner(config)
    )
  )
  asked = {key for keys, key in reads if same(keys)}
  left = [key for key in config if key not in asked]
  for key, value in config.items():
    if isinstance(value, ml_collections.ConfigDict):
      left = [name for name in left if name != key]
      left += [f"{key}.{inner}" for inner in unread(value, reads)]
  return left


def trace(project, config):
  """Traces a train step on its first batch: reads what it reads, uncompiled."""
  train = importlib.import_module(f"projects.{project}.train")
  data = importlib.import_module(f"projects.{project}.data")
  key = jax.random.key(0)
  state = jax.eval_shape(lambda: train.init(key, config))
  batch = jax.eval_shape(lambda: data.batches(config, key)(0))
  jax.eval_shape(train.make_train_step(config), state, batch)


def traced(function, **options):
  """In the place of `jax.jit`: traces, compiles nothing, and returns ones.

  What is defined meanwhile, in a module that is imported then, is itself again
  when `jax.jit` is.
  """
  compiled, found = JIT(function, **options), {}

  def call(*args):
    if jax.jit is JIT:
      return compiled(*args)
    seen = str(jax.tree.map(jax.typeof, args))
    if seen not in found:
      found[seen] = jax.tree.map(ones, jax.eval_shape(function, *args))
    return found[seen]

  return call


def ones(leaf):
  if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    return jnp.broadcast_to(jax.random.key(0), leaf.shape)
  return jnp.ones(leaf.shape, leaf.dtype)


def train(project, name, workdir):
  """A whole run, in which nothing is compiled."""
  module = importlib.import_module(f"projects.{project}.train")
  with pytest.MonkeyPatch.context() as uncompiled:
    uncompiled.setattr(jax, "jit", traced)
    module.train(config_of(project, name), str(workdir))


def test_coulomb_gan(reads, tmp_path, monkeypatch):
  project = "coulomb_gan"
  train(project, "gaussian_grid", tmp_path / "run")
  for variant in ("gan,smoke", "wgan_gp,smoke"):
    trace(project, config_of(project, "gaussian_grid", variant))
  images = config_of(project, "fashion_mnist")
  trace(project, images)
  data = importlib.import_module(f"projects.{project}.data")
  module = importlib.import_module(f"projects.{project}.train")
  with monkeypatch.context() as uncompiled:
    uncompiled.setattr(jax, "jit", traced)
    module.make_evaluate(images, data.test(images, jax.random.key(0)))
  for name, dataset in (("gaussian_grid", "points"), ("celeba64", "folder")):
    config = config_of(project, name, dataset=dataset, data_dir=str(tmp_path))
    key = jax.random.key(0)
    for read in (data.test, data.batches):
      with pytest.raises(InputError):
        read(config, key)
  check(project, reads)


def test_first_order_gan(reads, tmp_path):
  project = "first_order_gan"
  train(project, "language", tmp_path / "run")
  trace(project, config_of(project, "language", "wgan_gp,smoke"))
  trace(project, config_of(project, "fashion_mnist"))
  data = importlib.import_module(f"projects.{project}.data")
  config = config_of(project, "celeba64", dataset="folder")
  config.data_dir = str(tmp_path)
  with pytest.raises(InputError):
    data.batches(config, jax.random.key(0))
  check(project, reads, lambda name: name != "papers")


def test_rudder_with_tables_and_ppo(reads, tmp_path, monkeypatch):
  import gymnax  # noqa: F401  It jits while it is imported.

  from projects.rudder.comparison import bias_variance
  from projects.rudder.comparison import sweep_runner as sweep
  from projects.rudder.tabular import delayed_mdp
  from projects.rudder.train import init, make_evaluate, make_train_step

  project, key = "rudder", jax.random.key(0)
  train(project, "trace_back", tmp_path / "run")
  monkeypatch.setattr(jax, "jit", traced)
  for name, changes in (
    ("trace_back", dict(learner="q_lambda", shaping="reward")),
    ("trace_back", dict(contribution="integrated_gradients")),
    ("trace_back", dict(q_estimate="traces")),
    ("choice", dict(learner="monte_carlo")),
    ("charge_discharge", dict(learner="sarsa_lambda")),
    ("cartpole", dict(learner="ppo")),
    ("cartpole", dict(learner="ppo_rudder")),
  ):
    config = config_of(project, name, **changes)
    state = jax.eval_shape(functools.partial(init, config=config), key)
    jax.eval_shape(make_train_step(config), state, None)
    make_evaluate(config)(state, key)
  config = sweep.of_method(config_of(project, "grid_world"), "mcts")
  trial = sweep.tree_search.make_trial(delayed_mdp.of_config(config)[0], config)
  trials = jax.vmap(trial, (0, None), axis_name=sweep.rounds.TRIALS)
  jax.eval_shape(trials, jax.random.split(key), 3)
  bias_variance.measure_all(config_of(project, "bias_variance"))
  check(project, reads, lambda name: name != "atari")


def test_rudder_on_atari(reads, tmp_path, monkeypatch):
  pytest.importorskip("ale_py")
  from projects.rudder.atari import actors, gif
  from projects.rudder.train import room

  config = config_of("rudder", "atari", game_steps=24, idle_steps=12)
  config.episode_steps = config.rollout_steps = 32
  atari = room(config)
  monkeypatch.setattr(jax, "jit", traced)
  key = jax.random.key(0)
  state = traced(lambda: atari.init(key, config))()
  players = actors.Actors(config, actors.new_actor_state(config))
  state = state.replace(actor_state=players.actor_state)
  programs = atari.Programs(config)
  state, _, lessons = atari.advance(programs, state, players)
  players.games.close()
  explained = atari.explain_episode(programs, state, lessons[0])
  gif.save(tmp_path / "episode.gif", lessons[0], explained, config)
  check("rudder", reads, lambda name: name == "atari")


def test_fvd(reads, monkeypatch):
  from projects.fvd import train as fvd

  project = "fvd"
  monkeypatch.setattr(jax, "jit", traced)
  for name in ("cdna", "sv2p", "svp_fp", "savp"):
    config = config_of(project, name)
    trace(project, config)
  config = config_of(project, "cdna")
  side, frames = config.image_size, config.context + config.eval_frames
  shape = config.eval_clips, frames, side, side, 3
  state = traced(lambda: fvd.init(jax.random.key(0), config))()
  evaluate = fvd.make_evaluate(config, jnp.zeros(shape, jnp.uint8))
  evaluate(state, jax.random.key(0))
  check(project, reads, lambda name: name != "studies")


def test_slot_attention(reads, tmp_path):
  project = "slot_attention"
  train(project, "tetrominoes_small", tmp_path / "run")
  trace(project, config_of(project, "tetrominoes_small", "slot_mlp,smoke"))
  trace(project, config_of(project, "multi_dsprites"))
  trace(project, config_of(project, "set_prediction_small"))
  check(project, reads)


def test_interpretable_drugs(reads, tmp_path):
  project = "interpretable_drugs"
  train(project, "alcohols", tmp_path / "bits")
  train(project, "ames", tmp_path / "graphs")
  check(project, reads)


def test_ttur(reads, tmp_path, monkeypatch):
  project, key = "ttur", jax.random.key(0)
  train(project, "gaussian_grid", tmp_path / "run")
  for name in ("dcgan_fashion_mnist", "wgan_gp_cifar10", "began_celeba64"):
    trace(project, config_of(project, name))
  module = importlib.import_module(f"projects.{project}.train")
  rates = importlib.import_module(f"projects.{project}.rates")
  data = importlib.import_module(f"projects.{project}.data")
  config = config_of(project, "dcgan_fashion_mnist")
  real = data.reference(config, key)
  monkeypatch.setattr(jax, "jit", traced)
  state = traced(lambda: module.init(key, config))()
  module.make_evaluate(config, real)(state, key)
  module.make_draw(config)(state, key)
  rates.members_of(config)
  config.update(dict(dataset="folder", data_dir=str(tmp_path)))
  with pytest.raises(InputError):
    data.batches(config, key)
  check(project, reads, lambda name: name not in ("studies", "saddle"))


def test_snn(reads, tmp_path):
  train("snn", "uci", tmp_path / "run")
  check("snn", reads)


def check(project, reads, which=lambda name: True):
  """Nobody's keys fail, but those of LATER, which the project's files name."""
  sources = "".join(
    path.read_text()
    for path in (ROOT / "projects" / project).rglob("*.py")
    if path.stem != "schema"
  )
  left = set()
  for path in (ROOT / "configs" / project).glob("*.py"):
    if which(path.stem):
      left.update(unread(config_of(project, path.stem), reads))
  later = {name for name in left if name.startswith(ROOMS_LATER)}
  nobody = left - later - set(LATER[project])
  assert not nobody, f"keys of {project}'s configs that nobody reads: {nobody}"
  for name in left - set(COMMON):
    key = name.split(".")[-1]
    assert re.search(rf"""[."']{key}\b""", sources), f"{name} is in no file"
