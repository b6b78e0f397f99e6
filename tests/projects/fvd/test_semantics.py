"""The probes read real frames, and the scores notice broken rules."""

import argparse

import numpy as np
import pytest

from common.tables import cells
from common.tables.reproduce import Context
from projects.fvd import agreement_table, semantics
from projects.fvd.scenarios import brawl, probes, road_trip_with_medivac, things


@pytest.fixture(scope="module")
def read(scenes):
  """read(scenario, frames) -> the values of the scores; labels of `scenes`."""

  def values(scenario, frames=None):
    video, labels = scenes[scenario]
    found = semantics.scores(
      scenario, video if frames is None else frames, labels
    )
    return {name: one.value for name, one in found.items()}

  return values


@pytest.fixture(scope="module", autouse=True)
def weights(scenes):
  """The mass of an army's unit, from these clips, not from others."""
  video, labels = scenes["brawl"]
  mass = probes._mass(video.reshape(-1, *video.shape[2:]))
  living = probes.alive(labels).reshape(-1, 2)
  with pytest.MonkeyPatch.context() as patch:
    fitted = np.linalg.lstsq(mass, living, rcond=None)[0]
    patch.setattr(probes, "_weights", lambda size: fitted)
    yield


def test_wilson():
  # By hand: 10 of 10 with z = 1.96, 1 / (1 + 1.96^2 / 10).
  low, high = semantics.wilson(semantics.Share(10, 10))
  assert high == 1 and abs(low - 1 / (1 + 0.384160)) < 1e-6
  low, high = semantics.wilson(semantics.Share(50, 100))
  assert abs(low - 0.4038) < 1e-3 and abs(low + high - 1) < 1e-9
  assert semantics.wilson(semantics.Share(0, 0)) == (0, 1)
  assert semantics.Share(0, 0).value is None
  right = np.array([True, True, False])
  assert semantics.share(right) == (2, 3)
  assert semantics.share(right, np.array([False, True, True])) == (1, 2)


def test_real_frames_keep_all_rules(scenes, read):
  for scenario in scenes:
    for name, value in read(scenario).items():
      assert value == 1, (scenario, name, value)


def test_a_walker_that_stops_jumps_or_leaves(scenes, read):
  scenario = "move_unit_to_border"
  video = scenes[scenario][0]
  constant, ends = "speed is constant", "ends where it must"
  stopped = np.concatenate([video[:, :5], video[:, 4:5].repeat(7, 1)], 1)
  assert read(scenario, stopped) == {constant: 0, ends: 0}
  jumps = video.copy()
  jumps[:, 4] = video[:, 2]
  assert read(scenario, jumps) == {constant: 0, ends: 1}
  slow = video[:, np.arange(12) // 2]
  assert read(scenario, slow)[constant] == 0
  empty = probes._floor(scenario, 32) * 255
  gone = video.copy()
  gone[:, 6:] = empty.astype(np.uint8)
  assert read(scenario, gone) == {constant: 0, ends: 0}


def test_shards_that_stay_or_vanish(scenes, read):
  scenario = "collect_mineral_shards"
  video, labels = scenes[scenario]
  places = labels["position"][:, 0, labels["kind"][0, 0] == things.SHARD]
  true = labels["alive"][:, 5, : places.shape[1]]
  assert (probes.shards(video[:, 5], places) == true).mean() > 0.99
  found, there = probes.troopers(video[:, 5])
  walkers = labels["position"][:, 5, -2:]
  away = np.linalg.norm(found[:, :, None] - walkers[:, None], axis=-1).min(2)
  assert there.all() and away.max() < 2
  # All shards of the first frame are put back into the last ones.
  floor = probes._floor(scenario, 32) * 255
  full = np.abs(video[:, :1] - floor).sum(-1, keepdims=True) > 90
  blue = full & (video[:, :1, ..., 2:] > video[:, :1, ..., :1])
  back = np.where(blue, video[:, :1], video)
  assert read(scenario, back)["as many are left"] < 0.7
  assert read(scenario, back)["gone when touched"] < 0.7
  # All vanish, touched or not.
  clear = video.copy()
  is_blue = video[..., 2].astype(int) > video[..., 0].astype(int) + 30
  clear[:, 6:] = np.where(is_blue[:, 6:, ..., None], floor, clear[:, 6:])
  said = read(scenario, clear)
  assert said["gone only when touched"] < 0.3 and said["stays untouched"] == 0
  assert said["as many are left"] == 0


def test_armies_that_grow(scenes, read):
  video, labels = scenes["brawl"]
  true = probes.alive(labels)[:, -1]
  n = 2 * brawl.Rules().most
  assert (
    true
    == [
      [
        labels["alive"][i, -1, : n // 2].sum(),
        labels["alive"][i, -1, n // 2 : n].sum(),
      ]
      for i in range(12)
    ]
  ).all()
  swapped = video[..., ::-1]  # Red is blue.
  assert read("brawl", swapped)["the same army leads"] == 0
  first = video[:, :1].repeat(12, 1)
  assert read("brawl", first)["numbers agree within two"] < 1


def test_the_wrong_one_is_dropped(scenes, read):
  scenario = "road_trip_with_medivac"
  video, labels = scenes[scenario]
  right, early = "the right one is dropped", "nothing is dropped early"
  others = video.copy()
  others[:, -1] = np.roll(video[:, -1], 1, axis=0)
  held = labels["carrier"] == road_trip_with_medivac.CARRIER
  whom = held.any(1).argmax(1)
  kind = labels["kind"][np.arange(12), 0, whom]
  assert (probes.dropped(video[:, -1]) == kind).all()
  said = read(scenario, others)
  assert said[right] == (kind == np.roll(kind, 1)).mean()
  assert said["something is dropped"] == 1
  never = video.copy()
  never[:, -4:] = video[:, 6:7]
  assert read(scenario, never)[right] == 0
  assert read(scenario, never)["something is dropped"] == 0
  soon = video.copy()
  soon[:, 3:] = video[:, -1:]
  assert read(scenario, soon)[early] == 0
  assert read(scenario, soon)["the carrier flies its way"] == 0


def test_scores_of_predictions(scenes, monkeypatch):
  monkeypatch.setattr(
    semantics, "drawn", lambda scenario, n, frames, size: scenes[scenario]
  )
  scenario = "road_trip_with_medivac"
  video = scenes[scenario][0]
  name = "the right one is dropped"
  best = semantics.of_predictions(scenario, video[:, 2:], 2)
  assert best[name] == best["ceiling"][name] == 1 and best["cases"][name] == 12
  assert best["floor"][name] < 0.6 and best["left_out"] == {}
  low, high = best["intervals"][name]
  assert 0.7 < low < 0.8 and high == 1
  still = semantics.of_predictions(scenario, video[:, 1:2].repeat(10, 1), 2)
  assert still[name] == 0 and still["ceiling"][name] == 1
  monkeypatch.setattr(semantics, "CEILING", 1.1)
  none = semantics.of_predictions(scenario, video[:, 2:], 2)
  assert name not in none and none["left_out"][name] == 1


def test_models_whose_runs_are_elsewhere_keep_their_scores(
  tmp_path, monkeypatch
):
  kept = tmp_path / "semantics_tiny_brawl.json"
  cells.save(kept, {"minutes": 1.0, "semantics": {"CDNA": {"x": 0.5}}})
  entry = dict.fromkeys(agreement_table.METRICS, 1.0)
  judged = lambda context, scenario: {
    name: entry for name in ("CDNA", "SAVP") if scenario == "brawl"
  }
  monkeypatch.setattr(agreement_table, "judged_entries", judged)
  monkeypatch.setattr(agreement_table.predict, "BASELINES", {})
  monkeypatch.setattr(agreement_table, "split_of", lambda _: (np.ones(1), 0))
  score = lambda scenario, video, c: {"x": float(video.mean())}
  monkeypatch.setattr(agreement_table.semantics, "of_predictions", score)
  flags = argparse.Namespace(size="tiny", runs=tmp_path / "runs", data_dir="")
  context = Context("fvd", tmp_path, False, True, flags)
  text = agreement_table.agreement(context)  # --fresh, and no run at all.
  assert "| CDNA 0.5 |" in text
  assert cells.load(kept)["semantics"] == {"CDNA": {"x": 0.5}}
  run = agreement_table.run_of(context, "brawl", "savp")
  run.mkdir(parents=True)
  np.save(run / agreement_table.PREDICTED, np.full(3, 0.25))
  assert "| CDNA 0.5, SAVP 0.25 |" in agreement_table.agreement(context)
  found = cells.load(kept)["semantics"]
  assert found == {"CDNA": {"x": 0.5}, "SAVP": {"x": 0.25}}
