"""A zoo of networks that nobody trained, to try tables and tests on.

An accuracy grows with the epoch and with the spread of the last layer's bias,
which is what the paper's figure shows of real ones.
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from . import files, model

LAYOUT = model.layout((4, 4, 4), 3)
OTHERS = (model.layout((4, 4), 3), model.layout((4, 4, 4), 3, pixels=16))
EPOCHS = (0, 1, 2)


def write(
  folder: pathlib.Path,
  name: str,
  count: int = 40,
  seed: int = 0,
  layout: Sequence[model.Tensor] = LAYOUT,
) -> pathlib.Path:
  """Writes `count` networks of the data set `name`; returns the folder."""
  rng = np.random.default_rng(seed)
  bias, weights, rows = layout[-2], [], []
  for i in range(count):
    spread = rng.uniform()
    columns = {
      "config.activation": ("relu", "tanh")[i % 2],
      "config.b_init": "zeros",
      "config.dataset": name,
      "config.dropout": rng.uniform(0, 0.7),
      "config.init_std": rng.uniform(0.01, 0.5),
      "config.l2reg": 1e-4,
      "config.learning_rate": rng.uniform(0.001, 0.05),
      "config.optimizer": "adam",
      "config.train_fraction": 0.5,
      "config.w_init": ("orthogonal", "he_normal")[i % 2],
      "modeldir": f"network_{i:03d}",
    }
    for epoch in EPOCHS:
      vector = rng.normal(size=layout[-1].end).astype(np.float32)
      vector[bias.start : bias.end] = np.asarray([-1, 0, 1]) * spread * epoch
      accuracy = 0.1 + 0.4 * spread * epoch
      scores = dict.fromkeys(files.SCORES, 1.0) | {"test_accuracy": accuracy}
      weights.append(vector)
      rows.append({**columns, "step": epoch, **scores})
  files.write_layout(folder, layout)
  files.write(folder, np.stack(weights), rows)
  return folder
