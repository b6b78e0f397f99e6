"""Tox21: twelve assays from ECFP bits, by self-normalizing layers.

    python -m projects.interpretable_drugs.train --workdir=runs/tox21 \\
      --config=configs/interpretable_drugs/tox21.py --config.data_dir=DIR

Reproduces: experiments A and C of arXiv:1903.02788: mean AUC 0.77 over the
twelve assays of the challenge's test set with four layers of 1,024 units, 0.78
with 2,048. DIR holds `tox21_challenge_{train,leaderboard,test}.csv.gz`.

The paper's: layers, units, ECFP of radius 1 as presence bits, the masked loss,
Bonferroni at 0.05, alerts in at least 20 molecules, 1,000 steps of integrated
gradients. The paper gives 1,024 bits for C and none for A: here both. The paper
says nothing of optimiser, rate, dropout, batch or epochs: ours is Adam, chosen
by the leaderboard set, which also chooses the evaluation whose weights count.

Variants: `deep`, eight layers, as the paper's Figure 2 has; `wide`, 2,048
units, as C; `permuted`, labels exchanged among molecules; `smoke`, seconds, on
generated molecules.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.batch_size = 128
  config.total_steps = 910  # ten epochs
  config.steps_per_call = 13
  config.log_every = 91
  config.eval_every = 91
  config.checkpoint_every = 91
  config.keep_checkpoints = 1

  config.dataset = "tox21"
  config.data_dir = ""
  config.cache_dir = "~/.cache/interpretable_drugs"  # of matched alerts
  config.split_seed = 0
  config.validation_share = 0.1  # where the data have no part of their own
  config.test_share = 0.1
  config.permute_labels = False
  config.max_device_bytes = 2**30

  config.model = "selu"
  config.tasks = 12
  config.width = 1024
  config.depth = 4
  config.dropout = 0.1
  config.bits = 1024
  config.radius = 1
  config.graph = ml_collections.ConfigDict()  # of graph convolutions
  config.graph.hidden = 512
  config.graph.bond_code = "repeated"
  config.graph.scale = 44.0
  config.graph.atom_slots = 150
  config.graph.neighbour_slots = 4
  config.learning_rate = 1e-3
  config.eval_batch = 512

  config.alcohols = ml_collections.ConfigDict()  # molecules of each kind
  config.alcohols.positives = 1_236
  config.alcohols.oxygen_free = 26_047
  config.alcohols.acids = 864

  config.attribution = ml_collections.ConfigDict()
  config.attribution.target = "logit"
  config.attribution.steps = 1_000
  config.attribution.block = 1  # steps that share a pass; 1: the paper's sum
  config.attribution.pieces = 50  # of the path, each with its secants
  config.attribution.samples = 50  # of SmoothGrad
  config.attribution.noise = 0.15  # of SmoothGrad, of a bit's 0 to 1
  config.attribution.molecules = 500  # of each kind, to judge methods by

  config.neurons = ml_collections.ConfigDict()
  config.neurons.least = 20  # molecules with an alert
  config.neurons.alpha = 0.05
  config.neurons.units_at_once = 256  # bounds the memory

  config.substructures = ml_collections.ConfigDict()
  config.substructures.count = 50
  config.substructures.radius = 2
  config.substructures.few = 5  # fewer matches get an asterisk
  config.substructures.confidence = 0.95
  return change(config, variant)


def change(
  config: ml_collections.ConfigDict, variant: str, **more: variants.Change
) -> ml_collections.ConfigDict:
  """Applies the variants of all data sets, and `more`; returns it, locked."""
  return variants.apply(
    config,
    variant,
    deep=dict(depth=8),
    wide=dict(width=2048),
    permuted=dict(permute_labels=True),
    **more,
    smoke=smoke,
  )


def smoke(config: ml_collections.ConfigDict) -> None:
  """Shrinks a config to seconds, on generated molecules."""
  config.dataset = "generated"
  config.batch_size = 16
  config.total_steps = 20
  config.log_every = config.eval_every = config.checkpoint_every = 10
  config.steps_per_call = 1 if config.model == "graph_conv" else 10
  config.eval_batch = 32
  config.width = 16
  config.depth = 2
  config.bits = 64
  config.graph.hidden = 8
  config.attribution.steps = 20
  config.attribution.pieces = 5
  config.attribution.samples = 4
  config.attribution.molecules = 16
  config.neurons.least = 4
  config.neurons.units_at_once = 8
  config.substructures.count = 6
