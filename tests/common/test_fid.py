"""FID from end to end: golden features, batches and devices, the command."""

import json
import re
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from common import errors
from common.metrics import (
  feature_distance,
  fid,
  image_sources,
  inception,
  inception_weights,
)
from common.stats import frechet
from tests.common.test_inception import filled, write_torch

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny():
  """A network that costs nothing: means and powers of the colours."""

  def apply(power, x):
    x = x.astype(np.float32) / 255
    columns = [(x**p).mean((1, 2)) for p in (power, 2, 3)]
    return jax.numpy.concatenate(columns, 1)

  protocol = {"score": "tiny", "versions": {"jax": jax.__version__}}
  return fid.Network(jax.jit(apply), 1.0, 16, protocol)


def pictures(n, seed=0, shape=(6, 5, 3)):
  draw = np.random.default_rng(seed)
  low = draw.integers(0, 128, (n, 1, 1, 3))
  return (low + draw.integers(0, 128, (n, *shape))).astype(np.uint8)


@pytest.mark.parametrize("n", [4, 17])
@pytest.mark.parametrize("batch_size", [1, 3, 4, 64])
def test_batches_and_devices_change_nothing(tiny, n, batch_size):
  x = pictures(n)
  assert jax.device_count() == 4
  chunks = [x[i : i + batch_size] for i in range(0, n, batch_size)]
  got = np.concatenate(list(fid.features(tiny, iter(chunks), batch_size)))
  np.testing.assert_allclose(got, tiny.apply(1.0, x), rtol=1e-6)


def test_the_function(tiny, tmp_path):
  a, b = pictures(40), pictures(30, 1) // 2
  result = fid.fid(a, b, features=tiny, batch_size=7)
  wanted = frechet.distance_from_features(
    tiny.apply(1.0, a), tiny.apply(1.0, b)
  )
  assert result["distance"] == pytest.approx(float(wanted), rel=1e-5)
  assert result["n"] == [40, 30]
  assert result["protocol"]["images"] == "6x5"
  for batch_size in (1, 64):
    other = fid.fid(a, b, features=tiny, batch_size=batch_size)
    assert other["distance"] == pytest.approx(result["distance"], rel=1e-5)
    error = other["standard_error"]
    assert error == pytest.approx(result["standard_error"], rel=1e-4)
  assert abs(fid.fid(a, a, features=tiny)["distance"]) < 1e-9
  # A side that was saved, and one that was made otherwise.
  side = fid.samples("b", image_sources.find(b), tiny)
  feature_distance.save(tmp_path / "b.npz", side)
  for saved in (side, tmp_path / "b.npz"):
    again = fid.fid(a, saved, features=tiny)["distance"]
    assert again == pytest.approx(result["distance"], rel=1e-5)
  with pytest.raises(errors.InputError, match="images is '6x5' of A and '3x5'"):
    fid.fid(a, b[:, ::2], features=tiny)
  fid.fid(a, b[:, ::2], features=tiny, any_protocol=True)


@pytest.mark.parametrize("floats", ["0..255", "0..1", "-1..1"])
def test_images_in_memory_in_each_range(tiny, floats):
  a, b = pictures(30), pictures(20, 1) // 2
  wanted = fid.fid(a, b, features=tiny)
  low, high = (float(v) for v in floats.split(".."))
  scaled = b.astype(np.float32) / 255 * (high - low) + low
  side = fid.samples("a", image_sources.find(a), tiny)
  # The other side stays uint8, or is ready already.
  for reference in (a, side):
    found = fid.fid(reference, scaled, features=tiny, floats=floats)
    assert found["distance"] == pytest.approx(wanted["distance"], rel=1e-4)
    assert found["protocol"]["score"] == "tiny" and found["n"] == [30, 20]


def test_mixed_sizes_are_stretched_and_counted(tiny):
  a, b = pictures(10), pictures(3, 1, (9, 9, 3))
  one = image_sources.find(a)
  both = one._replace(images=iter([*a, *b]), count=13)
  side = fid.samples("both", both, tiny, batch_size=4)
  assert side.notes == {"other sizes": 3}
  assert side.protocol["images"] == "mixed"
  assert side.n == 13
  one = image_sources.find(a)
  stray = one._replace(images=iter([*a, b[0]]), count=11)
  assert fid.samples("stray", stray, tiny).protocol["images"] == "6x5"


def test_what_a_table_keeps(tiny):
  a, b = pictures(12), pictures(12, seed=1)
  whole = fid.fid(a, b, features=tiny)
  kept = fid.record(a, b, tiny)
  assert kept.keys() == {"distance", "standard_error", "n", "protocol"}
  assert kept == {name: whole[name] for name in kept}


def test_unknown_networks_and_taps():
  with pytest.raises(errors.InputError, match="inception or squeezenet"):
    fid.network("resnet")
  for name, tap in (("inception", "top"), ("squeezenet", "mixed6e")):
    said = "it can be maxpool1" if tap == "top" else "inception' alone"
    with pytest.raises(errors.InputError, match=said):
      fid.network(name, tap=tap)
  with pytest.raises(errors.InputError, match="inception' alone"):
    fid.network("squeezenet", resize="clean-fid")


def test_golden_features_through_a_file_and_over_devices(shared, tmp_path):
  arrays = {n: filled(n, s) for n, s in inception.shapes().items()}
  path = write_torch(tmp_path / "stand-in.pth", arrays)
  # All layers are held to golden values elsewhere; the first compile fast.
  net = fid.network("inception", path, "maxpool1")
  path.unlink()  # 95 MB
  score = "Fréchet distance, NOT OF FID'S NETWORK of layer maxpool1"
  assert net.protocol["score"] == score
  golden = np.load(shared / "golden" / "inception_golden.npz")
  image = golden["image_0"]
  batch = np.stack([image[::-1], image])
  (got,) = fid.features(net, iter([batch]), 2)
  assert got.shape == (2, 64)
  error = np.abs(got[1] - golden["feat64_float64_0"]).max()
  assert error < 2e-5  # The golden values' README.


def test_the_rules_of_other_tools(monkeypatch):
  file = inception_weights.Weights({}, "abc", "file", True)
  monkeypatch.setattr(inception_weights, "load", lambda path: file)
  image = np.full((4, 4, 3), 255, np.uint8)
  nets = {rule: fid.network(resize=rule) for rule in fid.RESIZES}
  named = [net.protocol["score"] for net in nets.values()]
  assert named[0] == "FID" and "by clean-fid's resize" in named[2]
  assert len({net.protocol["resize"] for net in nets.values()}) == 3
  # The network takes (x - 128) / 128: white is 1 in pytorch-fid.
  white = nets["pytorch-fid"].stretch(image, 2, 2)
  np.testing.assert_allclose((white - 128) / 128, 1, atol=1e-6)
  np.testing.assert_array_equal(nets["clean-fid"].stretch(image, 2, 2), 255)
  assert nets["tf1"].stretch is None
  for features, rule, said in (
    ("inception", "bicubic", "it can be tf1, pytorch-fid"),
    ("squeezenet", "clean-fid", "'clean-fid' is for features='inception'"),
  ):
    with pytest.raises(errors.InputError, match=said):
      fid.network(features, resize=rule)


def test_every_image_is_stretched_by_the_rule(tiny):
  def stretch(image, height, width):
    return np.full((height, width, 3), image[0, 0], np.float32)

  x = pictures(9)
  side = fid.samples("x", image_sources.find(x), tiny._replace(stretch=stretch))
  flat = np.stack([stretch(image, 16, 16) for image in x])
  wanted = frechet.moments(tiny.apply(1.0, flat))
  np.testing.assert_allclose(side.whole.mean, wanted.mean, rtol=1e-5)
  assert side.protocol["images"] == "6x5" and not side.notes


def run(monkeypatch, *arguments):
  monkeypatch.setattr(sys, "argv", ["fid", *map(str, arguments)])
  fid.main()


def test_the_command(tiny, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(fid, "network", lambda *_: tiny)
  a, b, stats = (tmp_path / name for name in ("a.npy", "b.npz", "stats.npz"))
  np.save(a, pictures(30))
  np.savez(b, images=pictures(20, 1) // 2)
  run(monkeypatch, a, b, "--json", "--batch-size=8", f"--save-stats={stats}")
  result = json.loads(capsys.readouterr().out)
  assert result["n"] == [30, 20] and result["standard_error"] > 0
  run(monkeypatch, stats, b)
  said = capsys.readouterr().out
  assert said.startswith(f"tiny: {result['distance']:.6g}"[:10])
  assert "n = 30 and 20" in said and "images 6x5" in said
  run(monkeypatch, a, b, "--images=10", "--distance-only", "--json")
  assert json.loads(capsys.readouterr().out)["n"] == [10, 10]


def test_what_will_not_compare_is_refused_before_anything_is_made(
  tiny, tmp_path, monkeypatch, capsys
):
  made, samples = [], fid.samples

  def counted(name, *rest):
    made.append(name)
    return samples(name, *rest)

  monkeypatch.setattr(fid, "network", lambda *_: tiny)
  monkeypatch.setattr(fid, "samples", counted)
  x = pictures(30)
  np.save(tmp_path / "a.npy", x)
  np.save(tmp_path / "small.npy", x[:, ::2])
  np.save(tmp_path / "unit.npy", x / np.float32(127.5) - 1)
  for name, images in (("large", x.repeat(2, 1)), ("mixed", x)):
    (tmp_path / name).mkdir()
    for i, image in enumerate(images):
      # Of mixed ones the first is large.
      image = image if i or name == "large" else image.repeat(2, 0)
      Image.fromarray(image).save(tmp_path / name / f"{i:02}.png")
  side = samples("a", image_sources.find(x), tiny)
  other = {**(side.protocol or {}), "score": "other"}
  feature_distance.save(tmp_path / "same.npz", side)
  feature_distance.save(tmp_path / "other.npz", side._replace(protocol=other))
  theirs = {"mu": np.zeros(4), "sigma": np.eye(4)}
  np.savez(tmp_path / "theirs.npz", **theirs)
  sizes = "images is '%s' of A and '%s' of B"
  for a, b, said in (
    ("other.npz", "a.npy", "score is 'other' of A and 'tiny' of B"),
    ("a.npy", "other.npz", "score is 'tiny' of A and 'other' of B"),
    ("theirs.npz", "a.npy", "has 4 features, and the network makes 9"),
    ("a.npy", "theirs.npz", "has 4 features, and the network makes 9"),
    ("same.npz", "small.npy", sizes % ("6x5", "3x5")),
    ("a.npy", "small.npy", sizes % ("6x5", "3x5")),
    ("a.npy", "large", sizes % ("6x5", "12x5")),
    ("a.npy", "unit.npy", "0..255 is expected: say --floats=-1..1, or"),
  ):
    with pytest.raises(SystemExit):
      run(monkeypatch, tmp_path / a, tmp_path / b)
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1, error
  assert not made
  for words in (("same.npz", "mixed"), ("a.npy", "large", "--any-protocol")):
    run(monkeypatch, *(tmp_path / w if w[0] != "-" else w for w in words))
  assert len(made) == 3


@pytest.mark.parametrize(
  ("arguments", "match"),
  [
    (["missing/", "b"], "there is no folder or file"),
    (["a", "missing.npz"], "there is no file"),  # Before A is read.
    (["a", "b", "--seed=-1"], "--seed: '-1' is no whole number from 0"),
    (["a", "a", "--images=1"], "1 images were asked for: 2 or more"),
    (["a", "a", "--images=500"], "fewer than the 500 asked for"),
    (["a", "a", "--weights=none.pth"], "none.pth cannot be read"),
    (["a", "a", "--weights=~/none.pth"], r"HOME/none.pth cannot be read"),
    (["a", "mnist", "--data-dir=~/sets"], r"HOME/sets"),
    (["a", "a"], "pt_inception-2015.*--weights=FILE; or say --features=squee"),
    (["a", "a", "--features=squeezenet"], "squeezenet_v1.0.caffemodel.*forre"),
  ],
)
def test_errors_are_one_sentence(
  tmp_path, monkeypatch, capsys, arguments, match
):
  for name in ("XDG_CACHE_HOME", "TORCH_HOME", "HOME"):
    monkeypatch.setenv(name, str(tmp_path / name))
  np.save(tmp_path / "a.npy", pictures(3))
  paths = {"a": tmp_path / "a.npy", "b": tmp_path / "a.npy"}
  with pytest.raises(SystemExit) as exit_:
    run(monkeypatch, *(paths.get(word, word) for word in arguments))
  assert exit_.value.code == (2 if "--seed=-1" in arguments else 1)
  said = capsys.readouterr().err
  assert said.startswith("error: ") and said.count("\n") == 1

  assert re.search(match, said), said
