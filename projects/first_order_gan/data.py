"""Where real samples and latents come from: batch t of (config, key).

A batch is `{"real": [n, ...], "latent": [n, latent_dim]}`: each of the
`critic_steps` moves of the critic has `batch_size` samples and latents of its
own, and so has the generator's, whose x' has a share of real samples in it.
Real text is character numbers `[n, length]`, real images float32 in [-1, 1].
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys
from common.data import in_memory, text
from common.errors import InputError
from common.gan import batches as pairs
from common.gan import image_data
from common.stats import ngrams

TEXTS = ("sentences", "text")
DATASETS = (*TEXTS, *image_data.DATASETS)

# What `sentences` are made of, one word of each; generated, for trying configs.
_WORDS = (
  ("the", "a", "one", "my"),
  ("cat", "dog", "bird", "man", "child"),
  ("sat", "ran", "ate", "slept", "looked"),
  ("on", "near", "under"),
  ("the mat", "a tree", "my house"),
)


def batches(
  config: ml_collections.ConfigDict, key: jax.Array
) -> Callable[[Any], dict[str, jax.Array]]:
  """Returns `t -> batch`, a pure function of (key, t).

  Raises:
    InputError: a data set that cannot be read, or has fewer samples than a
      batch takes.
  """
  count = config.batch_size * (config.critic_steps + 1)

  of_real = keys.named(key, "real")
  if config.dataset == "discs":
    draw = lambda key: image_data.discs(key, count, config)
    real = pairs.generated(draw, of_real)
  else:
    texts = config.dataset in TEXTS
    real = in_memory.batches(
      split(config, "train"),
      of_real,
      batch_size=count,
      transform=(lambda rows, key: rows) if texts else image_data.to_unit,
      max_device_bytes=config.max_device_bytes,
    )
  latent = lambda key: jax.random.normal(key, (count, config.latent_dim))
  return pairs.with_latents(real, latent, key)


def split(config: ml_collections.ConfigDict, which: str) -> np.ndarray:
  """The samples of "train" or "test", `[n, ...]` ids or uint8 pixels.

  Every `held_out_every`-th line of a text is held out, from the first on.

  Raises:
    InputError: a data set that cannot be read; a text of fewer lines than that.
  """
  if config.dataset not in TEXTS:
    name = config.train_split if which == "train" else config.test_split
    return image_data.image_array(config, name)
  ids = text_of(config).ids
  held_out = np.arange(len(ids)) % config.held_out_every == 0
  found = ids[held_out if which == "test" else ~held_out]
  if not len(found):
    raise InputError(
      f"{config.data_dir} has {len(ids)} lines, and every "
      f"{config.held_out_every}th is held out (config.held_out_every): none is "
      "left to train on; give more"
    )
  return found


def arrays(config: ml_collections.ConfigDict) -> dict[str, np.ndarray]:
  """All samples by the name of their split; nothing where they are generated.

  Raises:
    InputError: see `split`.
  """
  if config.dataset in ("discs", "sentences"):
    return {}
  return {which: split(config, which) for which in ("train", "test")}


def text_of(config: ml_collections.ConfigDict) -> text.Text:
  """The text of a config, read once; see `common.data.text`."""
  source = "" if config.dataset == "sentences" else config.data_dir
  return _text(source, config.length, config.vocabulary)


@functools.lru_cache(4)
def _text(source, length, vocabulary):
  if source:
    return text.load(source, length, vocabulary)
  draw = np.random.default_rng(0)
  chosen = [draw.choice(words, 2_000) for words in _WORDS]
  lines = [" ".join(line) for line in zip(*chosen, strict=True)]
  return text.of_lines(lines, length, vocabulary)


def training_ngrams(config: ml_collections.ConfigDict) -> ngrams.Counts:
  """The n-grams of all training lines, counted once: it takes seconds."""
  source = "" if config.dataset == "sentences" else config.data_dir
  return _ngrams(
    source, config.length, config.vocabulary, config.held_out_every
  )


@functools.lru_cache(4)
def _ngrams(source, length, vocabulary, held_out_every):
  found = _text(source, length, vocabulary)
  training = np.arange(len(found.ids)) % held_out_every != 0
  return ngrams.count(found.ids[training], len(found.characters))


def floor(config: ml_collections.ConfigDict, count: int) -> np.ndarray:
  """JSD of `count` held-out lines to the training text, for n = 1 .. 6.

  What a generator of the text itself would have, with as many lines: below it
  is who has learned the training lines by heart.

  Raises:
    InputError: fewer lines are held out.
  """
  lines = _held_out(config, count)
  draw = np.random.default_rng(0)
  chosen = lines[draw.permutation(len(lines))[:count]]
  return ngrams.divergences(training_ngrams(config), chosen)


def _held_out(config, count):
  """The lines that are not trained on, `count` of them at least."""
  lines = split(config, "test")
  if len(lines) < count:
    raise InputError(
      f"{len(lines)} lines are held out, and {count} generated ones are to be "
      "compared with as many: set config.held_out_every = "
      f"{config.held_out_every} to fewer, or config.eval_samples and "
      "config.few_samples, or give more text"
    )
  return lines


def one_hot(ids: jax.Array, config: ml_collections.ConfigDict) -> jax.Array:
  """Text as the critic reads it: `[n, length]` to `[n, length, characters]`."""
  return jax.nn.one_hot(ids, len(text_of(config).characters))


def test(config: ml_collections.ConfigDict, key: jax.Array) -> Any:
  """What samples are judged by: training text's n-grams, or held-out images.

  Images are float32 `[eval_samples, ...]`, the first of `test_split`.
  """
  if config.dataset in TEXTS:
    _held_out(config, config.eval_samples)  # For `floor`, after the training.
    return training_ngrams(config)
  if config.dataset == "discs":
    return image_data.discs(key, config.eval_samples, config)
  held_out = split(config, "test")
  if len(held_out) < config.eval_samples:
    raise InputError(
      f"{config.data_dir} has {len(held_out)} images to test on, and an "
      f"evaluation takes config.eval_samples = {config.eval_samples}; set that "
      "to fewer, or give more"
    )
  return image_data.to_unit(jnp.asarray(held_out[: config.eval_samples]))
