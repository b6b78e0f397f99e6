"""Rules for the values of configs: what they let pass, and what they say."""

import importlib
import pathlib

import ml_collections
import pytest

from common import config_schema as rules
from common.errors import InputError, check_choice

ROOT = pathlib.Path(__file__).parents[2]

SCHEMA = {
  "method": rules.choice("coulomb", "gan"),
  "slots": rules.positive(int),
  "rate": rules.at_least(0.0),
  "share": rules.fraction,
  "dropout": rules.dropout_rate,
  "gru": rules.of(bool),
  "widths": rules.several(rules.positive(int)),
  "data": {"fold": rules.at_least(0), "name": rules.text},
}


def config_of(**changes):
  config = ml_collections.ConfigDict(
    dict(
      seed=0,
      batch_size=8,
      method="gan",
      slots=3,
      rate=0.0,
      share=1,
      dropout=0,
      gru=False,
      widths=(8, 8),
      data=dict(fold=0, name="abalone"),
    ),
    type_safe=False,
  )
  config.update_from_flattened_dict(changes)
  return config


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    (
      dict(method="gann"),
      "config.method is 'gann'; did you mean 'gan'? It can",
    ),
    (dict(slots=0), "config.slots is 0; it can be a whole number above 0"),
    (dict(slots=2.5), "config.slots is 2.5"),
    (dict(slots=True), "config.slots is True"),
    (dict(rate=-1.0), "config.rate is -1.0; it can be a number of 0.0 or more"),
    (dict(rate=float("nan")), "config.rate is nan"),
    (
      dict(share=1.5),
      "config.share is 1.5; it can be a number from 0.0 to 1.0",
    ),
    (dict(dropout=1.0), "config.dropout is 1.0; it can be a number of 0.0 or"),
    (dict(dropout=-0.1), "config.dropout is -0.1"),
    (dict(dropout=float("nan")), "config.dropout is nan"),
    (dict(gru=1), "config.gru is 1; it can be True or False"),
    (dict(widths=()), "config.widths is (); it can be a tuple"),
    (dict(widths=(8, 0)), "of each of its values: it can be a whole number"),
    ({"data.fold": -1}, "config.data.fold is -1"),
    ({"data.name": 3}, "config.data.name is 3; it can be a text"),
    (dict(slotz=3), "no key 'slotz'; did you mean 'slots'"),
    ({"data.fol": 3}, "no key 'data.fol'; did you mean 'data.fold'"),
    (dict(batch_size=0), "config.batch_size is 0"),
    (
      dict(seed=2**32),
      "config.seed is 4294967296; it can be a whole number from",
    ),
    (dict(seed=-1), "config.seed is -1"),
  ],
)
def test_what_cannot_be_is_one_sentence(changes, says):
  rules.check(config_of(), SCHEMA)
  with pytest.raises(InputError) as caught:
    rules.check(config_of(**changes), SCHEMA)
  assert says in str(caught.value)


def test_intervals_are_looked_at_before_any_data_is_read():
  train = importlib.import_module("projects.snn.train")
  config = importlib.import_module("configs.snn.uci").get_config()
  config.unlock()
  config.data.name, config.data_dir = "iris", "not there"
  for name in ("log_every", "eval_every", "checkpoint_every"):
    interval = config[name]
    config[name] = config.steps_per_call * 7 + 1
    with pytest.raises(InputError, match=f"config.{name} is .*a multiple of"):
      train.train(config, "nowhere")
    config[name] = interval


def test_a_config_without_a_key_of_the_schema_is_refused():
  config = config_of()
  del config.slots
  with pytest.raises(InputError, match=r"no key 'slots'.* another project"):
    rules.check(config, SCHEMA)


@pytest.mark.parametrize("project", ["coulomb_gan", "slot_attention", "snn"])
def test_every_config_of_a_project_passes_and_no_other_does(project):
  module = importlib.import_module(f"projects.{project}.schema")
  one = getattr(module, "check", None) or (
    lambda config: rules.check(config, module.SCHEMA)
  )
  for path in (ROOT / "configs").glob("*/*.py"):
    name = f"configs.{path.parent.name}.{path.stem}"
    for variant in ("", "smoke"):
      config = importlib.import_module(name).get_config(variant)
      if path.parent.name == project:
        one(config)
      else:
        with pytest.raises(InputError, match="the config has no key"):
          one(config)


def test_a_choice_names_the_nearest():
  with pytest.raises(InputError, match="did you mean 'coulomb'"):
    check_choice("method", "colomb", ("coulomb", "gan"))
