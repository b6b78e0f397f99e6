"""Disturbances: level 0 is nothing, time is all that temporal ones touch."""

import itertools

import numpy as np
import pytest

from common.errors import InputError
from projects.fvd import disturbances


@pytest.fixture(scope="module")
def clips():
  return np.random.default_rng(0).integers(
    60, 200, (8, 16, 20, 24, 3), np.uint8
  )


def frames(clips):
  """Every frame as bytes, [clips, times]."""
  return [[frame.tobytes() for frame in clip] for clip in clips]


@pytest.mark.parametrize("kind", disturbances.KINDS)
def test_level_zero_is_the_identity_and_a_seed_decides(kind, clips):
  assert (disturbances.disturb(kind, clips, 0, 1) == clips).all()
  before = clips.copy()
  for level in range(1, 6):
    out = disturbances.disturb(kind, clips, level, 1)
    assert out.shape == clips.shape and out.dtype == np.uint8
    assert (out != clips).any()
    assert (out == disturbances.disturb(kind, clips, level, 1)).all()
  assert (clips == before).all()
  if kind != "blur":
    assert (out != disturbances.disturb(kind, clips, 5, 2)).any()
  assert len(disturbances.LEVELS[kind]) == 6


@pytest.mark.parametrize("kind", disturbances.STATIC)
def test_static_ones_grow_with_the_level(kind, clips):
  change = [
    np.abs(disturbances.disturb(kind, clips, level, 3).astype(int) - clips)
    .mean()
    .item()
    for level in range(6)
  ]
  assert change == sorted(change) and change[1] > 0


@pytest.mark.parametrize("kind", ["local_swap", "global_swap"])
def test_swaps_permute_the_frames_of_each_clip(kind, clips):
  for level in range(1, 6):
    out = disturbances.disturb(kind, clips, level, 3)
    for new, old in zip(frames(out), frames(clips), strict=True):
      assert sorted(new) == sorted(old)


@pytest.mark.parametrize("kind", ["interleave", "switch"])
def test_mixing_keeps_the_frames_of_each_time(kind, clips):
  old = np.array(frames(clips), object)
  for level in range(1, 6):
    out = disturbances.disturb(kind, clips, level, 3)
    new = np.array(frames(out), object)
    for t in range(16):
      assert sorted(new[:, t]) == sorted(old[:, t])
    assert (new[:, 0] == old[:, 0]).all()
    # As many clips take part as the level says, in turn or one by one.
    where = {frame: i for i, clip in enumerate(old) for frame in clip}
    for clip in new:
      sources = [where[frame] for frame in clip]
      assert len(set(sources)) == level + 1
      jumps = sum(a != b for a, b in itertools.pairwise(sources))
      assert jumps == (15 if kind == "interleave" else level)
      if kind == "interleave":
        assert sources[level + 1 :] == sources[: -level - 1]


def test_a_local_swap_moves_a_frame_by_one_place(clips):
  out = disturbances.disturb("local_swap", clips, 1, 3)  # Two swaps.
  for new, old in zip(frames(out), frames(clips), strict=True):
    assert max(abs(new.index(f) - i) for i, f in enumerate(old)) <= 2
    assert sum(a != b for a, b in zip(new, old, strict=True)) in (0, 2, 3, 4)
  # One pair of the whole clip.
  out = disturbances.disturb("global_swap", clips, 1, 3)
  for new, old in zip(frames(out), frames(clips), strict=True):
    assert sum(a != b for a, b in zip(new, old, strict=True)) == 2


def test_the_rectangle_is_black_one_and_stays(clips):
  out = disturbances.disturb("rectangle", clips, 3, 3)
  black = (out == 0).all(-1)
  assert (black == black[:, :1]).all()
  assert (black[:, 0].sum((1, 2)) == 9 * 11).all()
  rows, columns = black[:, 0].any(2), black[:, 0].any(1)
  assert (rows.sum(1) == 9).all() and (columns.sum(1) == 11).all()
  assert len({tuple(r) for r in rows}) > 1
  assert (out[~black] == clips[~black]).all()


def test_noise_is_the_weighted_average(clips):
  grey = np.full((2, 16, 64, 64, 3), 60, np.uint8)
  out = disturbances.disturb("noise", grey, 4, 0).astype(float)
  assert out.mean() == pytest.approx(0.5 * 60 + 0.5 * 127.5, abs=0.2)
  assert out.std() == pytest.approx(0.5 * 63.75, rel=0.02)
  # New in every frame.
  assert abs(np.corrcoef(out[0, 0].ravel(), out[0, 1].ravel())[0, 1]) < 0.05


def test_salt_and_pepper_by_pixel(clips):
  out = disturbances.disturb("salt_and_pepper", clips, 5, 0)
  black, white = (out == 0).all(-1), (out == 255).all(-1)
  assert black.mean() == pytest.approx(0.15, abs=0.01)
  assert white.mean() == pytest.approx(0.15, abs=0.01)
  kept = ~black & ~white
  assert (out[kept] == clips[kept]).all()


def test_blur_leaves_time_and_a_flat_frame_alone(clips):
  flat = np.full((1, 9, 8, 8, 3), 77, np.uint8)
  flat[0, 4] = 90
  assert (disturbances.disturb("blur", flat, 5, 0) == flat).all()
  spread = [
    disturbances.disturb("blur", clips, level, 0).std() for level in range(6)
  ]
  assert spread == sorted(spread, reverse=True)


def test_what_cannot_be_disturbed(clips):
  with pytest.raises(InputError, match="no disturbance is called 'swirl'"):
    disturbances.disturb("swirl", clips, 1, 0)
  with pytest.raises(InputError, match="level 6"):
    disturbances.disturb("blur", clips, 6, 0)
  with pytest.raises(InputError, match="uint8"):
    disturbances.disturb("blur", clips / 255, 1, 0)
  with pytest.raises(InputError, match="more of them"):
    disturbances.disturb("interleave", clips[:3], 3, 0)
