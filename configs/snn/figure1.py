"""Deep networks on images: SELU against batch norm.

    python -m projects.snn.train --workdir=runs/mnist \\
      --config=configs/snn/figure1.py --config.data_dir=DIR

trains one network. The figure, of 8, 16 and 32 layers:

    python -m projects.snn.reproduce --table=figure1 --data_dir=DIR

Reproduces: Figure 1 of arXiv:1706.02515, the training loss on MNIST, and (the
variant `cifar10`, `--table=figure1_cifar10`) on CIFAR-10. DIR holds the set as
TensorFlow Datasets prepares it.

The paper's, from its authors' code: plain SGD at a rate of 1e-5 on the loss
summed over a batch of 128 (here 1.28e-3 on its mean), no dropout, batch norm
behind the ReLU. Ours, for two CPU cores: a width of 256 where the paper has as
many as inputs, 6 epochs of its 2,000, and a fiftieth of the training set held
out. The variant `paper` has its width and epochs.
"""

import ml_collections

from configs import variants
from configs.snn import uci


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `cifar10`, `paper` and `smoke` are joined by commas."""
  asked = [name for name in variant.split(",") if name]
  smoke = "smoke" in asked
  config = uci.get_config("smoke" if smoke else "")
  config.unlock()
  config.norm_behind = True
  config.dropout = 0.0
  config.learning_rate = 1e-5 * 128
  if not smoke:
    config.data.source = "images"
    config.data.name = "mnist"
    config.data.validation_share = 0.02
    config.width = 256
    config.depth = 8
    config.epochs = 6
    config.steps_per_call = config.log_every = 20
    config.eval_every = 1_380  # Three epochs of MNIST.
    config.checkpoint_every = 2_000
  return variants.apply(
    config,
    variant,
    cifar10=dict(data=dict(name="cifar10"), eval_every=1_160)
    if not smoke
    else {},
    paper=dict(epochs=2_000, width=3_072 if "cifar10" in asked else 784),
    smoke={},
  )
