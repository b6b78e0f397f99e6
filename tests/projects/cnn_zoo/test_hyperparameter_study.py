"""What hyperparameters say of networks that nobody trained."""

import numpy as np
import pytest

from common.errors import InputError
from configs.cnn_zoo import predictors as settings
from projects.cnn_zoo import (
  collection,
  features,
  hyperparameter_study,
  paper,
  protocols,
  result_tables,
  scores,
  studies,
)

CONFIG = settings.get_config("smoke")
NAMES = np.array(["sgd", "adam", "rmsprop"])


@pytest.fixture
def found(written):
  """SGD's networks have learned nothing, and the others nearly all."""
  one = collection.read(written, CONFIG)
  optimizer = NAMES[np.arange(40) % 3]
  y = np.where(optimizer == "sgd", 0.1, 0.8) + 0.001 * np.arange(40) / 40
  return one._replace(
    columns={**one.columns, features.OPTIMIZER: optimizer},
    scores={"test_accuracy": np.stack([y, y], axis=1)},
  )


def test_the_optimiser_is_a_choice_among_the_others(found):
  alone = collection.of_set(found, "hyper")
  known = collection.of_set(found, "hyper+optimizer")
  np.testing.assert_array_equal(known[:, : alone.shape[1]], alone)
  chosen = known[:, alone.shape[1] :]
  np.testing.assert_array_equal(
    chosen, found.columns[features.OPTIMIZER][:, None] == np.sort(NAMES)
  )
  columns = {
    name: values
    for name, values in found.columns.items()
    if name != features.OPTIMIZER
  }
  with pytest.raises(InputError, match=r"have no config\.optimizer"):
    collection.of_set(found._replace(columns=columns), "hyper+optimizer")


def test_scores_are_of_their_set_and_their_optimiser(found, monkeypatch):
  """Trees that predict by the last column, which is SGD's."""
  learned = []

  def fitted(kind, config, x, y, parts):
    learned.append((kind, x, parts))
    return lambda x: 0.8 - 0.7 * x[:, -1], 0.0

  monkeypatch.setattr(hyperparameter_study, "fitted", fitted)
  cell = hyperparameter_study.of_hyperparameters(found, CONFIG)
  assert {kind for kind, *_ in learned} == {"gbm"}
  np.testing.assert_array_equal(learned[2][1], studies.statistics(found))
  parts, y = protocols.sides(found, CONFIG), protocols.accuracies(found)
  truth, guess = y[parts.test], 0.8 - 0.7 * learned[2][1][parts.test, -1]
  wanted = scores.scores(truth, guess)["r2"]
  r2 = {name: score[0] for name, score in cell["r2"].items()}
  assert r2["hyper+optimizer"] == pytest.approx(1, abs=1e-4)
  assert r2[paper.STATISTICS] == pytest.approx(wanted)
  known = r2["hyper+optimizer"]
  assert cell["difference"][0] == pytest.approx(wanted - known)
  np.testing.assert_allclose(
    cell["percentiles"], np.percentile(y, paper.PERCENTILES)
  )
  optimizer = found.columns[features.OPTIMIZER]
  assert list(cell["optimizers"]) == sorted(NAMES)
  for name, group in cell["optimizers"].items():
    rows = optimizer == name
    assert group["networks"] == rows.sum()
    np.testing.assert_allclose(
      group["accuracy"], np.percentile(y[rows], (25, 50, 75))
    )
  # Each from its own networks alone, where these are enough.
  assert [group["r2"] for group in cell["optimizers"].values()] == [None] * 3
  few = CONFIG.copy_and_resolve_references().unlock()
  few.fewest, learned[:] = 10, []
  groups = hyperparameter_study.of_hyperparameters(found, few)["optimizers"]
  own = iter(learned[3:])
  for name, group in groups.items():
    assert list(group["r2"]) == ["hyper", paper.STATISTICS]
    for score in group["r2"].values():
      _, x, parts = next(own)
      rows = np.sort(np.concatenate(parts))
      np.testing.assert_array_equal(rows, np.flatnonzero(optimizer == name))
      guess = 0.8 - 0.7 * x[parts.test, -1]
      wanted = scores.scores(y[parts.test], guess)["r2"]
      assert score[0] == pytest.approx(wanted)


def test_ours_stand_beside_the_released(found):
  cell = hyperparameter_study.of_hyperparameters(found, CONFIG)
  # Without the optimiser trees cannot know what it decides.
  assert cell["r2"]["hyper"][0] < 0.5 < cell["r2"]["hyper+optimizer"][0]
  table = result_tables.percentile_table({"mnist": cell}).splitlines()
  assert table[2].startswith("| MNIST | ours, 40 of 2 epochs | 0.10 | 0.80 |")
  assert table[3].startswith("| MNIST | released, 30,000 of 86 epochs | 0.11")
  assert table[3].endswith("| 0.97 | 0.97 | 0.99 |")
  other = result_tables.percentile_table({"mine": cell})
  assert "released" not in other and len(other.splitlines()) == 3
  row = result_tables.optimizer_table({"mnist": cell}).splitlines()[2]
  assert "adam: 13, 0.80, rmsprop: 13, 0.80, sgd: 14, 0.10" in row
