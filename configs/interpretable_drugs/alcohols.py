"""Alcohols: is there a hydroxyl on a saturated carbon, and where?

    python -m projects.interpretable_drugs.train --workdir=runs/alcohols \\
      --config=configs/interpretable_drugs/alcohols.py --config.data_dir=DIR

Reproduces: experiment B of arXiv:1903.02788: AUC above 0.99. DIR holds lists of
SMILES (`*.smi.xz`, `*.csv.xz`).

The paper's: the rule, the numbers of molecules of each kind, four layers of
1,024 units, ECFP of radius 1. Ours: where the molecules come from, the split
(80/10/10), Adam, and three epochs, after which nothing is left to learn.

Variants: those of tox21.py.
"""

import ml_collections

from configs.interpretable_drugs import tox21


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = tox21.get_config()
  config.unlock()
  config.dataset = "alcohols"
  config.tasks = 1
  config.total_steps = 528  # three epochs
  config.steps_per_call = 11
  config.log_every = config.eval_every = config.checkpoint_every = 88
  return tox21.change(config, variant)
