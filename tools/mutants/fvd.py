"""Mutants of the scenarios, of their probes and files, and of the FVD."""

from tools.mutants.mutant import of

FVD = "tests/projects/fvd/"
PLACE = "projects/fvd/scenarios/"

MUTANTS = (
  *of(
    f"{PLACE}move_unit_to_border.py",
    f"{FVD}test_scenarios.py",
    ("things.LOOPS", "1"),
    ("jnp.minimum(times * rules.speed, length)", "(times * rules.speed)"),
    ("jnp.arctan2(way[1:], way[:1])", "jnp.arctan2(way[:1], way[1:])"),
    ("way / jnp.max(jnp.abs(way))", "way"),
  ),
  *of(
    f"{PLACE}collect_mineral_shards.py",
    f"{FVD}test_scenarios.py",
    ("jnp.arange(rules.shards) != taken", "jnp.arange(rules.shards) >= 0"),
    ("away >= rules.touch", "away >= 2 * rules.touch"),
    ("jnp.argmin(jnp.where(free, away, jnp.inf))", "jnp.argmax(free)"),
    ("left & jnp.all(", "jnp.all("),
  ),
  *of(
    f"{PLACE}brawl.py",
    f"{FVD}test_scenarios.py",
    ("units.team[:, None] != units.team", "units.team[:, None] == units.team"),
    ("fires & throws", "fires"),
    ("(fires & ~throws)", "fires"),
    ("rules.shot_speed * flight", "2 * rules.shot_speed * flight"),
    ("jnp.where(lands, shots.target, target)", "target"),
    ("harm / strength", "harm / 50.0"),
    ("dies = alive &", "dies ="),
    ("wait = jnp.where(fires, pace,", "wait = jnp.where(fires, 0.0,"),
  ),
  *of(
    f"{PLACE}road_trip_with_medivac.py",
    f"{FVD}test_scenarios.py",
    ("(time < drop)\n", "(time < drop - 1)\n"),
    ("jnp.where(held[:, None], flown, dropped)", "dropped"),
    ("held[:, None] & me[None], CARRIER", "held[:, None], CARRIER"),
    ("jnp.max(stand[:, 0]) + 1", "jnp.max(stand[:, 0]) / 2"),
    ("frames - pick(", "frames + 1 - pick("),
  ),
  *of(
    f"{PLACE}render.py",
    f"{FVD}test_scenario_pictures.py",
    ("part[..., 1]\n", "part[..., 0]\n"),
    ("clear = 1 - picture", "clear = 1 + 0 * picture"),
    ("(some.health > 0) & (some.carrier < 0)", "(some.health > 0)"),
    ("(2 * jnp.pi)", "jnp.pi"),
    ("shown & (some.health < 1)", "shown"),
    ("shown | dead", "shown"),
  ),
  *of(
    f"{PLACE}make.py",
    f"{FVD}test_scenarios.py",
    ("names[: names.index(split)]", "names[:0]"),
    ("high >= SPLITS[split]", "high > SPLITS[split]"),
    ("keys.named(jax.random.key(seed), scenario)", "jax.random.key(seed)"),
  ),
  *of(
    f"{PLACE}moving_mnist.py",
    f"{FVD}test_scenarios.py",
    ("jnp.maximum(now, digit)", "digit"),
    ("straight % (2 * room)", "straight % room"),
  ),
  *of(
    f"{PLACE}probes.py",
    f"{FVD}test_semantics.py",
    ("[colours, -opacities]", "[colours, opacities]"),
    ("2 * conv(seen", "conv(seen"),
    ("picture[..., :3] - picture", "picture[..., :3] + picture"),
  ),
  *of(
    "projects/fvd/semantics.py",
    f"{FVD}test_semantics.py",
    ("z**2 / (4 * n**2)", "0"),
    ("here[:, :-1] & ~here[:, 1:]", "~here[:, 1:]"),
    ("lead * seen > 0", "seen > 0"),
    ("probes.dropped(flies) < 0", "probes.dropped(flies) >= -1"),
    ("np.roll(a, 1, axis=0)", "a"),
    ("(best[name].value or 0) >= CEILING", "True"),
  ),
  *of(
    "projects/fvd/record_files.py",
    f"{FVD}test_record_files.py",
    ("integers(width, height)", "integers(height, width)"),
    ("count * loops / per_second", "count * loops"),
    ("list(steps) != [len(frames)]", "False"),
    ('"image_aux1"', '"image_main"'),
  ),
  *of(
    "projects/fvd/clips.py",
    f"{FVD}test_clips.py",
    ("options.frames * options.stride", "options.frames"),
    ("clip.astype(np.float32) / 257", "clip.astype(np.float32) / 256"),
  ),
  *of(
    "projects/fvd/frames.py",
    f"{FVD}test_reproduce.py {FVD}test_disturbances.py",
    ("np.log10(255**2 / error)", "np.log10(255 / error)"),
    ("2 * both + _C2", "both + _C2"),
  ),
)
