"""What a config of PPO can be, before anything is compiled."""

import pytest

from common.errors import InputError
from configs.rudder import breakout, cartpole
from projects.rudder import train
from projects.rudder.ppo import schema


def test_variants_pass():
  for variant in ("ppo", "original,ppo", "original"):
    schema.check(breakout.get_config(variant))


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    (dict(activation="rellu"), "did you mean 'relu'"),
    (dict(env="package:"), "a name of gymnax's, or package"),
    (dict(learner="ppo", share=1.5), "config.share is 1.5"),
  ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, changes, says):
  config = cartpole.get_config().unlock()
  config.update(changes)
  for call in (
    lambda: train.train(config, str(tmp_path / "run")),
    lambda: train.make_train_step(config),
  ):
    with pytest.raises(InputError, match=says) as caught:
      call()
    assert "\n" not in str(caught.value)
  assert not (tmp_path / "run").exists()
