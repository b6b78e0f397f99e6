"""Features of weights whose statistics are known."""

import numpy as np

from projects.cnn_zoo import features, model

LAYOUT = model.layout((16, 16, 16), 10)


def test_statistics_by_hand():
  found = features.statistics(np.asarray([[4.0, 1.0, 2.0, 3.0, 10.0]]))
  # Deviations from the mean 4: 0, 9, 4, 1, 36; their mean is 10.
  expected = [[1.0, 2.0, 3.0, 4.0, 10.0, np.sqrt(10), 4.0]]
  np.testing.assert_allclose(found, expected)


def test_sets_have_the_papers_sizes():
  weights = np.random.default_rng(0).normal(size=(2, 4970))
  sizes = {
    name: make(weights).shape[1]
    for name, make in features.of_weights(LAYOUT).items()
  }
  assert list(sizes.values()) == [
    160,
    2320,
    2320,
    170,
    4970,
    7,
    4,
    4,
    28,
    14,
    56,
  ]


def test_each_tensor_has_its_own_seven():
  weights = np.zeros((1, 4970))
  for i, tensor in enumerate(LAYOUT):
    weights[:, tensor.start : tensor.end] = i + 1
  found = features.layer_statistics(weights, LAYOUT, range(4)).reshape(8, 7)
  np.testing.assert_array_equal(found[:, 0], np.arange(1, 9))
  np.testing.assert_array_equal(found[:, 6], np.arange(1, 9))
  np.testing.assert_array_equal(found[:, 5], 0)
  l1 = features.layer_norms(weights, LAYOUT, 1)[0]
  l2 = features.layer_norms(weights, LAYOUT, 2)[0]
  assert l1[0] == 16 * 1 + 144 * 2
  np.testing.assert_allclose(l2[3], np.sqrt(10 * 7**2 + 160 * 8**2))
