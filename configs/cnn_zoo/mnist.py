"""A zoo of CNNs of 4,970 weights on MNIST, with the paper's hyperparameters.

    python -m projects.cnn_zoo.train --workdir=runs/zoo_mnist \\
      --config=configs/cnn_zoo/mnist.py

Reproduces: the small CNN zoo (arXiv:2002.11448), its MNIST part: 30,000
networks of 86 epochs and nine checkpoints each. Run so far: `v1`, 384 to 448
networks of each data set but SVHN; on MNIST also 64 of `wide`, 96 each of
`deep` and `shallow`, and 128 of `dense`, on Fashion-MNIST 64, 32 and 64 of
those three. That took 10 to 18 s of a CPU core a network, 3 s of `dense`, 30 of
`wide`.

The paper's: network, batch, shares of the data, epochs, checkpoints. Of the
released zoo, by google-research/invariant_explanations/config.py, which was
written for it: the ranges from which hyperparameters are drawn; that they are
uniform or log-uniform is from memory. Ours: the order of the pictures (a full
shuffle of an epoch), and dropout's noise, which all networks share.

Variants, joined with commas: `v1`, the paper's first version, 18 epochs;
`wide`, `deep`, `shallow` and `dense` (fully connected), other architectures to
be predicted, of sizes that are ours; `smoke`, seconds.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.total_steps = 30_000  # networks: a step of a zoo is a network
  config.first_network = 0  # its number; a later zoo begins where one ended
  config.steps_per_call = 64  # networks in a chunk, which is a shard of files
  config.batch_size = 512
  config.microbatch = 64  # what the vector units and the cache like

  config.dataset = "mnist"
  config.data_dir = "~/tensorflow_datasets"
  config.cache_dir = "~/.cache/images"
  config.generated_images = 256  # of dataset = "generated"
  config.image_size = 28
  config.classes = 10

  config.network = "cnn"  # or "dense", fully connected
  config.widths = (16, 16, 16)  # of the hidden layers
  config.strides = (2, 2, 2)  # of the convolutions; () where there are none
  config.checkpoints = (0, 1, 2, 3, 20, 40, 60, 80, 86)  # epochs

  config.optimizers = ("sgd", "adam", "rmsprop")
  config.activations = ("relu", "tanh")
  config.initializers = (
    "glorot_normal",
    "he_normal",
    "orthogonal",
    "RandomNormal",
    "TruncatedNormal",
  )
  config.fractions = (0.1, 0.25, 0.5, 1.0)  # of the training pictures
  config.learning_rate = (5e-4, 5e-2)  # log-uniform, as l2 and init_std
  config.l2 = (1e-8, 1e-2)
  config.dropout = (0.0, 0.7)
  config.init_std = (1e-3, 0.5)
  return change(config, variant)


def change(
  config: ml_collections.ConfigDict, variant: str
) -> ml_collections.ConfigDict:
  """Applies the variants of all zoos; returns the config, locked."""
  return variants.apply(
    config,
    variant,
    v1=dict(checkpoints=(0, 1, 2, 3, 6, 12, 18)),
    wide=dict(widths=(32, 32, 32)),
    # Strides of 2 leave no place for a fourth.
    deep=dict(widths=(16, 16, 16, 16), strides=(2, 2, 1, 1)),
    shallow=dict(widths=(16, 16), strides=(2, 2)),
    dense=dict(network="dense", widths=(32, 32, 32), strides=()),
    smoke=smoke,
  )


def smoke(config: ml_collections.ConfigDict) -> None:
  """Shrinks any config of this folder to seconds on one core."""
  config.dataset = "generated"
  config.total_steps = 6
  config.steps_per_call = 4
  config.batch_size, config.microbatch = 16, 8
  config.image_size = 23 if len(config.widths) > 3 else 15
  config.widths = (4,) * len(config.widths)
  config.checkpoints = (0, 1, 2)
