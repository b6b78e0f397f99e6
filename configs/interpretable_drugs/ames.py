"""Ames mutagenicity by the paper's graph convolution, for a CPU.

    python -m projects.interpretable_drugs.train --workdir=runs/ames \\
      --config=configs/interpretable_drugs/ames.py --config.data_dir=DIR

Reproduces: experiment D of arXiv:1903.02788: AUC 0.804 on Hansen's molecules
that are not in Kazius. DIR holds `kazius2005_4337.csv` and
`hansen2009_6512.csv`, or each with `.gz`: tables with the columns `smiles` (or
`smiles_rdkit`, which goes before it), `mutagen` or `activity` (1 or 0), and
`inchikey`, which is computed where there is none.

The paper's and its code's: atom vectors, the three convolutions with means over
150 and 4 slots, the dense layer of 512, dropout, Adam, rate, batch; the weights
of the best validation AUC. Ours: 256 units a convolution for 1,024, 30 epochs
for 100, a tenth of Kazius to choose by (the paper names no share), and Adam's
epsilon, optax's 1e-8 (Keras 2, which the code runs on, adds 1e-7, to the root
that is not corrected for its start).

Nothing stops a training early: all of its epochs are run, a number that a CPU's
time sets and no score, and the weights that count are of the epoch with the
highest AUC on that tenth, while the authors' code stops after 50 epochs without
a higher one, or beyond the 50th if the best is below 0.63.

Variants: `paper`, 1,024 units and 100 epochs; `mended`, without the code's
oddities (bonds count where there are any, no division by 44, means over what is
there, nothing cut); those of tox21.py.
"""

import ml_collections

from configs.interpretable_drugs import tox21


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = tox21.get_config()
  config.unlock()
  config.dataset = "ames"
  config.model = "graph_conv"
  config.tasks = 1
  config.batch_size = 64
  config.steps_per_call = 1
  config.log_every = config.eval_every = config.checkpoint_every = 61
  config.width = 256
  config.depth = 3
  config.dropout = 0.5
  config.total_steps = 1_830  # 30 epochs
  paper = dict(width=1024, total_steps=6_100)
  mended = dict(
    graph=dict(bond_code="present", scale=1.0, atom_slots=0, neighbour_slots=0)
  )
  return tox21.change(config, variant, paper=paper, mended=mended)
