"""Where a number comes from: commit, versions, device."""

import functools
import importlib.metadata
import os
import pathlib
import platform
import subprocess

import jax


@functools.cache
def provenance() -> dict[str, str]:
  """Where a number comes from: commit, versions, device. Strings only."""
  names = "jax", "jaxlib", "flax", "optax", "numpy", "rdkit", "scikit-learn"
  versions = {name: importlib.metadata.version(name) for name in names}
  return {
    "commit": commit(pathlib.Path(__file__).parent),
    "python": platform.python_version(),
    **versions,
    "device": f"{jax.device_count()} x {device_kind()}",
  }


def commit(folder: pathlib.Path) -> str:
  """The commit that is checked out; "+changes" says that its code was changed.

  Results and texts may be: a command that writes tables changes both.

  Args:
    folder: any of the checkout's.
  """

  def git(*args):
    try:
      done = subprocess.run(
        ["git", "-C", str(folder), *args], capture_output=True, text=True
      )
    except OSError:  # No git on this machine.
      return ""
    return done.stdout.strip() if done.returncode == 0 else ""

  name = git("rev-parse", "--short=12", "HEAD") or "unknown"
  others = (":(top)", ":(top,exclude)results", ":(top,exclude)*.md")
  if git("status", "--porcelain", "--untracked-files=no", "--", *others):
    name += "+changes"
  return name


def device_kind() -> str:
  """The name of the accelerator, or of the processor where there is none."""
  if jax.default_backend() != "cpu":
    return jax.devices()[0].device_kind
  try:
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name = text.split("model name", 1)[1].split(":", 1)[1].splitlines()[0]
  except (OSError, IndexError):
    name = platform.processor() or platform.machine()
  return f"CPU ({name.strip()}, {len(cores())} cores)"


def cores():
  """The processor cores that this process may use."""
  if hasattr(os, "sched_getaffinity"):
    return os.sched_getaffinity(0)
  return range(os.cpu_count() or 1)
