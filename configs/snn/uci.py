"""Self-normalizing networks on the UCI tasks.

    python -m projects.snn.train --workdir=runs/abalone \\
      --config=configs/snn/uci.py --config.data.name=abalone \\
      --config.data_dir=DIR

trains one network. The table, every task and method over a grid, is

    python -m projects.snn.reproduce --table=uci --data_dir=DIR

Reproduces: Table 1 (left) and Table A11 of arXiv:1706.02515: average rank of
the SNN minus the mean rank, -0.756 over 121 tasks. DIR holds the tasks in the
files of Fernandez-Delgado et al. (2014), unpacked or as one archive.

The paper's: protocol (validation share, epochs, smoothing, order of ties), the
learning rates, dropout rates, forms. Its code's: plain SGD, of Figure 1 (the
paper names no optimiser). Ours: batch size, weight decay, and `grid`,
which is reduced to what two CPU cores do in hours: one width of 64 where the
paper has 256, 512 and 1024, depths 2, 4 and 8 where it has up to 32, the
rectangular form where it has conic too, of residual blocks that of two layers
with a bottleneck of a half where it has three layers, a quarter and rectangular
ones too, and `max_steps`, which leaves large tables fewer epochs, but
`min_epochs` at least. The table has 16 and 32, too, which `reproduce`'s
`--depths=16,32` adds.
The variant `paper` has the paper's grid, `small_batches` batches of 16, which
`--table=uci_small` compares on small tasks.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.data = ml_collections.ConfigDict()
  config.data.source = "uci"  # or "htru2", "tox21", "images", "csv", "blobs"
  config.data.name = "abalone"  # of the task; for "csv": the target column
  config.data.separator = ","  # of "csv": or ";", "|", " ", "tab"
  config.data.header = True  # False: the columns are "1", "2", ...
  config.data.categorical = ()  # columns of numbers that are only names
  config.data.missing = ()  # what means missing, beside empty, "?", "NA", ...
  config.data.fold = 0  # the paper's split comes first
  config.data.split_seed = 0
  config.data.validation_share = 0.15  # of the training rows
  config.data.processes = 1  # for Tox21's features
  config.data.fingerprints = ("ecfp",)  # of Tox21, whose substructures
  config.data.fingerprint_share = 0.025  # of molecules have, to be features
  config.data.kind = "classes"  # or "tasks", each yes or no
  config.data.score = "accuracy"  # or "auc"
  # Filled in from the table: padded and true sizes.
  config.data.features = 0
  config.data.present = 0
  config.data.classes = 0
  config.data.outputs = 0
  config.data_dir = ""  # for "csv": the file
  config.cache_dir = ""

  config.method = "selu"
  config.form = "rectangular"  # or "conic"
  config.width = 64
  config.depth = 4
  config.bottleneck = 0.5  # of resnet
  config.block_layers = 2  # of resnet
  config.norm_behind = False  # the ReLU, as in the authors' Figure 1
  config.learning_rate = 0.1
  config.dropout = 0.05
  config.weight_decay = 0.0

  config.epochs = 100
  config.batch_size = 128
  config.total_steps = 10**9  # at most: epochs end a training before
  config.steps_per_call = 10
  config.log_every = 100
  config.eval_every = 100
  config.checkpoint_every = 500
  config.keep_checkpoints = 2

  # What the sweep tries.
  config.max_steps = 2_000  # of a training: fewer epochs for large tables,
  config.min_epochs = 10  # but never fewer than these
  config.smoothing = 10  # epochs in the moving average that chooses
  config.small_rows = 256  # to train on, at most: a task of --table=uci_small
  config.repetitions = 1
  config.max_bytes = 2**29  # of a chunk's members
  grid = config.grid = ml_collections.ConfigDict()
  grid.form = ("rectangular",)
  grid.width = (64,)
  grid.depth = (2, 4, 8)
  grid.blocks = (2, 4, 8)  # resnet
  grid.bottleneck = (0.5,)  # resnet
  grid.block_layers = (2,)  # resnet
  grid.learning_rate = (0.01, 0.1, 1.0)
  grid.selu_dropout = (0.0, 0.05)
  grid.with_dropout = ("selu", "msra_init", "highway")
  grid.dropout = (0.0, 0.5)  # msra_init, highway
  grid.weight_decay = (0.0,)
  grid.fingerprints = ("ecfp",)  # of Tox21, each with others by " + "
  grid.fingerprint_share = (0.025,)

  # Random forest and SVM beside the networks; gamma 1 / features and around it.
  references = config.references = ml_collections.ConfigDict()
  references.trees = 300
  references.max_features = ("sqrt", 1.0)
  references.svm_c = (1.0, 10.0, 100.0)
  references.svm_gamma = ("scale", 0.01, 0.1)
  references.svm_rows = 5_000
  references.min_samples_leaf = (1, 5, 20, 50)  # decision tree

  return variants.apply(
    config,
    variant,
    paper=dict(
      grid=dict(
        form=("rectangular", "conic"),
        width=(256, 512, 1024),
        depth=(2, 3, 4, 8, 16, 32),
        blocks=(2, 3, 4, 8, 16),
        bottleneck=(0.25, 0.5, 1.0),  # diavolo; 1: rectangular blocks
        block_layers=(2, 3),
      ),
      max_steps=10**9,
      max_bytes=2**33,
    ),
    small_batches=dict(batch_size=16, max_steps=10_000),
    smoke=dict(
      data=dict(
        source="blobs",
        name="blobs",
        features=4,
        present=4,
        classes=3,
        outputs=4,
      ),
      width=8,
      depth=2,
      epochs=5,
      batch_size=64,
      total_steps=15,
      steps_per_call=5,
      log_every=5,
      eval_every=5,
      checkpoint_every=5,
      smoothing=2,
      grid=dict(width=(8,), depth=(2,), blocks=(2,), learning_rate=(0.1,)),
      references=dict(trees=10),
    ),
  )
