"""Compiler options: taken here, and left out where they are not known."""

import jax
import pytest

from common import xla_options


def test_options_are_taken_or_empty(monkeypatch):
  options = xla_options.convolutions()
  assert jax.jit(lambda x: 2 * x, compiler_options=options)(1.5) == 3
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  assert xla_options.convolutions.__wrapped__() == {}


def test_a_version_that_does_not_know_them_is_left_alone(monkeypatch):
  def refuse(*_, **options):
    assert options["compiler_options"]

    def call(_):
      raise jax.errors.JaxRuntimeError("No such compile option")

    return call

  monkeypatch.setattr(jax, "jit", refuse)
  if jax.default_backend() != "cpu":
    pytest.skip("the options are for CPUs")
  assert xla_options.convolutions.__wrapped__() == {}
