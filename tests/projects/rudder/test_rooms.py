"""The rooms: each with its learners, found by their names in the configs."""

import importlib
import inspect
import subprocess
import sys

import jax
import ml_collections
import pytest

from common.errors import InputError
from projects.rudder import rooms, schema, train

FUNCTIONS = ("init", "make_train_step", "make_evaluate", "train")


@pytest.fixture(scope="module")
def configs(root):
  """All configs of smoke size, by their names; a fork has some of them."""
  paths = sorted((root / "configs/rudder").glob("*.py"))
  config_of = lambda path: importlib.import_module(
    f"configs.rudder.{path.stem}"
  )
  return {path.stem: config_of(path).get_config("smoke") for path in paths}


def test_every_config_passes_and_no_other_projects_does(configs):
  for name, config in configs.items():
    schema.check(config)
    schema.check(importlib.import_module(f"configs.rudder.{name}").get_config())
    # As another project's: a fork beside this one has configs of this kind.
    other = ml_collections.ConfigDict({**config, "generator_features": 64})
    with pytest.raises(InputError, match="no key 'generator_features'"):
      schema.check(other)
  with pytest.raises(InputError, match="no key 'learner'"):
    schema.check(ml_collections.ConfigDict({"generator_features": 64}))


def test_a_config_is_of_one_room(configs):
  for config in configs.values():
    for learner, of_room in schema.LEARNERS.items():
      other = config.copy_and_resolve_references().unlock()
      other.learner = learner
      if of_room != schema.LEARNERS[config.learner]:
        with pytest.raises(InputError, match="the config has no key"):
          schema.check(other)


@pytest.mark.slow
def test_every_learner_is_found(configs):
  for config in {
    config.learner: config for config in configs.values()
  }.values():
    state = jax.eval_shape(
      lambda key, config=config: train.init(key, config), jax.random.key(0)
    )
    assert state.step.shape == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_room_has_the_four_functions(name):
  here = list(inspect.signature(getattr(train, name)).parameters)
  for room in rooms.modules("train"):
    assert list(inspect.signature(getattr(room, name)).parameters) == here


@pytest.mark.processes
def test_tables_import_neither_environments_nor_emulators(root):
  code = (
    "import sys; from projects.rudder import rooms, train; "
    "rooms.modules('tables'); "
    "print([m for m in ('gymnax', 'ale_py') if m in sys.modules])"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], cwd=root, capture_output=True, text=True
  )
  assert done.stdout.strip() == "[]", done.stderr
