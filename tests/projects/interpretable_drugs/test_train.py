"""The loss, the step, what is kept of a training, and the data behind it."""

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp

from common import logs
from common.errors import InputError
from common.workdir import saved_config, saved_state
from configs.interpretable_drugs import alcohols, ames, tox21
from projects.interpretable_drugs import datasets, inputs, losses, train

NAN = float("nan")


def config_of(module=tox21, variant="smoke", **changes):
  config = module.get_config(variant).unlock()
  config.update(changes)
  return config


def test_the_loss_is_the_mean_over_known_labels():
  logits = np.array([[2.0, -1.0, 5.0], [0.5, 3.0, -5.0]], np.float32)
  y = np.array([[1.0, NAN, NAN], [0.0, 1.0, NAN]], np.float32)
  chance = 1 / (1 + np.exp(-np.float64([2.0, 0.5, 3.0])))
  expected = -np.mean(np.log([chance[0], 1 - chance[1], chance[2]]))
  value, slope = jax.value_and_grad(losses.cross_entropy)(logits, y)
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  assert np.isfinite(slope).all()
  assert (np.asarray(slope)[np.isnan(y)] == 0).all()
  nothing = losses.cross_entropy(logits, np.full_like(y, NAN))
  assert float(nothing) == 0


def test_aucs_of_known_labels():
  scores = np.array([[1.0, 1], [2, 2], [3, 3], [4, 4]])
  y = np.array([[0.0, 1], [1, 1], [NAN, 1], [0, NAN]])
  found = losses.aucs(scores, y)
  assert found[0] == 0.5 and np.isnan(found[1])
  assert losses.mean_auc(scores, y) == 0.5
  with pytest.raises(InputError, match="no assay has both actives and inac"):
    losses.mean_auc(scores[:1], y[:1])


def test_a_step_is_adams_down_the_loss():
  config = config_of(ames, dropout=0.0, learning_rate=1e-2)
  data = datasets.load(config)
  batch = inputs.batches(config, data, jax.random.key(0))(0)
  state = train.init(jax.random.key(1), config)
  after, metrics = jax.jit(train.make_train_step(config))(state, batch)

  def loss(params):
    logits, _ = train.model.network(config).apply(
      {"params": params}, batch["x"]
    )
    each = optax.sigmoid_binary_cross_entropy(logits, batch["y"])
    return jnp.mean(each)

  value, grads = jax.value_and_grad(loss)(state.params)
  np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
  assert int(after.step) == 1
  # Adam's first step is the rate, against the gradient's sign.
  out = lambda tree: np.asarray(tree["out"]["bias"])
  np.testing.assert_allclose(
    out(after.params) - out(state.params),
    -1e-2 * np.sign(out(grads)),
    rtol=1e-3,
  )
  assert float(loss(after.params)) < float(value)


@pytest.mark.parametrize("module", [tox21, ames])
def test_dropout_is_another_at_every_step(module):
  config = config_of(module, learning_rate=0.0, dropout=0.5)
  data = datasets.load(config)
  batch = inputs.batches(config, data, jax.random.key(0))(0)
  step = jax.jit(train.make_train_step(config))
  state, one = step(train.init(jax.random.key(1), config), batch)
  _, other = step(state, batch)
  assert float(one["loss"]) != float(other["loss"])


def test_the_best_evaluation_is_kept(runs):
  config = saved_config(runs["selu"])
  state = saved_state(runs["selu"], lambda key: train.init(key, config))
  said = [
    r["validation_auc"] for r in logs.read(runs["selu"]) if "test_auc" in r
  ]
  assert len(said) == 2
  assert float(state.best_score) == pytest.approx(max(said))
  evaluate = train.make_evaluate(config, datasets.load(config))
  scores = evaluate(state.replace(params=state.best), jax.random.key(0))
  assert scores["validation_auc"] == pytest.approx(max(said))


def test_only_a_higher_score_is_better():
  state = train.init(jax.random.key(0), config_of())
  moved = state.replace(params=jax.tree.map(lambda p: p + 1, state.params))
  first = train.keep_best(moved, np.float32(0.6))
  again = first.replace(params=state.params)
  kept = train.keep_best(again, np.float32(0.5))
  out = lambda tree: np.asarray(tree["out"]["kernel"])
  np.testing.assert_array_equal(out(kept.best), out(moved.params))
  assert float(kept.best_score) == pytest.approx(0.6)


def test_batches_are_the_training_molecules():
  for module in (tox21, ames):
    config = config_of(module)
    data = datasets.load(config)
    draw = inputs.batches(config, data, jax.random.key(0))
    one, other = draw(1), draw(1)
    np.testing.assert_array_equal(one["y"], other["y"])
    rows = len(data.parts["train"])
    whole = np.concatenate([draw(t)["y"] for t in range(rows // 16)])
    assert whole.sum() <= data.y[data.parts["train"]].sum()
    assert whole.sum() > 0.8 * data.y[data.parts["train"]].sum()


def test_parts_do_not_meet():
  data = datasets.load(config_of(alcohols))
  rows = np.concatenate(list(data.parts.values()))
  assert sorted(rows) == list(range(len(data.molecules)))
  again = datasets.load(config_of(alcohols, split_seed=1))
  assert not np.array_equal(data.parts["test"], again.parts["test"])


def test_permuted_labels_keep_the_test():
  plain = datasets.load(config_of())
  permuted = datasets.load(config_of(variant="permuted,smoke"))
  rows = plain.parts["test"]
  np.testing.assert_array_equal(plain.y[rows], permuted.y[rows])
  known = np.concatenate([plain.parts["train"], plain.parts["validation"]])
  assert (plain.y[known] != permuted.y[known]).any()
  np.testing.assert_array_equal(plain.y.sum(axis=0), permuted.y.sum(axis=0))


@pytest.mark.parametrize(
  "module, changes, said",
  [
    (tox21, dict(dataset="tox21"), "say where its files are"),
    (tox21, dict(dataset="tox12"), "did you mean 'tox21'"),
    (ames, dict(steps_per_call=2), "go one step a call"),
    (tox21, dict(batch_size=10_000), "154 molecules to train on"),
    (alcohols, dict(validation_share=0.0), "no molecules for validation"),
    (alcohols, dict(dropout=1.0), "dropout is 1.0; it can be a number of 0.0"),
    (
      tox21,
      {"attribution": {"steps": 10, "block": 3}},
      "attribution.block is 3; it must divide config.attribution.steps = 10",
    ),
    (tox21, dict(tasks=13), "config.tasks is 13, but generated has 12"),
  ],
)
def test_bad_configs_are_one_sentence(module, changes, said, tmp_path):
  config = config_of(module, **changes)
  with pytest.raises(InputError, match=said):
    train.train(config, str(tmp_path))


def ames_files(folder):
  """Writes ten molecules to train on and three to test; their files."""
  train_file = folder / "kazius2005_4337.csv"
  header = "mutagen,smiles_rdkit,inchikey\n"
  train_file.write_text(
    header
    + "".join(f"{i % 2},{'C' * (i + 1)}O,K{i}-A\n" for i in range(10))
    + "1,nonsense,L-A\n"
  )
  test_file = folder / "hansen2009_6512.csv"
  text = "activity,smiles_rdkit,inchikey\n1,CO,K0-A\n0,CCO,K1-B\n1,CCN,M-A\n"
  test_file.write_text(text)
  return train_file, test_file


@pytest.mark.parametrize("model", ["selu", "graph_conv"])
def test_a_run_does_not_go_on_with_other_molecules(model, tmp_path):
  files = ames_files(tmp_path)
  files[1].write_text(files[1].read_text() + "0,CN,N-A\n")
  config = config_of(ames, dataset="ames", model=model, data_dir=str(tmp_path))
  config.update(validation_share=0.4, batch_size=4, total_steps=1)
  folder = tmp_path / "run"
  train.train(config, str(folder))
  config.data_dir, config.total_steps = str(tmp_path / "moved"), 2
  (tmp_path / "moved").mkdir()
  moved = [file.rename(tmp_path / "moved" / file.name) for file in files]
  train.train(config, str(folder))
  (folder / "tasks.json").write_text('["as it was"]')
  kept = {path: path.read_bytes() for path in folder.glob("*.json*")}
  assert len(kept) > 3
  for file, old, new in (
    (moved[0], "1,CCO,", "1,CCN,"),  # A molecule.
    (moved[0], "1,CCO,", "0,CCO,"),  # A label.
    (moved[1], "CN,N-", "CF,N-"),  # One of the test.
  ):
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    config.total_steps = 3
    with pytest.raises(InputError, match=r"holds a run on other data: .*moved"):
      train.train(config, str(folder))
    assert {p: p.read_bytes() for p in folder.glob("*.json*")} == kept
    file.write_text(text)


def test_ames_files(tmp_path):
  _, test_file = ames_files(tmp_path)
  text = test_file.read_text()
  config = config_of(ames, dataset="ames", data_dir=str(tmp_path))
  data = datasets.load(config)
  assert len(data.molecules) == 11 and data.notes["unparsed"] == 1
  assert data.parts["test"].tolist() == [10]  # Neither K0 nor K1.
  assert data.y[10, 0] == 1 and data.y[:10].sum() == 5
  assert len(data.parts["validation"]) == 1
  larger = datasets.ames_by_whole_key(config)
  assert larger.parts["test"].tolist() == [10, 11]  # Another K1.
  assert larger.y[10:, 0].tolist() == [0, 1]
  test_file.write_text(text.replace("0,CCO", "2,CCO"))
  with pytest.raises(InputError, match="line 3: the label is '2'; it can be"):
    datasets.load(config)


def test_ames_files_as_published_have_no_keys(tmp_path):
  """Keys are computed, and SMILES are in the column of that name."""
  train_file, test_file = ames_files(tmp_path)
  chains = "".join(f"{i % 2},{'C' * (i + 3)}O\n" for i in range(9)) + "1,*CO\n"
  train_file.write_text(f"mutagen,smiles\n{chains}1,C[C@H](N)C(=O)O\n")
  # One of them, written otherwise; another's mirror image; new ones, of which
  # InChI has no key for the last two.
  text = "activity,smiles\n1,OCCC\n0,C[C@@H](N)C(=O)O\n1,CCN\n1,*CC\n0,*CN\n"
  test_file.write_text(text)
  config = config_of(ames, dataset="ames", data_dir=str(tmp_path))
  assert datasets.load(config).notes == {"unparsed": 0, "shared": 2}
  larger = datasets.ames_by_whole_key(config)
  assert larger.y[larger.parts["test"], 0].tolist() == [0, 1, 1, 0]
  # What RDKit has read goes before what was published.
  test_file.write_text("activity,smiles,smiles_rdkit\n1,CCCN,OCCC\n1,CCN,CCN\n")
  assert datasets.load(config).notes["shared"] == 1
  test_file.write_text("activity,molecule\n1,CCCN\n")
  with pytest.raises(InputError, match="has no column 'smiles'"):
    datasets.load(config)


def test_real_data(shared):
  config = config_of(ames, dataset="ames", data_dir=str(shared / "data/ames"))
  data = datasets.load(config)
  assert [len(rows) for rows in data.parts.values()] == [3903, 434, 2626]
  assert data.y[: 3903 + 434].sum() == 2401
