"""The lessons buffer against lists."""

import jax
import numpy as np
import pytest

from projects.rudder import lessons_buffer


def episode(i):
  return {"reward": np.full(3, i, np.float32), "length": np.int32(i)}


push, insert = jax.jit(lessons_buffer.push), jax.jit(lessons_buffer.insert)


def test_pushing_forgets_the_oldest():
  buffer = lessons_buffer.create(3, episode(0))
  for i in range(5):
    buffer = push(buffer, episode(i))
    assert int(buffer.count) == min(i + 1, 3)
  kept = sorted(buffer.episodes["length"].tolist())
  assert kept == [2, 3, 4]
  first = np.asarray(buffer.episodes["reward"])[:, 0]
  np.testing.assert_array_equal(first, buffer.episodes["length"])


def test_inserting_keeps_what_is_predicted_worst():
  buffer = lessons_buffer.create(3, episode(0))
  losses = [5.0, 1.0, 3.0, 0.5, 4.0, 3.0, 9.0]
  kept = []
  for i, loss in enumerate(losses):
    buffer = insert(buffer, episode(i), loss)
    if len(kept) < 3:
      kept.append(loss)
    elif loss > min(kept):
      kept[kept.index(min(kept))] = loss
    assert sorted(buffer.loss.tolist()[: len(kept)]) == sorted(kept)
  for number, loss in zip(
    buffer.episodes["length"].tolist(), buffer.loss.tolist(), strict=True
  ):
    assert losses[number] == loss


def test_sampling_is_softmax_of_losses_over_filled_places():
  buffer = lessons_buffer.create(8, episode(0))
  losses = [0.0, 1.0, 2.0]
  for i, loss in enumerate(losses):
    buffer = insert(buffer, episode(i), loss)
  draw = jax.jit(lessons_buffer.sample, static_argnums=2)
  which = draw(buffer, jax.random.key(0), 4000, 0.5)
  shares = np.bincount(which, minlength=8) / 4000
  weight = np.exp(np.array(losses) / 0.5)
  expected = weight / weight.sum()
  np.testing.assert_allclose(shares[:3], expected, atol=0.03)
  assert shares[3:].sum() == 0
  which = draw(buffer, jax.random.key(0), 4000)
  np.testing.assert_allclose(np.bincount(which) / 4000, 1 / 3, atol=0.03)
  which = np.asarray(which)[:5]
  batch = jax.jit(lessons_buffer.take)(buffer, which)
  np.testing.assert_array_equal(batch["length"], which)
  relearnt = jax.jit(lessons_buffer.relearnt)
  buffer = relearnt(buffer, np.array([1]), np.float32([7]))
  assert buffer.loss.tolist()[1] == 7


def test_no_capacity_is_refused():
  with pytest.raises(ValueError, match="holds 1 or more, not 0"):
    lessons_buffer.create(0, episode(0))
