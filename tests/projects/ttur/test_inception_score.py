"""The Inception Score from images to the printed line."""

import json
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from common.metrics import fid
from projects.ttur import inception_score


def network(features, weights, tap, resize):
  """Sure of the class that the image's brightness is."""
  assert resize in ("tf1", "clean-fid")
  assert (features, tap) == ("inception", "logits_unbiased")
  assert weights is None
  classes = np.arange(4.0)[None]
  apply = lambda scale, x: -scale * (x[:, 0, 0, :1] - classes) ** 2
  return fid.Network(jax.jit(apply), 1e3, 8, {"score": "FID", "resize": resize})


def test_the_command(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(fid, "network", network)
  images = np.repeat(np.arange(20) % 4, 27).reshape(20, 3, 3, 3)
  np.save(tmp_path / "a.npy", images.astype(np.uint8))
  words = ["is", str(tmp_path / "a.npy"), "--splits=5", "--batch-size=3"]
  monkeypatch.setattr(sys, "argv", words)
  inception_score.main()
  said = capsys.readouterr().out
  assert said == "Inception Score: 4 ± 0 over 5 splits of n = 20\n"
  monkeypatch.setattr(sys, "argv", [*words, "--json"])
  inception_score.main()
  found = json.loads(capsys.readouterr().out)
  assert found["mean"] == pytest.approx(4) and found["n"] == 20
  assert found["protocol"]["score"] == "Inception Score"
  # Two splits of one class each, in their order.
  halves = inception_score.score(np.sort(images, 0).astype(np.uint8), splits=4)
  assert halves["mean"] == pytest.approx(1)


def test_what_can_be_known_is_known_before_any_feature(monkeypatch):
  images = np.zeros((4, 3, 3, 3), np.uint8)
  calls = []
  monkeypatch.setattr(fid, "network", lambda *given: calls.append(given))
  for splits in (0, 5):
    with pytest.raises(InputError, match=f"splits={splits}: of 4 images"):
      inception_score.score(images, splits=splits)
  assert not calls
  with pytest.raises(InputError, match="batch_size=0"):
    net = network("inception", None, "logits_unbiased", "tf1")
    inception_score.score(images, splits=2, network=net, batch_size=0)


def test_other_numbers_in_the_network_are_told(monkeypatch):
  net = network("inception", None, "logits_unbiased", "tf1")
  score = f"Fréchet distance, {fid.ANOTHER} of layer logits_unbiased"
  net = net._replace(protocol={"score": score})
  found = inception_score.score(
    np.zeros((4, 3, 3, 3), np.uint8), splits=2, network=net
  )
  said = "Inception Score, NOT OF FID'S NETWORK"
  assert found["protocol"]["score"] == said


def test_several_paths_by_another_rule(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(fid, "network", network)
  for i in range(8):
    place = tmp_path / ("few" if i < 4 else "more")
    place.mkdir(exist_ok=True)
    Image.new("RGB", (3, 3), (i % 4,) * 3).save(place / f"{i}.png")
  words = [
    "is",
    str(tmp_path / "more"),
    *map(str, (tmp_path / "few").iterdir()),
  ]
  words += ["--splits=2", "--batch-size=4", "--resize=clean-fid", "--json"]
  monkeypatch.setattr(sys, "argv", words)
  inception_score.main()
  found = json.loads(capsys.readouterr().out)
  assert found["n"] == 8 and found["mean"] == pytest.approx(4)
  assert found["protocol"]["resize"] == "clean-fid"
  monkeypatch.setattr(sys, "argv", words[:-1])
  inception_score.main()
  said = capsys.readouterr().out
  assert said.startswith("Inception Score by clean-fid's resize: 4 ")
  assert f"4 from {tmp_path / 'more'}, 1 from {words[2]}" in said
