"""The moment map against quadrature, samples and the paper; the theorems."""

import itertools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import integrate, stats

from common import errors
from common.nn import initializers
from projects.snn.theory import intervals, moment_map, proofs

COARSE = proofs.Settings(grid=(2, 16), tolerance=1e-3)


# The closed forms.


def test_the_parameters_of_zero_and_one_to_the_last_digits():
  np.testing.assert_allclose(
    moment_map.selu_parameters(0, 1),
    (initializers.ALPHA, initializers.LAMBDA),
    rtol=4e-16,
  )


@pytest.mark.parametrize(
  "arguments, printed",
  [
    ((0, 2), (1.97126, 1.06071)),  # Section A5 of the paper
    ((-0.1, 2, 1.0), (1.97690, 1.07385)),  # getSELUparameters.ipynb
  ],
)
def test_the_parameters_of_other_fixed_points(arguments, printed):
  np.testing.assert_allclose(
    moment_map.selu_parameters(*arguments), printed, atol=5.1e-6
  )


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.2])
@pytest.mark.parametrize("variance", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("omega, tau", [(0.0, 1.0), (-0.4, 1.2)])
def test_the_parameters_fix_what_they_were_asked_to(mean, variance, omega, tau):
  parameters = moment_map.selu_parameters(mean, variance, omega, tau)
  np.testing.assert_allclose(
    moment_map.moment_map(mean, omega, variance, tau, *parameters),
    (mean, variance),
    atol=2e-14,
  )


def test_the_map_fixes_zero_and_one():
  mean, variance = moment_map.moment_map(0, 0, 1, 1)
  assert abs(mean) < 1e-15 and abs(variance - 1) < 1e-15


@pytest.mark.parametrize("m", [-9.0, -1.3, 0.0, 0.4, 3.0])
@pytest.mark.parametrize("v", [0.02, 1.0, 7.0])
def test_the_map_is_the_integral(m, v):
  # Eq. 3, over each side of the kink.
  alpha, lam, normal = 1.5, 1.1, stats.norm(m, v**0.5)

  def moment(power):
    f = lambda z: lam * (z if z > 0 else alpha * np.expm1(z))
    g = lambda z: f(z) ** power * normal.pdf(z)
    low, high = m - 12 * v**0.5, m + 12 * v**0.5
    edges = sorted({low, min(max(0.0, low), high), m, high})
    return sum(
      integrate.quad(g, a, b, epsabs=1e-13, epsrel=1e-13)[0]
      for a, b in itertools.pairwise(edges)
    )

  mean, variance = moment_map.moment_map(m, 1.0, v, 1.0, alpha, lam)
  np.testing.assert_allclose(mean, moment(1), rtol=1e-10, atol=1e-12)
  np.testing.assert_allclose(
    variance, moment(2) - moment(1) ** 2, rtol=1e-9, atol=1e-12
  )


def test_no_overflow_far_from_the_domain():
  # exp(m + v / 2) alone overflows, and so does erfcx far to the left.
  m = np.array([-1e3, -1e3, 0.0, 1e3])
  v = np.array([1e-3, 1e4, 1e4, 1e4])
  with np.errstate(over="raise", invalid="raise"):
    mean, variance = moment_map.moment_map(m, 1.0, v, 1.0)
  assert mean[0] == pytest.approx(initializers.SATURATION, rel=1e-14)
  assert (variance[1:] > 0).all()
  # Half the normal's moments, where the negative side hardly counts.
  scale = initializers.LAMBDA
  half = scale * np.sqrt(1e4 / (2 * np.pi)) + initializers.SATURATION / 2
  assert mean[2] == pytest.approx(half, rel=1e-3)


def test_samples_agree_within_their_standard_errors():
  for i, point in enumerate([(0, 0, 1, 1), (1, -0.1, 3, 1.25), (9, -1, 2, 1)]):
    mu, omega, nu, tau = point
    z = jax.random.normal(jax.random.key(i), (200_000,))
    y = jax.nn.selu(mu * omega + np.sqrt(nu * tau) * z)
    y = np.asarray(y, np.float64)
    assert stats.sem(y) < 0.01 * np.sqrt(nu)
    found = y, (y - y.mean()) ** 2
    for exact, each in zip(moment_map.moment_map(*point), found, strict=True):
      assert abs(each.mean() - exact) < 4 * stats.sem(each)


# The Jacobian.


def test_the_jacobian_of_the_paper():
  matrix = moment_map.jacobian(0, 0, 1, 1)
  np.testing.assert_allclose(
    matrix, [[0, 0.088834], [0, 0.782648]], atol=1.01e-6
  )
  assert np.linalg.norm(matrix, 2) == pytest.approx(0.7877, abs=5e-5)


def published_map(x, omega, tau):
  """Eq. 4 and 5 letter by letter, in JAX."""
  m, v, erfc = x[0] * omega, x[1] * tau, jax.scipy.special.erfc
  alpha, lam, root = initializers.ALPHA, initializers.LAMBDA, jnp.sqrt(2 * v)
  bell = jnp.sqrt(2 / jnp.pi) * jnp.sqrt(v) * jnp.exp(-(m**2) / (2 * v))
  tail, tail1 = erfc(m / root), jnp.exp(m + v / 2) * erfc((m + v) / root)
  tail2 = jnp.exp(2 * (m + v)) * erfc((m + 2 * v) / root)
  mean = m * jax.scipy.special.erf(m / root) + alpha * tail1
  mean = 0.5 * lam * (mean - alpha * tail + bell + m)
  second = (m**2 + v) * (2 - tail) + m * bell
  second = second + alpha**2 * (-2 * tail1 + tail2 + tail)
  return jnp.stack([mean, 0.5 * lam**2 * second - mean**2])


@pytest.mark.parametrize(
  "point", [(0, 0, 1, 1), (0.1, -0.1, 0.8, 1.1), (-1, 0.1, 16, 0.8)]
)
def test_map_and_jacobian_against_the_published_formulas(point):
  mu, omega, nu, tau = map(float, point)
  with jax.enable_x64(True):
    x = jnp.array([mu, nu])
    values = published_map(x, omega, tau)
    matrix = jax.jacfwd(published_map)(x, omega, tau)
    np.testing.assert_allclose(
      moment_map.moment_map(*point), values, atol=1e-13
    )
    np.testing.assert_allclose(moment_map.jacobian(*point), matrix, atol=1e-13)


@hypothesis.given(
  st.floats(-2, 2), st.floats(-1, 1), st.floats(0.1, 9), st.floats(0.5, 2)
)
def test_jacobian_against_differences(mu, omega, nu, tau):
  h = 1e-5
  rows = [
    (np.array(moment_map.moment_map(mu + a, omega, nu + b, tau)))
    - np.array(moment_map.moment_map(mu - a, omega, nu - b, tau))
    for a, b in ((h, 0), (0, h))
  ]
  np.testing.assert_allclose(
    moment_map.jacobian(mu, omega, nu, tau),
    np.stack(rows, axis=1) / (2 * h),
    atol=1e-7,
  )


def test_shapes_broadcast():
  assert moment_map.jacobian(np.zeros((3, 1)), 0, np.ones(4), 1).shape == (
    3,
    4,
    2,
    2,
  )
  steps = moment_map.vector_field([-0.1, 0.0, 0.1], [1.0, 2.0])
  assert [s.shape for s in steps] == [(2, 3), (2, 3)]
  # At omega 0 the new mean forgets the old; at (0, 1) all stands still.
  np.testing.assert_allclose(steps[0][0], [0.1, 0.0, -0.1], atol=1e-15)
  assert abs(steps[1][0, 1]) < 1e-15 and steps[1][1, 1] < 0


# Fixed points.


def test_all_points_of_the_domain_converge_to_the_fixed_point():
  start = np.meshgrid(np.linspace(-0.1, 0.1, 5), np.linspace(0.8, 1.5, 5))
  mean, variance, steps = moment_map.fixed_point(start=start)
  np.testing.assert_allclose(mean, 0, atol=1e-12)
  np.testing.assert_allclose(variance, 1, atol=1e-12)
  assert 50 < steps < 200  # 0.78 to the power of steps


def test_fixed_points_of_other_weights_are_one_each_and_where_printed():
  omega, tau = np.meshgrid(np.linspace(-0.1, 0.1, 9), np.linspace(0.95, 1.1, 9))
  ends = [
    moment_map.fixed_point(omega, tau, start=(mu, nu))[:2]
    for mu in proofs.THEOREM_1.mu
    for nu in proofs.THEOREM_1.nu
  ]
  for mean, variance in ends:
    np.testing.assert_allclose((mean, variance), ends[0], atol=1e-11)
    for values, (low, high) in (
      (mean, proofs.THEOREM_1_MEAN),
      (variance, proofs.THEOREM_1_VARIANCE),
    ):
      assert (values > low).all() and (values < high).all()


# Enclosures and the theorems.


@hypothesis.given(st.integers(0, 2**32 - 1), st.floats(1e-4, 0.5))
def test_enclosures_hold_what_lies_in_their_cells(seed, width):
  rng = np.random.default_rng(seed)
  m = rng.uniform(-1, 1, 50)
  v = np.exp(rng.uniform(np.log(0.02), np.log(20), 50))
  cell_m = intervals.Interval(m - width, m + width)
  cell_v = intervals.Interval(v, v * (1 + width))
  held = proofs.moments(cell_m, cell_v, 1.6, 1.1)
  omega, tau = 0.3, 1.2
  norms = proofs.norm(held, omega, tau)
  for _ in range(20):
    a, b = (rng.uniform(c.low, c.high) for c in (cell_m, cell_v))
    exact = moment_map.at(a, b, 1.6, 1.1)
    for interval, x in zip(held, exact, strict=True):
      assert (interval.low <= x + 1e-12).all()
      assert (x <= interval.high + 1e-12).all()
    matrix = moment_map.jacobian(a / omega, omega, b / tau, tau, 1.6, 1.1)
    assert (np.linalg.norm(matrix, 2, axis=(-2, -1)) <= norms + 1e-12).all()


def test_enclosures_shrink_to_the_point():
  m, v = np.array([0.05]), np.array([0.9])
  for width, gap in ((1e-3, 1e-4), (1e-5, 1e-8)):  # Quadratic in the width.
    held = proofs.moments(
      intervals.Interval(m - width, m + width),
      intervals.Interval(v - width, v + width),
    )
    d = moment_map.at(m, v)
    least = 2 * width * (np.abs(d.variance_m) + np.abs(d.variance_v))
    assert held.variance.high - held.variance.low < least + gap


def test_supremum_of_a_known_function():
  def upper(x, y):
    return (x * y - 0.5 * x.square()).high

  def value(x, y):
    return x * y - 0.5 * x**2

  # The maximum over x at each y is y^2 / 2, at x = y.
  sides = ((-1.0, 2.0), (0.0, 1.5))
  result = intervals.supremum(upper, value, *sides, (3, 2), 1e-4)
  assert result.found <= 1.125 <= result.bound < result.found + 2e-4
  stopped = intervals.supremum(upper, value, *sides, (3, 2), 1e-9, 50)
  assert stopped.bound > 1.125 + 1e-3 and stopped.cells <= 50


def test_theorem_1():
  result = proofs.theorem_1(settings=COARSE)
  assert result["holds"] == 1 and result["norm_bound"] < 0.9
  # Fine enough to tell the digits that the paper prints.
  fine = proofs.theorem_1()
  assert fine["within_printed"] == 1
  assert fine["mean_low"] == pytest.approx(-0.03106, abs=1e-5)
  assert fine["mean_high"] == pytest.approx(0.06773, abs=1e-5)
  # The variances printed are bounds, not the image's ends.
  assert 0.8037 < fine["variance_low"] and fine["variance_high"] < 1.4816


def test_theorem_1_against_points_of_the_four_dimensional_box():
  rng = np.random.default_rng(0)
  inside = [rng.uniform(*side, 4000) for side in proofs.THEOREM_1]
  corners = [rng.choice(side, 400) for side in proofs.THEOREM_1]
  points = [np.concatenate(x) for x in zip(inside, corners, strict=True)]
  result = proofs.theorem_1()
  norms = np.linalg.norm(moment_map.jacobian(*points), 2, axis=(-2, -1))
  assert result["norm_bound"] - 1e-3 < norms.max() <= result["norm_bound"]
  for name, values in zip(
    ("mean", "variance"), moment_map.moment_map(*points), strict=True
  ):
    assert result[f"{name}_low"] <= values.min() <= result[f"{name}_low"] + 1e-3
    high = result[f"{name}_high"]
    assert high - 1e-3 <= values.max() <= high


def test_theorem_1_fails_where_it_should():
  assert not proofs.theorem_1(alpha=1.5, settings=COARSE)["stays_inside"]
  assert not proofs.theorem_1(alpha=1.5, settings=COARSE)["holds"]
  wide = proofs.THEOREM_1._replace(tau=(0.8, 1.25))
  assert not proofs.theorem_1(settings=COARSE, domain=wide)["stays_inside"]
  steep = proofs.THEOREM_1._replace(tau=(0.95, 1.35))
  assert not proofs.theorem_1(settings=COARSE, domain=steep)["contracts"]


def test_theorem_2():
  result = proofs.theorem_2(settings=COARSE)
  assert result["holds"] == 1
  rng = np.random.default_rng(0)
  sides = proofs.THEOREM_2
  points = [
    np.append(rng.uniform(*s, 9999), s[e])
    for s, e in zip(sides, (1, 1, 0, 1), strict=True)
  ]
  ratio = moment_map.moment_map(*points)[1] / points[2]
  assert result["ratio_bound"] - 0.01 < ratio.max() <= result["ratio_bound"]
  low = sides._replace(nu=(2.0, 16.0))
  assert not proofs.theorem_2(settings=COARSE, domain=low)["holds"]


@pytest.mark.parametrize("domain", proofs.THEOREM_3)
def test_theorem_3(domain):
  result = proofs.theorem_3(settings=COARSE, domain=domain)
  assert result["holds"] == 1
  rng = np.random.default_rng(0)
  points = [
    np.append(rng.uniform(*s, 9999), s[e])
    for s, e in zip(domain, (1, 1, 1, 0), strict=True)
  ]
  ratio = moment_map.moment_map(*points)[1] / points[2]
  assert result["ratio_bound"] <= ratio.min() < result["ratio_bound"] + 0.01
  high = domain._replace(nu=(0.02, 0.9))
  assert not proofs.theorem_3(settings=COARSE, domain=high)["holds"]


@pytest.mark.parametrize(
  "call, message",
  [
    (lambda: moment_map.selu_parameters(2, 1), r"no SELU has .*\(2, 1\); take"),
    (lambda: moment_map.selu_parameters(-3, 1), "no SELU has the fixed point"),
    (
      lambda: moment_map.selu_parameters(0, 0),
      "is 0.0; give nu and tau above 0",
    ),
    (lambda: moment_map.selu_parameters(np.nan, 1), "give finite numbers"),
    (
      lambda: moment_map.moment_map(0, 0, [1, -1], 1),
      "net input is -1.0; give",
    ),
    (
      lambda: moment_map.fixed_point(tau=4.0, max_steps=20),
      "still moving by .* after 20 steps",
    ),
    (
      lambda: intervals.supremum(max, max, (0, 1), (0, 1), (1, 1), 0.0),
      "tolerance 0.0 and grid",
    ),
  ],
)
def test_errors(call, message):
  with pytest.raises(errors.InputError, match=message):
    call()
