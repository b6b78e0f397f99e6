"""Average precision, against a direct transcription of its rules."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from projects.slot_attention import precision
from projects.slot_attention.precision import CATEGORIES, COORDINATES, FLAG


def slow(predictions, targets, threshold):
  """The rules of the fact sheet, one prediction after the other."""
  ranked = sorted(
    ((i, p) for i in range(len(predictions)) for p in predictions[i]),
    key=lambda pair: -pair[1][FLAG],
  )
  detected, hits = set(), []
  for image, p in ranked:
    best, which = np.inf, None
    for j, t in enumerate(targets[image]):
      if t[FLAG] != 1:
        continue
      if any(np.argmax(p[c]) != np.argmax(t[c]) for c in CATEGORIES):
        continue
      distance = np.linalg.norm(6.0 * (p[COORDINATES] - t[COORDINATES]))
      if distance < best:
        best, which = distance, (image, j)
    hit = which is not None and best < threshold and which not in detected
    if hit:
      detected.add(which)
    hits.append(hit)
  true, false = np.cumsum(hits), np.cumsum(np.logical_not(hits))
  total = sum(t[FLAG] == 1 for image in targets for t in image)
  recalls = [0.0, *(true / total), 1.0]
  precisions = [0.0, *(true / (true + false)), 0.0]
  for i in range(len(precisions) - 2, -1, -1):
    precisions[i] = max(precisions[i], precisions[i + 1])
  return sum(
    (recalls[i] - recalls[i - 1]) * precisions[i]
    for i in range(1, len(recalls))
  )


def examples(seed, images, slots=5, objects=4, spread=0.1):
  """Targets, and predictions that are near some of them."""
  rng = np.random.default_rng(seed)
  targets = np.zeros((images, objects, 19))
  targets[..., COORDINATES] = rng.random((images, objects, 3))
  for part in CATEGORIES:
    width = part.stop - part.start
    # Few values, so that categories agree now and then.
    which = rng.integers(0, 2, (images, objects))
    targets[..., part] = np.eye(width)[which]
  targets[..., FLAG] = 1.0
  targets[rng.random((images, objects)) < 0.3] = 0.0
  source = rng.integers(0, objects, (images, slots))
  predictions = np.take_along_axis(targets, source[..., None], 1)
  predictions += rng.normal(0, spread, predictions.shape)
  return predictions, targets


@given(st.integers(0, 2**16), st.sampled_from([0.0, 0.02, 0.1, 0.4]))
def test_equals_the_rules(seed, spread):
  predictions, targets = examples(seed, images=12, spread=spread)
  got = precision.average_precision(predictions, targets)
  for threshold in precision.THRESHOLDS:
    expected = slow(predictions, targets, threshold)
    np.testing.assert_allclose(got[threshold], expected, atol=1e-12)


def test_perfect_predictions_score_one():
  _, targets = examples(0, images=20)
  got = precision.average_precision(targets, targets)
  assert list(got) == list(precision.THRESHOLDS)
  np.testing.assert_allclose(list(got.values()), 1.0)


def test_a_second_detection_and_a_taken_closest_are_false():
  targets = np.zeros((1, 2, 19))
  targets[0, :, [3, 5, 7, 10, FLAG]] = 1.0
  targets[0, 1, 0] = 1.0
  predictions = np.repeat(targets[:, :1], 2, axis=1)  # Both at object 0.
  predictions[0, :, FLAG] = 0.9, 0.8
  # One of two objects found by the first, the second gains nothing: 1 * 1/2.
  got = precision.average_precision(predictions, targets)
  np.testing.assert_allclose(list(got.values()), 0.5)


def test_the_ranking_is_global():
  # Per image both would have 1; ranked together a false one comes first.
  targets = np.zeros((2, 1, 19))
  targets[0, 0, [3, 5, 7, 10, FLAG]] = 1.0
  predictions = np.repeat(targets[:1], 2, axis=0)
  predictions[:, 0, FLAG] = 0.2, 0.7
  got = precision.average_precision(predictions, targets)
  np.testing.assert_allclose(list(got.values()), 0.5)


def test_150_000_predictions_take_seconds():
  predictions, targets = examples(1, images=15_000, slots=10, objects=10)
  start = time.process_time()
  precision.average_precision(predictions, targets)
  assert time.process_time() - start < 10


def test_no_object_at_all_is_an_error():
  with pytest.raises(InputError, match="no image has an object"):
    precision.average_precision(np.zeros((2, 3, 19)), np.zeros((2, 3, 19)))
