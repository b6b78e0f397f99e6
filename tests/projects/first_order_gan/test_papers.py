"""Three papers' GANs in one table: their commands, and how they are judged."""

import importlib
import json
import pathlib
import re

import jax
import numpy as np
import pytest

from common.errors import InputError
from common.tables import figures
from configs.first_order_gan import papers as study
from projects.first_order_gan import data, papers, reproduce

ROOT = pathlib.Path(__file__).parents[3]


def config_of(command):
  """The config that a training command asks for, checked by its project."""
  given = dict(part.split("=", 1) for part in command[1:])
  file, _, variant = given.pop("--config").partition(":")
  assert (ROOT / file).exists()
  module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
  config = module.get_config(variant).unlock()
  del given["--workdir"]
  for name, value in given.items():
    key = name.removeprefix("--config.")
    config[key] = type(config[key])(value)
  project = command[0].split(".")[1]
  importlib.import_module(f"projects.{project}.schema").check(config)
  return project, config


def sizes(project, config):
  """Parameters of the generator and of the other player."""
  train = importlib.import_module(f"projects.{project}.train")
  state = jax.eval_shape(lambda key: train.init(key, config), jax.random.key(0))
  state = dict(vars(state))
  other = state.get("critic") or state["discriminator"]
  return [
    sum(
      leaf.size for leaf in jax.tree.leaves(getattr(player, "params", player))
    )
    for player in (state["generator"], other)
  ]


@pytest.mark.parametrize("smoke", [False, True])
def test_methods_have_the_same_networks_and_budget(smoke, tmp_path):
  table = study.get_config("smoke" if smoke else "")
  found = {}
  for method in papers.METHODS:
    told, drawn = papers.commands(table, method, tmp_path, "there", smoke)
    project, config = config_of(told)
    assert config.dataset == ("discs" if smoke else "fashion_mnist")
    assert config.data_dir == "there" and config.total_steps == table.steps
    assert config.batch_size == table.batch_size and config.image_size == 32
    assert drawn[1:] == [f"--workdir={tmp_path}", f"--count={table.samples}"]
    found[method] = sizes(project, config)
  rates = [
    config_of(papers.commands(table, m, tmp_path, "", smoke)[0])[1]
    for m in ("DCGAN, one rate", "DCGAN, TTUR")
  ]
  assert rates[0].generator_rate == rates[0].discriminator_rate
  assert rates[1].generator_rate == 5 * rates[1].discriminator_rate
  first = found["First Order GAN"]
  assert found["WGAN-GP"] == first
  for method in papers.METHODS:
    np.testing.assert_allclose(found[method], first, rtol=0.25, err_msg=method)


def test_the_table(tmp_path, monkeypatch):
  """The judge sees each method's own samples, against the held-out images."""
  config = importlib.import_module("configs.first_order_gan.fashion_mnist")
  config = config.get_config("smoke").unlock()
  config.image_size, config.eval_samples = 32, 70
  root = papers.keys.named(jax.random.key(0), "test")
  real = figures.to_pixels(np.asarray(data.test(config, root)))
  told = []

  def run(command):
    told.append(command)
    given = dict(part.split("=", 1) for part in command[1:])
    if command[0].endswith(".sample"):
      workdir = pathlib.Path(given["--workdir"])
      workdir.mkdir(parents=True, exist_ok=True)
      seed = int(workdir.name[-1])
      darker = np.uint8(real * (1 - 0.2 * (1 + seed)))
      images = real if "coulomb" in command[0] else darker
      np.savez(workdir / "samples_00000002_0.npz", images=images)

  monkeypatch.setattr(papers, "run", run)
  out = f"--out={tmp_path}"
  asked = ["--table=papers", "--quick", "--seeds=2", out]
  reproduce.main(asked)
  assert len(told) == 2 * 2 * len(papers.METHODS)
  cells = {p.stem: json.loads(p.read_text()) for p in tmp_path.glob("*.json")}
  assert len(cells) == 2 * len(papers.METHODS)
  assert cells["papers_coulomb_gan_1"]["frechet_8x8"] < 1e-6
  darker = [cells[f"papers_dcgan_ttur_{i}"]["frechet_8x8"] for i in range(2)]
  assert 1e-3 < darker[0] < darker[1] / 2
  settings = cells["papers_dcgan_ttur_1"]["settings"]
  assert "--config.seed=1" in settings
  assert not [part for part in settings if str(tmp_path) in part]
  assert (tmp_path / "papers_wgan_gp.png").exists()


def test_a_spread_has_a_median_and_a_range():
  assert papers.spread([3.0, 1.0, 2.0], ".2g") == "2 [1, 3]"
  assert papers.spread([], ".2g") == "-"


def test_a_command_that_fails_ends_the_table(capfd):
  with pytest.raises(InputError, match=re.escape("nonesuch failed")):
    papers.run(["nonesuch"])
  assert "No module named nonesuch" in capfd.readouterr().err
