"""A zoo that nobody trained, whose accuracies its weights say."""

import pytest

from projects.cnn_zoo import generated


@pytest.fixture(scope="session")
def written(tmp_path_factory):
  """The folder of a zoo of forty networks."""
  return generated.write(tmp_path_factory.mktemp("written") / "zoo", "mnist")
