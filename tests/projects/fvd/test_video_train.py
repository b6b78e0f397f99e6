"""Training of the video models: composed steps, resume, bad input."""

import argparse
import json
import shutil

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from PIL import Image

from common import experiment, keys
from common.errors import InputError
from common.tables import cells
from common.tables import reproduce as tables
from projects.fvd import (
  agreement_table,
  data,
  film,
  frames,
  model_tables,
  predict,
  reproduce,
  scenarios,
  schema,
  score,
  seed_tables,
  train,
)
from projects.fvd.models import choice, seam

from .test_video_models import config_of

pytestmark = pytest.mark.slow


def test_players_move_one_after_the_other_each_against_the_others(monkeypatch):
  """A step of a game of two numbers, by hand; SAVP is one of two networks."""

  made_of = []

  def make(b, video, key, step):
    made_of.append(b)
    return 2 * b

  def loss(variables, video, key, step, player, made):
    params, stats = variables["params"], variables["stats"]
    a, b, kept = params["first"], params["second"], stats["first"]
    # What is made is 2 b: the second descends 3 a b, in part through it.
    values = {"first": (a - made / 2) ** 2 + a, "second": a * (b + made)}
    found = {
      f"loss_{player}": values[player],
      f"noise_{player}": jax.random.uniform(key),
      f"kept_{player}": kept,
      "at": step,
      "seen": video.mean(),
    }
    moved = kept + 1 if player == "first" else kept
    return values[player], (found, {"first": moved})

  game = seam.Model(("first", "second"), None, make, loss, None)
  monkeypatch.setattr(choice, "model_of", lambda config: game)
  config = config_of("svp_fp", learning_rate=0.5)
  params = {"first": jnp.float32(2), "second": jnp.float32(-1)}
  adam = train.optimizer(config)
  state = train.State(
    step=jnp.int32(7),
    key=jax.random.key(3),
    params=params,
    stats={"first": jnp.float32(40)},
    opt={player: adam.init(value) for player, value in params.items()},
  )
  video = jnp.full((4, 5, 16, 16, 3), 9, jnp.uint8)
  step = jax.jit(train.make_train_step(config))
  after, found = step(state, {"video": video})
  assert len(made_of) == 1  # Once, and seen by both.
  # Adam's first step is as long as the rate, against the gradient's sign.
  np.testing.assert_allclose(after.params["first"], 1.5, rtol=1e-5)
  np.testing.assert_allclose(after.params["second"], -1.5, rtol=1e-5)
  assert found["loss_first"] == 11 and found["kept_first"] == 40
  # The second meets the first as it is by then, and what is kept.
  np.testing.assert_allclose(found["loss_second"], 3 * 1.5 * -1, rtol=1e-5)
  assert found["kept_second"] == after.stats["first"] == 41
  noise = jax.random.uniform(jax.random.fold_in(state.key, 7))
  assert found["noise_first"] == found["noise_second"] == noise
  assert found["at"] == 7 and after.step == 8 and found["seen"] == 9
  assert (
    jax.random.key_data(after.key) == jax.random.key_data(state.key)
  ).all()
  # Each has moments of its own: of 2 (a - b) + 1 = 7, and of 3 a = 4.5.
  for player, slope in (("first", 7), ("second", 4.5)):
    np.testing.assert_allclose(after.opt[player][0].mu, 0.1 * slope, rtol=1e-5)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """A whole run of SVP-FP: its folder, state and scores."""
  path = tmp_path_factory.mktemp("finished")
  return path, *train.train(config_of("svp_fp").lock(), str(path))


def test_the_rate_falls_to_zero():
  config = config_of("savp", "", total_steps=9)
  config.decay_start, config.decay_end = 2, 4
  adam = train.optimizer(config)
  params, state, moves = jnp.zeros(()), None, []
  state = adam.init(params)
  for _ in range(6):
    move, state = adam.update(jnp.ones(()), state)
    moves.append(float(move))
  np.testing.assert_allclose(
    moves, -2e-4 * np.array([1, 1, 1, 0.5, 0, 0]), atol=1e-8
  )
  config.clip_norm = 0.5
  clipped = train.optimizer(config)
  first = clipped.update(jnp.full((4,), 10.0), clipped.init(jnp.zeros(4)))[1]
  np.testing.assert_allclose(first[1][0].mu, 0.5 * 0.25 * np.ones(4), rtol=1e-5)


def test_batches_are_a_function_of_key_and_step():
  config = config_of("cdna")
  batch = jax.jit(data.batches(config, jax.random.key(0)))
  one = batch(3)["video"]
  assert one.shape == (4, 5, 16, 16, 3) and one.dtype == jnp.uint8
  np.testing.assert_array_equal(one, batch(3)["video"])
  assert not jnp.array_equal(one, batch(4)["video"])
  # It moves, by less than two pixels a frame, and stays one colour.
  assert len({frame.tobytes() for frame in np.asarray(one[0])}) > 1
  test = data.test(config, jax.random.key(5))
  np.testing.assert_array_equal(test, data.test(config, jax.random.key(6)))
  indices = jnp.arange(4)
  trained = data.videos("moving_square", "train", indices, 5, 16)
  assert not jnp.array_equal(test, trained)
  assert set(data.SOURCES) > set(scenarios.SCENARIOS)


def test_batches_of_moving_mnist(monkeypatch, tmp_path):
  """Training digits to learn from, test digits to be judged."""
  config = config_of("cdna", "moving_mnist,smoke")
  config.scenario, config.data_dir = "moving_mnist", str(tmp_path)
  config.cache_dir = str(tmp_path / "kept")
  with pytest.raises(InputError, match="mnist"):
    data.batches(config, jax.random.key(0))
  shade = {"train": 90, "test": 200}
  found = lambda a, b, split, size: np.full((4, 7, 7), shade[split], np.uint8)
  monkeypatch.setattr(data.moving_mnist, "digits", found)
  batch = jax.jit(data.batches(config, jax.random.key(0)))
  one = batch(3)["video"]
  assert one.shape == (4, 5, 16, 16, 3) and one.max() == 90
  assert not jnp.array_equal(one, batch(4)["video"])
  assert data.test(config, jax.random.key(0)).max() == 200
  claimed = []

  def claim(run, source, arrays):
    assert not (run.workdir / "config.json").exists()
    claimed.append((source, {n: int(x.max()) for n, x in arrays.items()}))
    raise InputError("other data")

  monkeypatch.setattr(experiment.Run, "claim_data", claim)
  with pytest.raises(InputError, match="other data"):
    train.train(config, str(tmp_path / "run"))
  assert claimed == [(str(tmp_path), shade)]
  assert data.arrays(config_of("cdna")) == {}


def test_baselines_and_scores_of_clips():
  context = np.zeros((2, 2, 8, 8, 3), np.uint8)
  context[:, 1] = 100
  copied = predict.copy_last(context, 3)
  assert copied.shape == (2, 3, 8, 8, 3) and (copied == 100).all()
  line = predict.extrapolate(context, 3)
  np.testing.assert_array_equal(line[0, :, 0, 0, 0], [200, 255, 255])
  with pytest.raises(InputError, match="one frame of context"):
    predict.extrapolate(context[:, :1], 3)
  psnr = frames.psnr_of_each(copied, line)
  of_frames = [frames.psnr(copied[:, t], line[:, t]) for t in range(3)]
  np.testing.assert_allclose(psnr, [np.mean(of_frames)] * 2)
  assert frames.psnr_of_each(copied, copied)[0] == pytest.approx(
    58.92, abs=0.01
  )
  ssim = frames.ssim_of_each(copied, line)
  np.testing.assert_allclose(ssim[1], frames.ssim(copied[1:], line[1:]))


def test_videos_that_a_model_cannot_take():
  config = config_of("cdna")
  step = train.make_train_step(config)
  state = jax.eval_shape(
    lambda: train.init(keys.named(jax.random.key(0), "init"), config)
  )
  video = lambda *shape: {"video": jax.ShapeDtypeStruct(shape, jnp.uint8)}
  for batch, said in (
    (video(4, 2, 16, 16, 3), "2 frames are too short: cdna takes 3"),
    (video(4, 1, 16, 16, 3), "1 frames are too short"),
    (video(4, 5, 16, 24, 3), "16x24 pixels: this cdna was made for 16x16"),
    (video(4, 5, 16, 16), "it can be"),
  ):
    with pytest.raises(InputError, match=said):
      jax.eval_shape(step, state, batch)
  with pytest.raises(InputError, match="ask for one at least"):
    predict.make_predict(config, 0)
  draw = predict.make_predict(config, 3)
  with pytest.raises(InputError, match="takes 2 or more"):
    draw({}, np.zeros((1, 1, 16, 16, 3), np.uint8), jax.random.key(0))


@pytest.mark.parametrize(
  ("name", "changes", "said"),
  [
    ("cdna", {"frames": 2}, "have 3"),
    ("cdna", {"image_size": 20}, "multiple of 8"),
    ("cdna", {"kernel_size": 4}, "must be odd"),
    ("cdna", {"scenario": "brawls"}, "did you mean 'brawl'"),
    ("svp_fp", {"convs": (1, 2, 3)}, "equally long"),
    ("svp_fp", {"image_size": 18}, "multiple of 4"),
    ("savp", {"up": (2,)}, "equally long"),
    ("savp", {"total_steps": 5}, "decay_end is 4, .*total_steps = 5"),
    ("savp", {"decay_start": 4}, r"more than config\.decay_start = 4"),
    ("savp", {"discriminator_frames": 5}, "the model makes 4"),
    ("savp", {"model": "sapv"}, "did you mean 'savp'"),
  ],
)
def test_configs_that_cannot_be(name, changes, said):
  config = config_of(name)
  schema.check(config)
  config.update(changes)
  with pytest.raises(InputError, match=said):
    schema.check(config)


def test_films_and_ranks(tmp_path):
  draw = np.random.default_rng(0)
  video = draw.integers(0, 256, (2, 3, 8, 8, 3), np.uint8)
  rows = {"truth": video, "a": video}
  film.strip(tmp_path / "f.png", rows, video[:, :2], ("best", "worst"))
  assert (tmp_path / "f.png").stat().st_size > 3_000
  film.animation(tmp_path / "f.gif", rows, video[:, :2])
  with Image.open(tmp_path / "f.gif") as moving:
    assert moving.n_frames == 5
    side = 9 * 15  # Eight pixels and a line, enlarged to 128 and more.
    assert moving.size == (2 * side, 2 * side)
  ranks = agreement_table.rank_correlation
  assert ranks([1, 2, 3], [1, 5, 9]) == 1
  assert ranks([1, 2, 3], [9, 5, 1]) == -1
  assert ranks([1, 2], [1, 2]) is None
  assert ranks([1, 1, 1], [1, 2, 3]) is None
  entries = {
    "a": {"x": 0.5, "n": None, "intervals": {"x": (0.4, 0.6)}},
    "b": {},
    "c": {"x": 1},
  }
  assert agreement_table.semantic_scores(entries) == {"x": {"a": 0.5, "c": 1.0}}
  with pytest.raises(InputError, match="=zzz is none of"):
    model_tables.chosen("models", "zzz", ["a"])
  assert model_tables.chosen("models", "", ["a"]) == ["a"]


def test_the_benchmarks_table_goes_on_with_a_run_to_the_same_bits(
  finished, tmp_path, monkeypatch, capsys
):
  path, whole, scores = finished
  assert set(scores) == {"psnr", "ssim"}
  assert (path / "film.png").stat().st_size > 5_000
  toy = score.Network(
    lambda x: jnp.asarray(x, jnp.float32) / 255,
    jax.jit(lambda _, x: x.mean((2, 3)).reshape(len(x), -1)),
    {},
    2,
    {"score": "toy distance"},
  )
  monkeypatch.setattr(score, "network", lambda *_: toy)
  run = tmp_path / "runs" / "models_smoke_moving_square_svp_fp"
  # As if it had been stopped after the first of its two checkpoints.
  shutil.copytree(path, run)
  shutil.rmtree(run / "checkpoints" / "4")
  ended = []
  monkeypatch.setattr(
    train,
    "train",
    lambda *args, go=train.train: ended.append(go(*args)) or ended[0],
  )
  where = [f"--out={tmp_path / 'out'}", f"--runs={tmp_path / 'runs'}"]
  asked = ["--table=models", "--quick", "--models=baselines,svp_fp", *where]
  reproduce.main(asked)
  lines = [
    [cell.strip() for cell in line.split("|")[1:-1]]
    for line in capsys.readouterr().out.splitlines()
    if line.startswith("| moving_square")
  ]
  same = lambda a, b: np.testing.assert_array_equal(a, b)
  ((again, rest),) = ended
  assert rest == scores
  for part in ("params", "stats", "opt"):
    jax.tree.map(same, getattr(whole, part), getattr(again, part))
  names = [line[1] for line in lines]
  assert names == [*predict.BASELINES, "CDNA", "SV2P", "SVP-FP", "SAVP"]
  by = dict(zip(names, lines, strict=True))
  assert by["CDNA"][2:10] == ["-"] * 8
  assert by["copy the last frame"][9] == "none"
  assert by["SVP-FP"][9] == "4, ?" and by["SVP-FP"][8].endswith("(2)")
  float(by["SVP-FP"][6])  # PSNR.
  cell = cells.load(tmp_path / "out" / "models_smoke_moving_square_svp_fp.json")
  found = cell["judged"]
  assert found["best_psnr"] >= found["psnr"]
  assert found["protocol"]["score"] == "toy distance" and found["n"] == 4
  film = tmp_path / "out" / "film_smoke_moving_square.png"
  assert film.stat().st_size > 5_000
  # The scores are of what was kept.
  made = np.load(
    tmp_path / "runs/models_smoke_moving_square_svp_fp/predicted.npy"
  )
  config = config_of("svp_fp")
  truth = np.asarray(data.test(config, jax.random.key(0))[:, 2:])
  np.testing.assert_allclose(
    frames.psnr_of_each(truth, made).mean(), found["psnr"]
  )
  # By another seed: the table of both, of cells that are there.
  other = tmp_path / "out" / "models_smoke_moving_square_svp_fp_seed1.json"
  psnr = cell["judged"]["psnr"] + 2
  other.write_text(json.dumps({**cell, "judged": {**found, "psnr": psnr}}))
  flags = argparse.Namespace(
    size="tiny",
    runs="runs",
    scenarios="",
    models="svp_fp",
    features="",
    weights="",
    data_dir="there",
  )
  context = tables.Context("fvd", tmp_path / "out", True, False, flags)
  # No weights are needed where all cells are kept.
  monkeypatch.setattr(score, "network", lambda *_: pytest.fail("it was asked"))
  (line,) = [
    line
    for line in seed_tables.seeds(context).splitlines()
    if line.startswith("| moving_square | SVP-FP | 2 |")
  ]
  assert f"| {psnr - 1:.2f} [{psnr - 2:.2f}, {psnr:.2f}] |" in line
  assert len(ended) == 1  # Nothing was trained.
  # Another size's table is not the README's.
  flags.size = "longer"
  assert model_tables.for_readme(context, "a table") == {}
  assert capsys.readouterr().out == "a table\n"
  other = model_tables.config_of(context, "brawl", "savp", 3)
  assert other.seed == 3 and other.data_dir == "there"
  name = "models_smoke_brawl_savp_seed3"
  assert model_tables.run_of(context, "brawl", "savp", 3).name == name
