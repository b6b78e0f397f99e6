"""How far two texts' n-grams are apart: Jensen-Shannon divergences.

    reference = ngrams.count(training, vocabulary)      # ids [lines, length]
    ngrams.divergences(reference, generated)            # n = 1 .. 6

The score of character-level GANs (arXiv:1704.00028, 1706.08500, 1802.04591). It
falls with the number of generated lines, for the same text: compare only values
of equal numbers of them, and with those of as many held-out lines.

An n-gram's number is the rank of its first n - 1 characters among those of the
reference, times the vocabulary, plus its last character: exact for any
vocabulary, where hashes are not. What the reference has not seen needs no
number: of it the divergence asks only how often it occurs.
"""

from typing import NamedTuple

import numpy as np

from common.errors import InputError

LONGEST = 6


class Counts(NamedTuple):
  """The n-grams of a text; index n - 1 of each tuple is of n.

  Attributes:
    numbers: int64, sorted, each n-gram once.
    counts: int64, how often.
    vocabulary: how many characters there are.
  """

  numbers: tuple[np.ndarray, ...]
  counts: tuple[np.ndarray, ...]
  vocabulary: int


def count(ids: np.ndarray, vocabulary: int, longest: int = LONGEST) -> Counts:
  """Counts a text's n-grams for n = 1 to `longest`, within its lines.

  Args:
    ids: whole numbers in [0, vocabulary), `[lines, length]`; what lines are
      filled up with counts, as in the papers.
    vocabulary: how many characters there are.
    longest: the last n.

  Raises:
    InputError: lines shorter than `longest`, none at all, or other ids.
  """
  ids = _checked(ids, vocabulary, longest)
  numbers, counts, ranks = [], [], np.zeros_like(ids)
  for n in range(1, longest + 1):
    windows = _extended(ranks, ids, n, vocabulary)
    unique, ranks, times = np.unique(
      windows, return_inverse=True, return_counts=True
    )
    ranks = ranks.reshape(windows.shape)
    numbers.append(unique)
    counts.append(times)
  return Counts(tuple(numbers), tuple(counts), vocabulary)


def divergences(reference: Counts, ids: np.ndarray) -> np.ndarray:
  """Jensen-Shannon divergences to a text's n-grams, base 2: in [0, 1].

  JSD_n = (KL(p, m) + KL(q, m)) / 2, m = (p + q) / 2, of the frequencies p of
  n-grams in the reference and q in `ids`. Symmetric; 0 where they agree.

  Args:
    reference: from `count`.
    ids: `[lines, length]`, of the same characters.

  Returns:
    float64 `[longest]`, for n = 1, 2, ...

  Raises:
    InputError: see `count`.
  """
  ids = _checked(ids, reference.vocabulary, len(reference.numbers))
  found, ranks = [], np.zeros_like(ids)
  pairs = zip(reference.numbers, reference.counts, strict=True)
  for n, (numbers, counts) in enumerate(pairs, 1):
    windows = _extended(ranks, ids, n, reference.vocabulary)
    ranks = np.minimum(np.searchsorted(numbers, windows), len(numbers) - 1)
    # -1 of a window that is not there, and of all that go on from it.
    ranks = np.where(numbers[ranks] == windows, ranks, -1)
    seen = np.bincount(ranks[ranks >= 0], minlength=len(numbers))
    p, q = counts / counts.sum(), seen / windows.size
    found.append(_divergence(p, q))
  return np.array(found)


def _divergence(p, q):
  """Of frequencies on the support of p; what q lacks to 1 is elsewhere."""
  both = q > 0
  p_only, q_only = 1 - p[both].sum(), 1 - q.sum()  # log2(2 p / p) = 1.
  p, q = p[both], q[both]
  m = (p + q) / 2
  shared = np.sum(p * np.log2(p / m) + q * np.log2(q / m))
  # A difference of sums that are 1: rounding may leave -1e-16.
  return np.clip((shared + p_only + q_only) / 2, 0.0, 1.0)


def _extended(ranks, ids, n, vocabulary):
  """Numbers of all n-grams by the ranks of their beginnings; -1 stays -1."""
  if n == 1:
    return ids
  begun, last = ranks[:, :-1], ids[:, n - 1 :]
  return np.where(begun < 0, -1, begun * vocabulary + last)


def _checked(ids, vocabulary, longest):
  ids = np.asarray(ids)
  if ids.ndim != 2 or not len(ids) or ids.shape[1] < longest:
    raise InputError(
      f"a text of shape {ids.shape} has no n-grams up to n = {longest}: give "
      f"lines of {longest} characters or more, [lines, length]"
    )
  if ids.min() < 0 or ids.max() >= vocabulary:
    raise InputError(
      f"a text has character numbers from {ids.min()} to {ids.max()}, and its "
      f"vocabulary has only 0 to {vocabulary - 1}"
    )
  return ids.astype(np.int64)
