"""What the paper printed: the numbers that ours are put beside.

Source: Klambauer et al. (2017), arXiv:1706.02515v5; the table named at each.
`published_uci.csv` is Table A11, with the sets named as the data's folders are;
its `columns_M` is the paper's M, one more than the number of features.
"""

import csv
import pathlib
from typing import NamedTuple

import numpy as np

METHODS = (
  "SNN",
  "MSRAinit",
  "Highway",
  "ResNet",
  "BatchNorm",
  "WeightNorm",
  "LayerNorm",
)

# Table 1, left: average rank over 121 UCI sets minus 4, the mean rank.
RANK_DIFFERENCES = {
  "SNN": -0.756,
  "MSRAinit": -0.240,
  "LayerNorm": -0.198,
  "Highway": 0.021,
  "ResNet": 0.273,
  "WeightNorm": 0.397,
  "BatchNorm": 0.504,
}

# Table 1, left: paired Wilcoxon tests of each against SNN. The paper does not
# say so, but they are one-sided: two-sided ones are twice as large.
P_VALUES = {
  "MSRAinit": 2.7e-2,
  "LayerNorm": 1.5e-2,
  "Highway": 1.9e-3,
  "ResNet": 5.4e-4,
  "WeightNorm": 7.8e-7,
  "BatchNorm": 3.5e-6,
}

# Text on the UCI tasks: depth selected, averaged over sets; ResNet's in blocks.
MEAN_DEPTHS = {
  "SNN": 10.8,
  "BatchNorm": 6.0,
  "WeightNorm": 3.8,
  "LayerNorm": 7.0,
  "Highway": 5.9,
  "MSRAinit": 7.1,
  "ResNet": 6.35,
}

# Table 2: Tox21, 100 times the AUC averaged over the 12 tasks, and +-, at each
# depth (layers; blocks of ResNet, which has no 32).
TOX21_DEPTHS = (2, 3, 4, 6, 8, 16, 32)
TOX21_AUC = {
  "SNN": (83.7, 84.4, 84.2, 83.9, 84.5, 83.5, 82.5),
  "BatchNorm": (80.0, 79.8, 77.2, 77.0, 75.0, 73.7, 76.0),
  "WeightNorm": (83.7, 82.9, 82.2, 82.5, 81.9, 78.1, 56.6),
  "LayerNorm": (84.3, 84.3, 84.0, 82.5, 80.9, 78.7, 78.8),
  "Highway": (83.3, 83.0, 82.6, 82.4, 80.3, 80.3, 79.6),
  "MSRAinit": (82.7, 81.6, 81.1, 80.6, 80.9, 80.2, 80.4),
  "ResNet": (82.2, 80.0, 80.5, 81.2, 81.8, 81.2, float("nan")),
}
TOX21_ERROR = {
  "SNN": (0.3, 0.5, 0.4, 0.5, 0.2, 0.5, 0.7),
  "BatchNorm": (0.5, 1.6, 1.1, 1.7, 0.9, 2.0, 1.1),
  "WeightNorm": (0.8, 0.8, 0.9, 0.6, 1.2, 1.3, 2.6),
  "LayerNorm": (0.3, 0.5, 0.2, 0.8, 1.8, 2.3, 0.8),
  "Highway": (0.9, 0.5, 0.9, 0.8, 1.4, 2.4, 0.8),
  "MSRAinit": (0.4, 0.9, 1.7, 0.6, 1.1, 1.1, 1.9),
  "ResNet": (1.1, 2.0, 1.2, 0.7, 0.6, 0.6, float("nan")),
}

# Table 3: HTRU2, AUC over 10 folds. The text has C4.5 at 0.949.
HTRU2_AUC = {
  "SNN": 0.9803,
  "MSRAinit": 0.9791,
  "WeightNorm": 0.9786,
  "Highway": 0.9766,
  "LayerNorm": 0.9762,
  "BatchNorm": 0.9760,
  "ResNet": 0.9753,
  "Naive Bayes": 0.976,
  "C4.5": 0.946,
  "SVM": 0.929,
}
# Printed as +-, of the networks only.
HTRU2_ERROR = {
  "SNN": 0.010,
  "MSRAinit": 0.010,
  "WeightNorm": 0.010,
  "Highway": 0.009,
  "LayerNorm": 0.011,
  "BatchNorm": 0.013,
  "ResNet": 0.010,
}
_UCI = pathlib.Path(__file__).with_name("published_uci.csv")


class Uci(NamedTuple):
  """Table A11: sets [121] with their sizes, accuracy [121, 7] by `METHODS`."""

  sets: tuple[str, ...]
  rows: np.ndarray
  columns: np.ndarray
  accuracy: np.ndarray


def uci() -> Uci:
  """Reads Table A11 of arXiv:1706.02515.

  Returns:
    Names of the sets, in the order of the data's index; numbers of samples and
    of columns (with the label), int [121]; test accuracy of `METHODS`, float64
    [121, 7], NaN where the paper prints none (four methods on "trains").
  """
  with _UCI.open(newline="") as file:
    table = list(csv.DictReader(file))
  return Uci(
    tuple(row["set"] for row in table),
    np.array([int(row["rows"]) for row in table]),
    np.array([int(row["columns_M"]) for row in table]),
    np.array([[float(row[m] or "nan") for m in METHODS] for row in table]),
  )
