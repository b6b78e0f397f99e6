"""The disturbance study with a network that costs nothing."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from PIL import Image

from common.errors import InputError
from common.metrics import fid
from common.tables import cells, figures
from configs.ttur import studies
from projects.ttur import (
  disturbances,
  pictures,
  published,
  reproduce,
  saddle_table,
)

pytestmark = pytest.mark.slow


def network():
  """Means and deviations of the 16 corners of an image as its features."""

  def apply(_, x):
    blocks = x.reshape(len(x), 4, 8, 4, 8, 3).transpose(0, 1, 3, 2, 4, 5)
    blocks = blocks.reshape(len(x), 16, -1)
    return jnp.concatenate([blocks.mean(-1), blocks.std(-1)], axis=1)

  return fid.Network(jax.jit(apply), {}, 32, {"score": "toy distance"})


def test_a_study_has_a_table_and_a_picture(tmp_path, monkeypatch):
  config = studies.get_config("smoke")
  random = np.random.default_rng(0)
  images = random.integers(0, 256, (config.reference, 32, 32, 3), np.uint8)
  others = np.tanh(random.normal(size=(config.others, 32, 32, 3)) + 1)
  others = 127.5 * (others.astype(np.float32) + 1)
  results = reproduce.study(config, network(), images, others)
  assert results["disturbances"].keys() == published.DISTURBANCES.keys()
  for name, levels in results["disturbances"].items():
    assert len(levels) == len(disturbances.AMOUNTS[name])
    assert levels[0] == results["disturbances"]["swirl"][0]
  noise = [f["distance"] for f in results["disturbances"]["gaussian noise"]]
  assert np.all(np.diff(noise) > 0)
  assert results["rank_correlation"]["gaussian noise"] == pytest.approx(1)
  table = reproduce.table(results)
  assert "toy distance, 12 images against 24." in table
  assert "| 0.7, 41.6, 76.3, 218 |" in table
  path = tmp_path / "study.png"
  saved, save = [], figures.save
  keep = lambda made, path: (saved.append(made), save(made, path))
  monkeypatch.setattr(figures, "save", keep)
  shown = reproduce.unit(images[0]), reproduce.unit(others[0])
  pictures.disturbances_plot(path, results, *shown, config.swirl_radius)
  assert path.stat().st_size > 10_000
  legend = saved[0].axes[0].get_legend().get_texts()
  # Its own name: a stand-in's distance is not to be read as the FID.
  assert "here: toy distance" in [text.get_text() for text in legend]


def test_images_of_the_study_have_one_size(tmp_path):
  np.save(tmp_path / "x.npy", np.full((6, 8, 8, 3), 255, np.uint8))
  loaded = reproduce.load(str(tmp_path / "x.npy"), 4, 0)
  assert loaded.shape == (4, 8, 8, 3) and loaded.dtype == np.uint8
  assert np.all(reproduce.unit(loaded) == 1)
  with pytest.raises(InputError):
    reproduce.load(str(tmp_path / "absent.npy"), 4, 0)


def test_the_papers_settings_are_taken_from_the_command(tmp_path, monkeypatch):
  """All images are the reference; others come in any size, as ImageNet's."""
  random = np.random.default_rng(0)
  draw = lambda *shape: random.integers(0, 256, (*shape, 3), np.uint8)
  np.save(tmp_path / "faces.npy", draw(30, 32, 32))
  (tmp_path / "others").mkdir()
  for i, height in enumerate((32, 40, 48, 56)):
    picture = Image.fromarray(draw(height, 64))
    picture.save(tmp_path / "others" / f"{i}.png")
  radii, counts = set(), set()
  disturb = disturbances.disturb

  def noted(name, images, amount, draws, radius, others=None):
    radii.add(radius)
    if others is not None:
      counts.add((len(images), len(others)))
    return disturb(name, images, amount, draws, radius, others)

  monkeypatch.setattr(disturbances, "disturb", noted)
  monkeypatch.setattr(fid, "network", lambda *_: network())
  paper = studies.get_config("paper")
  assert (paper.n, paper.reference, paper.others) == (50_000, 0, 5_000)
  small = paper.copy_and_resolve_references().unlock()
  small.n, small.others, small.batch_size = 20, 4, 8
  asked = []
  monkeypatch.setattr(
    studies, "get_config", lambda variant: asked.append(variant) or small
  )
  command = [
    "--table=disturbances",
    "--paper",
    "--name=faces",
    f"--images={tmp_path / 'faces.npy'}",
    f"--others={tmp_path / 'others'}",
    f"--out={tmp_path}",
  ]
  reproduce.main(command)
  assert asked == ["paper"] and radii == {70.0} and counts == {(20, 4)}
  found = cells.load(tmp_path / "disturbances_faces.json")
  assert found["n"] == [20, 30] and found["config"]["swirl_radius"] == 70


def test_fewer_images_than_are_disturbed_is_one_sentence():
  config = studies.get_config("smoke")
  images = np.zeros((11, 32, 32, 3), np.uint8)
  with pytest.raises(InputError, match="12 images are to be disturbed, and"):
    reproduce.study(config, network(), images, images)


def test_without_a_table_the_one_that_needs_nothing_is_made(
  tmp_path, monkeypatch, capsys
):
  monkeypatch.setattr(saddle_table, "table", lambda _: {"saddle": "a table"})
  reproduce.main([f"--out={tmp_path}"])
  assert capsys.readouterr().out == "a table\n"


@pytest.mark.parametrize(
  ("flags", "says"),
  [
    (
      "",
      "takes --name=NAME, what the set is called in files and tables; "
      "--images=SOURCE, what is disturbed; --others=SOURCE, what it is",
    ),
    ("--name=a --images=b", "takes --others=SOURCE, what it is contaminated"),
    ("--name=a --images=b --others=c", "it there or give --weights=FILE; or"),
    (
      "--name=a --images=b --others=c --features=squeezenet",
      "an .npz of its arrays, by --weights=FILE",
    ),
  ],
)
def test_disturbances_ask_at_once_for_what_they_need(
  tmp_path, monkeypatch, capsys, flags, says
):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # Without weights.
  monkeypatch.setenv("TORCH_HOME", str(tmp_path))
  monkeypatch.setattr(reproduce, "load", lambda *_: pytest.fail("it began"))
  given = ["--table=disturbances", f"--out={tmp_path}", *flags.split()]
  with pytest.raises(SystemExit) as left:
    reproduce.main(given)
  assert left.value.code == 1
  said = capsys.readouterr().err
  assert said.count("\n") == 1 and says in said
