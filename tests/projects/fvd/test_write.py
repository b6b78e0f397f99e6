"""Clips are written as other programs read them; bad flags are said so."""

import collections
import re
import runpy
import sys

import numpy as np
import pytest
import tqdm
from jax import numpy as jnp
from PIL import Image

from projects.fvd import clips
from projects.fvd.scenarios import write


@pytest.fixture
def sent():
  draw = np.random.default_rng(0)
  # Of few colours, which a GIF keeps.
  return draw.choice([0, 90, 255], (9, 4, 8, 10, 3)).astype(np.uint8)


def test_all_formats(sent, tmp_path, monkeypatch):
  monkeypatch.setattr(write, "SHARD", 3)
  monkeypatch.setattr(write, "_BATCH", 2)
  video = jnp.asarray(sent)
  make = lambda i: (video[i], {"alive": i[:, None] > 4})
  bar = tqdm.tqdm(total=5, disable=True)
  write.clips(tmp_path, write.FORMATS, "my_brawl", "valid", make, 2, 5, bar)
  names = [f"valid-{i:05}" for i in range(2, 7)]
  folders = sorted(path.name for path in tmp_path.iterdir())
  assert folders == ["MyBrawl_10x8_png", "gif", "labels", "npz", "png"]
  shards = [f"valid-from-00002-0000{i}-of-00002" for i in (0, 1)]
  for folder, suffix in (("npz", ".npz"), ("MyBrawl_10x8_png", ".tfrecords")):
    found = sorted(path.name for path in (tmp_path / folder).iterdir())
    assert found == [shard + suffix for shard in shards]
  assert sorted(p.name for p in (tmp_path / "png").iterdir()) == names
  first = Image.open(tmp_path / "png" / names[0] / "003.png")
  assert (np.asarray(first) == sent[2, 3]).all()
  for folder in folders:
    if folder != "labels":
      options = clips.Options(frames=4, strict=True)
      read = clips.read(tmp_path / folder, options, collections.Counter())
      assert (np.stack(list(read)) == sent[2:7]).all(), folder
  labels = [np.load(tmp_path / "labels" / f"{s}.npz")["alive"] for s in shards]
  assert np.concatenate(labels)[:, 0].tolist() == [False] * 3 + [True] * 2
  # Clips behind them take nothing away.
  write.clips(tmp_path, ("npz",), "my_brawl", "valid", make, 7, 2, bar)
  found = sorted(path.stem for path in (tmp_path / "npz").iterdir())
  assert found == [*shards, "valid-from-00007-00000-of-00001"]


def test_some_formats(sent, tmp_path):
  make = lambda i: (jnp.asarray(sent)[i], {})
  bar = tqdm.tqdm(total=1, disable=True)
  write.clips(tmp_path, ("npz",), "brawl", "test", make, 0, 1, bar)
  folders = sorted(path.name for path in tmp_path.iterdir())
  assert folders == ["labels", "npz"]


@pytest.mark.parametrize(
  ("flags", "said"),
  [
    ("--scenario=browl --out=x", "did you mean 'brawl'"),
    ("--scenario=moving_mnst --out=x", "did you mean 'moving_mnist'"),
    ("--scenario=brawl", "where to: --out=DIR"),
    ("--out=x", "say what to write, --scenario of"),
    ("--scenario=brawl --out=x --count=0", "--count: '0' is no whole number"),
    ("--scenario=brawl --out=x --formats=mp4", "mp4 is none of png, npz, gif"),
    ("--scenario=brawl --out=x --split=tset", "--split=tset is none of train,"),
    (
      "--scenario=brawl --out=x --split=test --first=1950",
      "test has the clips 0 to 1999, not 1950 to 2049",
    ),
    ("--scenario=moving_mnist --out=x", "say by --data_dir=DIR where"),
    (
      "--scenario=road_trip_with_medivac --out=x --frames=9",
      "takes 10 frames or more, not 9",
    ),
  ],
)
def test_what_the_command_refuses(flags, said, tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(sys, "argv", ["scenarios", *flags.split()])
  with pytest.raises(SystemExit) as end:
    runpy.run_module("projects.fvd.scenarios", run_name="__main__")
  assert end.value.code == (1 if re.search("data_dir|takes|has", said) else 2)
  assert said in capsys.readouterr().err
  assert not list(tmp_path.iterdir())
