"""Two short trainings on generated molecules, which several tests look at."""

import importlib

import pytest

from projects.interpretable_drugs import train


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
  """Work directories: "selu" of twelve tasks, "graph_conv" of one."""
  found = {}
  for model, name in (("selu", "tox21"), ("graph_conv", "ames")):
    module = importlib.import_module(f"configs.interpretable_drugs.{name}")
    config = module.get_config("smoke")
    found[model] = tmp_path_factory.mktemp(model)
    train.train(config, str(found[model]))
  return found


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
  """What is kept in the user's cache goes elsewhere."""
  monkeypatch.setenv("HOME", str(tmp_path / "home"))
