"""The studies with a network that costs nothing: tables and pictures."""

import jax
import numpy as np
import pytest

from common.errors import InputError
from configs.fvd import studies
from projects.fvd import frames, pictures, reproduce, score

pytestmark = pytest.mark.slow


def network():
  """Mean and step of each clip's columns and rows: sees frames and time."""

  def apply(_, x):
    x = x.mean(-1)
    return jax.numpy.concatenate(
      [
        x[:, ::5].mean(2).reshape(len(x), -1),
        jax.numpy.diff(x, axis=1).std((1, 2)),
      ],
      1,
    )

  same = lambda x: jax.numpy.asarray(x, "float32") / 255
  return score.Network(same, jax.jit(apply), {}, 2, {"score": "toy distance"})


def smoke():
  config = studies.get_config("smoke")
  return config, reproduce.load("", 2 * config.clips, 16, 0)[:, :, ::2, ::2]


def test_disturbances_have_a_table_and_a_picture(tmp_path):
  config, x = smoke()
  results = reproduce.study_disturbances(config, network(), x)
  by = results["disturbances"]["switch"]
  assert len(by["clips"]) == len(by["frames"]) == 6
  # Frames change places between clips: single ones cannot tell.
  assert results["rank_correlation"]["switch"]["frames"] == 0
  assert by["frames"][5]["distance"] == pytest.approx(
    by["frames"][0]["distance"]
  )
  assert by["clips"][5]["distance"] != pytest.approx(by["clips"][0]["distance"])
  lines = reproduce.disturbances_table(results).splitlines()
  assert len(lines) == 2 + 8 + 2 and "24 clips" in lines[-1]
  ranks = results["rank_correlation"]
  assert ranks["noise"]["psnr"] == ranks["noise"]["ssim"] == 1
  people = reproduce.people_table(results).splitlines()
  assert people[2].startswith("| FVD | - | 74.9 |") and len(people) == 2 + 6 + 2
  assert people[6].endswith("| +0.00 |")  # Single frames do not see time.
  assert people[7].endswith("| - | - |")
  pictures.disturbances_plot(tmp_path / "d.png", results, x[0])
  assert (tmp_path / "d.png").stat().st_size > 10_000


def test_the_bias_in_n_falls(tmp_path):
  config, x = smoke()
  results = reproduce.study_samples(config, network(), x)
  few, more = (row["distance"]["median"] for row in results["sizes"])
  assert few > more > 0
  assert len(reproduce.samples_table(results).splitlines()) == 2 + 2 + 2
  pictures.samples_plot(tmp_path / "s.png", results)
  assert (tmp_path / "s.png").stat().st_size > 10_000


def test_frames_are_means_of_blocks():
  x = np.zeros((1, 2, 4, 4, 3), np.uint8)
  x[0, 1, :2, 2:] = 255
  got = frames.features(x, 2)
  assert got.shape == (2, 12)
  np.testing.assert_array_equal(got[0], -1)
  np.testing.assert_array_equal(got[1].reshape(2, 2, 3)[0, 1], 1)


def test_similarities_of_frames():
  draw = np.random.default_rng(0)
  x = draw.integers(0, 256, (1, 2, 16, 16, 3), np.uint8)
  assert frames.psnr(x, x) is None
  assert frames.ssim(x, x) == pytest.approx(1)
  dark, light = (np.full_like(x, value) for value in (100, 110))
  assert frames.psnr(dark, light) == pytest.approx(20 * np.log10(25.5))
  c = 2.55**2  # Flat frames differ in their means alone.
  wanted = (2 * 100 * 110 + c) / (100**2 + 110**2 + c)
  assert frames.ssim(dark, light) == pytest.approx(wanted, rel=1e-5)
  assert abs(frames.ssim(x, 255 - x) + 1) < 0.1  # Inverted around the middle.


def test_clips_of_a_study_are_enough_and_of_one_size(tmp_path):
  np.save(tmp_path / "x.npy", np.zeros((3, 16, 8, 8, 3), np.uint8))
  assert len(reproduce.load(str(tmp_path / "x.npy"), 3, 16, 0)) == 3
  with pytest.raises(InputError, match="3 clips; the study takes 4"):
    reproduce.load(str(tmp_path / "x.npy"), 4, 16, 0)
