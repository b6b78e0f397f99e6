"""What the paper reports: R2 of its best settings, as its code stores them.

From `best_configs.json` of google-research/dnn_predict_accuracy (Apache-2.0),
which belongs to the first version of arXiv:2002.11448: networks of 18 epochs,
15,000 of a data set to train on, the settings chosen on the test networks.
"""

DATASETS = {
  "mnist": "MNIST",
  "fashion_mnist": "Fashion-MNIST",
  "cifar10": "CIFAR-10 gray",
  "svhn_cropped": "SVHN gray",
}
KINDS = {"linear": "linear", "mlp": "MLP", "gbm": "trees"}
# The sets of features, in the paper's order.
SETS = {
  "weights.0": "weights, layer 0",
  "weights.1": "weights, layer 1",
  "weights.2": "weights, layer 2",
  "weights.3": "weights, layer 3",
  "weights": "all weights",
  "hyper": "hyperparameters",
  "hyper+weights": "hyperparameters and weights",
  "hyper.learning_rate": "learning rate",
  "wstats-glob": "7 statistics of all weights",
  "wnorm-layers:0,1,2,3-l1": "L1 norms of layers",
  "wnorm-layers:0,1,2,3-l2": "L2 norms of layers",
  "wstats-layers:0,3-qts:0,25,50,75,100": "statistics of layers 0 and 3",
  "wstats-layers:3-qts:0,25,50,75,100": "statistics of layer 3",
  "wstats-layers:0,1,2,3-qts:0,25,50,75,100": "statistics of all layers (56)",
}
STATISTICS = "wstats-layers:0,1,2,3-qts:0,25,50,75,100"
# Seven numbers of some weights: other architectures have most of them, too.
STATISTICS_SETS = tuple(name for name in SETS if name.startswith("wstats"))


# Of each set, in the order of DATASETS.
R2 = {
  "weights.0": {
    "linear": (0.716, 0.500, 0.361, 0.451),
    "mlp": (0.978, 0.982, 0.959, 0.935),
    "gbm": (0.977, 0.982, 0.959, 0.936),
  },
  "weights.1": {
    "linear": (0.634, 0.423, 0.404, 0.545),
    "mlp": (0.969, 0.973, 0.929, 0.876),
    "gbm": (0.966, 0.975, 0.926, 0.895),
  },
  "weights.2": {
    "linear": (0.659, 0.450, 0.428, 0.566),
    "mlp": (0.975, 0.976, 0.930, 0.890),
    "gbm": (0.969, 0.973, 0.928, 0.900),
  },
  "weights.3": {
    "linear": (0.808, 0.699, 0.707, 0.802),
    "mlp": (0.989, 0.989, 0.969, 0.973),
    "gbm": (0.987, 0.989, 0.969, 0.968),
  },
  "weights": {
    "linear": (0.847, 0.733, 0.662, 0.786),
    "mlp": (0.980, 0.981, 0.954, 0.931),
    "gbm": (0.988, 0.990, 0.970, 0.971),
  },
  "hyper": {
    "linear": (0.692, 0.614, 0.685, 0.636),
    "mlp": (0.898, 0.888, 0.902, 0.879),
    "gbm": (0.918, 0.924, 0.934, 0.935),
  },
  "hyper+weights": {
    "linear": (0.874, 0.793, 0.735, 0.814),
    "mlp": (0.979, 0.983, 0.955, 0.934),
    "gbm": (0.990, 0.991, 0.979, 0.978),
  },
  "hyper.learning_rate": {
    "linear": (0.025, 0.033, 0.003, 0.000),
    "mlp": (0.026, 0.036, 0.014, 0.034),
    "gbm": (0.024, 0.035, 0.015, 0.034),
  },
  "wstats-glob": {
    "linear": (0.780, 0.516, 0.186, 0.384),
    "mlp": (0.948, 0.938, 0.897, 0.904),
    "gbm": (0.953, 0.955, 0.914, 0.908),
  },
  "wnorm-layers:0,1,2,3-l1": {
    "linear": (0.835, 0.716, 0.478, 0.629),
    "mlp": (0.959, 0.952, 0.927, 0.945),
    "gbm": (0.983, 0.982, 0.960, 0.967),
  },
  "wnorm-layers:0,1,2,3-l2": {
    "linear": (0.848, 0.730, 0.542, 0.700),
    "mlp": (0.980, 0.981, 0.950, 0.971),
    "gbm": (0.981, 0.983, 0.960, 0.971),
  },
  "wstats-layers:0,3-qts:0,25,50,75,100": {
    "linear": (0.902, 0.775, 0.633, 0.779),
    "mlp": (0.988, 0.988, 0.968, 0.971),
    "gbm": (0.989, 0.989, 0.971, 0.971),
  },
  "wstats-layers:3-qts:0,25,50,75,100": {
    "linear": (0.842, 0.713, 0.605, 0.755),
    "mlp": (0.973, 0.975, 0.933, 0.946),
    "gbm": (0.973, 0.977, 0.941, 0.946),
  },
  "wstats-layers:0,1,2,3-qts:0,25,50,75,100": {
    "linear": (0.920, 0.804, 0.727, 0.852),
    "mlp": (0.993, 0.992, 0.980, 0.985),
    "gbm": (0.993, 0.993, 0.984, 0.986),
  },
}


def r2(features: str, kind: str, dataset: str) -> float | None:
  """The paper's value; None of a data set that it has not."""
  if dataset not in DATASETS or features not in R2:
    return None
  return R2[features][kind][list(DATASETS).index(dataset)]
