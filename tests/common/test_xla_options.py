"""Compiler options: taken here, and left out where they are not known."""

import os
import platform
import re
import subprocess
import sys
import types

import jax
import pytest

from common import xla_options

KINDS = (xla_options.convolutions, xla_options.wide_vectors)


@pytest.fixture
def abilities(monkeypatch):
  """Says what the processor knows."""

  def say(line):
    monkeypatch.setattr(xla_options, "_abilities", lambda: [line])

  say("flags : fpu avx512f")
  return say


@pytest.mark.parametrize("kind", KINDS)
def test_options_are_taken_or_empty(kind, abilities, monkeypatch):
  options = kind.__wrapped__()
  assert len(options) == 1
  assert jax.jit(lambda x: 2 * x, compiler_options=options)(1.5) == 3
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  assert kind.__wrapped__() == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_that_does_not_know_them_is_left_alone(
  kind, abilities, monkeypatch
):
  def refuse(*_, **options):
    assert options["compiler_options"]

    def call(_):
      raise jax.errors.JaxRuntimeError("No such compile option")

    return call

  monkeypatch.setattr(jax, "jit", refuse)
  if jax.default_backend() != "cpu":
    pytest.skip("the options are for CPUs")
  assert kind.__wrapped__() == {}


def test_vectors_are_wide_only_where_a_processor_has_them(abilities):
  abilities("flags : fpu avx2 avx512")
  assert xla_options.wide_vectors.__wrapped__() == {}


WIDTHS = """
import jax
from jax import numpy as jnp
from common import xla_options
xla_options._abilities = lambda: ["flags : avx512f"]
def wide(x): return jnp.sin(x) ** 3 + jnp.roll(x, 1)
def usual(x): return jnp.sin(x) ** 5 + jnp.roll(x, 1)
x = jnp.ones(4096)
jax.jit(wide, compiler_options=xla_options.wide_vectors())(x)
jax.jit(usual)(x)
"""


def test_a_vectors_width_is_that_of_its_program_alone(
  root, tmp_path, monkeypatch
):
  monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to={tmp_path}")
  monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "0")
  subprocess.run([sys.executable, "-c", WIDTHS], cwd=root, check=True)

  def widths(name):
    text = "".join(p.read_text() for p in tmp_path.glob(f"*jit_{name}.*.ll"))
    return set(re.findall(r'"prefer-vector-width"="(\d+)"', text))

  assert widths("wide") == {"512"}
  assert widths("usual") == {"256"}


@pytest.mark.parametrize(
  ("version", "before", "after"),
  [
    ("0.10.2", "", "{fusion}=false {split}=1 {width}=128"),
    ("0.10.2", "--a=1", "--a=1 {fusion}=false {split}=1 {width}=128"),
    ("0.10.2", "{fusion}=true", "{fusion}=true {split}=1 {width}=128"),
    ("0.10.2", *["{width}=64 {split}=2 {fusion}=true"] * 2),
    ("0.11.0", "--a=1", "--a=1"),
  ],
)
def test_haste_is_flags_of_versions_that_know_them(
  version, before, after, monkeypatch
):
  names = {
    "fusion": "--xla_cpu_use_fusion_emitters",
    "split": "--xla_cpu_parallel_codegen_split_count",
    "width": "--xla_cpu_prefer_vector_width",
  }
  monkeypatch.setenv("XLA_FLAGS", before.format(**names))
  monkeypatch.setattr("importlib.metadata.version", lambda _: version)
  xla_options.compile_in_haste()
  assert os.environ["XLA_FLAGS"] == after.format(**names)


FAULTS = """
import resource, sys
import numpy as np
from common import xla_options
kept = xla_options.keep_memory()
np.ones(2**22)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
  np.ones(2**22)  # 32 MB each.
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
@pytest.mark.parametrize("asked", ["1", "0"])
def test_memory_is_kept_unless_forbidden(root, monkeypatch, asked):
  monkeypatch.setenv("KEEP_MEMORY", asked)
  done = subprocess.run(
    [sys.executable, "-c", FAULTS], cwd=root, capture_output=True, text=True
  )
  kept, faults = done.stdout.split()
  assert kept == str(asked == "1"), done.stderr
  # 20 x 32 MB are 160,000 pages of 4 KB, or 320 huge ones.
  assert (int(faults) < 300) == (asked == "1"), faults


PROGRAM = """
import resource, sys
import jax
from common import xla_options
xla_options.keep_memory()
if sys.argv[1] == "waits":
  xla_options.calls_that_wait()
step = jax.jit(lambda x: jax.numpy.outer(x, x) @ x)
x = jax.numpy.ones(4_500)  # A temporary of 81 MB.
faults = []
for _ in range(60):
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  step(x).block_until_ready()
  faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
# A small block that comes to lie behind a freed large one costs a new one: 1 to
# 7 times in what was seen here, 10 or more of the first 20 calls elsewhere.
print(sorted(faults)[15])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
@pytest.mark.parametrize("how", ["waits", "does not"])
def test_large_temporaries_are_kept_by_calls_that_wait(root, monkeypatch, how):
  monkeypatch.setenv("KEEP_MEMORY", "1")
  monkeypatch.setenv("XLA_FLAGS", "")
  call = [sys.executable, "-c", PROGRAM, how]
  done = subprocess.run(call, cwd=root, capture_output=True, text=True)
  assert (int(done.stdout) < 1000) == (how == "waits"), (
    done.stdout + done.stderr
  )


ARENAS = """
import ctypes, sys, threading
from common import xla_options
xla_options.keep_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, both = ctypes.c_void_p, threading.Barrier(2)
def work():
  libc.malloc(1000)
  both.wait()  # Neither may end, and leave its arena to the other.
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
  thread.start()
for thread in threads:
  thread.join()
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_threads_do_not_wait_for_one_lock_of_the_allocator(root, monkeypatch):
  """One arena for all halved the speed of small programs on two cores."""
  monkeypatch.setenv("KEEP_MEMORY", "1")
  call = [sys.executable, "-c", ARENAS]
  done = subprocess.run(call, cwd=root, capture_output=True, text=True)
  assert done.stdout.count("<heap nr=") > 1, done.stdout + done.stderr


HITS = """
import jax
from common import cli, xla_options
hits = []
jax.monitoring.register_event_listener(
  lambda name, **_: hits.append(name) if "cache_hits" in name else None
)
with cli.sentences():
  for _ in range(2):
    jax.jit(lambda x: x + 41)(1.0).block_until_ready()
    jax.clear_caches()
print(len(hits), jax.config.jax_compilation_cache_max_size)
"""


def test_a_second_start_compiles_nothing(root, monkeypatch, tmp_path):
  monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  call = [sys.executable, "-c", HITS]
  done = subprocess.run(call, cwd=root, capture_output=True, text=True)
  assert done.stdout.split() == ["1", str(2**30)], done.stderr
  (folder,) = (tmp_path / "xla_programs").iterdir()
  assert folder.name.startswith(platform.machine())
  assert any(folder.iterdir())


def test_programs_are_kept_where_jax_was_told(monkeypatch, tmp_path):
  """The suite's own folder stays; without one, or where it cannot be, none."""
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  kept = jax.config.jax_compilation_cache_dir
  assert kept and xla_options.keep_programs() is None
  assert jax.config.jax_compilation_cache_dir == kept
  told = {"jax_compilation_cache_dir": None}
  told["jax_enable_compilation_cache"] = False
  asked = types.SimpleNamespace(update=lambda *a: told.update([a]), **told)
  monkeypatch.setattr(jax, "config", asked)
  assert xla_options.keep_programs() is None
  asked.jax_enable_compilation_cache = True
  folder = xla_options.keep_programs()
  assert told["jax_compilation_cache_dir"] == str(folder)
  assert folder.parent == tmp_path / "xla_programs"
  (tmp_path / "file").write_text("no folder")
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
  assert xla_options.keep_programs() is None
