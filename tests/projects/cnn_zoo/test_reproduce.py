"""Tables and pictures as the command makes them, and what it keeps."""

import argparse

import numpy as np
import pytest

from common.errors import InputError
from common.tables import reproduce as frame
from configs.cnn_zoo import predictors as settings
from projects.cnn_zoo import (
  collection,
  generated,
  paper,
  pictures,
  predictors,
  reproduce,
  result_tables,
)

CONFIG = settings.get_config("smoke")


def half(found):
  """The first twenty networks."""
  return collection._those(found, np.arange(40) < 20)


def context(out, **flags):
  arguments = argparse.Namespace(**{"zoo": [], "other": [], **flags})
  project = reproduce.__name__.split(".")[1]  # Of a fork, its own.
  return frame.Context(project, out, True, True, arguments)


@pytest.mark.slow
def test_tables_have_their_pictures(tmp_path, monkeypatch):
  judged = reproduce.architecture_table(context(tmp_path)).splitlines()
  kinds = [line.split("|")[2].strip() for line in judged[2:5]]
  assert kinds == [
    "MNIST: conv 4, conv 4, conv 4, dense 3",
    "MNIST: conv 4, conv 4, dense 3",
    "MNIST: dense 4, dense 4, dense 4, dense 3",
  ]
  assert judged[3].count(" - ") == 1 and judged[4].count(" - ") == 0
  few = (paper.STATISTICS, "weights", "hyper", "hyper.learning_rate")
  monkeypatch.setattr(paper, "SETS", {n: paper.SETS[n] for n in few})
  monkeypatch.setattr(predictors, "KINDS", ("gbm",))  # Nothing to compile.
  made = reproduce.transfer_table(context(tmp_path))
  assert "ranks Fashion-MNIST" in made and "tau undefined" not in made
  drawn = reproduce.hyperparameter_table(context(tmp_path))
  assert drawn["percentiles"].count("released") == 2
  assert "adam: 40, " in drawn["optimizers"]
  tables = reproduce.r2_table(context(tmp_path))
  assert "| Fashion-MNIST | 40 | 40 | 0 | 2 | 0.1" in tables["zoos"]
  assert "statistics of all layers (56)" in tables["r2"]
  assert "(0.99)" in tables["r2"]  # The paper's.
  assert tables["protocols"].count("23, 5, 12 (0 left out)") == 4
  assert "less hyperparameters and optimiser > 0" in tables["relations"]
  for line in tables["relations"].splitlines()[2:]:
    verdicts = line.count("confirmed") + line.count("not at this size")
    # Of other architectures there are networks on one of the two.
    assert verdicts == (1 if "other architectures" in line else 2), line
  assert "other architectures" in line
  assert "guess at 15,000" in reproduce.size_table(context(tmp_path))
  assert "1 of 2" in reproduce.epoch_table(context(tmp_path))
  for name in ("biases", "importances", "sizes", "transfer"):
    assert (tmp_path / f"{name}.png").stat().st_size > 5_000


def test_no_zoo_and_two_of_one_kind_are_one_sentence(tmp_path, written):
  other = generated.write(tmp_path / "other", "mnist", seed=9)
  with pytest.raises(
    InputError, match=r"40 network\(s\) are in both, network_.* and differ"
  ):
    reproduce.collections(context(tmp_path, zoo=[written, other]))
  asked = context(tmp_path / "none")._replace(quick=False)
  asked.out.mkdir()
  with pytest.raises(InputError, match="there is no zoo: train one"):
    reproduce.collections(asked)


def test_fresh_is_of_the_zoos_that_are_given(tmp_path, written, capsys):
  asked = context(tmp_path, zoo=[written])
  reproduce.collections(asked)
  folder = generated.write(tmp_path / "f", "fashion_mnist", seed=1)
  asked = context(tmp_path, zoo=[folder])._replace(quick=False, fresh=True)
  # Among the results, with what the command names: the same zoo once more.
  asked.arguments.zoo.append(tmp_path / "zoo_fashion_mnist.npz")
  reproduce.collections(context(tmp_path, zoo=[folder]))
  for _ in range(2):
    zoos = reproduce.collections(asked)
    assert zoos.given == {"fashion_mnist"}
    assert list(zoos.found) == ["mnist", "fashion_mnist"]
    assert len(zoos.found["fashion_mnist"].networks) == 40
  computed = []

  def study(one, config):
    computed.append(one.name)
    return {"networks": len(one.networks)}

  reproduce.each(asked, zoos, "t", study)
  assert computed == ["mnist", "fashion_mnist"]
  reproduce.each(asked, zoos, "t", study)
  assert computed[2:] == ["fashion_mnist"]
  reproduce.each(asked, zoos._replace(given=frozenset()), "t", study)
  assert computed[3:] == ["mnist", "fashion_mnist"]
  reproduce.each(asked._replace(fresh=False), zoos, "t", study)
  assert len(computed) == 5
  assert "warning" not in capsys.readouterr().err
  # The zoo has shrunk.
  zoos.found["mnist"] = half(zoos.found["mnist"])
  reproduce.each(asked._replace(fresh=False), zoos, "t", study)
  said = "t_mnist.json is of 40 networks, and there are 20 now"
  assert capsys.readouterr().err.count(said) == 1


def test_kept_networks_are_not_written_over(tmp_path, written):
  one = collection.read(written, CONFIG)
  few, other = tmp_path / "half.npz", tmp_path / "other.npz"
  collection.save(few, half(one))
  collection.save(other, one._replace(epochs=(1, 7)))
  asked = lambda **flags: context(tmp_path, **flags)._replace(quick=False)
  for flag, ask in (
    ("zoo", reproduce.collections),
    ("other", reproduce.other_networks),
  ):
    ask(asked(**{flag: [written]}))
    (kept,) = tmp_path.glob(f"{flag}_*.npz")
    before = kept.read_bytes()
    with pytest.raises(
      InputError, match=rf"20 network\(s\), network_020 .*--{flag}={kept}"
    ):
      ask(asked(**{flag: [few]}))
    with pytest.raises(InputError, match=r"40 network\(s\).* epochs are"):
      ask(asked(**{flag: [other]}))
    assert kept.read_bytes() == before
    ask(asked(**{flag: [kept, few]}))  # Joined, it may.
    assert len(collection.load(kept).networks) == 40
    ask(context(tmp_path, **{flag: [few]}))  # A quick one is nobody's.
    assert len(collection.load(kept).networks) == 20


def test_transfer_goes_with_its_zoos(tmp_path, monkeypatch, written, capsys):
  monkeypatch.setattr(pictures, "transfer", lambda *_: None)
  monkeypatch.setattr(result_tables, "transfer_table", lambda pairs: pairs)
  ask = lambda *zoos: reproduce.transfer_table(
    context(tmp_path, zoo=zoos)._replace(quick=False, fresh=False)
  )
  monkeypatch.setattr(
    reproduce, "config_of", lambda _: CONFIG
  )  # Not of the paper's size.
  few = tmp_path / "half.npz"
  collection.save(few, half(collection.read(written, CONFIG)))
  assert list(ask(few)) == ["mnist"]
  assert "warning" not in capsys.readouterr().err
  # The zoo has grown, and then there is another.
  kept = ask(written)
  said = "transfer.json is of {'mnist': 20} networks, and there are {'mnist'"
  assert said in capsys.readouterr().err
  pair = ask(generated.write(tmp_path / "f", "fashion_mnist", seed=1))
  assert list(pair) == ["mnist", "fashion_mnist"]
  assert pair["mnist"]["mnist"] != kept["mnist"]["mnist"]
  assert "warning" not in capsys.readouterr().err
