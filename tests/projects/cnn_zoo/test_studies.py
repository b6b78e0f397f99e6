"""Splits, tables and pictures on networks that nobody trained."""

import argparse

import numpy as np
import pytest

from common.errors import InputError
from common.tables import cells, figures
from common.tables import reproduce as frame
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
  reproduce,
  result_tables,
  studies,
)

CONFIG = settings.get_config("smoke")


def test_the_papers_table_is_whole():
  assert len(paper.SETS) == len(paper.R2) == 14
  assert {len(v) for row in paper.R2.values() for v in row.values()} == {4}
  assert paper.r2(paper.STATISTICS, "gbm", "cifar10") == 0.984
  assert paper.r2("weights", "linear", "mnist") == 0.847
  assert paper.r2("hyper", "mlp", "svhn_cropped") == 0.879
  assert paper.r2("hyper", "mlp", "other") is None


def test_each_network_is_on_one_side():
  rows = np.arange(100, 200)
  parts = protocols.split(rows, CONFIG)
  assert parts.sizes() == {"training": 56, "validation": 14, "test": 30}
  np.testing.assert_array_equal(np.sort(np.concatenate(parts)), rows)


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


def test_a_line_in_logarithms_is_continued():
  curve = {str(n): [1 - 2 * n**-0.5] * 3 for n in (100, 200, 400)}
  assert studies.extrapolated(curve, 10_000) == pytest.approx(0.98)
  assert studies.extrapolated({"1": [0.5], "9": [0.6]}, 10_000) is None


def test_verdicts():
  assert result_tables.verdict([0.99, 0.985, 0.995], 0.98) == "confirmed"
  assert result_tables.verdict([0.9, 0.8, 0.95], 0.98) == "not at this size"
  assert result_tables.verdict([-0.2, -0.3, -0.1], 0, False) == "refuted"
  assert result_tables.verdict([0.1, -0.1, 0.3], 0, False) == "not at this size"
  assert result_tables.verdict([None, None, None], 0) == "undefined"


def context(out, **flags):
  arguments = argparse.Namespace(**{"zoo": [], "other": [], **flags})
  project = reproduce.__name__.split(".")[1]  # Of a fork, its own.
  return frame.Context(project, out, True, True, 0, arguments)


@pytest.mark.slow
def test_tables_have_their_pictures(tmp_path, monkeypatch):
  judged = reproduce.architecture_table(context(tmp_path)).splitlines()
  kinds = [line.split("|")[2].strip() for line in judged[2:5]]
  assert kinds == [
    "MNIST: conv 4, conv 4, conv 4, dense 3",
    "MNIST: conv 4, conv 4, dense 3",
    "MNIST: dense 4, dense 4, dense 4, dense 3",
  ]
  assert judged[3].count(" - ") == 1 and judged[4].count(" - ") == 0
  few = (paper.STATISTICS, "weights", "hyper", "hyper.learning_rate")
  monkeypatch.setattr(paper, "SETS", {n: paper.SETS[n] for n in few})
  monkeypatch.setattr(predictors, "KINDS", ("gbm",))  # Nothing to compile.
  made = reproduce.transfer_table(context(tmp_path))
  assert "ranks Fashion-MNIST" in made and "tau undefined" not in made
  tables = reproduce.r2_table(context(tmp_path))
  assert "| Fashion-MNIST | 40 | 40 | 0 | 2 | 0.1" in tables["zoos"]
  assert "statistics of all layers (56)" in tables["r2"]
  assert "(0.99)" in tables["r2"]  # The paper's.
  assert tables["protocols"].count("23, 5, 12 (0 left out)") == 4
  for line in tables["relations"].splitlines()[2:]:
    assert line.count("confirmed") + line.count("not at this size") == 2, line
  assert "guess at 15,000" in reproduce.size_table(context(tmp_path))
  assert "1 of 2" in reproduce.epoch_table(context(tmp_path))
  for name in ("biases", "importances", "sizes", "transfer"):
    assert (tmp_path / f"{name}.png").stat().st_size > 5_000


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
  scores = {name: v.copy() for name, v in one.scores.items()}
  scores["test_accuracy"][parts.test] = np.nan  # All strangers have diverged.
  other = one._replace(name="fashion_mnist", scores=scores)
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


def test_no_zoo_and_two_of_one_kind_are_one_sentence(tmp_path, written):
  other = generated.write(tmp_path / "other", "mnist", seed=9)
  with pytest.raises(
    InputError, match=r"40 network\(s\) are in both, network_.* and differ"
  ):
    reproduce.collections(context(tmp_path, zoo=[written, other]))
  asked = context(tmp_path / "none")._replace(quick=False)
  asked.out.mkdir()
  with pytest.raises(InputError, match="there is no zoo: train one"):
    reproduce.collections(asked)


def test_fresh_is_of_the_zoos_that_are_given(tmp_path, written):
  asked = context(tmp_path, zoo=[written])
  reproduce.collections(asked)
  folder = generated.write(tmp_path / "f", "fashion_mnist", seed=1)
  asked = context(tmp_path, zoo=[folder])._replace(quick=False, fresh=True)
  # Among the results, with what the command names: the same zoo once more.
  asked.arguments.zoo.append(tmp_path / "zoo_fashion_mnist.npz")
  reproduce.collections(context(tmp_path, zoo=[folder]))
  for _ in range(2):
    zoos = reproduce.collections(asked)
    assert zoos.given == {"fashion_mnist"}
    assert list(zoos.found) == ["mnist", "fashion_mnist"]
    assert len(zoos.found["fashion_mnist"].networks) == 40
  computed = []

  def study(one, config):
    computed.append(one.name)
    return {"networks": len(one.networks)}

  reproduce.each(asked, zoos, "t", study)
  assert computed == ["mnist", "fashion_mnist"]
  reproduce.each(asked, zoos, "t", study)
  assert computed[2:] == ["fashion_mnist"]
  reproduce.each(asked, zoos._replace(given=frozenset()), "t", study)
  assert computed[3:] == ["mnist", "fashion_mnist"]
  reproduce.each(asked._replace(fresh=False), zoos, "t", study)
  assert len(computed) == 5


def test_kept_networks_are_not_written_over(tmp_path, written):
  one = collection.read(written, CONFIG)
  half, other = tmp_path / "half.npz", tmp_path / "other.npz"
  collection.save(half, halves(one)[0])
  collection.save(other, one._replace(epochs=(1, 7)))
  asked = lambda **flags: context(tmp_path, **flags)._replace(quick=False)
  for flag, ask in (
    ("zoo", reproduce.collections),
    ("other", reproduce.other_networks),
  ):
    ask(asked(**{flag: [written]}))
    (kept,) = tmp_path.glob(f"{flag}_*.npz")
    before = kept.read_bytes()
    with pytest.raises(
      InputError, match=rf"20 network\(s\), network_020 .*--{flag}={kept}"
    ):
      ask(asked(**{flag: [half]}))
    with pytest.raises(InputError, match=r"40 network\(s\).* epochs are"):
      ask(asked(**{flag: [other]}))
    assert kept.read_bytes() == before
    ask(asked(**{flag: [kept, half]}))  # Joined, it may.
    assert len(collection.load(kept).networks) == 40
    ask(context(tmp_path, **{flag: [half]}))  # A quick one is nobody's.
    assert len(collection.load(kept).networks) == 20


def test_transfer_goes_with_its_zoos(tmp_path, monkeypatch, written, capsys):
  monkeypatch.setattr(pictures, "transfer", lambda *_: None)
  monkeypatch.setattr(result_tables, "transfer_table", lambda pairs: pairs)
  ask = lambda *zoos: reproduce.transfer_table(
    context(tmp_path, zoo=zoos)._replace(quick=False, fresh=False)
  )
  monkeypatch.setattr(
    reproduce, "config_of", lambda _: CONFIG
  )  # Not of the paper's size.
  half = tmp_path / "half.npz"
  collection.save(half, halves(collection.read(written, CONFIG))[0])
  assert list(ask(half)) == ["mnist"]
  assert "warning" not in capsys.readouterr().err
  # The zoo has grown, and then there is another.
  kept = ask(written)
  said = "transfer.json is of {'mnist': 20} networks, and there are {'mnist'"
  assert said in capsys.readouterr().err
  pair = ask(generated.write(tmp_path / "f", "fashion_mnist", seed=1))
  assert list(pair) == ["mnist", "fashion_mnist"]
  assert pair["mnist"]["mnist"] != kept["mnist"]["mnist"]
  assert "warning" not in capsys.readouterr().err
  # A cell of before they were counted.
  path = tmp_path / "transfer.json"
  cell = cells.load(path)
  cells.save(path, {"pairs": cell["pairs"]})
  assert ask() == pair
  assert "warning" not in capsys.readouterr().err


def test_equal_stars_of_the_paper_are_both_seen(tmp_path, monkeypatch):
  saved = []
  monkeypatch.setattr(figures, "save", lambda made, _: saved.append(made))
  one = {"curve": {"25": [0.8, 0.9], "50": [0.85, 0.95]}}
  found = {"mnist": one, "fashion_mnist": one}
  pictures.sizes(tmp_path / "sizes.png", found, 15_000)
  stars = [x for x in saved[0].axes[0].get_lines() if x.get_marker() == "*"]
  first, second = stars
  assert first.get_ydata() == second.get_ydata()
  assert first.get_markersize() > 1.5 * second.get_markersize()
  assert second.get_markerfacecolor() == "none"
