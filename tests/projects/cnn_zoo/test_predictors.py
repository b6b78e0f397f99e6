"""Predictors and scores where the answer is known."""

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp

from common import config_schema, keys
from common.errors import InputError
from configs.cnn_zoo import predictors as settings
from projects.cnn_zoo import boosting, predictors, schema, scores

CONFIG = settings.get_config("smoke")

pytestmark = pytest.mark.slow


def test_the_config_passes_its_schema():
  for variant in ("", "smoke"):
    config_schema.check(settings.get_config(variant), schema.PREDICTORS)


def test_scores_by_hand():
  truth, predicted = (
    np.asarray([0.0, 1.0, 2.0, 3.0]),
    np.asarray([0, 2, 1, 3.0]),
  )
  found = scores.scores(truth, predicted)
  # Errors 0, 1, 1, 0 of a variance of 5 / 4; 5 pairs agree, 1 does not.
  assert found == pytest.approx(
    {"r2": 1 - 0.5 / 1.25, "mse": 0.5, "mad": 0.5, "tau": 4 / 6}
  )


def test_tau_is_b():
  # Pairs: two tied in truth alone; of five others four agree, one does not.
  found = scores.scores([0, 0, 1, 2], [0.0, 1.0, 0.5, 2.0])
  assert found["tau"] == pytest.approx(3 / np.sqrt(5 * 6))


def test_constant_accuracies_have_no_r2_and_no_tau():
  found = scores.with_intervals(np.ones(5), np.arange(5.0), CONFIG)
  assert found["r2"] == found["tau"] == [None, None, None]
  assert found["mse"][0] == pytest.approx(np.mean((np.arange(5.0) - 1) ** 2))
  flat = scores.with_intervals(np.arange(5.0), np.ones(5), CONFIG)
  assert flat["tau"] == [None, None, None] and flat["r2"][0] is not None


def test_one_network_has_no_scores():
  with pytest.raises(InputError, match="of two networks or more"):
    scores.scores(np.ones(1), np.ones(1))
  with pytest.raises(InputError, match="not finite"):
    scores.scores(np.ones(2), np.asarray([np.nan, 1]))


def test_intervals_hold_the_value_and_differences_are_paired():
  rng = np.random.default_rng(0)
  truth = rng.uniform(size=60)
  near = truth + 0.05 * rng.normal(size=60)
  far = truth + 0.2 * rng.normal(size=60)
  for value, low, high in scores.with_intervals(truth, near, CONFIG).values():
    assert low < value < high
  value, low, high = scores.r2_difference(truth, near, far, CONFIG)
  assert 0 < low < value < high
  alone = [scores.scores(truth, x)["r2"] for x in (near, far)]
  assert value == pytest.approx(alone[0] - alone[1])
  assert scores.r2_difference(truth, far, near, CONFIG)[0] == -value


def test_an_interval_leaves_as_much_out_on_either_side():
  config = CONFIG.copy_and_resolve_references().unlock()
  config.level = 0.9
  found = scores._interval([*range(101), np.nan], config)
  np.testing.assert_allclose(found, [5, 95])


def parts(n=120, columns=3):
  rng = np.random.default_rng(0)
  x = rng.normal(size=(n, columns))
  y = 1 / (1 + np.exp(-2 * x[:, 0] + x[:, 1]))
  split = 2 * n // 3
  return (
    predictors.Part(x[:split], y[:split]),
    predictors.Part(x[split:], y[split:]),
  )


def trained(rates, penalties, training, stopping, epochs=1, patience=10):
  """Two linear members, of one key, in batches of four."""
  return predictors._train(
    jax.vmap(jax.random.key)(jnp.zeros(2, int)),
    jnp.asarray(rates, jnp.float32),
    jnp.asarray(penalties, jnp.float32),
    training,
    stopping,
    widths=(),
    dropout=0.0,
    batch_size=4,
    epochs=epochs,
    patience=patience,
  )


def test_what_fills_an_array_up_is_not_seen():
  rng = np.random.default_rng(3)
  x, y = rng.normal(size=(12, 2)), rng.uniform(size=12)
  filled = predictors._filled(x[:5], y[:5], 4)
  assert filled.x.shape == (16, 2) and filled.count == 5
  loud = filled._replace(
    x=np.where(np.arange(16)[:, None] < 5, filled.x, 1e3),
    y=np.where(np.arange(16) < 5, filled.y, -1e3).astype(np.float32),
  )
  run = lambda part: trained((0.1, 0.1), (0, 0), part, part)
  jax.tree.map(np.testing.assert_array_equal, run(filled), run(loud))


def test_hidden_units_are_dropped_and_the_others_scaled():
  one = lambda: {"kernel": jnp.ones((1, 1)), "bias": jnp.zeros(1)}
  x, key = jnp.ones((4_000, 1)), jax.random.key(0)
  found = predictors.forward([one(), one()], x, 0.75, key)
  dropped = np.isclose(found, 0.5)
  np.testing.assert_allclose(found[~dropped], 1 / (1 + np.exp(-4)), rtol=1e-6)
  assert abs(dropped.mean() - 0.75) < 0.03
  # Each layer draws for itself: a half of a half is left.
  found = predictors.forward([one(), one(), one()], x, 0.5, key)
  assert abs(np.isclose(found, 0.5).mean() - 0.75) < 0.03


def test_each_batch_of_each_epoch_has_noise_and_an_order_of_its_own():
  rng = np.random.default_rng(4)
  part = predictors._filled(rng.normal(size=(8, 2)), rng.uniform(size=8), 4)
  sizes = dict(widths=(3,), dropout=0.5, batch_size=4, patience=9)
  key, rate, penalty = jax.random.key(0), 0.1, 0.2
  one = lambda value: jnp.asarray([value], jnp.float32)
  run = lambda epochs: predictors._train(
    key[None], one(rate), one(penalty), part, part, epochs=epochs, **sizes
  )
  first = lambda tree: jax.tree.map(lambda leaf: leaf[0], tree)
  params = first(run(0).params)
  adam = optax.adam(rate)
  moments = adam.init(params)
  for epoch in range(2):
    here = jax.random.fold_in(key, epoch)
    drawn = jax.random.uniform(keys.named(here, "order"), len(part.y))
    order = np.argsort(drawn[:8])
    for i in range(2):
      rows = order[4 * i : 4 * i + 4]
      noise = jax.random.fold_in(keys.named(here, "dropout"), i)

      def loss(params, rows=rows, noise=noise):
        found = predictors.forward(params, part.x[rows], 0.5, noise)
        kernels = sum(jnp.sum(layer["kernel"] ** 2) for layer in params)
        return jnp.mean((found - part.y[rows]) ** 2) + penalty * kernels

      change, moments = adam.update(jax.grad(loss)(params), moments)
      params = optax.apply_updates(params, change)
  jax.tree.map(
    lambda got, want: np.testing.assert_allclose(got, want, atol=1e-5),
    first(run(2).params),
    params,
  )


def test_an_mlp_is_trained_with_its_dropout():
  training, stopping = parts()
  found = []
  for rate in (0.0, 0.5):
    config = CONFIG.copy_and_resolve_references().unlock()
    config.mlp.dropout = rate
    fitted = predictors.fit("mlp", config, training, stopping, True)
    found.append(fitted(stopping.x))
  assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize("kind", predictors.KINDS)
def test_each_kind_learns(kind):
  config = CONFIG.copy_and_resolve_references().unlock()
  config.total_steps = 30
  config.linear.learning_rates = config.mlp.learning_rates = (0.03,)
  training, stopping = parts()
  # Scales and places do not matter.
  far = lambda part: predictors.Part(part.x * 1e3 - 5e4, part.y)
  predict = predictors.fit(kind, config, far(training), far(stopping), True)
  found = predict(far(stopping).x)
  assert scores.scores(stopping.y, found)["r2"] > 0.6
  assert predict(far(stopping).x[:1]).shape == (1,)


def test_without_lightgbm_scikit_learn_grows_the_trees(monkeypatch):
  monkeypatch.setattr(boosting, "lightgbm", None)
  training, stopping = parts()
  predict = predictors.fit("gbm", CONFIG, training, stopping, True)
  assert scores.scores(stopping.y, predict(stopping.x))["r2"] > 0.6
  assert "scikit-learn" in boosting.name()


def test_lightgbm_is_told_the_settings(monkeypatch):
  """Trees of half the networks each; the numbers are unlike one another."""
  told = boosting.lightgbm or pytest.skip("LightGBM is not installed")
  training, stopping = parts()
  config = CONFIG.copy_and_resolve_references().unlock()
  config.gbm.update(learning_rate=0.3, leaves=7, rows=0.5, penalty=2.5)
  config.gbm.update(rounds=11, patience=4, threads=1)
  config.gbm.update(fewest_in_leaf=(5,), columns=(0.6,))
  config.seed, calls = 9, []

  def train(*given, **named):
    calls.append((given, named))
    return real(*given, **named)

  real = told.train
  monkeypatch.setattr(told, "train", train)
  predictors.fit("gbm", config, training, stopping, True)
  ((parameters, learned, rounds), named) = calls.pop()
  assert not calls and rounds == 11
  assert parameters == {
    "objective": "regression",
    "metric": "rmse",
    "learning_rate": 0.3,
    "num_leaves": 7,
    "min_data_in_leaf": 5,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,  # Without it no part is drawn.
    "lambda_l2": 2.5,
    "num_threads": 1,
    "seed": 9,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
  }
  np.testing.assert_allclose(learned.get_label(), training.y, rtol=1e-6)
  (judged,), (ending,) = named["valid_sets"], named["callbacks"]
  np.testing.assert_allclose(judged.get_label(), stopping.y, rtol=1e-6)
  assert ending.stopping_rounds == 4


def test_a_linear_epoch_is_adam_on_the_squared_error():
  rng = np.random.default_rng(1)
  x = rng.normal(size=(4, 2))
  y = np.where(x.sum(1) < 0, 0.9, 0.1)
  rate, penalties = 0.1, np.asarray([0.0, 5.0])
  part = predictors._filled(x, y, 4)
  run = lambda epochs: trained((rate, rate), penalties, part, part, epochs)
  start, after = run(0), run(1)
  signs = []
  for i, penalty in enumerate(penalties):
    kernel = np.asarray(start.params[0]["kernel"], np.float64)[i, :, 0]
    found = 1 / (1 + np.exp(-x @ kernel))
    slope = 2 * (found - y) * found * (1 - found) @ x / 4 + 2 * penalty * kernel
    signs.append(np.sign(slope))
    # Adam's first step goes by the rate, against the gradient's signs.
    new = np.asarray(after.params[0]["kernel"])[i, :, 0]
    np.testing.assert_allclose(new, kernel - rate * signs[i], rtol=1e-3)
    found = 1 / (1 + np.exp(-x @ new - after.params[0]["bias"][i, 0]))
    error = np.mean((found - y) ** 2)
    np.testing.assert_allclose(after.lowest[i], error, rtol=1e-4)
  assert (signs[0] != signs[1]).any()  # What the penalty is worth.


def test_patience_ends_a_training_and_the_best_epoch_is_kept():
  rng = np.random.default_rng(2)
  x = rng.normal(size=(8, 2)).astype(np.float32)
  y = (x[:, 0] > 0).astype(np.float32)
  # To learn is to get worse here.
  filled, against = (predictors._filled(x, of, 4) for of in (y, 1 - y))
  ends = trained((0.1, 1e-9), (0, 0), filled, against, epochs=50, patience=3)
  assert int(ends.epoch[0]) < 50
  assert int(ends.waited[0]) == 3

  def error(params):
    kernel, bias = (np.asarray(params[0][n])[0] for n in ("kernel", "bias"))
    return np.mean(
      (1 / (1 + np.exp(-(x @ kernel + bias)[:, 0])) - (1 - y)) ** 2
    )

  assert error(ends.best) == pytest.approx(float(ends.lowest[0]), rel=1e-5)
  assert error(ends.params) > error(ends.best)


@pytest.mark.parametrize(("restore", "wanted"), [(True, 1), (False, 0)])
def test_the_best_epoch_or_the_last_predicts(monkeypatch, restore, wanted):
  training, stopping = parts()
  of = lambda bias: [
    {"kernel": jnp.zeros((1, 3, 1)), "bias": jnp.full((1, 1), bias)}
  ]
  ends = predictors.Training(*[None] * 6)
  ends = ends._replace(best=of(50.0), params=of(-50.0))
  monkeypatch.setattr(predictors, "_train", lambda *_, **__: ends)
  predict = predictors.fit("linear", CONFIG, training, stopping, restore)
  np.testing.assert_allclose(predict(stopping.x), wanted, atol=1e-6)


def test_the_best_setting_of_trees_wins(monkeypatch):
  training, stopping = parts()
  config = CONFIG.copy_and_resolve_references().unlock()
  config.gbm.fewest_in_leaf = (3, 1, 2)  # The error is by how many in a leaf.

  def grown(settings, seed, fewest, columns, training, stopping):
    return lambda x: stopping.y[: len(x)] + fewest

  for name in ("_lightgbm", "_scikit_learn"):
    monkeypatch.setattr(boosting, name, grown)
  predict = predictors.fit("gbm", config, training, stopping, True)
  np.testing.assert_allclose(predict(stopping.x), stopping.y + 1)


def test_a_feature_that_is_not_finite_is_one_sentence():
  training, stopping = parts()
  training.x[0, 0] = np.nan
  with pytest.raises(InputError, match="a feature is not finite"):
    predictors.fit("gbm", CONFIG, training, stopping, True)
