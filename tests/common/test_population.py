"""Populations: members, chunks, devices, journals."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import population
from common.errors import InputError


def fit(member, shared):
  """Gradient descent on (w - target)^2; diverges for large rates."""
  step = lambda w, _: (w - member["rate"] * 2 * (w - shared), w)
  w, path = jax.lax.scan(step, member["start"], length=200)
  return {"w": w, "path": path}


def members(n):
  return {
    "rate": np.linspace(0.01, 0.4, n).astype(np.float32),
    "start": np.arange(n, dtype=np.float32),
  }


@pytest.mark.parametrize("at_once", [None, 1, 2])
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_members_are_what_they_are_alone(chunk, at_once):
  everyone, program = members(7), population.compiled(fit, at_once)
  seen = []
  for rows, results in population.run(program, everyone, 2.0, chunk):
    assert results["path"].shape == (len(rows), 200)
    for i, row in enumerate(rows):
      alone = fit({k: v[row] for k, v in everyone.items()}, 2.0)
      np.testing.assert_allclose(results["w"][i], alone["w"], rtol=1e-6)
      seen.append(int(row))
  assert seen == list(range(7))


def test_a_networks_training_does_not_depend_on_the_way():
  """Products and their gradients, too; devices and groups, to rounding."""

  def fit(member, x):
    def step(w, _):
      loss = lambda w: jnp.mean((jnp.tanh(x @ w[0]) @ w[1] - x[:, :1]) ** 2)
      return jax.tree.map(
        lambda p, g: p - member["rate"] * g, w, jax.grad(loss)(w)
      ), None

    w = (jnp.eye(4, 8), jnp.ones((8, 1)) * member["scale"])
    return jax.lax.scan(step, w, length=20)[0]

  draw = np.random.default_rng(0)
  x = draw.normal(size=(32, 4)).astype(np.float32)
  everyone = {
    name: draw.uniform(0.1, 0.5, 16).astype(np.float32)
    for name in ("rate", "scale")
  }
  whole = jax.jit(jax.vmap(fit, (0, None)))(everyone, x)
  for at_once in (None, 1, 2, 3):
    got = population.compiled(fit, at_once)(everyone, x)
    for one, other in zip(got, whole, strict=True):
      np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_diverged_member_harms_no_other():
  everyone = members(8)
  fine = next(population.run(population.compiled(fit), everyone, 2.0, 8))[1]
  everyone["rate"] = everyone["rate"].copy()
  everyone["rate"][3] = 50.0
  got = next(population.run(population.compiled(fit), everyone, 2.0, 8))[1]
  assert not np.isfinite(got["w"][3])
  others = np.arange(8) != 3
  np.testing.assert_array_equal(got["w"][others], fine["w"][others])


def test_members_lie_on_all_devices_and_nothing_is_exchanged():
  program = population.compiled(fit)
  everyone = jax.tree.map(jnp.asarray, members(8))
  lowered = program.lower(everyone, 2.0).compile()
  assert "all-" not in lowered.as_text()
  out = program(everyone, 2.0)
  assert len(out["w"].sharding.device_set) == jax.local_device_count() > 1


def test_shared_noise_is_drawn_once():
  noisy = lambda member, key: member["rate"] * jax.random.normal(key, ())
  program = population.compiled(noisy)
  everyone = {"rate": np.ones(4, np.float32)}
  (_, got), *_ = population.run(program, everyone, jax.random.key(1), 4)
  assert len(set(got.tolist())) == 1


def test_wrong_members_and_too_little_memory_are_one_sentence():
  program = population.compiled(fit)
  with pytest.raises(InputError, match=r"lengths \[2, 3\]"):
    next(population.run(program, {"a": np.ones(2), "b": np.ones(3)}, 0.0, 4))
  with pytest.raises(InputError, match="number of members"):
    next(population.run(program, {"a": np.ones(0)}, 0.0, 4))
  with pytest.raises(InputError, match=r"2,000 bytes, more than the 1,000"):
    population.chunk_size(2000, 1000)
  assert population.chunk_size(100, 1000) == 10 * jax.local_device_count()


SETTINGS = {"epochs": 3, "rates": (0.1, 1.0)}


def test_a_journal_of_another_sweep_is_refused_and_kept(tmp_path):
  path = tmp_path / "sweep.jsonl"
  with population.Journal(path, SETTINGS) as journal:
    journal.write("a", {"score": 1.0})
  before = path.read_bytes()
  with pytest.raises(InputError, match=r"sweep.jsonl was made with epochs = 3"):
    population.Journal(path, {**SETTINGS, "epochs": 4})
  path.with_suffix(".1.jsonl").write_text('{"piece": "b", "score": 2.0}\n')
  with pytest.raises(InputError, match=r"1.jsonl does not begin with the sett"):
    population.Journal(path, SETTINGS)
  assert path.read_bytes() == before


def test_a_journal_goes_on_after_a_crash_in_the_middle_of_a_line(tmp_path):
  path = tmp_path / "sweep.jsonl"
  with population.Journal(path, SETTINGS) as journal:
    journal.write("a", {"score": 1.0})
    journal.write("b", {"score": 2.0})
  whole = path.read_bytes()
  second = whole.index(b"\n", whole.index(b"\n") + 1)  # "a"; settings first.
  for cut in range(second + 1, len(whole)):
    path.write_bytes(whole[:cut])
    with population.Journal(path, SETTINGS) as journal:
      assert "a" in journal and "b" not in journal
      journal.write("b", {"score": 2.0})
    assert path.read_bytes() == whole
  with population.Journal(path, SETTINGS) as journal:
    assert [r["score"] for r in journal.records()] == [1.0, 2.0]


def test_processes_write_files_of_their_own_and_read_all(tmp_path):
  path = tmp_path / "sweep.jsonl"
  for process, piece in enumerate("xyz"):
    with population.Journal(path, SETTINGS, process) as journal:
      journal.write(piece, {"by": process})
  with population.Journal(path, SETTINGS) as journal:
    assert {r["piece"]: r["by"] for r in journal.records()} == {
      "x": 0,
      "y": 1,
      "z": 2,
    }
  lines = (tmp_path / "sweep.2.jsonl").read_text().splitlines()
  assert json.loads(lines[1])["piece"] == "z"


@pytest.mark.processes
def test_every_core_can_be_a_device():
  def output(code):
    return subprocess.run(
      [
        sys.executable,
        "-c",
        f"import jax\nfrom common import population\n{code}",
      ],
      capture_output=True,
      text=True,
      env={**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"},
    )

  use = "population.use_all_cores()"
  done = output(f"{use}\nprint(jax.local_device_count())")
  assert int(done.stdout) == len(os.sched_getaffinity(0)), done.stderr
  assert "comes too late" in output(f"jax.devices()\n{use}").stderr
