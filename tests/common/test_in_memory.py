"""Batches are a function of the step, wherever the data lies."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from common.data import in_memory
from common.errors import InputError

SIZE, BATCH = 37, 8


def transform(rows, key):
  images = rows["image"] / np.float32(127.5) - 1
  noise = jax.random.uniform(key, images.shape)
  return {"image": images + noise, "label": rows["label"]}


@pytest.fixture
def arrays(tmp_path):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (SIZE, 4, 4, 1), dtype=np.uint8)
  np.save(tmp_path / "images.npy", images)
  mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
  return {"image": mapped, "label": np.arange(SIZE, dtype=np.int32)}


def both(arrays):
  key = jax.random.key(3)
  device = in_memory.batches(arrays, key, BATCH, transform, 10**6)
  host = in_memory.batches(arrays, key, BATCH, transform, 0)
  return device, host


def assert_same(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_placements_agree_bitwise(arrays):
  device, host = both(arrays)
  for step in (0, 4, 1000, np.int32(5)):
    assert_same(device(step), host(step))


def test_batch_is_a_function_of_the_step(arrays):
  device, _ = both(arrays)
  again = device(7)
  device(8)
  assert_same(device(7), again)
  assert np.any(device(8)["image"] != again["image"])


def test_epoch_goes_through_the_data_once(arrays):
  _, host = both(arrays)
  labels = np.concatenate([host(t)["label"] for t in range(SIZE // BATCH)])
  assert len(set(labels.tolist())) == SIZE // BATCH * BATCH


def test_rows_stay_together(arrays):
  def rows_only(rows, key):
    del key
    return rows

  key = jax.random.key(0)
  for limit in (0, 10**6):
    batch = in_memory.batches(arrays, key, BATCH, rows_only, limit)(2)
    np.testing.assert_array_equal(
      batch["image"], arrays["image"][np.asarray(batch["label"])]
    )
    assert batch["image"].dtype == np.uint8


def test_device_data_is_an_argument_of_the_program(arrays):
  device, _ = both(arrays)
  traces = []

  @jax.jit
  def run(batches, steps):
    traces.append(1)
    return jax.lax.map(batches, steps)

  out = run(device, jnp.arange(3))
  run(device, jnp.arange(3, 6))
  assert len(traces) == 1
  leaves = jax.tree.leaves(device)
  assert {leaf.shape for leaf in leaves} == {(SIZE, 4, 4, 1), (SIZE,), ()}
  assert_same(jax.tree.map(lambda x: x[2], out), device(2))
  constants = jax.make_jaxpr(run)(device, jnp.arange(3)).consts
  assert sum(np.size(c) for c in constants) < SIZE


def test_host_data_cannot_be_traced(arrays):
  _, host = both(arrays)
  with pytest.raises(TypeError, match="raise max_device_bytes"):
    jax.jit(host)(0)


def test_check_finite_names_the_first_row(monkeypatch):
  array = np.zeros((9, 3), np.float32)
  in_memory.check_finite(array, "features")
  in_memory.check_finite(np.zeros(3, np.int32), "labels")
  array[6, 1], array[8, 0] = np.nan, np.inf
  with pytest.raises(ValueError, match="row 6 of features holds NaN"):
    in_memory.check_finite(array, "features")


def test_check_finite_reads_large_arrays_in_pieces():
  array = np.zeros((5, 2**22), np.float32)  # One row fills one piece.
  array[3, 17] = np.inf
  with pytest.raises(ValueError, match="row 3 of x"):
    in_memory.check_finite(array, "x")


def test_bad_arguments(arrays):
  key = jax.random.key(0)
  for bad, message in (
    ({"a": np.zeros(3), "b": np.zeros(4)}, "share their first axis"),
    ({}, "share their first axis"),
    (np.float32(1.0), "share their first axis"),
    (np.zeros((0, 2)), "the data set is empty"),
  ):
    with pytest.raises(ValueError, match=message):
      in_memory.batches(bad, key, 1, transform, 0)
  with pytest.raises(InputError, match="a batch must be from 1 to the"):
    in_memory.batches(arrays, key, SIZE + 1, transform, 0)


def test_a_fingerprint_is_of_content_shape_and_type(monkeypatch):
  rows = np.arange(600, dtype=np.uint8).reshape(100, 2, 3)
  of = in_memory.fingerprint
  known = of({"a": rows})
  crc = zlib.crc32(rows.tobytes(), zlib.crc32(b"['a'] uint8 (100, 2, 3)"))
  assert known == f"100 rows, CRC-32 {crc:08x}"
  assert of({"a": np.asfortranarray(rows)}) == known
  last = rows.copy()
  last[-1, -1, -1] += 1
  others = (
    {"a": last},
    {"a": rows[:50]},
    {"a": rows.reshape(100, 3, 2)},
    {"a": rows.view(np.int8)},
    {"b": rows},
  )
  assert len({known, *map(of, others)}) == 6
  monkeypatch.setattr(in_memory, "_READ_BYTES", 60)  # A tenth of the rows.
  first = rows.copy()
  first[0] += 1
  assert of({"a": first}) != of({"a": rows}) != known
