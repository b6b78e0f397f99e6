"""The scenarios keep their rules, and the pixels are where the labels say."""

import dataclasses

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import keys
from common.errors import InputError
from projects.fvd import scenarios
from projects.fvd.scenarios import (
  brawl,
  collect_mineral_shards,
  make,
  move_unit_to_border,
  moving_mnist,
  road_trip_with_medivac,
  things,
)

SIZE, FRAMES = 32, 12
UNIT = SIZE / things.WIDTH


def test_the_walker_goes_straight_at_a_constant_speed(scenes):
  video, labels = scenes["move_unit_to_border"]
  assert video.shape == (12, FRAMES, SIZE, SIZE, 3) and video.dtype == np.uint8
  rules = move_unit_to_border.Rules()
  place = labels["position"][:, :, 0] / UNIT
  step = np.diff(place, axis=1)
  length = np.linalg.norm(step, axis=-1)
  speed = rules.speed * things.LOOPS
  edge = np.abs(place - things.WIDTH / 2).max(-1)
  walks = edge[:, 1:] < things.WIDTH / 2 - rules.margin - 1e-4
  np.testing.assert_allclose(length[walks], speed, rtol=1e-4)
  assert (length < speed + 1e-4).all() and walks[:, 0].all()
  facing = labels["facing"][:, 1:, 0]
  way = np.stack([np.cos(facing), np.sin(facing)], -1)
  np.testing.assert_allclose(step, length[..., None] * way, atol=1e-4)
  assert (np.abs(place[:, 0] - things.WIDTH / 2) <= rules.start).all()
  assert len(np.unique(labels["kind"][:, 0, 0])) > 2


def test_it_stands_at_the_border():
  rules = move_unit_to_border.Rules()
  play = jax.jit(lambda key: move_unit_to_border.play(key, 40, rules))
  for i in range(4):
    found = play(jax.random.key(i))
    off = jnp.abs(found.position[:, 0] - things.WIDTH / 2).max(-1)
    reached = things.WIDTH / 2 - rules.margin
    np.testing.assert_allclose(off[-5:], reached, atol=1e-4)


def test_a_shard_vanishes_when_touched_and_only_then(scenes):
  """Against the rules, written again, one loop after the other."""
  _, labels = scenes["collect_mineral_shards"]
  rules = collect_mineral_shards.Rules()
  n = rules.shards
  vanished = 0
  for clip in range(12):
    place = labels["position"][clip] / UNIT
    shards, walkers = place[0, :n], place[0, n:].astype(np.float64)
    left = np.ones(n, bool)
    for t in range(FRAMES):
      assert (labels["alive"][clip, t, :n] == left).all()
      np.testing.assert_allclose(place[t, n:], walkers, atol=1e-3)
      for _ in range(things.LOOPS):
        goal = -1
        for i in range(2):
          away = np.linalg.norm(shards - walkers[i], axis=-1)
          free = [j for j in range(n) if left[j] and j != goal]
          goal = min(free, key=lambda j, away=away: away[j])
          step = min(rules.speed, away[goal])
          walkers[i] += step * (shards[goal] - walkers[i]) / away[goal]
        for walker in walkers:
          left &= np.linalg.norm(shards - walker, axis=-1) >= rules.touch
    vanished += n - left.sum()
  assert vanished > 40
  assert labels["alive"][:, 0].all() and labels["alive"][:, :, n:].all()


def duel(kind, **changes):
  """One of each army, of the same kind and pace: [frames, 4] things."""
  shares = tuple(float(i == kind) for i in range(3))
  rules = dataclasses.replace(
    brawl.Rules(), fewest=1, most=1, shares=shares, pace=0.0, **changes
  )
  play = jax.jit(lambda key: brawl.play(key, 40, rules))
  return rules, jax.tree.map(np.asarray, play(jax.random.key(3)))


def test_blades_walk_strike_and_die():
  rules, seen = duel(0)
  away = np.linalg.norm(seen.position[:, 0] - seen.position[:, 1], axis=-1)
  speed = rules.speed[0]
  far = away[1:] > rules.reach[0]
  assert far.sum() > 1
  np.testing.assert_allclose(
    -np.diff(away)[far], 2 * speed * things.LOOPS, atol=1e-3
  )
  # Each blow takes so much of the health; there is no shot.
  health = seen.health[:, :2]
  loses = -np.diff(health, axis=0)
  struck = loses[(health[1:] > 0) & (loses > 0)]
  np.testing.assert_allclose(
    struck, rules.damage[0] / rules.health[0], rtol=1e-4
  )
  assert len(struck) > 6 and not seen.health[:, 2:].any()
  blows = np.ceil(rules.health[0] / rules.damage[0])
  fights = np.flatnonzero((loses > 0).any(1))
  assert len(fights) == blows
  loops = (rules.reload[0] + 1) * (blows - 1)
  assert abs(fights[-1] - fights[0] - loops / things.LOOPS) < 1
  # Of the dead, a flash: two frames, as rules.flash says.
  dead = np.flatnonzero(health[-1] == 0)
  assert len(dead) >= 1
  shown = (seen.flash[:, dead[0]] > 0).sum()
  assert shown == rules.flash / things.LOOPS
  living = np.flatnonzero(health[-1] > 0)
  still = seen.position[-5:, living]
  np.testing.assert_allclose(still, still[:1].repeat(5, 0), atol=1e-5)


def test_shots_fly_to_their_target_and_hurt_on_arrival():
  rules, seen = duel(1, reload=(4.0, 40.0, 14.0))
  flies = seen.health[:, 2:] > 0
  health = seen.health[:, :2]
  assert flies.any() and (health[0] == 1).all()
  step = np.linalg.norm(np.diff(seen.position[:, 2:], axis=0), axis=-1)
  on = flies[1:] & flies[:-1]
  np.testing.assert_allclose(
    step[on], rules.shot_speed * things.LOOPS, atol=1e-3
  )
  # Whoever has lost health was shot at a flight's time before.
  for i in (0, 1):
    first = np.flatnonzero(health[:, i] < 1)[0]
    assert flies[first - 1, 1 - i] and not flies[: first - 4, 1 - i].any()
    np.testing.assert_allclose(
      1 - health[first, i], rules.damage[1] / rules.health[1], rtol=1e-4
    )


def test_a_shot_hurts_whom_it_was_meant_for():
  """Though another enemy is nearer by now; and a shot goes to the nearest."""
  rules = brawl.Rules()
  rank = jnp.array([1, 1, 1, 1])
  units = things.at(
    jnp.array([[4.0, 8.0], [8.0, 8.0], [6.0, 8.0], [4.0, 10.0]]),
    jnp.full(4, things.TROOPER),
    jnp.array([things.BLUE, things.RED, things.RED, things.BLUE]),
    jnp.zeros(4),
  )
  shots = brawl._Shots(
    position=jnp.array([[7.8, 8.0], [8.0, 8.0], [6.0, 8.0], [4.0, 10.0]]),
    facing=jnp.zeros(4),
    target=jnp.array([1, 0, 0, 0]),
    flies=jnp.array([True, False, False, False]),
  )
  wait = jnp.array([0.0, 9.0, 9.0, 0.0])
  loop = brawl._loop(rules, rank, jnp.full(4, 5.0))
  units, shots, wait = jax.jit(loop)(0, (units, shots, wait))
  harm = rules.damage[1] / rules.health[1]
  np.testing.assert_allclose(units.health, [1, 1 - harm, 1, 1], rtol=1e-6)
  # The one whose shot flew did not shoot; the other did, at the nearest.
  assert shots.flies.tolist() == [False, False, False, True]
  assert shots.target[3] == 2 and wait.tolist() == [0, 8, 8, 5]
  way = np.array([2.0, -2.0]) / np.sqrt(8)
  np.testing.assert_allclose(
    shots.position[3], [4, 10] + rules.muzzle * way, rtol=1e-5
  )


def test_nobody_rises_in_a_brawl(scenes):
  video, labels = scenes["brawl"]
  n = 2 * brawl.Rules().most
  alive, health = labels["alive"][:, :, :n], labels["health"][:, :, :n]
  assert (alive[:, 1:] <= alive[:, :-1]).all()
  assert (np.diff(health, axis=1) <= 0).all()
  count = np.stack(
    [(alive[:, 0] & (labels["team"][:, 0, :n] == t)).sum(1) for t in (1, 2)]
  )
  assert count.min() >= 3 and count.max() <= 8 and len(np.unique(count)) > 3
  # The numbers of the living agree with the deaths, each with its flash.
  died = alive[:, :-1] & ~alive[:, 1:]
  assert died.sum() > 10
  assert (labels["flash"][:, 1:, :n][died] > 0).all()
  assert (labels["flash"][:, :, :n][alive] == 0).all()
  assert (labels["team"] == labels["team"][:, :1]).all()
  place = labels["position"][:, :, :n][alive]
  assert place.min() > 0 and place.max() < SIZE
  assert video.shape == (12, FRAMES, SIZE, SIZE, 3)


def test_who_is_loaded_is_dropped(scenes):
  _, labels = scenes["road_trip_with_medivac"]
  rules = road_trip_with_medivac.Rules()
  walkers = slice(road_trip_with_medivac.FIRST, road_trip_with_medivac.CARRIER)
  held = labels["carrier"] == road_trip_with_medivac.CARRIER
  assert (held.any(1).sum(1) == 1).all()  # One, and no other.
  kinds = labels["kind"][:, 0, walkers]
  assert (np.sort(kinds, 1) == np.array(things.WALKERS)).all()
  loaded = []
  for clip in range(12):
    (whom,) = np.flatnonzero(held[clip].any(0))
    times = np.flatnonzero(held[clip, :, whom])
    assert times[0] == rules.load and len(times) == times[-1] - times[0] + 1
    rest = FRAMES - 1 - times[-1]
    assert rules.rest[0] <= rest < rules.rest[1]
    seen = labels["visible"][clip]
    assert seen[0, walkers].all()
    # Nothing but the carrier, before the drop; and whom it drops, after it.
    carrier = road_trip_with_medivac.CARRIER
    assert set(np.flatnonzero(seen[times[-1]])) == {carrier}
    assert set(np.flatnonzero(seen[-1])) == {carrier, whom}
    place = labels["position"][clip]
    np.testing.assert_allclose(place[times, whom], place[times, carrier])
    assert np.linalg.norm(place[-1, whom] - place[-1, carrier]) > 2 * UNIT
    flown = np.linalg.norm(
      np.diff(place[: times[-1] + 1, carrier], axis=0), axis=-1
    )
    assert flown.min() > 0.5 * UNIT  # Chords of a bent way at one speed.
    loaded.append(labels["kind"][clip, 0, whom])
  assert len(set(loaded)) > 2


def test_clips_are_a_function_of_their_number(scenes):
  name = "move_unit_to_border"
  video, labels = scenes[name]
  make_them = lambda i: scenarios.videos(name, "test", i, FRAMES, SIZE)
  again, their = jax.jit(make_them)(np.arange(12)[::-1])
  assert (again[::-1] == video).all()
  assert (their["position"][::-1] == labels["position"]).all()
  assert len(np.unique(labels["position"][:, 0, 0, 0])) == 12
  for i in range(1, 12):
    assert (video[0] != video[i]).any()


def test_splits_share_no_key():
  assert dict(make.SPLITS) == {"train": 10_000, "valid": 2_000, "test": 2_000}
  root = keys.named(jax.random.key(0), "brawl")
  data = lambda key: jax.random.key_data(key).tolist()
  for split, first in (("train", 0), ("valid", 10_000), ("test", 12_000)):
    for i in (0, make.SPLITS[split] - 1):
      wanted = jax.random.fold_in(root, first + i)
      assert data(make.key_of("brawl", split, i)) == data(wanted)
  assert data(make.key_of("brawl", "test", 0)) != data(
    make.key_of("collect_mineral_shards", "test", 0)
  )


@pytest.mark.parametrize(
  ("call", "said"),
  [
    (lambda: make.key_of("brawl", "tset", 0), "no split 'tset'"),
    (lambda: make.key_of("brawl", "test", 2000), "clips 0 to 1999, not 2000"),
    (lambda: make.key_of("brawl", "test", -1), "clips 0 to 1999"),
    (
      lambda: scenarios.clip("browl", jax.random.key(0), 9, 32),
      r"'browl'; did you mean 'brawl'",
    ),
    (
      lambda: scenarios.clip(
        "road_trip_with_medivac", jax.random.key(0), 9, 32
      ),
      "10 frames or more, not 9",
    ),
    (
      lambda: scenarios.clip("brawl", jax.random.key(0), 9, 4),
      "4x4 pixels: scenarios are drawn at 8 to 256",
    ),
  ],
)
def test_what_cannot_be_asked_for(call, said):
  with pytest.raises(InputError, match=said):
    call()


@pytest.mark.parametrize(
  ("scenario", "changes", "said"),
  [
    ("move_unit_to_border", {"speed": 0.0}, "config.speed is 0.0; it can be"),
    ("collect_mineral_shards", {"shards": 30}, "from 2 to 20"),
    ("brawl", {"fewest": 9}, "an army of 9 to 8"),
    ("brawl", {"health": (1.0, 2.0)}, "has three numbers, of blades"),
    ("brawl", {"reach": (1.5, 4.5, 6.5)}, "must be config.apart, 1.8, or more"),
    ("road_trip_with_medivac", {"rest": (5, 5)}, r"\(from, up to\)"),
  ],
)
def test_rules_that_cannot_be(scenario, changes, said):
  rules = dataclasses.replace(make.module(scenario).Rules(), **changes)
  with pytest.raises(InputError, match=said):
    scenarios.clip(scenario, jax.random.key(0), 12, 32, rules)


def test_digits_bounce():
  digits = np.zeros((3, 14, 14), np.uint8)
  digits[:] = np.array([60, 120, 180])[:, None, None]
  draw = jax.jit(lambda i: moving_mnist.videos(digits, "test", i, 30, SIZE))
  video, labels = map(jax.device_get, draw(np.arange(3)))
  assert video.shape == (3, 30, SIZE, SIZE, 3)
  assert (video == video[..., :1]).all()
  corner = (labels["position"] - 7).astype(int)
  assert corner.min() >= 0 and corner.max() <= SIZE - 14
  for clip in range(3):
    wanted = np.zeros((30, SIZE, SIZE), np.uint8)
    for t in range(30):
      for (x, y), which in zip(
        corner[clip, t], labels["digit"][clip, t], strict=True
      ):
        window = wanted[t, y : y + 14, x : x + 14]
        np.maximum(window, digits[which], out=window)
    assert (video[clip, ..., 0] == wanted).all()
  step = np.abs(np.diff(corner, axis=1))
  low, high = moving_mnist.SPEED
  length = np.linalg.norm(step, axis=-1)
  assert length.max() <= high * SIZE + 1.5
  assert (np.median(length, axis=1) >= low * SIZE - 1).all()
  turned = np.diff(np.sign(np.diff(corner, axis=1)), axis=1)
  assert (np.abs(turned) == 2).any()  # It comes back from a wall.
