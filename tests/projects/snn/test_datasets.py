"""Tables: what is read, what is refused, and how rows are split and scaled."""

import io
import lzma
import os
import tarfile

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies
from jax import numpy as jnp
from PIL import Image

from common.errors import InputError
from configs.snn import figure1
from configs.snn import uci as uci_config
from projects.snn.datasets import htru2, loading, padded, tables, uci


def r_file(x, y):
  """A file as Fernandez-Delgado's R scripts have it."""
  rows = [["", *(f"f{i + 1}" for i in range(len(x[0]))), "clase"]]
  rows += [[i + 1, *x[i], label] for i, label in enumerate(y)]
  return "".join("\t".join(map(str, row)) + "\n" for row in rows)


FOLDS = "2 0 3 \n1 \n1 3 0 \n2 \n"
SMALL = {
  "one/one_R.dat": r_file([[0.5, 1], [1.5, 1], [-2, 1], [3, 1]], [0, 1, 0, 1]),
  "one/conxuntos_kfold.dat": FOLDS,
  "one/conxuntos.dat": "0 1 \n2 3 \n",
  "two/two_train_R.dat": r_file([[1], [2], [3]], [0, 1, 0]),
  "two/two_test_R.dat": r_file([[4], [5]], [2, 1]),
  "two/conxuntos_kfold.dat": "not read, as it divides the training file",
}


def unpack(folder, files):
  for name, text in files.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
  return folder


def pack(path, files):
  with tarfile.open(path, "w:" + path.suffix[1:]) as tar:
    for name, text in files.items():
      info = tarfile.TarInfo(f"all/{name}")
      info.size = len(text.encode())
      tar.addfile(info, io.BytesIO(text.encode()))
  return path.parent


def same(a, b):
  assert (a.name, a.classes, a.notes) == (b.name, b.classes, b.notes)
  for mine, theirs in zip(
    [a.x, a.y, *sum(a.splits, ())], [b.x, b.y, *sum(b.splits, ())], strict=True
  ):
    assert mine.dtype == theirs.dtype
    np.testing.assert_array_equal(mine, theirs)


def test_uci_reads_both_layouts(tmp_path):
  unpack(tmp_path, SMALL)
  assert uci.names(tmp_path) == ["one", "two"]
  one, two = uci.read(tmp_path, "one"), uci.read(tmp_path, "two")
  assert one.x.dtype == np.float32 and one.y.dtype == np.int32
  np.testing.assert_array_equal(one.x, [[0.5, 1], [1.5, 1], [-2, 1], [3, 1]])
  np.testing.assert_array_equal(one.y, [0, 1, 0, 1])
  assert one.classes == ("0", "1") and len(one.splits) == 2
  np.testing.assert_array_equal(one.splits[0][0], [0, 2, 3])
  np.testing.assert_array_equal(one.splits[0][1], [1])
  assert one.notes["constant_columns"] == 1
  assert one.notes["absent_classes"] == 0
  ((train, test),) = two.splits
  np.testing.assert_array_equal(train, [0, 1, 2])
  np.testing.assert_array_equal(test, [3, 4])
  # 1, 2, 3 in the one file and 4, 5 in the other, each on its own scale.
  scaled = [-(1.5**0.5), 0, 1.5**0.5, -1, 1]
  np.testing.assert_allclose(two.x[:, 0], scaled, rtol=1e-6)
  assert two.classes == ("0", "1", "2")
  assert two.notes["absent_classes"] == 1  # Class 2 is in the test file only.
  (tmp_path / "one" / "conxuntos_kfold.dat").write_text("0 1\n2\n")
  assert uci.read(tmp_path, "one").notes["unused_rows"] == 1


@pytest.mark.parametrize("suffix", ["gz", "xz"])
def test_uci_archive_equals_folder(tmp_path, suffix):
  folder = unpack(tmp_path / "folder", SMALL)
  (tmp_path / "archive").mkdir()
  packed = pack(tmp_path / "archive" / f"data.tar.{suffix}", SMALL)
  for name in ("one", "two"):
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
      same(uci.read(packed, name, cache), uci.read(folder, name))
      same(uci.read(folder, name, cache), uci.read(folder, name))


def test_uci_unpacked_task_joins_an_archive(tmp_path):
  pack(tmp_path / "a.tar.gz", SMALL)
  unpack(tmp_path, {"miniboone/miniboone_R.dat": SMALL["one/one_R.dat"]})
  unpack(tmp_path, {"miniboone/conxuntos_kfold.dat": FOLDS})
  cache = tmp_path / "cache"
  assert uci.names(tmp_path, cache) == ["miniboone", "one", "two"]
  assert len(uci.read(tmp_path, "miniboone", cache).x) == 4


def test_uci_cache_is_used_then_renewed_when_the_archive_changes(
  tmp_path, monkeypatch
):
  cache = tmp_path / "cache"
  pack(tmp_path / "a.tar.gz", SMALL)
  before = uci.read(tmp_path, "one", cache)
  with monkeypatch.context() as patch:
    patch.setattr(tarfile, "open", lambda *_: pytest.fail("was read again"))
    same(uci.read(tmp_path, "one", cache), before)
  changed = SMALL["one/one_R.dat"].replace("0.5", "0.25")
  pack(tmp_path / "a.tar.gz", {**SMALL, "one/one_R.dat": changed})
  os.utime(tmp_path / "a.tar.gz", (1, 1))
  assert uci.read(tmp_path, "one", cache).x[0, 0] == 0.25


def test_uci_damaged_cache_is_made_again(tmp_path):
  cache = tmp_path / "cache"
  pack(tmp_path / "a.tar.gz", SMALL)
  before = uci.read(tmp_path, "one", cache)
  kept = list(cache.rglob("*.npz"))
  assert len(kept) == 3 and not list(cache.rglob(".*"))
  for path in kept:
    path.write_bytes(path.read_bytes()[:100])
  same(uci.read(tmp_path, "one", cache), before)


def test_uci_broken_task_leaves_the_others(tmp_path):
  broken = SMALL["one/one_R.dat"].replace("1.5", "much")
  pack(tmp_path / "a.tar.xz", {**SMALL, "one/one_R.dat": broken})
  for cache in (None, tmp_path / "cache", tmp_path / "cache"):
    assert uci.names(tmp_path, cache) == ["one", "two"]
    assert len(uci.read(tmp_path, "two", cache).x) == 5
    with pytest.raises(InputError, match=r"one_R.dat, line 3, column 2 \(f1\)"):
      uci.read(tmp_path, "one", cache)


@pytest.mark.parametrize(
  ("file", "text", "message"),
  [
    ("one_R.dat", "", "one_R.dat is empty"),
    ("one_R.dat", "\tf1\tclase\n", "one_R.dat has no rows"),
    ("one_R.dat", r_file([["?"]] * 4, [0] * 4), r"line 2, column 2 .*'\?'"),
    ("one_R.dat", r_file([[""]] * 4, [0] * 4), "line 2, column 2 .*''"),
    ("one_R.dat", r_file([[1]] * 4, [0, 1, 0.5, 1]), "line 4, .*class 0.5"),
    ("one_R.dat", r_file([[1]] * 4, [0, -1, 0, 1]), "line 3, .*class -1"),
    ("one_R.dat", r_file([[1]] * 3, [0, 1, 1]), "kfold.dat, line 1, word 3"),
    (
      "one_R.dat",
      SMALL["one/one_R.dat"].replace("\t1.5", ""),
      "line 3: 3 cells, not 4",
    ),
    ("../two/two_test_R.dat", r_file([[4, 4]], [1]), "2 features; the train"),
    ("conxuntos_kfold.dat", "", "conxuntos_kfold.dat is empty"),
    ("conxuntos_kfold.dat", "0 1\n2 4\n", "line 2, word 2: '4' is not a row"),
    ("conxuntos_kfold.dat", "0 1\n2 -1\n", "line 2, word 2: '-1'"),
    ("conxuntos_kfold.dat", "0 1\n2 1.5\n", "line 2, word 2: '1.5'"),
    ("conxuntos_kfold.dat", "0 1\n1 2\n", "row 1 is in training and test"),
    ("conxuntos_kfold.dat", "0 0\n1 2\n", "row 0 is there twice"),
    ("conxuntos_kfold.dat", "0 1\n2\n3\n", "has 3 lines"),
    ("conxuntos_kfold.dat", "0 1\n\n0 1\n2\n", "line 2, names no row"),
  ],
)
def test_uci_refuses(tmp_path, file, text, message):
  unpack(tmp_path, {**SMALL, f"one/{file}": text})
  with pytest.raises(InputError, match=message) as error:
    uci.read(tmp_path, "two" if "two" in file else "one")
  assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_uci_missing_things(tmp_path):
  with pytest.raises(InputError, match="holds no UCI task"):
    uci.read(tmp_path, "one")
  with pytest.raises(InputError, match="does not exist"):
    uci.names(tmp_path / "no")
  unpack(tmp_path, SMALL)
  with pytest.raises(InputError, match="did you mean 'two'"):
    uci.read(tmp_path, "twoo")
  (tmp_path / "one" / "conxuntos_kfold.dat").unlink()
  with pytest.raises(InputError, match=r"kfold.dat is missing"):
    uci.read(tmp_path, "one")
  (tmp_path / "two" / "two_test_R.dat").unlink()
  with pytest.raises(InputError, match=r"two_test_R.dat is missing"):
    uci.read(tmp_path, "two")
  (tmp_path / "broken.tar.xz").write_bytes(b"this is not an archive")
  with pytest.raises(InputError, match=r"broken.tar.xz cannot be read"):
    uci.names(tmp_path)


def test_htru2_folds(tmp_path):
  random = np.random.default_rng(0)
  rows = random.normal(size=(200, 8)).round(3)
  lines = [
    ",".join(map(str, [*row, int(i % 10 == 0)])) for i, row in enumerate(rows)
  ]
  (tmp_path / "HTRU_2.csv").write_text("\n".join(lines))
  table = htru2.read(tmp_path, seed=3)
  np.testing.assert_allclose(table.x, rows, rtol=1e-6)
  assert table.y.sum() == 20 and len(table.splits) == 10
  everything = np.concatenate([test for _, test in table.splits])
  np.testing.assert_array_equal(np.sort(everything), np.arange(200))
  for train, test in table.splits:
    assert len(train) == 180 and table.y[test].sum() == 2
  same(table, htru2.read(tmp_path, seed=3))
  other = htru2.read(tmp_path, seed=4)
  assert (other.splits[0][1] != table.splits[0][1]).any()
  lines[7] = lines[7].replace(",", ";", 1)
  (tmp_path / "HTRU_2.csv").write_text("\n".join(lines))
  with pytest.raises(InputError, match=r"HTRU_2.csv, line 8: 8 cells, not 9"):
    htru2.read(tmp_path)


def test_nested_splits_choose_on_the_fold_before():
  fold = tables.nested_folds(np.arange(60) % 3, 10, seed=0)
  splits = tables.nested_splits(fold)
  assert len(splits) == 10
  for m, (train, validation, test) in enumerate(splits):
    assert set(fold[test]) == {m}
    assert set(fold[validation]) == {9 if m == 0 else m - 1}
    everything = np.sort(np.concatenate([train, validation, test]))
    np.testing.assert_array_equal(everything, np.arange(60))
  with pytest.raises(InputError, match="needs 3 folds"):
    tables.nested_splits(fold % 2)
  with pytest.raises(InputError, match="7 folds of 5 rows"):
    tables.nested_folds(np.arange(5), 7, seed=0)


@hypothesis.given(
  y=strategies.lists(strategies.integers(0, 6), min_size=4, max_size=80),
  seed=strategies.integers(0, 99),
)
def test_validation_split_is_a_stratified_part_of_training(y, seed):
  y = np.array(y)
  train = np.flatnonzero(np.arange(len(y)) % 4 != 1)
  left, chosen = tables.validation_split(y, train, 0.15, seed)
  np.testing.assert_array_equal(np.sort(np.r_[left, chosen]), train)
  assert len(left) and len(chosen)
  counts = np.bincount(y[train], minlength=7)
  taken = np.bincount(y[chosen], minlength=7)
  if (counts > 1).any():
    assert (taken < np.maximum(counts, 1)).all()  # No class leaves training.
    assert len(chosen) == min(
      max(round(0.15 * len(train)), 1), (counts - 1)[counts > 0].sum()
    )
  again = tables.validation_split(y, train[::-1], 0.15, seed)
  np.testing.assert_array_equal(again[1], chosen)


def test_validation_split_sizes_and_seeds():
  y = np.repeat([0, 1], [900, 100])
  chosen = tables.validation_split(y, np.arange(1000), seed=1)[1]
  assert len(chosen) == 150 and y[chosen].sum() == 15
  other = tables.validation_split(y, np.arange(1000), seed=2)[1]
  assert 0 < len(np.intersect1d(chosen, other)) < 60
  # Rows at random, not the first ones: their mean is that of all.
  assert abs(chosen[chosen < 900].mean() - 450) < 100
  for train, share in ((np.arange(1), 0.15), (np.arange(9), 0.0)):
    with pytest.raises(InputError, match="cannot be set apart"):
      tables.validation_split(np.zeros(9, int), train, share)


def test_a_part_of_one_class_has_no_auc():
  """It would be NaN, behind all of the training."""
  config = uci_config.get_config("smoke").unlock()
  config.data.score, rows = "auc", np.arange(100)
  x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
  table = lambda y, test: tables.Table(
    "mine",
    x,
    y.astype(np.int32),
    ("no", "yes"),
    ((rows[~np.isin(rows, test)], test),),
    {},
  )
  half = rows % 2
  loading.split(config, table(half, rows[:20]))
  for y, test, part in (
    (half, rows[:20:2], "test part of mine, 10 rows,"),
    (half, rows[1:20:2], "test part of mine, 10 rows,"),
    (rows == 99, rows[90:], "train"),
    (rows % 50 == 1, rows[:20], "validation"),
  ):
    with pytest.raises(InputError, match=f"the {part}.* has one class alone"):
      loading.split(config, table(y, test))
  config.data.score = "accuracy"
  loading.split(config, table(rows == 99, rows[90:]))


def test_real_uci_tasks(shared, tmp_path):
  folder = shared / "data" / "uci121"
  wanted = (["trains"], ["iris"], ["monks-1"], ["spect"])
  with tarfile.open(next(folder.glob("*.tar.xz"))) as tar:
    for member in tar:
      if member.name.split("/")[1:2] in wanted:
        tar.extract(member, tmp_path, filter="data")
  (folder,) = (p for p in tmp_path.iterdir() if p.is_dir())
  shapes = {}
  for name in uci.names(folder):
    table = uci.read(folder, name, tmp_path / "cache")
    test = table.splits[0][1]
    shapes[name] = (*table.x.shape, len(table.classes), len(test))
    assert not table.notes["absent_classes"]
    left, chosen = tables.validation_split(table.y, table.splits[0][0])
    assert not set(test) & {*left, *chosen}
  assert shapes == {
    "iris": (150, 4, 3, 37),
    "monks-1": (556, 6, 2, 432),
    "spect": (265, 22, 2, 186),
    "trains": (10, 29, 2, 2),
  }


def test_real_htru2(shared):
  table = htru2.read(shared / "data" / "htru2")
  assert table.x.shape == (17898, 8) and table.y.sum() == 1639
  assert {len(test) for _, test in table.splits} == {1789, 1790}
  assert {int(table.y[test].sum()) for _, test in table.splits} == {163, 164}


def test_an_image_set_is_a_table_of_pixels_with_its_own_split(tmp_path):
  draw = np.random.default_rng(0)
  pictures, lines = [], ["file,pos,label"]
  for name in ("train_00", "test_00"):
    one = draw.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    sheet = Image.fromarray(one.transpose(1, 0, 2, 3).reshape(32, 40 * 32, 3))
    sheet.save(tmp_path / f"{name}.webp", lossless=True)
    lines += [f"{name}.webp,{i},{i % 10}" for i in range(40)]
    pictures.append(one)
  table = "\n".join(lines).encode()
  (tmp_path / "labels.csv.xz").write_bytes(lzma.compress(table))
  config = figure1.get_config("cifar10").unlock()
  config.data_dir = str(tmp_path)
  found = loading.read(config)
  wanted = np.concatenate(pictures).reshape(80, -1)
  np.testing.assert_array_equal(found.x, wanted)
  np.testing.assert_array_equal(found.y, np.arange(80) % 10)
  assert found.classes == tuple("0123456789")
  np.testing.assert_array_equal(found.splits[0][0], np.arange(40))
  np.testing.assert_array_equal(found.splits[0][1], np.arange(40, 80))
  config.data.name = "cifar100"
  with pytest.raises(InputError, match="'cifar100': the image sets are mnist"):
    loading.read(config)


def test_an_order_is_that_of_all_rows_whatever_part_of_them_is_sorted():
  key, size = jax.random.key(3), 40_000
  order = jax.jit(
    lambda rows: padded.Part(jnp.zeros((size, 1)), jnp.zeros(size), rows).order(
      key
    )
  )
  drawn = np.asarray(jax.random.uniform(key, (size,)))
  for rows in (1, 2048, 2049, 8193, 32_768, size):
    found = np.asarray(order(jnp.int32(rows)))
    whole = np.argsort(drawn[:rows], kind="stable")
    np.testing.assert_array_equal(found[:rows], whole)
    np.testing.assert_array_equal(np.sort(found), np.arange(size))
