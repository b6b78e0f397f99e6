"""The score as a function and as a command, with the motion network."""

import json
import os
import sys

import numpy as np
import pytest

from common.errors import InputError
from common.metrics import command, feature_distance
from common.stats import frechet
from projects.fvd import clips as reading
from projects.fvd import disturbances, motion
from projects.fvd import score as fvd

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sets():
  """Two sets of clips, of the same kind."""
  return tuple(motion.generate(seed, 40)[0] for seed in (5, 6))


@pytest.fixture
def network(trained):
  return fvd.network("motion")


def distance(a, b, **options):
  return fvd.score(a, b, distance_only=True, **options)["distance"]


def test_equal_sets_and_sides(sets, network):
  a, b = sets
  assert distance(a, a, features=network) == pytest.approx(0, abs=1e-9)
  one = distance(a, b, features=network)
  other = distance(b, a, features=network)
  assert one == pytest.approx(other, rel=1e-9) and one > 0


def test_batches_and_orders_do_not_matter(sets, network):
  a, b = sets
  one = distance(a, b, features=network)
  for size in (1, 7, 64):
    got = distance(a, b, features=network, batch_size=size)
    assert got == pytest.approx(one, rel=1e-4)
  assert distance(a[::-1], b, features=network) == pytest.approx(one, rel=1e-4)


def test_it_is_the_distance_of_the_features(sets, network):
  features = [
    np.concatenate(list(fvd.features(network, list(s), 16))) for s in sets
  ]
  wanted = frechet.distance_from_features(*features).value
  assert distance(*sets, features=network) == pytest.approx(wanted, rel=1e-9)
  assert features[0].shape == (40, motion.FEATURES)


def test_clips_of_mixed_sizes(sets, network, tmp_path):
  a, b = sets
  for i, clip in enumerate(a):
    size = (32, 32) if i % 3 else (20, 28)
    np.save(tmp_path / f"{i}.npy", clip[:, : size[0], : size[1]])
  result = fvd.score(tmp_path, b, features=network, any_protocol=True)
  assert result["notes"]["a"]["of another size"] in (13, 14, 26, 27)
  assert result["protocol"]["clips"] == "mixed"
  with pytest.raises(InputError, match="clips is 'mixed' of A and '32x32'"):
    fvd.score(tmp_path, b, features=network)


def test_the_result_says_how_it_was_made(sets, network):
  result = fvd.score(*sets, features=network, frames=8, stride=2)
  assert result["n"] == [40, 40] and result["features"] == motion.FEATURES
  protocol = result["protocol"]
  assert protocol["frames"] == 8 and protocol["stride"] == 2
  assert protocol["score"] == "motion distance (not FVD)"
  assert len(protocol["weights"]) == 64
  assert {"network", "resize", "values", "versions", "clips"} <= protocol.keys()
  assert result["standard_error"] > 0 and result["kernel_distance"]["n1"] == 40
  text = command.text(result)
  assert text.startswith("motion distance (not FVD): ")
  assert protocol["weights"][:12] in text and "stride 2" in text


def test_temporal_disturbances_are_seen(sets, network):
  a, b = sets
  before = distance(a, b, features=network)
  for kind in ("global_swap", "interleave", "switch"):
    worse = disturbances.disturb(kind, b, 5, 0)
    assert distance(a, worse, features=network) > 1.2 * before, kind


def test_bad_input(sets, network, trained):
  a, b = sets
  with pytest.raises(InputError, match=r"of 3 frames are too short.*4 or more"):
    fvd.score(a, b, features=network, frames=3)
  i3d = network._replace(fewest_frames=9)
  with pytest.raises(InputError, match=r"of 8 frames are too short.*9 or more"):
    fvd.score(a, b, features=i3d, frames=8)
  with pytest.raises(InputError, match="it can be i3d or motion"):
    fvd.score(a, b, features="clip")
  with pytest.raises(InputError, match="leave --weights out"):
    fvd.score(a, b, features="motion", weights="file")
  with pytest.raises(InputError, match=r"rgb_imagenet\.pt.*--features=motion"):
    fvd.score(a, b)  # The cache of the tests has none.
  with pytest.raises(InputError, match="takes at least 2"):
    fvd.score(a[:1], b, features=network)
  one = fvd.samples("a", a, network, reading.Options(frames=16))
  other = fvd.samples("b", b, network, reading.Options(frames=8))
  with pytest.raises(InputError, match="frames is 16 of A and 8 of B"):
    fvd.score(one, other)


def test_generators_and_several_sources(tmp_path, monkeypatch, capsys):
  """With means of colours for a network, which costs nothing."""
  means = fvd.Network(
    lambda x: x, lambda _, x: x.mean((1, 2, 3)), 1.0, 9, {"score": "means"}
  )
  draw = np.random.default_rng(0)
  a, b = draw.integers(0, 255, (2, 6, 16, 4, 4, 3), dtype=np.uint8)
  wanted = distance(a, b, features=means)
  assert distance(iter(a), list(b), features=means) == pytest.approx(wanted)
  names = [tmp_path / name for name in ("a1.npy", "a2.npy", "b.npy")]
  for name, array in zip(names, (a[:2], a[2:], b), strict=True):
    np.save(name, array)
  result = fvd.score(names[:2], names[2], features=means, distance_only=True)
  assert result["distance"] == pytest.approx(wanted) and result["n"] == [6, 6]
  assert result["notes"]["a"] == {f"from {names[0]}": 2, f"from {names[1]}": 4}
  monkeypatch.setattr(fvd, "network", lambda *_: means)
  words = [names[0], names[2], "--more-a", names[1], "--distance-only"]
  code, out, _ = run(monkeypatch, capsys, *words)
  assert code == 0 and out.startswith(f"means: {wanted:.6g}"[:12])
  assert f"{names[0]} + {names[1]}: 2 from {names[0]}, 4 from" in out
  kept = tmp_path / "kept.npz"
  run(monkeypatch, capsys, names[0], f"--save-stats={kept}")
  code, _, error = run(
    monkeypatch, capsys, kept, names[2], "--more-a", names[1]
  )
  assert code == 1 and "kept.npz holds statistics, which cannot" in error


def run(monkeypatch, capsys, *arguments):
  monkeypatch.setattr(sys, "argv", ["score", *map(str, arguments)])
  code = 0
  try:
    fvd.main()
  except SystemExit as stop:
    code = stop.code
  return code, *capsys.readouterr()


def test_files_and_options_are_looked_at_before_the_network(
  tmp_path, monkeypatch, capsys
):
  """Which may have to be trained: nothing is to come after that."""
  calls = []
  monkeypatch.setattr(fvd, "network", lambda *given: calls.append(given))
  (tmp_path / "films").mkdir()
  (tmp_path / "films" / "a.mp4").write_bytes(b"")
  os.mkfifo(tmp_path / "pipe.npz")
  np.save(tmp_path / "a.npy", np.zeros((2, 16, 4, 4, 3), np.uint8))
  good = tmp_path / "a.npy"

  def refused(*words):
    *words, said = words
    words = words if len(words) > 1 else (good, *words)
    code, _, error = run(monkeypatch, capsys, *words)
    assert code == 1 and said in error and error.count("\n") == 1, error

  for words, said in (
    ([tmp_path / "none", good], "does not exist"),
    ([good, tmp_path / "none"], "does not exist"),
    ([tmp_path / "films", good], "a.mp4 is a film"),
    ([good, tmp_path / "films"], "a.mp4 is a film"),
    ([tmp_path / "pipe.npz", good], "named pipe"),
    ([good, good, "--frames=0"], "at least 1"),
    ([good, good, "--clips=0"], "take 1 or more"),
  ):
    refused(*words, said)
  zeros = lambda *shape, dtype=np.uint8: np.zeros(shape, dtype)
  bad = tmp_path / "bad"
  bad.mkdir()
  for i, (array, said) in enumerate(
    (
      (zeros(2, 16, 4, 4, 3, dtype=float), "floating point numbers"),
      (zeros(2, 16, 3, 8, 8), "clips are [n, t, h, w, c]"),
      (zeros(2, 3, 16, 8, 8), "clips are [n, t, h, w, c]"),
      (zeros(2, 16, 4, 4, 3, dtype=int), "has the type int64"),
      (zeros(2, 8, 4, 4, 3), "longest video has 8 frames"),
      (zeros(1, 16, 4, 4, 3), "has 1 clip, and a distance takes at least 2"),
    )
  ):
    np.save(bad / f"{i}.npy", array)
    refused(bad / f"{i}.npy", said)
  for name, said in (
    ("a.npy", "cannot be read as clips"),
    ("a.npz", "cannot be read as clips"),
    ("a.gif", "cannot be read as clips"),
    ("a.tfrecords", "has no clip"),
    ("junk.tfrecord", "junk.tfrecord"),
    ("x.txt", "is no file of clips"),
  ):
    (bad / name).write_bytes(b"no records" * 9 * name.startswith("junk"))
    refused(bad / name, said)
  (bad / "empty").mkdir()
  refused(bad / "empty", "has no clip")
  assert not calls


def test_what_will_not_compare_is_refused_before_anything_is_made(
  tmp_path, monkeypatch, capsys
):
  means = fvd.Network(
    lambda x: x, lambda _, x: x.mean((1, 2, 3)), 1.0, 9, {"score": "means"}
  )
  draw = np.random.default_rng(0)
  clips = draw.integers(0, 255, (6, 16, 4, 4, 3), dtype=np.uint8)
  np.save(tmp_path / "a.npy", clips)
  np.save(tmp_path / "b.npy", clips[:, :, :2])
  side = fvd.samples("a", clips, means, reading.Options())
  feature_distance.save(tmp_path / "a.npz", side)
  np.savez(tmp_path / "theirs.npz", mu=np.zeros(4), sigma=np.eye(4))
  monkeypatch.setattr(fvd, "network", lambda *_: means)
  monkeypatch.setattr(fvd, "samples", None)
  for words, said in (
    (["a.npz", "a.npy", "--frames=12"], "frames is 16 of A and 12 of B"),
    (["a.npy", "a.npz", "--skip=0", "--frames=9"], "frames is 9 of A and 16"),
    (["a.npz", "b.npy"], "clips is '4x4' of A and '2x4' of B"),
    (["a.npy", "b.npy"], "clips is '4x4' of A and '2x4' of B"),
    (["theirs.npz", "b.npy"], "has 4 features, and the network makes 3"),
  ):
    words = [word if word[0] == "-" else tmp_path / word for word in words]
    code, _, error = run(monkeypatch, capsys, *words)
    assert code == 1 and said in error and error.count("\n") == 1, error


def test_the_command(sets, trained, tmp_path, monkeypatch, capsys):
  go = lambda *arguments: run(monkeypatch, capsys, *arguments)
  a, b = (tmp_path / f"{name}.npy" for name in "ab")
  np.save(a, sets[0])
  np.save(b, sets[1])
  code, out, _ = go(a, b, "--features=motion", "--json")
  assert code == 0
  whole = json.loads(out)
  wanted = distance(*sets, features="motion")
  assert whole["distance"] == pytest.approx(wanted, rel=1e-9)
  code, out, _ = go(a, "--save-stats", tmp_path / "a.npz", "--features=motion")
  assert code == 0 and out == ""
  code, out, _ = go(
    tmp_path / "a.npz", b, "--features=motion", "--json", "--distance-only"
  )
  assert json.loads(out)["distance"] == pytest.approx(wanted, rel=1e-9)
  code, out, _ = go(tmp_path / "a.npz", b, "--features=motion", "--frames=8")
  assert code == 1
  code, out, error = go(a, b, "--features=motion", "--clips=30", "--frames=12")
  assert code == 0 and "n = 30 and 30" in out and "frames 12" in out
  code, _, error = go(a, b)
  assert code == 1 and error.count("\n") == 1 and "--features=motion" in error
  code, _, error = go(a, tmp_path / "none", "--features=motion")
  assert code == 1 and "does not exist" in error
  np.save(a, sets[0][..., :1])
  code, out, _ = go(a, b, "--features=motion", "--distance-only")
  assert code == 0 and "40 gray" in out
  code, _, error = go(a, b, "--features=motion", "--strict")
  assert code == 1 and "gray, which --strict forbids" in error
