"""Environments of a user's own, found as a config names them."""

import sys
import types

import pytest


@pytest.fixture(scope="module")
def user():
  """Gives `make_env` to a module `user_code`; returns what a config says."""
  with pytest.MonkeyPatch.context() as patch:

    def give(make):
      module = types.ModuleType("user_code")
      module.make_env = make
      patch.setitem(sys.modules, "user_code", module)
      return "user_code:make_env"

    yield give
