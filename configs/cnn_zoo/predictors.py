"""What predicts a network's accuracy from its weights, and how it is judged.

    python -m projects.cnn_zoo.predict --zoo=DIR \\
      --config=configs/cnn_zoo/predictors.py FILE

Reproduces: the predictors of arXiv:2002.11448 (linear with a sigmoid, an MLP,
boosted trees) and its tables of R2, by `projects.cnn_zoo.reproduce`.

The paper's: 300 epochs at most, a patience of 10, 2,000 trees at most (4,000 in
its transfer), at most 15,000 networks to train on. Ours: a grid of a few
settings where the authors searched hundreds; mini-batches of 64, of their 64,
128, 256 and 512; trees' patience, 200 rounds for 500; how the networks are
split, and the honest protocol's validation part.

Variant: `smoke`, seconds.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant."""
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.train_share = 0.7  # of the networks, to train and to validate
  config.most_training = 15_000  # networks
  config.validation_share = 0.2  # of those, in the honest protocol
  config.fewest = 20  # networks, below which nothing is said
  config.kept_epochs = (1, 3, 6, 20)  # in statistics files, beside the last

  config.level = 0.95  # of intervals
  config.resamples = 500  # of the bootstrap

  config.total_steps = 300  # epochs at most, of linear and MLP
  config.patience = 10
  config.batch_size = 64
  config.members = 2  # seeds of each setting

  config.linear = ml_collections.ConfigDict()
  config.linear.widths = ()  # no hidden layer
  config.linear.learning_rates = (0.01, 0.1)
  config.linear.penalties = (1e-6, 1e-3)
  config.linear.dropout = 0.0

  config.mlp = ml_collections.ConfigDict()
  config.mlp.widths = (264, 264, 264)
  config.mlp.learning_rates = (3e-4, 3e-3)
  config.mlp.penalties = (1e-6, 1e-4)
  config.mlp.dropout = 0.1

  config.gbm = ml_collections.ConfigDict()
  config.gbm.rounds = 2_000
  config.gbm.patience = 200
  config.gbm.learning_rate = 0.03
  config.gbm.leaves = 31
  config.gbm.fewest_in_leaf = (3, 10)
  config.gbm.columns = (0.1, 0.7)  # the share that a tree sees
  config.gbm.rows = 0.7  # the same, of networks
  config.gbm.penalty = 1.0  # L2 of the leaves
  config.gbm.threads = 2

  config.sizes = (25, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 15_000)
  config.draws = 5  # of training networks, at each size
  config.repeats = 10  # of each feature's shuffling, for its importance
  config.coverage = 0.9  # of the intervals around predictions

  smoke = dict(
    total_steps=3,
    members=1,
    batch_size=16,
    resamples=20,
    mlp=dict(widths=(8,)),
    gbm=dict(
      rounds=20,
      patience=5,
      learning_rate=0.2,
      threads=1,
      fewest_in_leaf=(3,),
      columns=(0.7,),
    ),
    sizes=(20, 40),
    draws=2,
    repeats=2,
  )
  return variants.apply(config, variant, smoke=smoke)
