"""Losses, tasks, steps, sweeps and the command."""

import importlib
import itertools
import json
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from sklearn import metrics

from common import config_schema, keys, population
from common.errors import InputError
from projects.snn import losses, model, sweep, train
from projects.snn.datasets import loading, padded
from projects.snn.schema import SCHEMA


def config_of(variant="smoke", name="uci", **changes):
  config = importlib.import_module(f"configs.snn.{name}").get_config(variant)
  config.unlock()
  config.update(changes)
  return config


def test_padding_classes_count_neither_in_the_loss_nor_in_the_score():
  logits = jax.random.normal(jax.random.key(0), (20, 3))
  y = jnp.arange(20) % 3
  wide = jnp.concatenate([logits, jnp.full((20, 5), 50.0)], axis=1)
  np.testing.assert_allclose(
    losses.cross_entropy(wide, y, 3), losses.cross_entropy(logits, y, 3)
  )
  mask = jnp.arange(20) < 15
  want = np.mean(np.argmax(logits[:15], axis=1) == y[:15])
  assert float(losses.accuracy(wide, y, mask, 3)) == pytest.approx(want)


def test_missing_labels_have_no_loss_and_no_gradient():
  logits = jnp.array([[2.0, -1.0], [0.5, 3.0]])
  y = jnp.array([[1.0, jnp.nan], [jnp.nan, 0.0]])
  want = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(3.0))) / 2  # Molecules.
  value, grad = jax.value_and_grad(losses.multi_task)(logits, y)
  assert float(value) == pytest.approx(want, rel=1e-6)
  assert grad[0, 1] == grad[1, 0] == 0 and np.isfinite(grad).all()


@pytest.mark.parametrize("levels", [3, 50, 10_000])
def test_auc_is_scikit_learns_with_ties_and_masks(levels):
  random = np.random.default_rng(levels)
  scores = random.integers(0, levels, 300).astype(np.float32)
  y = (scores + levels * random.normal(size=300) > levels / 2).astype(int)
  mask = np.arange(300) < 220
  got = losses.auc(jnp.asarray(scores), jnp.asarray(y), jnp.asarray(mask))
  want = metrics.roc_auc_score(y[mask], scores[mask])
  assert float(got) == pytest.approx(want, abs=1e-5)


def test_mean_auc_leaves_out_missing_labels_and_tasks_of_one_class():
  random = np.random.default_rng(0)
  logits = random.normal(size=(100, 3)).astype(np.float32)
  y = (random.random((100, 3)) < 0.4).astype(np.float32)
  y[random.random((100, 3)) < 0.3] = np.nan
  y[:, 2] = 0.0
  want = []
  for t in range(2):
    known = ~np.isnan(y[:, t])
    want.append(metrics.roc_auc_score(y[known, t], logits[known, t]))
  got = losses.mean_auc(
    jnp.asarray(logits), jnp.asarray(y), jnp.ones(100, bool)
  )
  assert float(got) == pytest.approx(np.mean(want), abs=1e-5)


def test_batches_pass_through_every_row_once_an_epoch():
  def epochs(rows, batch_size, count):
    y = np.arange(rows)
    part = padded.pad_part(y[:, None], y, 2048)
    draw = train.batches(part, batch_size, jax.random.key(0))
    found = [draw(t) for t in range(count)]
    assert all((one["x"][:, 0] == one["y"]).all() for one in found)
    return np.stack([one["y"] for one in found])

  first, second = epochs(300, 50, 12).reshape(2, 300)
  assert sorted(first) == sorted(second) == list(range(300))
  assert not np.array_equal(first, second)
  around = epochs(300, 128, 3).ravel()  # To an epoch's first rows.
  assert set(around) == set(range(300))
  np.testing.assert_array_equal(around[300:], around[:84])
  assert set(epochs(3, 8, 1).ravel()) == {0, 1, 2}


def test_a_task_is_split_scaled_and_padded():
  config = config_of()
  task = padded.pad(loading.load(config))
  train_part = task.parts["train"]
  rows = {n: int(p.rows) for n, p in task.parts.items()}
  assert rows == {"train": 191, "validation": 34, "test": 75}
  assert train_part.x.shape == (2048, 16) and task.features == 4
  x = np.asarray(train_part.x)
  np.testing.assert_allclose(x[:191, :4].mean(0), 0, atol=1e-6)
  np.testing.assert_allclose(x[:191, :4].std(0), 1, atol=1e-6)
  assert not x[191:].any() and not x[:, 4:].any()
  described = padded.with_sizes(config, task)
  assert described.data.outputs == 4 and described.data.classes == 3
  assert described.total_steps == 3 * config.epochs
  config.total_steps = 7  # A limit, which ends the epochs.
  assert padded.with_sizes(config, task).total_steps == 7


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"data.source": "uic"}, "did you mean 'uci'"),
    ({"data.source": "uci"}, "--config.data_dir=DIR"),
    ({"data.score": "auc"}, "blobs has 3 classes"),
    ({"data.fold": 4}, "data.fold is 4; blobs has 1 split"),
    ({"data.kind": "tasks"}, "tasks are scored by the area under"),
    (
      {"data.source": "tox21", "data_dir": "d", "data.score": "auc"},
      "set config.data.kind='tasks'",
    ),
    ({"references.svm_gamma": ("auto",)}, "above 0, or 'scale'"),
    ({"references.max_features": (2.0,)}, "0.0 to 1.0, or 'sqrt'"),
  ],
)
def test_a_wrong_task_is_one_sentence(changes, message):
  config = config_of()
  config.update_from_flattened_dict(changes)
  with pytest.raises(InputError, match=message):
    config_schema.check(config, SCHEMA)
    loading.load(config)


def one_network(config, task, group, setting):
  """The training of one member, written as a plain Python loop."""
  outputs = padded.outputs(config, task)
  net = model.Network(
    group.method,
    model.widths(group.form, group.width, group.depth, outputs),
    outputs,
    group.bottleneck,
    group.block_layers,
  )
  root = jax.random.key(config.seed)
  part = task.parts["train"]
  present = jnp.arange(part.x.shape[1]) < task.features
  key = keys.named(jax.random.fold_in(root, setting["repetition"]), "weights")
  params, stats = model.init(net, key, present)
  state = train.State(jnp.int32(0), keys.named(root, "dropout"), params, stats)
  loss = losses.make_loss("classes", task.classes)
  per_epoch = -(-int(part.rows) // config.batch_size)
  scores = []
  step = jax.jit(
    lambda state, batch: train.update(
      net,
      loss,
      state,
      batch,
      setting["learning_rate"],
      setting["dropout"],
      setting["weight_decay"],
    )
  )
  for t in range(per_epoch * config.epochs):
    key = jax.random.fold_in(keys.named(root, "data"), t // per_epoch)
    at = (t % per_epoch) * config.batch_size + np.arange(config.batch_size)
    rows = part.order(key)[at % int(part.rows)]
    state, _ = step(state, {"x": part.x[rows], "y": part.y[rows]})
    if (t + 1) % per_epoch == 0:
      here = {}
      for name in ("validation", "test"):
        held_out = task.parts[name]
        logits = model.apply(net, state.params, state.stats, held_out.x)
        mask = jnp.arange(len(held_out.x)) < held_out.rows
        here[name] = losses.accuracy(logits, held_out.y, mask, task.classes)
      scores.append(here)
  return {n: np.array([s[n] for s in scores]) for n in scores[0]}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["selu", "batch_norm"])
def test_a_member_of_a_sweep_is_the_network_trained_alone(method):
  config = config_of(repetitions=2)
  config.grid.weight_decay = (0.3,)
  task = padded.pad(loading.load(config))
  (group,) = sweep.groups(config, method)
  settings, curves = next(sweep.run(config, task, group))
  last = len(settings["learning_rate"]) - 1
  setting = {name: leaf[last] for name, leaf in settings.items()}
  alone = one_network(config, task, group, setting)
  # A row, of 34 and 75, may fall to the other side by rounding.
  for part, rows in (("validation", 34), ("test", 75)):
    np.testing.assert_allclose(curves[part][last], alone[part], atol=1.5 / rows)
  assert not np.allclose(alone["validation"], alone["test"])
  assert curves["test"][last, -1] > 0.5


@pytest.mark.slow
def test_tables_of_like_shape_share_one_program():
  config = config_of()
  (group,) = sweep.groups(config, "selu")
  sweep._program.cache_clear()
  for seed, rows in ((0, 300), (1, 200)):
    table = loading.blobs(seed, 3)
    split = (np.arange(rows - 100), np.arange(50) + 150, np.arange(200, 300))
    task = padded.pad(loading.from_table(table, split))
    list(sweep.run(config, task, group))
  assert sweep._program.cache_info().currsize == 1
  protocol = sweep.Protocol(
    64, config.epochs, "classes", "accuracy", config.grid.with_dropout
  )
  assert sweep._program(group, 4, protocol)._cache_size() == 1


def test_the_epoch_is_chosen_by_the_smoothed_curve():
  curve = np.array([[0.0, 1.0, 0.0, 0.6, 0.6, 0.6, np.nan]])
  np.testing.assert_allclose(
    sweep.smoothed(curve, 3)[0],
    [np.nan, np.nan, 1 / 3, 1.6 / 3, 0.4, 0.6, np.nan],
    atol=1e-6,
  )
  # Equal sums of float32 in another order are a tie, and the first one wins.
  shares = np.float32([1 / 3, 0.1, 0.7, 1 / 3, 0.1, 0.7, 1 / 3])
  assert len(set(sweep.smoothed(shares[None], 3)[0, 2:])) == 1
  # Fewer epochs than the window: all of them are averaged.
  assert np.nanargmax(sweep.smoothed(curve[:, :2], 10)[0]) == 1
  config = config_of(smoothing=3)
  settings = {
    name: np.zeros(2)
    for name in ("learning_rate", "dropout", "weight_decay", "repetition")
  }
  curves = {
    "validation": np.repeat(curve, 2, axis=0),
    "test": np.repeat(np.arange(7.0)[None], 2, axis=0),
    "loss": np.array([[1.0] * 7, [1.0, 1.0, np.inf, 1.0, 1.0, 1.0, 1.0]]),
  }
  fine, diverged = sweep.member_records(config, settings, curves)
  assert (fine["epoch"], fine["test"]) == (6, 5.0)
  assert diverged["diverged"] and "test" not in diverged


def test_ties_go_to_depth_then_to_low_rates_then_to_dropout():
  def record(depth, *members):
    group = sweep.Group("selu", "rectangular", 8, depth, 1.0)
    names = ("learning_rate", "dropout", "validation", "diverged")
    return {
      **group._asdict(),
      "members": [
        {**dict(zip(names, m, strict=True)), "repetition": 0, "test": 0.0}
        for m in members
      ],
    }

  deep = record(
    4, (0.1, 0.0, 0.9, False), (0.01, 0.0, 0.9, False), (0.01, 0.05, 0.9, False)
  )
  broken = record(8, (0.1, 0.0, 0.99, True))
  shallow = record(2, (0.001, 0.05, 0.9 + 1e-7, False))  # The same in float32.
  (best,) = sweep.chosen([shallow, deep, broken])
  picked = best["depth"], best["learning_rate"], best["dropout"]
  assert picked == (4, 0.01, 0.05)
  assert sweep.chosen([broken]) == []


def test_large_tables_have_fewer_epochs():
  config = config_of(epochs=100, max_steps=120, min_epochs=10)
  task = padded.pad(loading.load(config))
  assert sweep.epochs_of(config, task) == 40  # of 3 steps
  config.max_steps = 3
  assert sweep.epochs_of(config, task) == 10


def test_memory_bounds_the_chunk():
  config = config_of(repetitions=20)
  task = padded.pad(loading.load(config))
  (group,) = sweep.groups(config, "selu")
  need = sweep.bytes_of_member(config, task, group, 4)
  config.max_bytes = 2 * need
  sizes = [len(s["dropout"]) for s, _ in sweep.run(config, task, group)]
  assert sum(sizes) == 40 and max(sizes) == 2 * jax.local_device_count()


@pytest.mark.parametrize(
  ("name", "widths", "depths", "blocks", "repeated", "norm_dropout"),
  [
    # Tables A4-A10.
    ("uci", (256, 512, 1024), (2, 3, 4, 8, 16, 32), (2, 3, 4, 8, 16), 1, 1),
    # A21-A27.
    ("htru2", (256, 512, 1024), (2, 4, 8, 16, 32), (2, 3, 4, 8, 16), 1, 1),
    # A14-A20; three weight decays, five repetitions.
    (
      "tox21",
      (1024, 2048),
      (2, 3, 4, 6, 8, 16, 32),
      (2, 3, 4, 6, 8, 16),
      3 * 5,
      2,
    ),
  ],
)
def test_groups_and_members_are_the_papers_grids(
  name, widths, depths, blocks, repeated, norm_dropout
):
  config = config_of("paper", name)
  groups = lambda m: sweep.groups(config, m)
  members = lambda m: len(sweep.members(config, m)["dropout"]) / repeated
  # Widths x depths x forms, and rates x dropout.
  for method in ("selu", "msra_init", "batch_norm", "weight_norm"):
    found = groups(method)
    assert {g.width for g in found} == set(widths)
    assert {g.depth for g in found} == set(depths)
    assert {g.form for g in found} == {"rectangular", "conic"}
    assert len(set(found)) == len(widths) * len(depths) * 2
  assert members("selu") == members("msra_init") == members("highway") == 3 * 2
  assert members("weight_norm") == members("layer_norm") == 3 * norm_dropout
  assert members("batch_norm") == members("resnet") == 3
  # Of one form; the paper names no widths of Highway, which has the others'.
  assert len(set(groups("highway"))) == len(widths) * len(depths)
  # Two or three layers a block: rectangular, or narrowed to 25% or 50%.
  found = {
    (g.width, g.depth, g.bottleneck, g.block_layers) for g in groups("resnet")
  }
  assert found == set(
    itertools.product(widths, blocks, (0.25, 0.5, 1.0), (2, 3))
  )
  assert {g.form for g in groups("resnet")} == {"rectangular"}


@pytest.mark.parametrize(
  ("file", "name", "variant"),
  [
    ("uci", "uci", ""),
    ("htru2", "htru2", ""),
    ("tox21", "tox21", ""),
    ("tox21_more", "tox21", "more"),
    ("tox21_wide", "tox21", "wide"),
    ("fingerprints", "tox21", ""),
  ],
)
def test_the_sweeps_that_are_kept_go_on(file, name, variant, root, tmp_path):
  """Their settings are those of the config, their pieces those of the grid."""
  project = pathlib.Path(sweep.__file__).parent.name
  kept = root / "results" / project / f"{file}.jsonl"
  if not kept.exists():
    pytest.skip("a copy of the project has no results yet")
  path = tmp_path / kept.name
  path.write_bytes(kept.read_bytes())
  config = config_of(variant, name)
  with population.Journal(path, sweep.settings(config)) as journal:
    records = journal.records()
  config.grid.depth = config.grid.blocks = (*config.grid.depth, 16, 32)
  known = {str(g) for m in model.METHODS for g in sweep.groups(config, m)}
  networks = [r for r in records if r["method"] in model.METHODS]
  assert networks
  assert {r["piece"].rpartition("/")[2] for r in networks} <= known
  # Older than blocks of three layers, they do not say that theirs have two.
  assert sweep.chosen(networks[:1])[0]["width"] == config.grid.width[0]


def test_training_sees_the_training_rows_alone(tmp_path, monkeypatch):
  config = config_of()
  seen, draw = [], train.batches
  spy = lambda part, *rest: seen.append(part) or draw(part, *rest)
  monkeypatch.setattr(train, "batches", spy)
  train.train(config.copy_and_resolve_references(), str(tmp_path))
  (part,) = seen
  known = padded.pad(loading.split(config, loading.read(config)))
  rows = lambda part: {row.tobytes() for row in np.asarray(part.x)[: part.rows]}
  assert rows(part) == rows(known.parts["train"])
  for name in ("validation", "test"):
    assert not rows(part) & rows(known.parts[name])


@pytest.mark.processes
def test_the_command_trains_and_resumes(tmp_path, root):
  command = [
    *(sys.executable, "-m", "projects.snn.train", f"--workdir={tmp_path}"),
    "--config=configs/snn/uci.py:smoke",
  ]
  for more in (["--config.total_steps=10"], []):
    done = subprocess.run(
      [*command, *more], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
  assert "resuming" in done.stdout
  lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
  last = json.loads(lines[-1])
  assert last["step"] == 15 and last["test_accuracy"] > 0.5


def test_real_tables_load_as_tasks(shared):
  config = config_of(data_dir=str(shared / "data" / "uci121"))
  config.data.source, config.data.name = "uci", "wine"
  task = padded.pad(loading.load(config))
  assert (task.features, task.classes) == (13, 3)
  assert int(task.parts["test"].rows) == 44
