"""The saddle against a loop in NumPy; the ball against its closed form."""

import jax
import numpy as np
import pytest

from common import keys
from common.errors import InputError
from configs.ttur import saddle as saddle_config
from projects.ttur import reproduce, saddle


@pytest.fixture(scope="module")
def config():
  config = saddle_config.get_config("smoke").unlock()
  # Seen: who moves first, whose rate is whose, both gradients' factors.
  config.rates = ((3e-3, 1e-2), (1e-3, 2e-4))
  return config


def test_play_is_the_notebooks_loop(config):
  points = saddle.population(config)
  assert points.shape == (2, config.seeds, config.steps + 1, 2)
  root = keys.named(jax.random.key(config.seed), "saddle")
  for row, (rate_x, rate_y) in enumerate(config.rates):
    for seed in (0, config.seeds - 1):
      key = jax.random.fold_in(root, seed)
      noise = np.float64(jax.random.normal(key, (config.steps, 2)))
      x, y = config.start
      for t, (n_x, n_y) in enumerate(config.noise * noise):
        x -= rate_x * (2 * x * (100 - y**2) + n_x)
        y += rate_y * (-2 * y * (1 + x**2) + n_y)
        np.testing.assert_allclose(points[row, seed, t + 1], [x, y], atol=1e-4)


def test_scores_of_paths_that_are_known(config):
  config = config.copy_and_resolve_references()
  config.near, config.last = 0.5, 2
  path = np.array([[3.0, 4.0], [0.3, 0.0], [0.0, 0.6], [0.0, -1.0]])
  far = path + 5
  found = saddle.scores(np.stack([path, far]), config)
  np.testing.assert_allclose(found["final_norm"], [1.0, np.sqrt(41)])
  np.testing.assert_allclose(found["last_norm"][0], 0.8)
  np.testing.assert_array_equal(found["first_near"], [1, np.inf])
  np.testing.assert_allclose(found["final_objective"], [99.0, 26 * 84])


def test_a_rate_of_zero_is_refused(config):
  config = config.copy_and_resolve_references()
  config.rates = ((1e-2, 0.0),)
  with pytest.raises(InputError, match="rates has 0; rates of both"):
    saddle.population(config)


def test_the_ball_in_a_bowl_has_its_closed_form(config):
  # theta'' + a theta' + theta = 0 from rest at s: a damped cosine.
  a, s = config.ball_friction, config.ball_start
  found = saddle.heavy_ball(lambda theta: theta, config)
  w, t = np.sqrt(1 - a**2 / 4), found.time
  wave = np.cos(w * t) + a / (2 * w) * np.sin(w * t)
  np.testing.assert_allclose(
    found.theta, s * np.exp(-a * t / 2) * wave, atol=1e-4
  )
  flow = saddle.gradient_flow(lambda theta: theta, config)
  np.testing.assert_allclose(flow.theta, s * np.exp(-flow.time / a), atol=3e-3)


def test_adam_follows_the_ball_the_closer_the_smaller_its_rate(config):
  found = saddle.balls(config)
  coarse, fine = found["gaps"]
  assert coarse < 0.15
  ratio = config.ball_rates[0] / config.ball_rates[1]
  np.testing.assert_allclose(coarse / fine, ratio, rtol=0.15)
  assert found["flow"].theta[-1] < -0.9  # It sits in the ditch.
  assert found["truth"].theta[-1] > -0.1  # The ball has rolled over.
  # Held moments are 1: those that start there and move are close at first.
  held, moving = found["held"][1], found["moving"][1]
  np.testing.assert_allclose(held.theta[:20], moving.theta[:20], atol=1e-2)
  assert found["gaps_moving"][1] > fine


def test_the_table_is_made(tmp_path):
  reproduce.main(["--table=saddle", "--quick", f"--out={tmp_path}"])
  assert (tmp_path / "saddle.png").stat().st_size > 10_000
  assert (tmp_path / "saddle.json").exists()
