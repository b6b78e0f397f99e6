"""Zoos and files of statistics, and what may be wrong with them."""

import gzip

import numpy as np
import pytest

from common.errors import InputError
from configs.cnn_zoo import predictors
from projects.cnn_zoo import collection, features, files, generated, model

CONFIG = predictors.get_config("smoke")


def rewritten(folder, path, change):
  """A copy of a zoo after `change(weights, rows) -> weights, rows`."""
  found = files.read(folder)
  weights, rows = change(np.array(found.weights), found.rows)
  files.write_layout(path, found.layout)
  files.write(path, weights, rows)
  return path


def test_sets_are_those_of_the_weights(written):
  found = collection.read(written, CONFIG)
  assert found.epochs == (1, 2) and len(found.networks) == 40
  zoo = files.read(written)
  weights = zoo.weights[2::3]  # By network, then epoch: the last of three.
  for name, make in features.of_weights(found.layout).items():
    np.testing.assert_array_equal(
      collection.of_set(found, name), make(weights), err_msg=name
    )
  hyper = collection.of_set(found, "hyper")
  assert hyper.shape == (40, 4 + 5)
  np.testing.assert_array_equal(hyper[:2, :4], [[0, 1, 1, 0], [1, 0, 0, 1]])
  rates = [float(row["config.learning_rate"]) for row in zoo.rows[2::3]]
  np.testing.assert_array_equal(hyper[:, 4], rates)
  rate = collection.of_set(found, "hyper.learning_rate")
  np.testing.assert_array_equal(rate[:, 0], rates)
  both = collection.of_set(found, "hyper+weights")
  np.testing.assert_array_equal(both, np.concatenate([hyper, weights], 1))


def test_the_order_of_rows_does_not_matter(written, tmp_path):
  shuffle = np.random.default_rng(0).permutation(120)
  other = rewritten(
    written, tmp_path, lambda w, rows: (w[shuffle], [rows[i] for i in shuffle])
  )
  one, two = (collection.read(p, CONFIG) for p in (written, other))
  order = np.argsort(two.networks)
  for name, values in one.statistics.items():
    np.testing.assert_array_equal(values, two.statistics[name][order])
  np.testing.assert_array_equal(
    one.scores["test_accuracy"], two.scores["test_accuracy"][order]
  )


def test_statistics_round_trip_without_the_weights(written, tmp_path):
  found = collection.read(written, CONFIG)
  path = tmp_path / "zoo.npz"
  collection.save(path, found)
  again = collection.read(path, CONFIG)
  assert again.name == "mnist" and again.layout == found.layout
  for name in (*found.statistics, "hyper"):
    np.testing.assert_allclose(
      collection.of_set(again, name),
      collection.of_set(found, name),
      rtol=1e-6,
    )
  with pytest.raises(InputError, match="has no weights; give the zoo's folder"):
    collection.of_set(again, "weights.2")
  path.write_bytes(path.read_bytes()[:-300])
  with pytest.raises(InputError, match="no file of a zoo's statistics"):
    collection.read(path, CONFIG)


def test_a_diverged_network_is_left_out_and_counted(written, tmp_path):
  def diverge(weights, rows):
    weights[5] = np.nan  # The last epoch of the second network.
    rows[8]["test_accuracy"] = "nan"  # Of the third.
    return np.delete(weights, 11, 0), [*rows[:11], *rows[12:]]  # The fourth.

  found = collection.read(rewritten(written, tmp_path, diverge), CONFIG)
  assert len(found.networks) == 40  # Nobody is dropped without a word.
  assert list(np.flatnonzero(~collection.usable(found))) == [1, 2, 3]
  assert collection.usable(found, 0).all()


def test_what_no_row_says_is_not_known(written, tmp_path):
  def change(weights, rows):
    for i in (2, 5):  # The last epochs of two networks.
      rows[i] = {**rows[i], "test_loss": "", "config.init_std": "nan"}
    rows[0] = {**rows[0], "config.init_std": ""}  # The first row of the first.
    rows[8] = {**rows[8], "test_accuracy": ""}
    return weights, rows

  found = collection.read(rewritten(written, tmp_path, change), CONFIG)
  assert list(np.flatnonzero(~collection.usable(found))) == [2]
  assert list(np.flatnonzero(np.isnan(found.columns["config.init_std"]))) == [0]
  lost = np.isnan(found.scores["test_loss"][:, -1])
  assert list(np.flatnonzero(lost)) == [0, 1]
  for name in ("hyper", "hyper+weights"):
    with pytest.raises(InputError, match=r"no config\.init_std, or not of all"):
      collection.of_set(found, name)
  assert np.isfinite(collection.of_set(found, "hyper.learning_rate")).all()


def test_a_network_without_kept_epochs_has_its_own_columns(written, tmp_path):
  cut = rewritten(  # The first has epoch 0 alone, which is not kept.
    written, tmp_path, lambda w, r: (np.delete(w, [1, 2], 0), [r[0], *r[3:]])
  )
  one, two = (collection.read(path, CONFIG) for path in (written, cut))
  np.testing.assert_array_equal(one.networks, two.networks)
  for name, values in one.columns.items():
    np.testing.assert_array_equal(values, two.columns[name], err_msg=name)
  assert list(np.flatnonzero(~collection.usable(two))) == [0]


def test_a_row_cut_short_is_one_sentence(written, tmp_path):
  zoo = rewritten(written, tmp_path, lambda w, r: (w, r))
  lines = gzip.open(zoo / files.METRICS, "rt").read().splitlines()
  for last, said in ((lines[-1][:30], "fewer"), (lines[-1] + ",1", "more")):
    with gzip.open(zoo / files.METRICS, "wt") as file:
      file.write("\n".join([*lines[:-1], last]))
    with pytest.raises(InputError, match=f"row 120: it has {said} cells"):
      collection.read(zoo, CONFIG)


@pytest.mark.parametrize(
  ("change", "said"),
  [
    (lambda w, r: (w[:3], r[:3]), "has 1 network.* needs at least 20"),
    (lambda w, r: (w[:0], r[:0]), "is an empty zoo"),
    (lambda w, r: (w * np.nan, r), "has 0 network.* finite weights"),
    (lambda w, r: (w, [*r[:-1], r[0]]), "network_000 has two rows of epoch 0"),
    (
      lambda w, r: (w, [*r[:-1], {**r[-1], "config.dataset": "other"}]),
      "networks of mnist, other: a zoo is of one data set",
    ),
    (lambda w, r: (w, [{**x, "step": "end"} for x in r]), "step is 'end'"),
    (lambda w, r: (w, [*r[:-1], {**r[-1], "step": ""}]), "row 120 .* step is"),
    (
      lambda w, r: (
        w,
        [
          x | ({"config.l2reg": "x"} if i == 6 else {}) for i, x in enumerate(r)
        ],
      ),
      r"row 7 .*: config\.l2reg is 'x'",
    ),
    (
      lambda w, r: (w, [{**x, "test_accuracy": 7} for x in r]),
      "a test accuracy lies outside of 0 to 1",
    ),
  ],
)
def test_bad_zoos_are_one_sentence(written, tmp_path, change, said):
  with pytest.raises(InputError, match=said):
    collection.read(rewritten(written, tmp_path / "zoo", change), CONFIG)


def test_shuffled_columns_are_one_sentence(written, tmp_path):
  zoo = files.read(written)
  files.write(tmp_path, np.array(zoo.weights), zoo.rows)
  files.write_layout(tmp_path, zoo.layout[::-1])
  with pytest.raises(InputError, match="tensors must follow each other"):
    collection.read(tmp_path, CONFIG)
  # Kernel before bias, and each where it says.
  at, turned = 0, []
  for tensor in (zoo.layout[i ^ 1] for i in range(len(zoo.layout))):
    end = at + tensor.end - tensor.start
    turned.append(model.Tensor(tensor.name, at, end, tensor.shape))
    at = end
  files.write_layout(tmp_path, turned)
  with pytest.raises(InputError, match=r"a bias \(out,\), then its kernel"):
    collection.read(tmp_path, CONFIG)


def test_a_generated_zoo_says_its_accuracy(written):
  found = collection.read(written, CONFIG)
  bias = found.statistics[features.names_of(generated.LAYOUT).every][:, -1]
  spread = (
    bias[:, 42 + 4] - bias[:, 42]
  )  # Of the last bias: highest less least.
  accuracy = found.scores["test_accuracy"][:, -1]
  np.testing.assert_allclose(accuracy, 0.1 + 0.2 * spread, atol=1e-6)


def test_zoos_join_with_the_weights_that_are_at_hand(written, tmp_path):
  one = collection.read(written, CONFIG)
  n = len(one.networks) // 2

  def part(which):
    keep = lambda arrays: {name: v[which] for name, v in arrays.items()}
    weights = np.asarray(one.weights)[one.rows[which].ravel()]
    return collection.Collection(
      one.name,
      one.networks[which],
      one.epochs,
      keep(one.scores),
      keep(one.columns),
      keep(one.statistics),
      one.layout,
      weights,
      np.arange(len(weights)).reshape(n, -1),
    )

  first, last = part(np.s_[:n]), part(np.s_[n:])
  both = collection.join(first, last)
  for name in ("weights", "hyper", "wstats-glob"):
    np.testing.assert_array_equal(
      collection.of_set(both, name, 0), collection.of_set(one, name, 0)
    )
  np.testing.assert_array_equal(both.networks, one.networks)
  for name, values in one.scores.items():
    np.testing.assert_array_equal(both.scores[name], values)
  assert collection.with_weights(both) is both
  # Statistics of one part alone, before and behind the other.
  collection.save(tmp_path / "first.npz", first)
  bare = collection.load(tmp_path / "first.npz")
  for joined in (collection.join(bare, last), collection.join(last, bare)):
    weighed = collection.with_weights(joined)
    np.testing.assert_array_equal(weighed.networks, last.networks)
    np.testing.assert_array_equal(
      collection.of_set(weighed, "weights"), collection.of_set(last, "weights")
    )
  assert len(collection.with_weights(bare).networks) == 0
  # One that both have counts once, in any order, and with its weights.
  for again in (
    collection.join(both, part(np.s_[n - 1 :: -1])),
    collection.join(bare, both),
    collection.join(both, bare),
  ):
    assert sorted(again.networks) == sorted(one.networks)
    assert collection.with_weights(again) is again
    order = np.argsort(again.networks)
    np.testing.assert_array_equal(
      collection.of_set(again, "weights")[order],
      collection.of_set(one, "weights")[np.argsort(one.networks)],
    )
  worse = {name: values / 2 for name, values in first.scores.items()}
  with pytest.raises(InputError, match=r"20 network\(s\) .* and differ"):
    collection.join(both, first._replace(scores=worse))
  for change, why in (
    (dict(networks=first.networks), r"20 network\(s\) are in both"),
    (dict(layout=last.layout[:-1]), "their networks' layers differ"),
    (dict(epochs=(1, 3)), r"their epochs are \[1, 2\] and \[1, 3\]"),
    (dict(columns={}), r"one lacks config\."),
  ):
    with pytest.raises(InputError, match=why):
      collection.join(first, last._replace(**change))
