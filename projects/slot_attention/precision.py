"""Average precision of predicted sets, as the authors count it.

Predictions of the whole evaluation set are ranked together, not per image, and
every slot is one, however unsure: there is no cut-off.
"""

import chex
import numpy as np

from common.errors import InputError

# Where a property vector of 19 keeps what; see `scenes.properties`.
COORDINATES = slice(0, 3)  # x, y, z from [-3, 3] to [0, 1]
SIZE = slice(3, 5)
MATERIAL = slice(5, 7)
SHAPE = slice(7, 10)
COLOUR = slice(10, 18)
FLAG = 18  # of a real object; predicted: the confidence
DIMENSION = 19
CATEGORIES = (SIZE, MATERIAL, SHAPE, COLOUR)
EXTENT = 6.0  # length of the coordinates' range in the scene's units
# Distances in the scene's units: a large cube is 1 wide.
THRESHOLDS = (np.inf, 1.0, 0.5, 0.25, 0.125)


def average_precision(
  predictions: np.ndarray, targets: np.ndarray
) -> dict[float, float]:
  """Returns the average precision at each distance threshold.

  A prediction looks in its own image for real objects whose four categories
  all equal its own (by argmax), and takes the closest. It is a true positive
  if that one is nearer than the threshold and no surer prediction has claimed
  it; nobody falls back to the second closest. At threshold inf any distance
  will do. Recall counts all real objects. 150,000 predictions take about a
  second.

  Args:
    predictions: `[images, slots, 19]`, finite.
    targets: `[images, objects, 19]`, rows of zeros where there is no object.

  Returns:
    threshold -> average precision in [0, 1], float64.

  Raises:
    InputError: no real object in any image.
  """
  chex.assert_shape([predictions, targets], (len(targets), None, DIMENSION))
  predictions, targets = np.asarray(predictions), np.asarray(targets)
  objects = targets.shape[1]
  real = targets[..., FLAG] > 0.5  # [images, objects]
  if not real.any():
    raise InputError("no image has an object: average precision is undefined")
  distances = _distances(predictions, targets, real)
  closest = np.argmin(distances, axis=2)
  nearest = np.take_along_axis(distances, closest[..., None], axis=2)[..., 0]
  names = np.arange(len(targets))[:, None] * objects + closest

  # Stable: equally sure predictions stay in the order of the images.
  order = np.argsort(-predictions[..., FLAG], axis=None, kind="stable")
  nearest, names = nearest.ravel()[order], names.ravel()[order]
  return {
    threshold: _area(_true_positives(nearest, names, threshold), real.sum())
    for threshold in THRESHOLDS
  }


def _distances(predictions, targets, real):
  """`[images, slots, objects]`, inf where the categories differ."""
  steps = (
    predictions[:, :, None, COORDINATES] - targets[:, None, :, COORDINATES]
  )
  distances = np.linalg.norm(EXTENT * steps.astype(np.float64), axis=-1)
  same = np.broadcast_to(real[:, None], distances.shape)
  for part in CATEGORIES:
    predicted = np.argmax(predictions[..., part], axis=-1)[:, :, None]
    same = same & (predicted == np.argmax(targets[..., part], -1)[:, None])
  return np.where(same, distances, np.inf)


def _true_positives(nearest, names, threshold):
  """Which of the ranked predictions are the first to claim their object."""
  claims = np.flatnonzero(nearest < threshold)
  _, first = np.unique(names[claims], return_index=True)
  found = np.zeros(len(names), bool)
  found[claims[first]] = True
  return found


def _area(true_positive, total):
  """Area under the step curve of precision, made monotone from the right."""
  found = np.cumsum(true_positive)
  precision = found / np.arange(1, len(found) + 1)
  envelope = np.maximum.accumulate(precision[::-1])[::-1]
  # Recall rises by 1 / total at each true positive, and only there.
  return float(np.sum(envelope[true_positive]) / total)
