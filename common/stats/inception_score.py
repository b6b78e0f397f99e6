"""The Inception Score (arXiv:1606.03498): are images sharp and various?"""

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.special

from common.errors import InputError


class InceptionScore(NamedTuple):
  """Mean and standard deviation (ddof 0, as its authors') over the splits."""

  mean: float
  std: float


def inception_score(logits: npt.ArrayLike, splits: int = 10) -> InceptionScore:
  """exp(mean KL(p(y | x) || p(y))) of each split, p(y) being the split's mean.

  Between 1, all images alike, and the number of classes. It knows nothing of
  real images, and depends on n: 50,000 images in 10 splits are customary. The
  splits are runs of consecutive images, so shuffle what is sorted.

  Args:
    logits: `[n, classes]`, of the network's classes, one image a row.
    splits: how many parts the images are cut into.

  Raises:
    InputError: fewer images than splits, or logits that are not finite.
  """
  logits = np.asarray(logits, np.float64)
  if logits.ndim != 2 or not 1 <= splits <= len(logits):
    raise InputError(
      f"the Inception Score of {splits} splits takes [n, classes] of at least "
      f"as many images, and here are {logits.shape}"
    )
  if not np.isfinite(logits).all():
    raise InputError("the Inception Score takes logits that are finite")
  # The authors' cuts: part i is rows i n // splits to (i + 1) n // splits.
  ends = np.arange(splits + 1) * len(logits) // splits
  log_p = scipy.special.log_softmax(logits, axis=1)
  scores = []
  for first, end in itertools.pairwise(ends):
    part = log_p[first:end]
    log_mean = scipy.special.logsumexp(part, axis=0) - np.log(len(part))
    divergence = np.sum(np.exp(part) * (part - log_mean), axis=1)
    scores.append(np.exp(divergence.mean()))
  return InceptionScore(float(np.mean(scores)), float(np.std(scores)))
