"""Splits, tables and pictures on networks that nobody trained."""

import numpy as np
import pytest

from common.errors import InputError
from common.tables import figures
from configs.cnn_zoo import predictors as settings
from projects.cnn_zoo import (
  collection,
  features,
  generated,
  model,
  paper,
  pictures,
  predictors,
  protocols,
  result_tables,
  scores,
  studies,
)

CONFIG = settings.get_config("smoke")


def test_the_papers_table_is_whole():
  assert len(paper.SETS) == len(paper.R2) == 14
  assert {len(v) for row in paper.R2.values() for v in row.values()} == {4}
  assert paper.r2(paper.STATISTICS, "gbm", "cifar10") == 0.9840
  assert paper.r2("weights", "linear", "mnist") == 0.8466
  # Stored as 0.879498, 0.989471 and 0.478515.
  for what, kind, dataset, rounded in (
    ("hyper", "mlp", "svhn_cropped", "0.879"),
    ("weights", "gbm", "fashion_mnist", "0.989"),
    ("wnorm-layers:0,1,2,3-l1", "linear", "cifar10", "0.479"),
  ):
    assert f"{paper.r2(what, kind, dataset):.3f}" == rounded
  assert paper.r2("hyper", "mlp", "other") is None


def test_each_network_is_on_one_side():
  rows = np.arange(100, 200)
  parts = protocols.split(rows, CONFIG)
  assert parts.sizes() == {"training": 56, "validation": 14, "test": 30}
  np.testing.assert_array_equal(np.sort(np.concatenate(parts)), rows)


def test_no_more_networks_learn_than_the_papers():
  config = CONFIG.copy_and_resolve_references().unlock()
  config.most_training = 10
  sizes = protocols.split(np.arange(100), config).sizes()
  assert sizes == {"training": 8, "validation": 2, "test": 90}


def test_the_papers_protocol_is_stopped_by_the_test(monkeypatch):
  asked = []
  monkeypatch.setattr(predictors, "fit", lambda *given: asked.append(given))
  x, y = np.arange(20.0)[:, None], np.arange(20.0)
  parts = protocols.split(np.arange(20), CONFIG)
  for protocol in protocols.PROTOCOLS:
    protocols.fitted("mlp", CONFIG, x, y, parts, protocol)
  (_, _, learn, stop, restore), (_, _, learns, stops, restores) = asked
  assert restore and not restores
  np.testing.assert_array_equal(stop.y, parts.validation)
  np.testing.assert_array_equal(learn.x[:, 0], parts.training)
  np.testing.assert_array_equal(stops.y, parts.test)
  assert set(learns.y) == {*parts.training, *parts.validation}


@pytest.fixture
def asked(monkeypatch):
  """What trees learn from, [(x, y, parts)]; they predict their first column."""
  given = []

  def fitted(kind, config, x, y, parts):
    given.append((x, y, parts))
    return lambda x: x[:, 0], 0.0

  monkeypatch.setattr(studies, "fitted", fitted)
  return given


def test_epochs_are_judged_by_what_was_then(written, asked):
  one = collection.read(written, CONFIG)
  values = np.random.default_rng(0).uniform(size=(40, 2))
  one = one._replace(scores={"test_accuracy": values})
  table = studies.of_epochs(one, CONFIG)["by_epoch"]
  assert list(table) == ["1", "2"]
  for place, (x, y, parts) in enumerate(asked):
    np.testing.assert_array_equal(x, studies.statistics(one, place))
    np.testing.assert_array_equal(y, values[:, -1])
    truth, found = y[parts.test], table[str(place + 1)]
    for name, predicted in (
      ("weights", x[:, 0]),
      ("accuracy", values[:, place]),
    ):
      wanted = scores.scores(truth, predicted[parts.test])
      assert found[name]["r2"][0] == pytest.approx(wanted["r2"])
      assert found[name]["tau"][0] == pytest.approx(wanted["tau"])


def test_a_size_is_of_those_that_learn_and_stop(written, asked):
  studies.of_sizes(collection.read(written, CONFIG), CONFIG)
  learned = [len(p.training) + len(p.validation) for *_, p in asked]
  assert learned == [20, 20, 28, 28]
  assert len({tuple(p.test) for *_, p in asked}) == 1
  first, second = (set(p.training) for *_, p in asked[:2])
  assert first != second  # Draws.


def test_transfer_is_judged_by_the_other_zoos_accuracies(
  tmp_path, written, asked
):
  one = collection.read(written, CONFIG)
  folder = generated.write(tmp_path / "f", "fashion_mnist", seed=1)
  other = collection.read(folder, CONFIG)
  pairs = studies.transfer([one, other], CONFIG)["pairs"]
  truth = protocols.accuracies(other)
  points = np.stack([truth, studies.statistics(other)[:, 0]], 1).round(4)
  assert pairs["mnist"]["fashion_mnist"]["points"] == points.tolist()
  r2 = scores.scores(truth, studies.statistics(other)[:, 0])["r2"]
  assert pairs["mnist"]["fashion_mnist"]["r2"][0] == pytest.approx(r2)
  np.testing.assert_array_equal(asked[0][1], protocols.accuracies(one))


def test_tables_have_each_protocol_in_its_place():
  score = lambda r2: {name: [r2, r2, r2] for name in scores.NAMES}
  both = {"honest": score(0.25) | {"seconds": 3}, "paper": score(0.75)}
  kinds = dict.fromkeys(predictors.KINDS, both)
  cell = {
    "sets": dict.fromkeys(paper.SETS, kinds),
    "split": {"training": 6, "validation": 2, "test": 4},
    "left_out": 1,
    "epochs": [1, 2],
    "all_epochs": score(0.5),
  }
  for line in result_tables.r2_table({"other": cell}).splitlines()[2:]:
    assert line.split(" | ")[1:] == ["0.25", "0.25", "0.25 |"]
  for line in result_tables.protocol_table({"other": cell}).splitlines()[2:5]:
    honest, theirs = line.split(" | ")[2:4]
    assert honest.startswith("0.25 [") and theirs.startswith("0.75 [")
    assert "| 6, 2, 4 (1 left out) |" in line


def test_a_line_in_logarithms_is_continued():
  curve = {str(n): [1 - 2 * n**-0.5] * 3 for n in (100, 200, 400)}
  assert studies.extrapolated(curve, 10_000) == pytest.approx(0.98)
  assert studies.extrapolated({"1": [0.5], "9": [0.6]}, 10_000) is None


def test_a_median_of_even_draws_lies_between_the_two():
  one = {"curve": {"25": [0.5, 0.75, 0.25, 1.0]}}
  assert "| 0.62 [0.25, 1.00] |" in result_tables.size_table({"x": one}, 100)


def test_verdicts():
  assert result_tables.verdict([0.99, 0.985, 0.995], 0.98) == "confirmed"
  assert result_tables.verdict([0.9, 0.8, 0.95], 0.98) == "not at this size"
  assert result_tables.verdict([-0.2, -0.3, -0.1], 0, False) == "refuted"
  assert result_tables.verdict([0.1, -0.1, 0.3], 0, False) == "not at this size"
  assert result_tables.verdict([None, None, None], 0) == "undefined"


def test_twins_are_not_judged(written):
  one = collection.read(written, CONFIG)
  other = one._replace(name="fashion_mnist")
  pairs = studies.transfer([one, other], CONFIG)["pairs"]
  counts = [cell["networks"] for cell in pairs["mnist"].values()]
  assert counts == [12, 12]  # 28 of 40 have been seen, under another name.
  # A column that only one has says nothing.
  fewer = {n: v for n, v in one.columns.items() if n != "config.optimizer"}
  other = other._replace(columns=fewer)
  for several in ([one, other], [other, one]):
    pairs = studies.transfer(several, CONFIG)["pairs"]
    counts = [c["networks"] for row in pairs.values() for c in row.values()]
    assert counts == [12] * 4
  bare = studies.transfer([one, other._replace(columns={})], CONFIG)["pairs"]
  assert bare["mnist"]["fashion_mnist"]["networks"] == 40
  parts = protocols.split(np.arange(40), CONFIG)
  known = {name: v.copy() for name, v in one.scores.items()}
  known["test_accuracy"][parts.test] = np.nan  # All strangers have diverged.
  other = one._replace(name="fashion_mnist", scores=known)
  said = r"28 of 28 networks of fashion_mnist \(conv 4, .* another config\.seed"
  with pytest.raises(InputError, match=said):
    studies.transfer([one, other], CONFIG)
  with pytest.raises(InputError, match=said):
    studies.of_architectures(one, [other], CONFIG)


@pytest.mark.slow
def test_importances_find_the_bias(written):
  found = studies.importances(collection.read(written, CONFIG), CONFIG)
  loss = np.asarray(found["loss"])
  assert found["networks"] == 40
  assert loss.shape == (8, 7)
  tensor, _ = np.unravel_index(np.argmax(loss), loss.shape)
  assert found["tensors"][tensor] == "dense/bias:0"


def test_other_depths_are_judged_by_both_ends(written):
  one = collection.read(written, CONFIG)
  name = features.names_of(one.layout).every
  # The same networks without the second layer.
  keep = [0, *range(2, 4)]
  every = one.statistics[name].reshape(40, 2, 4, 14)[:, :, keep]
  at = [t for i, t in enumerate(one.layout) if i // 2 in keep]
  shorter = one._replace(layout=tuple(at))
  short_name = features.names_of(shorter.layout).every
  kept = {
    short_name: every.reshape(40, 2, -1),
    "wstats-glob": one.statistics["wstats-glob"],
  }
  shorter = shorter._replace(statistics=kept)
  wider = one._replace(layout=model.layout((5, 4, 4), 3))
  rows = studies.of_architectures(one, [shorter, wider], CONFIG)["rows"]
  assert rows[0]["architecture"] == "conv 4, conv 4, conv 4, dense 3"
  assert rows[1]["architecture"] == "conv 4, conv 4, dense 3"
  assert [row["networks"] for row in rows] == [12, 12, 12]
  ends = f"wstats-layers:0,3-qts:{paper.STATISTICS.split(':')[-1]}"
  assert rows[1]["sets"][ends]["r2"][0] > 0.9
  # Sets of all layers want as many layers, and raw weights the same tensors.
  refused = [n for n, score in rows[1]["sets"].items() if score is None]
  assert refused == [n for n in paper.STATISTICS_SETS if ":0,1,2,3-" in n]
  assert None not in rows[2]["sets"].values()
  with pytest.raises(InputError, match=r"the L1 .* they have 4 and 3 layers"):
    studies.seen(one, shorter, "wnorm-layers:0,1,2,3-l1")
  with pytest.raises(InputError, match=r"weights, layer 1 .* tensors differ"):
    studies.seen(one, wider, "weights.1")
  fewer = {**one.columns, "config.w_init": np.full(40, "orthogonal")}
  with pytest.raises(InputError, match="have other choices"):
    studies.seen(one, one._replace(columns=fewer), "hyper")
  with pytest.raises(InputError, match=r"3 layers have no set weights\.3"):
    collection.of_set(shorter, "weights.3")
  with pytest.raises(InputError, match="different numbers of layers"):
    studies.transfer([one, shorter], CONFIG)


def halves(found):
  """The first and the last networks, each with the weights of its own."""
  return [
    collection.with_weights(
      found._replace(rows=np.where(mine[:, None], found.rows, -1))
    )
    for mine in (np.arange(40) < 20, np.arange(40) >= 20)
  ]


def test_a_zoo_that_grows_is_judged_as_a_whole(tmp_path, monkeypatch, written):
  one = collection.read(written, CONFIG)
  old, new = halves(one)
  collection.save(tmp_path / "old.npz", old)
  kept = collection.read(tmp_path / "old.npz", CONFIG)
  few = (paper.STATISTICS, "weights", "hyper")
  monkeypatch.setattr(paper, "SETS", {n: paper.SETS[n] for n in few})
  monkeypatch.setattr(predictors, "KINDS", ("gbm",))
  whole = studies.of_sets(one, CONFIG)
  grown = studies.of_sets(collection.join(kept, new), CONFIG)
  alone = studies.of_sets(new, CONFIG)
  score = lambda cell, name: cell["sets"][name]["gbm"]["honest"]["r2"]
  assert (whole["networks"], whole["with_weights"]) == (40, 40)
  assert (grown["networks"], grown["with_weights"]) == (40, 20)
  # Statistics of all, weights and differences of those that have weights.
  for name in (paper.STATISTICS, "hyper"):
    np.testing.assert_allclose(score(grown, name), score(whole, name), 1e-4)
  assert score(grown, "weights") == score(alone, "weights")
  assert score(grown, "weights") != score(whole, "weights")
  assert grown["differences"] == alone["differences"] != whole["differences"]
  assert studies.of_sets(kept, CONFIG)["sets"]["weights"] is None
  table = result_tables.zoo_table({"mnist": grown})
  assert "| MNIST | 40 | 20 | 0 |" in table


def test_a_clipped_axis_says_so(tmp_path, monkeypatch, written):
  saved = []
  monkeypatch.setattr(figures, "save", lambda made, _: saved.append(made))
  one = collection.read(written, CONFIG)
  pictures.biases(tmp_path / "biases.png", [one])
  (points,) = saved[0].axes[0].collections
  assert points.get_offsets().min() >= pictures.LEAST
  for label in (saved[0].axes[0].get_xlabel(), saved[0].axes[0].get_ylabel()):
    assert label.endswith("(0.001: or less)")


def test_equal_stars_of_the_paper_are_both_seen(tmp_path, monkeypatch):
  saved = []
  monkeypatch.setattr(figures, "save", lambda made, _: saved.append(made))
  one = {"curve": {"25": [0.8, 0.9], "50": [0.85, 0.95]}}
  found = {"mnist": one, "fashion_mnist": one}
  pictures.sizes(tmp_path / "sizes.png", found, 15_000)
  stars = [x for x in saved[0].axes[0].get_lines() if x.get_marker() == "*"]
  first, second = stars
  assert first.get_ydata() == pytest.approx(second.get_ydata(), abs=5e-4)
  assert first.get_markersize() > 1.5 * second.get_markersize()
  assert second.get_markerfacecolor() == "none"
