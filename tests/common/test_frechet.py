"""The Fréchet distance: closed forms, golden values, properties."""

import functools
import itertools
import json

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.stats import frechet

CASES = (
  "hand_n3_d2",
  "well_d64_n1000",
  "rankdef_d512_n50",
  "constant_side",
  "identical_permuted",
  "illcond_rotated",
  "illcond_differs_only_in_tiny_directions",
  "n1_300_n2_700_d128",
  "n1_40_n2_600_d128_mixed_rank",
  "float32_offset_1e4",
  "relu_dead_dims_d160",
  "fid_like_d2048_n48_64",
  "fvd_like_d400_n100_150",
)

fast = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(2, 12)
dims = st.integers(1, 6)


def sample(seed, n, d, rank=None):
  """Features [n, d] of any conditioning; `rank` limits their rank."""
  rng = np.random.default_rng(seed)
  rank = d if rank is None else rank
  mixing = rng.normal(size=(rank, d)) * 10.0 ** rng.uniform(-2, 2, (rank, 1))
  return rng.normal(size=(n, rank)) @ mixing + rng.normal(size=d)


def rotation(seed, d):
  return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def scale(x1, x2):
  """Mean term plus traces: what errors are measured against."""
  means = np.sum((x1.mean(0) - x2.mean(0)) ** 2)
  return float(means + x1.var(0, ddof=1).sum() + x2.var(0, ddof=1).sum())


def by_moments(x1, x2):
  return frechet.distance(frechet.moments(x1), frechet.moments(x2))


both_routes = pytest.mark.parametrize(
  "route", [frechet.distance_from_features, by_moments], ids=["data", "moments"]
)


# Closed forms.


def test_one_dimension():
  # |1 - 4|^2 + (2 - 5)^2, from standard deviations 2 and 5.
  result = frechet.distance(([1.0], [[4.0]]), ([4.0], [[25.0]]))
  assert float(result) == pytest.approx(18, rel=1e-14)
  assert result.mean_term == pytest.approx(9, rel=1e-14)
  assert result.trace_term == pytest.approx(9, rel=1e-14)
  assert (result.n1, result.n2, result.d) == (None, None, 1)


def test_diagonal_covariances():
  # Sum over the axes of the squared difference of standard deviations.
  s1, s2 = np.array([1.0, 2.0, 0.0, 3.0]), np.array([4.0, 0.0, 0.0, 1.0])
  result = frechet.distance(
    (np.zeros(4), np.diag(s1**2)), (np.ones(4), np.diag(s2**2))
  )
  assert result.value == pytest.approx(4 + 9 + 4 + 0 + 4, rel=1e-14)


@pytest.mark.parametrize("d", [2, 7, 40])
def test_commuting_covariances(d):
  # A common eigenbasis: |sqrt(C1) - sqrt(C2)|_F^2.
  rng, q = np.random.default_rng(d), rotation(d, d)
  s1, s2 = rng.uniform(0.5, 2, d), rng.uniform(0.5, 2, d)
  result = frechet.distance(
    (np.zeros(d), q * s1**2 @ q.T), (np.zeros(d), q * s2**2 @ q.T)
  )
  np.testing.assert_allclose(result.value, np.sum((s1 - s2) ** 2), rtol=1e-12)


def test_two_by_two_that_do_not_commute():
  # In two dimensions tr sqrt(M) = sqrt(tr M + 2 sqrt(det M)).
  c1 = np.array([[2.0, 1.0], [1.0, 3.0]])
  c2 = np.array([[5.0, -2.0], [-2.0, 1.0]])
  product = c1 @ c2
  root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
  result = frechet.distance((np.zeros(2), c1), (np.zeros(2), c2))
  assert result.value == pytest.approx(5 + 6 - 2 * root, rel=1e-13)


def test_rank_one_covariances():
  # Of uu' and vv': |u|^2 + |v|^2 - 2 |u'v|.
  u, v = np.array([1.0, 2.0, -1.0]), np.array([0.5, 1.0, 3.0])
  result = frechet.distance(
    (np.zeros(3), np.outer(u, u)), (np.zeros(3), np.outer(v, v))
  )
  assert result.value == pytest.approx(u @ u + v @ v - 2 * abs(u @ v))


@both_routes
def test_constant_features_are_exact(route):
  x1 = np.full((7, 3), 0.1, np.float32)
  x2 = np.full((5, 3), 1.1e4, np.float64)
  expected = float(((np.float64(np.float32(0.1)) - 1.1e4) ** 2) * 3)
  result = route(x1, x2)
  assert result.trace_term == 0
  assert result.value == pytest.approx(expected, rel=1e-15)
  assert route(x1, x1).value == 0


@both_routes
def test_reports_numbers_beside_the_value(route):
  result = route(sample(0, 9, 3), sample(1, 5, 3))
  assert (result.n1, result.n2, result.d) == (9, 5, 3)
  assert result.value == result.mean_term + result.trace_term == float(result)


# Golden values, true to 17 digits (110-digit arithmetic). Tolerances relative
# to mean term plus traces: 1e-12 is what float64 owes on the data. On moments
# 3e-7 is what FID codes reach; ours give 1e-14 and are held to 1e-12 too.


@both_routes
@pytest.mark.parametrize("case", CASES)
def test_golden(shared, case, route):
  facts = json.loads((shared / "golden/frechet_golden.json").read_text())[case]
  with np.load(shared / "golden/frechet_golden.npz") as arrays:
    x1, x2 = arrays[case + "__x1"], arrays[case + "__x2"]
  result = route(x1, x2)
  size = facts["mean_term"] + facts["trace1"] + facts["trace2"]
  assert abs(result.value - facts["true"]) <= 1e-12 * size
  assert (result.n1, result.n2, result.d) == (
    facts["n1"],
    facts["n2"],
    facts["d"],
  )


def test_golden_covers_every_case(shared):
  facts = json.loads((shared / "golden/frechet_golden.json").read_text())
  assert sorted(facts) == sorted(CASES)


# Routes.


@pytest.mark.parametrize("d", [3, 8])
@pytest.mark.parametrize("rank", [1, 2, None])
def test_routes_agree(d, rank):
  for n1, n2 in itertools.product((2, 5, 9, 60), repeat=2):
    x1, x2 = sample(n1, n1, d, rank), sample(n2 + 1, n2, d)
    np.testing.assert_allclose(
      by_moments(x1, x2).value,
      frechet.distance_from_features(x1, x2).value,
      atol=1e-12 * scale(x1, x2),
    )


def test_fast_and_general_route_agree():
  x1, x2 = np.random.default_rng(0).normal(size=(2, 500, 50))
  c1, c2 = np.cov(x1.T), np.cov(x2.T)
  fast = frechet._fast_trace_of_root(c1, c2, np.trace(c1) + np.trace(c2))
  factors = [frechet._factor(c, frechet.EPS, "") for c in (c1, c2)]
  general = frechet._nuclear_norm(factors[0].T @ factors[1])
  assert fast == pytest.approx(general, rel=1e-13)


def test_fast_route_declines_what_it_cannot_bound():
  tiny = np.diag([1.0, 1e-20])
  assert frechet._fast_trace_of_root(np.eye(2), np.diag([1.0, 0.0]), 3) is None
  assert frechet._fast_trace_of_root(np.diag([1.0, 0.0]), np.eye(2), 3) is None
  assert frechet._fast_trace_of_root(tiny, tiny, 2) is None
  assert frechet._fast_trace_of_root(np.eye(2), np.eye(2), 4) == 2


def test_float32_covariances_are_accepted():
  x1, x2 = sample(1, 5, 8), sample(2, 6, 8)
  sides = [(x.mean(0), np.cov(x.T).astype(np.float32)) for x in (x1, x2)]
  exact = frechet.distance_from_features(x1, x2)
  result = frechet.distance(*sides)
  np.testing.assert_allclose(result.value, exact.value, rtol=1e-2)


def test_float32_covariances_with_n_keep_their_rounding_unit():
  # Of rank 1 in 8 dimensions: rounded, it has negative eigenvalues of 1e-7.
  x = np.random.default_rng(0).normal(size=(50, 2)) @ np.ones((2, 8)).cumsum(1)
  x[:, ::2] *= 3
  cov = np.cov(x.T).astype(np.float32)
  saved = frechet.from_covariance(x.mean(0).astype(np.float32), cov, 50)
  assert saved.scatter.dtype == np.float32
  exact = frechet.moments(x)
  scale = np.trace(cov)
  assert abs(float(frechet.distance(saved, exact))) < 1e-3 * scale


def test_jax_arrays():
  x1, x2 = sample(1, 9, 3).astype(np.float32), sample(2, 8, 3).astype("f")
  expected = frechet.distance_from_features(x1, x2)
  assert frechet.distance_from_features(*map(jnp.asarray, (x1, x2))) == expected
  stats = frechet.moments(jnp.asarray(x1, jnp.bfloat16))
  assert stats.mean.dtype == stats.scatter.dtype == np.float64


def test_saved_statistics():
  x1, x2 = sample(1, 30, 4), sample(2, 20, 4)
  stats = frechet.from_covariance(x1.mean(0), np.cov(x1.T), len(x1))
  np.testing.assert_allclose(
    frechet.covariance(stats), np.cov(x1.T), rtol=1e-14
  )
  whole = frechet.merge(stats, frechet.moments(x2))
  both = np.concatenate([x1, x2])
  np.testing.assert_allclose(whole.mean, both.mean(0), rtol=1e-12)
  np.testing.assert_allclose(
    frechet.covariance(whole), np.cov(both.T), rtol=1e-10, atol=1e-10
  )


# Properties of the moments.


def assert_same(a, b, size):
  assert a.n == b.n
  np.testing.assert_allclose(a.mean, b.mean, atol=1e-13 * np.sqrt(size))
  np.testing.assert_allclose(a.scatter, b.scatter, atol=1e-13 * size)


@fast
@given(seeds, dims, st.lists(st.integers(0, 7), min_size=1, max_size=6))
def test_chunks_give_what_one_pass_gives(seed, d, lengths):
  x = sample(seed, sum(lengths), d) + 100
  chunks = np.split(x, np.cumsum(lengths)[:-1])
  merged = functools.reduce(frechet.merge, map(frechet.moments, chunks))
  assert_same(merged, frechet.moments(x), 1 + np.sum(x**2))


@fast
@given(seeds, dims, st.tuples(*[st.integers(0, 7)] * 3))
def test_merge_commutes_and_associates(seed, d, lengths):
  a, b, c = (
    frechet.moments(sample(seed + i, n, d)) for i, n in enumerate(lengths)
  )
  for u, v in zip(frechet.merge(a, b), frechet.merge(b, a), strict=True):
    np.testing.assert_array_equal(u, v)  # To the last bit.
  left = frechet.merge(frechet.merge(a, b), c)
  right = frechet.merge(a, frechet.merge(b, c))
  assert_same(left, right, 1 + np.trace(left.scatter) + left.mean @ left.mean)


@fast
@given(seeds, st.integers(0, 9), dims)
def test_merge_with_nothing_is_the_identity(seed, n, d):
  stats, nothing = (frechet.moments(sample(seed, m, d)) for m in (n, 0))
  for merged in (frechet.merge(stats, nothing), frechet.merge(nothing, stats)):
    for u, v in zip(merged, stats, strict=True):
      np.testing.assert_array_equal(u, v)


@fast
@given(seeds, dims, st.lists(st.booleans(), min_size=1, max_size=12))
def test_mask_drops_padding(seed, d, mask):
  x = sample(seed, len(mask), d)
  padded = np.where(np.array(mask)[:, None], x, np.nan)
  masked = frechet.moments(padded, mask)
  for u, v in zip(masked, frechet.moments(x[mask]), strict=True):
    np.testing.assert_array_equal(u, v)


def test_offset_float32_features():
  # Uncentred float32 sums are off by 50 traces here.
  x = (sample(3, 400, 5) * 1e-2 + 1e4).astype(np.float32)
  exact = np.cov((x.astype(np.float64) - 1e4).T)
  stats = frechet.moments(x)
  np.testing.assert_allclose(
    frechet.covariance(stats), exact, atol=1e-13 * np.trace(exact)
  )
  halves = frechet.merge(frechet.moments(x[:99]), frechet.moments(x[99:]))
  np.testing.assert_allclose(
    halves.scatter, stats.scatter, atol=1e-12 * np.trace(stats.scatter)
  )


def test_constant_chunks_stay_exact():
  parts = [frechet.moments(np.full((n, 2), 0.1)) for n in (3, 7, 11)]
  merged = functools.reduce(frechet.merge, parts)
  assert not merged.scatter.any()
  np.testing.assert_array_equal(merged.mean, 0.1)


# Properties of the distance.


@both_routes
@fast
@given(seed=seeds, n1=sizes, n2=sizes, d=dims)
def test_symmetric_and_not_negative(route, seed, n1, n2, d):
  x1, x2 = sample(seed, n1, d), sample(seed + 1, n2, d)
  result = route(x1, x2)
  assert result.value >= 0 and np.isfinite(result.value)
  np.testing.assert_allclose(
    route(x2, x1).value, result.value, atol=1e-12 * scale(x1, x2)
  )


@both_routes
@fast
@given(seed=seeds, n1=sizes, n2=sizes, d=dims)
def test_rotation_shift_and_scaling(route, seed, n1, n2, d):
  x1, x2 = sample(seed, n1, d), sample(seed + 1, n2, d)
  q, shift = rotation(seed, d), np.arange(d)
  np.testing.assert_allclose(
    route(3 * x1 @ q + shift, 3 * x2 @ q + shift).value,
    9 * route(x1, x2).value,
    atol=1e-11 * (scale(x1, x2) + d**3),
  )


@both_routes
@fast
@given(seed=seeds, n=sizes, d=dims)
def test_equal_sets_in_any_order_are_at_zero(route, seed, n, d):
  x = sample(seed, n, d)
  shuffled = np.random.default_rng(seed).permutation(x)
  assert route(x, shuffled).value <= 1e-12 * scale(x, x)


@both_routes
@fast
@given(seed=seeds, n=sizes, d=dims)
def test_shift_alone_gives_its_square(route, seed, n, d):
  x, shift = sample(seed, n, d), np.arange(1.0, d + 1)
  np.testing.assert_allclose(
    route(x, x + shift).value, shift @ shift, atol=1e-12 * (scale(x, x) + d**3)
  )
