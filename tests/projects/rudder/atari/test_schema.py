"""What a config of Atari can be, before anything is compiled."""

import pytest

from common.errors import InputError
from configs.rudder import atari
from projects.rudder import train
from projects.rudder.atari import schema


def test_variants_pass():
  for variant in ("venture,ppo", "seaquest", "solaris,original_code"):
    schema.check(atari.get_config(variant))


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    (dict(safe_exploration="fix"), "did you mean 'fixed'"),
    (dict(episode="games"), "did you mean 'game'"),
    (dict(contributions="difference"), "did you mean 'differences'"),
    (dict(method="ppo", time_code="new"), "config.time_code is 'new'"),
  ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, changes, says):
  config = atari.get_config().unlock()
  config.update(changes)
  for call in (
    lambda: train.train(config, str(tmp_path / "run")),
    lambda: train.make_train_step(config),
  ):
    with pytest.raises(InputError, match=says) as caught:
      call()
    assert "\n" not in str(caught.value)
  assert not (tmp_path / "run").exists()
