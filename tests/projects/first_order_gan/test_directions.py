"""The exact descent of tau_P: Diracs, and differences of the maximum itself."""

import jax
import numpy as np

from common.tables import figures
from projects.first_order_gan import directions, losses, pictures

CASE = directions.Case(real=3, generated=3, width=8, steps=40, every=20)


def clouds():
  x, x_prime = directions.points(CASE, jax.random.key(0))
  return np.float64(x), np.float64(x_prime)


def test_two_diracs():
  x, x_prime, weight = np.zeros((1, 2)), np.array([[3.0, 4.0]]), 0.1
  f_x, f_x_prime, tau = directions.best_critic(x, x_prime, weight)
  np.testing.assert_allclose(f_x - f_x_prime, 5 / (2 * weight))
  np.testing.assert_allclose(tau, 5 / (4 * weight))
  got = directions.descent(x, x_prime, weight)
  np.testing.assert_allclose(got, -np.array([[0.6, 0.8]]) / (4 * weight))
  np.testing.assert_allclose(directions.transport(x, x_prime), [[-0.6, -0.8]])


def test_the_maximiser_is_one_and_descent_is_its_derivative():
  x, x_prime = clouds()
  weight, small = 0.5, 1e-5
  f_x, f_x_prime, tau = directions.best_critic(x, x_prime, weight)
  value = lambda a, b: losses.penalised_wasserstein(
    a, b, x, x_prime, weight, "all"
  )
  np.testing.assert_allclose(value(f_x, f_x_prime), tau, rtol=1e-5)
  draw = np.random.default_rng(0)
  for _ in range(5):
    a, b = 0.1 * draw.normal(size=(2, 3))
    assert value(f_x + a, f_x_prime + b) < tau
  got = directions.descent(x, x_prime, weight)
  for at in np.ndindex(*x_prime.shape):
    up, down = x_prime.copy(), x_prime.copy()
    up[at] += small
    down[at] -= small
    higher, lower = (
      directions.best_critic(x, moved, weight)[2] for moved in (up, down)
    )
    np.testing.assert_allclose(got[at], -(higher - lower) / (2 * small), 1e-4)


def test_the_target_slope_is_the_slope_of_the_best_critic():
  """The best critic's values at x', where x' is moved, have that slope."""
  x, x_prime = clouds()
  f_x, f_x_prime, _ = directions.best_critic(x, x_prime, 0.5)
  target = losses.target_slope(f_x, f_x_prime, x, x_prime)

  def value(point):
    # Stationarity in f(x') for a point of no weight: 1 = 2 lambda E[rise / r].
    r = np.linalg.norm(x - point, axis=1)
    return (np.mean(f_x / r) - 1 / (2 * 0.5)) / np.mean(1 / r)

  for point, slope in zip(x_prime, target, strict=True):
    gradient = [
      (value(point + e) - value(point - e)) / 2e-5 for e in 1e-5 * np.eye(2)
    ]
    np.testing.assert_allclose(np.linalg.norm(gradient), slope, rtol=1e-3)


def test_a_matching_descends_the_distance():
  x = np.array([[0.0, 0.0], [0.0, 3.0]])
  x_prime = np.array([[2.0, 3.0], [1.0, 0.0]])  # Each beside the other's row.
  got = directions.transport(x, x_prime)
  np.testing.assert_allclose(got, [[-0.5, 0], [-0.5, 0]])


def test_angles():
  a, b = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
  np.testing.assert_allclose(directions.angle(a, b), 90)
  np.testing.assert_allclose(directions.angle(a, -3 * a), 180)


def test_all_methods_are_told_and_drawn(tmp_path, monkeypatch):
  cell = directions.cell(CASE, 1)
  assert cell["step"] == [20, 40]
  for method in directions.METHODS:
    for name in ("angle", "angle_w1", "length"):
      assert np.isfinite(cell[method][name]).all()
  first = [cell[method]["angle"][0][-1] for method in directions.METHODS]
  assert len(set(first)) == 4
  # One arrow that leaves all points behind: the axes' limits have to follow.
  cell["arrows"] |= {"x": [[0.0, 0.0]], "x_prime": [[0.0, 0.0]] * 3}
  cell["arrows"]["gan"] = [[0.0, 5.0], [0.0, 0.0], [0.0, 0.0]]
  saved, save = [], figures.save
  keep = lambda made, path: (saved.append(made), save(made, path))
  monkeypatch.setattr(figures, "save", keep)
  pictures.directions(tmp_path / "a.png", cell)
  assert (tmp_path / "a.png").stat().st_size > 5_000
  plane = saved[0].axes[0]
  arrows = [c for c in plane.collections if hasattr(c, "U")]
  assert len(arrows) == 5
  for drawn in arrows:
    tips = drawn.XY + np.stack([drawn.U, drawn.V], axis=1) / drawn.scale
    low, high = np.transpose([plane.get_xlim(), plane.get_ylim()])
    assert np.all(low < tips) and np.all(tips < high)
