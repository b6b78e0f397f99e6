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
# Those of them that networks of any depth have, on any data.
ENDS = "wstats-layers:0,3-qts:0,25,50,75,100"
# Seven numbers of some weights: other architectures have most of them, too.
STATISTICS_SETS = tuple(name for name in SETS if name.startswith("wstats"))


# Of each set, in the order of DATASETS: four digits, and one or two more where
# those would be rounded otherwise than the stored ones.
R2 = {
  "weights.0": {
    "linear": (0.7162, 0.4999, 0.3609, 0.4507),
    "mlp": (0.9782, 0.98154, 0.9593, 0.9348),
    "gbm": (0.9773, 0.9818, 0.9592, 0.9362),
  },
  "weights.1": {
    "linear": (0.6336, 0.4227, 0.4044, 0.5448),
    "mlp": (0.9686, 0.9734, 0.9291, 0.8759),
    "gbm": (0.9659, 0.9747, 0.9256, 0.8946),
  },
  "weights.2": {
    "linear": (0.6593, 0.4502, 0.4284, 0.5659),
    "mlp": (0.9746, 0.9758, 0.9302, 0.8900),
    "gbm": (0.9692, 0.9732, 0.9281, 0.8996),
  },
  "weights.3": {
    "linear": (0.8077, 0.6988, 0.7074, 0.8020),
    "mlp": (0.9894, 0.9894, 0.96848, 0.9733),
    "gbm": (0.9872, 0.9892, 0.9692, 0.96747),
  },
  "weights": {
    "linear": (0.8466, 0.7329, 0.6623, 0.7861),
    "mlp": (0.9799, 0.98049, 0.9536, 0.9308),
    "gbm": (0.9879, 0.98947, 0.9704, 0.9711),
  },
  "hyper": {
    "linear": (0.6917, 0.6141, 0.6849, 0.6358),
    "mlp": (0.8976, 0.88846, 0.90255, 0.879498),
    "gbm": (0.9177, 0.9244, 0.9337, 0.9349),
  },
  "hyper+weights": {
    "linear": (0.8741, 0.79346, 0.7354, 0.8140),
    "mlp": (0.9790, 0.9826, 0.9551, 0.9342),
    "gbm": (0.9898, 0.9909, 0.9786, 0.9782),
  },
  "hyper.learning_rate": {
    "linear": (0.0248, 0.0331, 0.0029, 0.0004),
    "mlp": (0.0263, 0.0359, 0.0138, 0.0342),
    "gbm": (0.0241, 0.0346, 0.0149, 0.0339),
  },
  "wstats-glob": {
    "linear": (0.7804, 0.5163, 0.18649, 0.3840),
    "mlp": (0.9481, 0.9378, 0.8968, 0.9044),
    "gbm": (0.9530, 0.9553, 0.9142, 0.9082),
  },
  "wnorm-layers:0,1,2,3-l1": {
    "linear": (0.83496, 0.7160, 0.47851, 0.6289),
    "mlp": (0.9588, 0.9517, 0.9270, 0.9446),
    "gbm": (0.9827, 0.9817, 0.9604, 0.9672),
  },
  "wnorm-layers:0,1,2,3-l2": {
    "linear": (0.8481, 0.7297, 0.5418, 0.6997),
    "mlp": (0.9799, 0.9810, 0.9498, 0.9708),
    "gbm": (0.9811, 0.9828, 0.9599, 0.9709),
  },
  "wstats-layers:0,3-qts:0,25,50,75,100": {
    "linear": (0.9021, 0.7753, 0.6331, 0.7786),
    "mlp": (0.9881, 0.98752, 0.9683, 0.9711),
    "gbm": (0.98854, 0.9891, 0.9706, 0.9707),
  },
  "wstats-layers:3-qts:0,25,50,75,100": {
    "linear": (0.8417, 0.7133, 0.6054, 0.7546),
    "mlp": (0.9727, 0.9746, 0.9331, 0.9463),
    "gbm": (0.9728, 0.97647, 0.9411, 0.9460),
  },
  "wstats-layers:0,1,2,3-qts:0,25,50,75,100": {
    "linear": (0.9204, 0.8043, 0.7268, 0.8524),
    "mlp": (0.9928, 0.9919, 0.9802, 0.9852),
    "gbm": (0.9928, 0.9931, 0.9840, 0.9857),
  },
}


# Test accuracies of the released zoo, of 30,000 networks of 86 epochs a data
# set, at these percentiles: google-research/invariant_explanations/config.py
# (Apache-2.0), where the same ranges of hyperparameters stand.
PERCENTILES = (20, 40, 60, 80, 90, 95, 99, 100)
RELEASED = {
  "mnist": (0.113, 0.359, 0.739, 0.898, 0.955, 0.969, 0.974, 0.986),
  "fashion_mnist": (0.118, 0.474, 0.686, 0.762, 0.826, 0.846, 0.857, 0.887),
  "cifar10": (0.154, 0.253, 0.330, 0.385, 0.461, 0.501, 0.521, 0.575),
  "svhn_cropped": (0.179, 0.195, 0.196, 0.333, 0.516, 0.595, 0.653, 0.781),
}


def r2(features: str, kind: str, dataset: str) -> float | None:
  """The paper's value; None of a data set that it has not."""
  if dataset not in DATASETS or features not in R2:
    return None
  return R2[features][kind][list(DATASETS).index(dataset)]
