"""n-gram divergences against a transcription with dictionaries."""

import collections

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.errors import InputError
from common.stats import ngrams


def ids_of(*lines):
  return np.array([[ord(c) for c in line] for line in lines])


def by_dictionaries(a, b, n):
  """The definition, one n-gram after the other."""

  def frequencies(ids):
    windows = [
      tuple(row[i : i + n]) for row in ids for i in range(len(row) - n + 1)
    ]
    total = len(windows)
    return {k: v / total for k, v in collections.Counter(windows).items()}

  p, q = frequencies(a), frequencies(b)
  m = {k: (p.get(k, 0) + q.get(k, 0)) / 2 for k in {*p, *q}}
  kl = lambda f: sum(v * np.log2(v / m[k]) for k, v in f.items())
  return (kl(p) + kl(q)) / 2


def test_the_sheets_example():
  one, two = ids_of("the cat sat`"), ids_of("the bat ate`")
  found = ngrams.divergences(ngrams.count(one, 128, 3), two)
  np.testing.assert_allclose(found, [0.135213, 0.454545, 0.7], atol=5e-7)


texts = hnp.arrays(
  np.uint8, st.tuples(st.integers(1, 6), st.just(7)), elements=st.integers(0, 2)
)


@hypothesis.given(texts, texts)
def test_properties(a, b):
  found = ngrams.divergences(ngrams.count(a, 3), b)
  expected = [by_dictionaries(a, b, n) for n in range(1, 7)]
  np.testing.assert_allclose(found, expected, atol=1e-12)
  back = ngrams.divergences(ngrams.count(b, 3), a)
  np.testing.assert_allclose(found, back, atol=1e-12)
  assert found.min() >= 0 and found.max() <= 1
  assert ngrams.divergences(ngrams.count(a, 3), a).max() < 1e-12
  # More context tells texts apart no worse.
  assert found.dtype == np.float64


def test_a_large_vocabulary_needs_no_hash():
  # 2048^6 is beyond 64 bits: two lines that differ in their first character.
  a = np.full((1, 6), 2047)
  b = a.copy()
  b[0, 0] = 1023
  found = ngrams.divergences(ngrams.count(a, 2048), b)
  np.testing.assert_allclose(found[5], 1.0)
  assert ngrams.divergences(ngrams.count(a, 2048), a).max() == 0


def test_texts_without_a_character_in_common():
  found = ngrams.divergences(
    ngrams.count(ids_of("aaaaaa"), 128), ids_of("b" * 6)
  )
  np.testing.assert_array_equal(found, 1)


@pytest.mark.parametrize(
  "ids, said",
  [
    (np.zeros((2, 5), int), "no n-grams up to n = 6"),
    (np.zeros((0, 6), int), "no n-grams"),
    (np.full((1, 6), 3), "from 3 to 3"),
  ],
)
def test_bad_input(ids, said):
  with pytest.raises(InputError, match=said):
    ngrams.count(ids, 3)
