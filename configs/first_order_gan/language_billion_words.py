"""One Billion Word, characters, at the paper's size; for a GPU.

    python -m projects.first_order_gan.train --workdir=runs/billion_words \\
      --config=configs/first_order_gan/language_billion_words.py \\
      '--config.data_dir=training-monolingual.tokenized.shuffled/news.en-*'

Reproduces: the language experiment of First Order GAN (arXiv:1802.04591); the
paper has JSD-4 .226 +- .006 and JSD-6 .556 +- .004 (from memory, best of a run,
five seeds, 6,400 samples). Not run here: the training shards are not at hand,
and a run took the authors 30 hours of a GPU.

All numbers are the paper's or its code's, but for the lines: the code takes the
first 10 million, this one all of the files that are given, and holds out every
thousandth. Count what fits: a million lines need 4 GB for their n-grams, and
`--config.held_out_every=100`, for 6,400 of them to be held out. The norms'
offsets, which the code leaves at zero, are trained.

Variants as of language.py.
"""

import ml_collections

from configs.first_order_gan import language


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  names = [name for name in variant.split(",") if name]
  config = language.get_config(",".join(["paper", *names]))
  config.unlock()
  config.data_dir = "1-billion-word/training-monolingual.tokenized.shuffled"
  config.held_out_every = 1_000
  config.log_every = 200
  if "smoke" in names:
    language.smoke(config)
    config.held_out_every = 10
  return config.lock()
