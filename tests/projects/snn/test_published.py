"""The published numbers agree with each other and with the data."""

import csv

import numpy as np
import pytest

from common.stats import ranks
from projects.snn import pictures, published


def test_the_table_is_whole():
  table = published.uci()
  assert len(set(table.sets)) == 121
  assert table.accuracy.shape == (121, 7)
  missing = np.argwhere(np.isnan(table.accuracy))
  assert {table.sets[i] for i, _ in missing} == {"trains"}
  names = [published.METHODS[j] for _, j in missing]
  assert names == ["SNN", "MSRAinit", "Highway", "ResNet"]
  assert np.nanmin(table.accuracy) >= 0 and np.nanmax(table.accuracy) == 1
  # "Large" as the paper counts.
  assert (table.rows >= 1000).sum() == 46


def test_accuracies_of_one_line():
  table = published.uci()
  np.testing.assert_array_equal(
    table.accuracy[table.sets.index("plant-shape")],
    [0.7275, 0.6350, 0.6325, 0.5150, 0.2850, 0.6575, 0.6775],
  )


def test_accuracies_give_the_printed_ranks():
  result = ranks.average_ranks(published.uci().accuracy) - 4
  printed = [published.RANK_DIFFERENCES[m] for m in published.METHODS]
  np.testing.assert_allclose(result, printed, atol=0.03)
  np.testing.assert_array_equal(np.argsort(result), np.argsort(printed))


@pytest.mark.parametrize("method", published.P_VALUES)
def test_accuracies_give_the_printed_p_values(method):
  accuracy = published.uci().accuracy
  p = ranks.one_sided_wilcoxon(
    accuracy[:, 0], accuracy[:, published.METHODS.index(method)]
  )
  assert p == pytest.approx(published.P_VALUES[method], rel=0.05)


def test_the_constants_cover_the_same_methods():
  methods, others = set(published.METHODS), set(published.METHODS[1:])
  for table in (
    published.RANK_DIFFERENCES,
    published.MEAN_DEPTHS,
    published.TOX21_AUC,
    published.TOX21_ERROR,
    published.HTRU2_ERROR,
  ):
    assert set(table) == methods
  assert set(published.P_VALUES) == others
  assert methods < set(published.HTRU2_AUC)
  for table in (published.TOX21_AUC, published.TOX21_ERROR):
    assert {len(row) for row in table.values()} == {7}
  # Rank differences sum to zero, whatever the data.
  assert abs(sum(published.RANK_DIFFERENCES.values())) < 0.005


def test_the_rank_picture_joins_what_cannot_be_told_apart(tmp_path):
  assert pictures._groups(np.array([1.0, 1.5, 3.0, 3.2, 3.4]), 0.5) == [
    (0, 1),
    (2, 4),
  ]
  assert pictures._groups(np.array([1.0, 2.0, 3.0]), 0.9) == []
  assert pictures._groups(np.array([1.0, 1.8, 2.6]), 1.0) == [(0, 1), (1, 2)]
  result = ranks.average_ranks(published.uci().accuracy)
  path = tmp_path / "ranks.png"
  cd = ranks.critical_difference(7, 121)
  pictures.rank_plot(path, published.METHODS, result, cd)
  assert path.read_bytes().startswith(b"\x89PNG")


def test_the_sets_are_those_of_the_data(shared):
  with (shared / "data/uci121/index.csv").open(newline="") as file:
    index = {row["task"]: row for row in csv.DictReader(file)}
  table = published.uci()
  assert set(table.sets) == set(index)
  for name, rows, columns in zip(
    table.sets, table.rows, table.columns, strict=True
  ):
    entry = index[name]
    assert rows == int(entry["n_train"]) + int(entry["n_test"] or 0), name
    assert columns == int(entry["n_features"]) + 1, name
