"""Self-normalizing networks on Tox21: twelve assays from a molecule's graph.

    python -m projects.snn.train --workdir=runs/tox21 \\
      --config=configs/snn/tox21.py --config.data_dir=DIR

trains one network. The table, AUC against depth, is

    python -m projects.snn.reproduce --table=tox21 --data_dir=DIR

Reproduces: Table 2 of arXiv:1706.02515, mean AUC over the twelve assays: SNN
0.845 at 8 layers. DIR holds `tox21_challenge_{train,leaderboard,test}.csv.gz`.

The paper's: depths, rates, dropout rates, five repetitions, the challenge's own
test set. Ours: features by RDKit where the paper has DeepTox's, the leaderboard
set to choose by, batch size and epochs; and for two CPU cores a width of 64
where the paper has 1,024 and 2,048, the rates 0.05 and 0.1 of its three, one
weight decay of three, the rectangular form. The variant `paper` has its grid;
`more` the fingerprints with the second-best leaderboard score of an SNN of 8
layers, of eight sets (the best has 4,238 features, and takes twice as long),
the paper's three rates, and 30 epochs; `wide` four times the width, at 8 and 32
layers, with the two lower rates (at 512 units, 0.05 diverges). It was chosen by
the leaderboard score of an SNN of 32 layers, of the widths 64, 256 and 512.
"""

import ml_collections

from configs.snn import uci


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; the variants are uci.py's, `more` and `wide`."""
  names = variant.split(",")
  of_uci = [name for name in names if name not in ("more", "wide")]
  config = uci.get_config(",".join(of_uci))
  config.unlock()
  grid = config.grid
  config.data.kind = "tasks"
  config.data.score = "auc"
  config.weight_decay = 1e-4
  if config.data.source == "blobs":
    config.data.outputs = config.data.classes
    return config.lock()
  config.data.source = config.data.name = "tox21"
  config.cache_dir = "~/.cache/snn"  # Features of all molecules take minutes.
  config.epochs = 15
  config.smoothing = 3
  config.repetitions = 5
  config.width = 64
  config.depth = 8
  # More than DeepTox's 2.5% of molecules, and more than its substructures.
  grid.fingerprints = (
    "ecfp",
    "ecfp + fcfp + maccs",
    "ecfp + pairs + torsions",
    "ecfp + fcfp + maccs + pairs + torsions",
  )
  grid.fingerprint_share = (0.025, 0.005)
  references = config.references
  references.max_features = ("sqrt",)
  references.svm_c = (1.0, 10.0)
  references.svm_gamma = ("scale", 3e-4, 3e-3)
  references.svm_rows = 20_000
  grid.with_dropout = (
    "selu",
    "msra_init",
    "weight_norm",
    "layer_norm",
    "highway",
  )
  grid.selu_dropout = (0.05, 0.1)
  grid.dropout = (0.0, 0.5)
  grid.depth = (2, 3, 4, 6, 8, 16, 32)
  grid.blocks = (2, 3, 4, 6, 8, 16)
  if "paper" in names:
    config.epochs = 100
    config.smoothing = 10
    grid.width = (1024, 2048)
    grid.learning_rate = (0.01, 0.05, 0.1)
    grid.weight_decay = (1e-3, 1e-4, 1e-5)
  else:
    grid.width = (64,)
    grid.learning_rate = (0.05, 0.1)
    grid.weight_decay = (1e-4,)
  if "more" in names:
    config.data.fingerprints = ("ecfp", "fcfp", "maccs")
    config.data.fingerprint_share = 0.005
    config.epochs = max(config.epochs, 30)
    grid.learning_rate = (0.01, 0.05, 0.1)
  if "wide" in names:
    config.repetitions = 3
    grid.width = (256,)
    grid.depth = (8, 32)
    grid.blocks = (8,)
    grid.learning_rate = (0.01, 0.05)
  return config.lock()
