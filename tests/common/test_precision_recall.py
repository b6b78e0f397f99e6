"""Precision, recall, density, coverage: against loops, and known cases."""

import numpy as np
import pytest

from common.errors import InputError
from common.stats import precision_recall


def naive(a, b, k):
  far = lambda p, q: np.linalg.norm(p - q)
  radius = lambda s: [sorted(far(p, q) for q in s)[k] for p in s]
  ra, rb = radius(a), radius(b)
  return (
    np.mean(
      [any(far(p, q) <= r for p, r in zip(a, ra, strict=True)) for q in b]
    ),
    np.mean(
      [any(far(p, q) <= r for q, r in zip(b, rb, strict=True)) for p in a]
    ),
    np.mean(
      [sum(far(p, q) <= r for p, r in zip(a, ra, strict=True)) for q in b]
    )
    / k,
    np.mean(
      [any(far(p, q) <= r for q in b) for p, r in zip(a, ra, strict=True)]
    ),
  )


def test_it_is_the_definition():
  random = np.random.default_rng(0)
  a, b = random.normal(size=(40, 3)), random.normal(0.7, 0.8, size=(30, 3))
  assert precision_recall.manifold(a, b, 3) == pytest.approx(naive(a, b, 3))


def test_known_cases():
  random = np.random.default_rng(1)
  a = random.normal(size=(200, 4))
  same = precision_recall.manifold(a, a)
  assert same.precision == same.recall == same.coverage == 1
  apart = precision_recall.manifold(a, a + 100)
  assert apart == (0, 0, 0, 0)
  # A collapsed sample is precise and recalls nothing.
  collapsed = a[:1] + 1e-3 * random.normal(size=(200, 4))
  found = precision_recall.manifold(a, collapsed)
  assert found.precision == 1 and found.recall < 0.05 and found.coverage < 0.2
  # The expected density of equal distributions is 1 (Naeem et al.).
  other = random.normal(size=(200, 4))
  assert precision_recall.manifold(a, other).density == pytest.approx(
    1, abs=0.2
  )


def test_bad_samples_are_one_sentence():
  good = np.zeros((9, 2))
  for a, b, message in (
    (good[:5], good, "5 and 9 samples"),
    (good, np.zeros((9, 3)), "the same features"),
    (good, np.full((9, 2), np.inf), "not finite"),
  ):
    with pytest.raises(InputError, match=message):
      precision_recall.manifold(a, b)
