"""ChemNet's weights for the tests that need them."""

import contextlib
import os
import pathlib

import pytest

from common.errors import InputError
from common.metrics import weights
from projects.fcd import model


@pytest.fixture(scope="session")
def chemnet() -> pathlib.Path:
  """The released weights: of $CHEMNET_WEIGHTS, or of the user's cache.

  Where there are golden values to hold them to, they are fetched as a user's
  first call does.
  """
  named = os.environ.get("CHEMNET_WEIGHTS")
  if named:
    return weights.fetch(model.RELEASED, named)
  found = weights.cached(model.RELEASED)
  if found is None and os.environ.get("RESEARCH_SHARED"):
    with contextlib.suppress(InputError):  # No network.
      found = weights.fetch(model.RELEASED)
  if found is None:
    pytest.skip(
      "needs ChemNet's weights: run `python -m projects.fcd.score` once, or "
      "set CHEMNET_WEIGHTS to the .pt file or the wheel of fcd 1.2.2"
    )
  return found
