"""Generated motion moves as its labels say, and the network sees it."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from projects.fvd import model, motion

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clips():
  return motion.generate(3, 600)


@pytest.fixture
def ask(trained, optimised):
  """ask(clips) -> what the network answers."""

  @jax.jit
  def answers(clips):
    x = model.scaled(clips, motion.SIZE)
    _, logits = motion.NETWORK.apply({"params": trained}, x)
    return {name: values.argmax(-1) for name, values in logits.items()}

  def ask(clips):
    with optimised():
      return jax.device_get(answers(clips))

  return ask


def test_clips_are_a_function_of_the_seed(clips):
  frames, answers = clips
  assert frames.shape == (600, 16, 32, 32, 3) and frames.dtype == np.uint8
  for name, classes in motion.QUESTIONS.items():
    assert set(answers[name]) == set(range(classes))
  again, _ = motion.generate(3, 600)
  assert (again == frames).all()
  assert (motion.generate(4, 8)[0] != frames[:8]).any()
  assert motion.generate(4, 2, frames=9)[0].shape[1] == 9


def shape_of(clip):
  """Where something is that is not the ground: bool [t, h, w]."""
  pixels = clip.astype(float)
  ground = np.median(pixels.reshape(-1, 3), 0)
  return (pixels - ground).mean(-1) > 30


def test_labels_are_what_happens(clips):
  frames, answers = clips
  masks = np.array([shape_of(clip) for clip in frames])
  area = masks.sum((2, 3))
  for presence, (first, last) in enumerate([(1, 1), (0, 1), (1, 0), (1, 1)]):
    which = answers["presence"] == presence
    assert ((area[which, 0] > 3) == first).mean() > 0.9
    assert ((area[which, -1] > 3) == last).mean() > 0.9
    gap = (area[which] <= 3).any(1)
    assert (gap.mean() < 0.1) if presence == 0 else (gap.mean() > 0.9)
  always = answers["presence"] == 0
  for growth, sign in enumerate((-1, 0, 1)):
    which = always & (answers["growth"] == growth)
    ratio = np.log(area[which, -1] / area[which, 0])
    assert abs(np.median(ratio) - 2 * 0.65 * sign) < 0.4
  # By the phase of the first Fourier mode, which does not mind the border.
  x = np.exp(2j * np.pi * np.arange(32) / 32)
  across = np.angle((masks * x[None, None, None, :]).sum((2, 3)))
  down = np.angle((masks * x[None, None, :, None]).sum((2, 3)))
  for heading in range(8):
    for speed, wanted in enumerate(motion.SPEEDS):
      which = always & (answers["direction"] == heading)
      which &= answers["speed"] == speed
      steps = [
        np.median(np.angle(np.exp(1j * np.diff(p[which])))) * 32 / (2 * np.pi)
        for p in (across, down)
      ]
      angle = heading * np.pi / 4
      off = np.hypot(
        steps[0] - wanted * np.cos(angle), steps[1] - wanted * np.sin(angle)
      )
      assert off < 0.35 * wanted + 0.1, (heading, speed, steps)
  colours = np.array(
    [
      (c[m].mean(0) - np.median(c.reshape(-1, 3), 0)).argmax()
      for c, m in zip(frames[always], masks[always], strict=True)
    ]
  )
  assert (colours == answers["colour"][always]).mean() > 0.9


def test_the_network_sees_time(clips, ask):
  frames, answers = clips
  frames, answers = frames[:300], {k: a[:300] for k, a in answers.items()}
  said = ask(frames)
  right = {k: (said[k] == answers[k]).mean() for k in answers}
  assert right["presence"] > 0.85 and right["speed"] > 0.5, right
  assert right["direction"] > 0.3, right

  backwards = ask(frames[:, ::-1])
  mirrored = np.array([0, 2, 1, 3])[answers["presence"]]
  assert (backwards["presence"] == mirrored).mean() > 0.85
  turned = (answers["direction"] + 4) % 8
  assert (backwards["direction"] == turned).mean() > 0.3
  changed = answers["presence"] % 3 != 0
  assert (backwards["presence"] != said["presence"])[changed].mean() > 0.85

  order = np.random.default_rng(0).permuted(
    np.tile(np.arange(16), (len(frames), 1)), axis=1
  )
  shuffled = ask(frames[np.arange(len(frames))[:, None], order])
  assert (shuffled["presence"] != said["presence"])[changed].mean() > 0.5
  assert (shuffled["direction"] == answers["direction"]).mean() < 0.25


def test_features_have_one_scale(clips, trained, optimised):
  x = model.scaled(clips[0][:300], motion.SIZE)
  features = jax.jit(motion.features)
  with optimised():
    deviation = np.asarray(features(trained, x)).std(0)
  ones = np.abs(deviation - 1) < 0.3
  assert deviation.max() < 2 and ones.sum() > motion.FEATURES / 2
  # The answers of the network do not change with the scale.
  wide = jax.tree.map(lambda leaf: leaf, trained)
  wide["conv_3"]["conv"] = {k: 5 * v for k, v in wide["conv_3"]["conv"].items()}
  again = motion._standardised(wide, x)
  np.testing.assert_allclose(
    features(again, x).std(0)[ones], 1, rtol=0, atol=1e-3
  )


def test_features_of_any_length(trained):
  for frames in (4, 9, 16, 33):
    x = jnp.zeros((2, frames, 32, 32, 3))
    out = jax.eval_shape(motion.features, trained, x)
    assert out.shape == (2, motion.FEATURES)
  with pytest.raises(InputError, match=r"3 frames is too short.*4 or more"):
    motion.features(trained, jnp.zeros((1, 3, 32, 32, 3)))


def test_the_cache(trained, motion_cache, monkeypatch):
  (path,) = (motion_cache / "weights").iterdir()
  monkeypatch.setattr(motion, "train", lambda config: pytest.fail("trained"))
  again, fingerprint = motion.load()
  assert len(fingerprint) == 64
  jax.tree.map(np.testing.assert_array_equal, again, trained)
  other = {**motion.CONFIG, "seed": 1}
  with pytest.raises(pytest.fail.Exception, match="trained"):
    motion.load(other)
  whole = path.read_bytes()
  try:
    path.write_bytes(whole[:100])
    with pytest.raises(InputError, match=r"is damaged.*delete it"):
      motion.load()
  finally:
    path.write_bytes(whole)
