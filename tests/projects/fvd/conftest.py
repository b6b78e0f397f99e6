"""A motion network for the tests of this project, trained for some seconds."""

import jax
import pytest

from projects.fvd import motion, scenarios, semantics

# Enough to see time: an eighth of the clips that users' network gets to see, in
# batches that stay in the cache.
SHORT = {**motion.CONFIG, "steps": 400, "batch_size": 8}


@pytest.fixture(scope="session")
def motion_cache(tmp_path_factory, optimised):
  """A cache folder that holds the weights; the folder."""
  folder = tmp_path_factory.mktemp("cache")
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("XDG_CACHE_HOME", str(folder))
    begun = motion.init(SHORT)  # It runs once: unoptimised is sooner.
    patch.setattr(
      motion, "init", lambda config: begun if config == SHORT else None
    )
    with optimised():
      motion.load(SHORT)
  return folder


@pytest.fixture
def trained(motion_cache, monkeypatch):
  """The parameters; commands and functions find them, too."""
  monkeypatch.setenv("XDG_CACHE_HOME", str(motion_cache))
  monkeypatch.setattr(motion, "CONFIG", SHORT)
  return jax.device_put(motion.load()[0])


@pytest.fixture(scope="session")
def scenes():
  """Of each scenario, twelve test clips of twelve frames, 32x32, and labels."""
  found = {}
  for scenario in scenarios.SCENARIOS:
    found[scenario] = semantics.drawn(scenario, 12, 12, 32)
  return found
