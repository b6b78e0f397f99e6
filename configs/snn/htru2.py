"""Self-normalizing networks on HTRU2: pulsars or not.

    python -m projects.snn.train --workdir=runs/htru2 \\
      --config=configs/snn/htru2.py --config.data_dir=DIR

trains one network on one fold. The table:

    python -m projects.snn.reproduce --table=htru2 --data_dir=DIR

Reproduces: Table 3 of arXiv:1706.02515, AUC over ten nested folds: SNN 0.980.
DIR holds `HTRU_2.csv`, as UCI has it, or `HTRU_2.csv.gz`.

The paper's: folds (test on M, choose on M - 1), the choice of the epoch, rates
and dropout. Ours, for two CPU cores: the reduced grid of uci.py, one batch
size, and at most `max_steps` steps, 35 epochs. The variant `paper` has the
paper's grid, of depths without 3.
"""

import ml_collections

from configs.snn import uci


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; the variants are those of uci.py."""
  config = uci.get_config(variant)
  config.unlock()
  if config.data.source == "uci":
    config.data.source = config.data.name = "htru2"
    config.max_steps = max(config.max_steps, 4_000)
    config.references.svm_rows = 20_000  # All of them.
    if "paper" in variant.split(","):
      config.grid.depth = (2, 4, 8, 16, 32)
  else:
    config.data.classes = 2
  config.data.score = "auc"
  return config.lock()
