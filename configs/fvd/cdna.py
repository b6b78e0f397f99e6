"""CDNA on a scenario: two frames are given, fourteen predicted.

    python -m projects.fvd.train --workdir=runs/cdna \\
      --config=configs/fvd/cdna.py:small

Reproduces: the row CDNA of the benchmark of arXiv:1812.01717 (FVD 296.5 on
BAIR; on SCV's scenarios 441 to 1089 at 64x64), which needs a GPU, I3D's weights
and SCV's videos; `projects/fvd/README.md` has what small variants do on
scenarios made here. The model is that of arXiv:1605.07157.

The papers': networks (8,311,368 parameters), Adam's rate, scheduled sampling
with k = 900, 100,000 steps of batches of 32. Ours: no actions, as
the scenarios have none; the number of clips to judge by; the k of the small
variants, by which half of the frames are true after 21% to 27% of the steps,
where the paper's 900 has that after 6%.

Variants: `small`, 32x32 and a quarter of the width, some hours of a core;
`tiny`, 16x16, eleven frames and an eighth of the width, a minute or two;
`longer`, that with five times the steps; `smoke`, seconds. The name of a
scenario is a variant, too, as in `brawl,tiny`.
"""

import ml_collections

from configs import variants

SCENARIOS = (
  "move_unit_to_border",
  "collect_mineral_shards",
  "brawl",
  "road_trip_with_medivac",
  "moving_mnist",
  "moving_square",
)


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = common("cdna")
  config.width = 32
  config.kernels = 10
  config.kernel_size = 5
  config.sampling_k = 900.0
  config.total_steps = 100_000
  config.batch_size = 32
  config.learning_rate = 1e-3
  return vary(
    config, variant, small=small, tiny=tiny, longer=longer, smoke=smoke
  )


def common(model: str) -> ml_collections.ConfigDict:
  """What the four models' configs share."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.model = model
  config.scenario = "move_unit_to_border"  # see data.SOURCES
  config.data_dir = "~/tensorflow_datasets"  # of MNIST, for moving_mnist only
  config.cache_dir = "~/.cache/fvd"

  config.steps_per_call = 1
  config.log_every = 100
  config.eval_every = 5_000
  config.checkpoint_every = 5_000
  config.keep_checkpoints = 2

  config.image_size = 64
  config.frames = 16  # of a clip, the context among them
  config.context = 2
  config.remat = True  # computes again what the gradient needs, for memory
  config.adam_b1 = 0.9
  config.adam_b2 = 0.999
  config.clip_norm = 0.0  # 0: gradients are not clipped
  config.decay_start = 0
  config.decay_end = 0  # 0: the rate is constant

  config.eval_clips = 256
  config.eval_frames = 14  # to predict; SCV's have 14 or 32
  config.eval_samples = 100  # of which the best counts, in the table
  return config


def shrink(config: ml_collections.ConfigDict, name: str) -> None:
  """Sizes of videos and budgets that the small variants share."""
  config.remat = False
  config.learning_rate = 1e-3
  config.batch_size = 16
  if name == "small":
    config.image_size = 32
    config.total_steps = 5_000
    config.eval_every = config.checkpoint_every = 1_000
    config.eval_samples = 10
    return
  config.image_size = 16
  config.frames = 11
  config.eval_frames = 9  # What I3D takes at least.
  config.batch_size = 8
  config.total_steps = 300
  config.log_every = 20
  config.eval_every = config.checkpoint_every = 300
  config.eval_samples = 5
  if name == "smoke":
    config.scenario = "moving_square"
    config.frames = 5
    config.eval_frames = 3
    config.batch_size = 4
    config.total_steps = 4
    config.log_every = config.eval_every = config.checkpoint_every = 2
    config.eval_clips = 4
    config.eval_samples = 2


def small(config: ml_collections.ConfigDict) -> None:
  """32x32, a quarter of the width."""
  shrink(config, "small")
  config.width = 8
  config.sampling_k = 200.0  # Half of the frames are true at step 1,060.


def tiny(config: ml_collections.ConfigDict) -> None:
  """16x16, an eighth of the width."""
  shrink(config, "tiny")
  config.width = 4
  config.sampling_k = 25.0  # Half of the frames are true at step 80.


def longer(config: ml_collections.ConfigDict) -> None:
  """`tiny`, five times the steps."""
  tiny(config)
  lengthen(config)
  config.sampling_k = 90.0  # Half of the frames are true at step 405.


def lengthen(config: ml_collections.ConfigDict) -> None:
  """Five times the steps; judged and kept at their end."""
  config.total_steps *= 5
  config.eval_every = config.checkpoint_every = config.total_steps
  config.log_every = config.total_steps // 30


def smoke(config: ml_collections.ConfigDict) -> None:
  """Seconds."""
  shrink(config, "smoke")
  config.width = 2
  config.kernels = 3
  config.sampling_k = 2.0


def vary(
  config: ml_collections.ConfigDict, variant: str, **sizes: variants.Change
) -> ml_collections.ConfigDict:
  """Applies scenarios and sizes, which are variants; returns it, locked."""
  scenarios = {name: dict(scenario=name) for name in SCENARIOS}
  return variants.apply(config, variant, **sizes, **scenarios)
