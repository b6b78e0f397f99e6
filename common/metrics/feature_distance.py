"""Two sets compared by a network's features: the commands of FID, FCD, FVD.

A project turns what a user names into features and says how (the protocol); all
else is here: moments, statistics in files, refusing what was made differently,
the distance with its error bar, its extrapolation in n, the scores beside it.
"""

import importlib.metadata
import json
import os
import pathlib
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import tqdm

from common.checkpoint import warn
from common.data import atomic, folders, foreign, sources
from common.errors import InputError
from common.stats import frechet, jackknife, kid, precision_recall

from . import running

_MOST_TEXT = 10**6  # Bytes of a protocol, or of notes.


class Samples(NamedTuple):
  """One of the two sets.

  Attributes:
    name: as the user gave it.
    parts: moments of disjoint random parts of the rows; empty for statistics
      that were saved.
    whole: the moments of all, or (mean, covariance) where n is not known.
    rows: float32 [<= running.KEEP, d], a uniform sample of the rows; None for
      saved statistics.
    protocol: how the features were made, plain data; None where a file does
      not say. "score" is what the distance is called; "versions" may differ
      between the sides without harm, all else may not.
    notes: counts of what was handled on the way.
  """

  name: str
  parts: tuple[frechet.Moments, ...]
  whole: frechet.Gaussian
  rows: np.ndarray | None
  protocol: dict[str, Any] | None
  notes: dict[str, int]

  @property
  def n(self) -> int | None:
    """How many samples, where that is known."""
    known = isinstance(self.whole, frechet.Moments)
    return int(self.whole.n) if known else None


def collect(
  name: str,
  chunks: Iterable[Any],
  protocol: Mapping[str, Any],
  notes: Mapping[str, int],
  seed: int = 0,
) -> Samples:
  """Streams features into `Samples`, in memory that does not grow with n.

  Which part a row goes to, and whether it is kept, is drawn from the seed and
  its number: the result does not depend on how the rows come in chunks.

  Args:
    name: for messages.
    chunks: float [b, d] each.
    protocol, notes: see `Samples`; notes are read after the last chunk.
    seed: of the drawing.

  Raises:
    InputError: no more than one row, or values that are not finite.
  """
  state = running.start(seed)
  for chunk in chunks:
    try:
      state = running.update(state, chunk)
    except InputError as error:
      raise InputError(f"{name}: {error}") from error
  return collected(name, state, protocol, notes)


def collected(
  name: str,
  state: running.State,
  protocol: Mapping[str, Any],
  notes: Mapping[str, int] | None = None,
) -> Samples:
  """`Samples` of features that came by `running.update`.

  More can still be added to `state`; `name` is for messages.

  Raises:
    InputError: no more than one row.
  """
  notes = notes or {}
  check_count(name, state.n, notes)
  parts = running.parts(state)
  return Samples(
    name,
    parts,
    jackknife.merged(parts),
    state.kept,
    json.loads(json.dumps(dict(protocol))),
    {key: int(count) for key, count in notes.items() if count},
  )


def check_count(name: str, n: int, notes: Mapping[str, int]) -> None:
  """Raises InputError of fewer than two samples, with the counts `notes`."""
  if n < 2:
    raise InputError(
      f"{name}: {n} sample(s) were left, and a distance takes at least 2"
      + (f" ({said})" if (said := described(notes)) else "")
    )


def versions(*distributions: str) -> dict[str, str]:
  """What a protocol says of JAX, NumPy, SciPy, others, and of the device."""
  names = ("jax", "numpy", "scipy", *distributions)
  found = {name: importlib.metadata.version(name) for name in names}
  return {**found, "device": jax.devices()[0].device_kind}


def described(notes: Mapping[str, int]) -> str:
  """The counts in words: "3 invalid, 1 gray"."""
  return ", ".join(f"{count} {name}" for name, count in notes.items() if count)


def is_statistics(path: str | pathlib.Path) -> bool:
  """Whether a file is an .npz with `mu` and `sigma`, by whatever tool."""
  path = pathlib.Path(path).expanduser()
  if not path.is_file():  # A pipe may wait for ever.
    return False
  try:
    with zipfile.ZipFile(path) as file:
      names = {pathlib.PurePath(n).stem for n in file.namelist()}
  except foreign.BROKEN:
    return False
  return {"mu", "sigma"} <= names


def check_name(path: str | pathlib.Path) -> pathlib.Path:
  """Returns where `save` would write; InputError if it could not."""
  path = pathlib.Path(path).expanduser()
  if path.suffix != ".npz":
    raise InputError(f"{path}: statistics are kept in a file named *.npz")
  if path.is_dir():
    raise InputError(f"{path} is a folder: name a file for the statistics")
  # What is not there yet is made, in the nearest folder that is.
  folder = next(p for p in path.absolute().parents if p.exists())
  if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
    raise InputError(
      f"{path} cannot be written, since {folder} is no folder that this user "
      "may write to: name another place"
    )
  return path


def save(path: str | pathlib.Path, samples: Samples) -> None:
  """Writes `mu` [d], `sigma` [d, d], `n` and the protocol to an .npz file.

  pytorch-fid and TTUR's code read it too. A kill leaves no half of a file.
  """
  path, whole = check_name(path), samples.whole
  if isinstance(whole, frechet.Moments):
    mean, covariance = whole.mean, frechet.covariance(whole)
    covariance = covariance.astype(whole.scatter.dtype)  # How it was rounded.
  else:
    mean, covariance = whole
  extra = {} if samples.n is None else {"n": samples.n}
  if samples.protocol is not None:
    extra["protocol"] = json.dumps(samples.protocol)
  extra["notes"] = json.dumps(samples.notes)
  try:
    with atomic.replacing(path) as part, part.open("wb") as file:
      np.savez(file, mu=mean, sigma=covariance, **extra)
  except OSError as error:
    raise InputError(
      f"{path} cannot be written ({error.strerror}): free some space, or name "
      "another place"
    ) from error


def load(path: str | pathlib.Path) -> Samples:
  """Reads statistics: of `save`, of pytorch-fid, or of TTUR's code.

  Raises:
    InputError: cut short, not numbers, or of the wrong shape.
  """
  path = pathlib.Path(path).expanduser()
  try:
    # NumPy leaves a file that it cannot read open; this one is closed.
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
      mean, sigma = (_numbers(file[name]) for name in ("mu", "sigma"))
      n = int(file["n"].item()) if "n" in file.files else None
      # Of others, these two can be anything, as can what else is there.
      protocol, notes = (_ours(file, name) for name in ("protocol", "notes"))
  except foreign.BROKEN as error:
    raise InputError(
      f"{path} cannot be read as statistics (mu, sigma): {error}; it may be "
      "cut short: make it again"
    ) from error
  try:
    moments = frechet.from_covariance(mean, sigma, 2 if n is None else n)
  except InputError as error:
    raise InputError(f"{path}: {error}") from error
  whole = (mean, sigma) if n is None else moments
  return Samples(str(path), (), whole, None, protocol, notes or {})


def _numbers(a: np.ndarray) -> np.ndarray:
  """The array as it is, for its dtype says how it was rounded."""
  if a.dtype.kind == "c" or a.dtype == np.float16:
    raise ValueError(f"they are {a.dtype}")
  return a if a.dtype.kind == "f" else a.astype(float)


def _ours(file: Any, name: str) -> dict[str, Any] | None:
  """The JSON object that `save` has put there; None for anything else."""
  if name not in file.files:
    return None
  # Looked at before it is read, since it may be of any size.
  if file.zip.getinfo(f"{name}.npy").file_size > _MOST_TEXT:
    return None
  try:
    found = json.loads(str(file[name].item()))
  except ValueError:  # NumPy's, for objects and what is no JSON.
    return None
  return found if isinstance(found, dict) else None


def _refuse_objects(path: pathlib.Path) -> None:
  """InputError for an .npy that holds a Python object, such as a dict."""
  if path.suffix != ".npy" or not path.is_file():
    return
  with path.open("rb") as file:
    start = file.read(256)
  if start.startswith(b"\x93NUMPY") and b"'|O'" in start:
    raise InputError(
      f"{path} holds a Python object, which is not read, since that can run "
      "any program: np.savez('stats.npz', mu=..., sigma=...) keeps statistics, "
      "and np.save plain arrays"
    )


def statistics(source: Any) -> Samples | None:
  """The statistics that a source is, or is a file of; None for anything else.

  Raises:
    InputError: it names statistics beside other sources.
  """
  if isinstance(source, Samples):
    return source
  if not sources.are_names(source):
    return None
  names = source if isinstance(source, list | tuple) else [source]
  if len(names) == 1 and is_statistics(names[0]):
    return load(names[0])
  for name in names:
    for path in folders.pattern(name) or [pathlib.Path(name)]:
      if path.suffix.lower() == ".npz" and is_statistics(path):
        raise InputError(
          f"{path} holds statistics, which cannot be taken together with other "
          "sources: give it alone, as one side"
        )
      _refuse_objects(path.expanduser())
  return None


def side(
  name: str, source: Any, read: Callable[[str, Any], Samples]
) -> Samples:
  """What one argument of a metric stands for.

  Args:
    name: of what is no path, for messages.
    source: `Samples`, the path of saved statistics, or what `read` takes.
    read: `read(name, source) -> Samples`; paths are called by themselves.
  """
  found = statistics(source)
  if found is not None:
    return found
  if sources.are_names(source):
    name = sources.title(source)
  return read(name, source)


def sides(
  a: Any, b: Any, read: Callable[[str, Any], Samples]
) -> tuple[Samples, Samples]:
  """What two arguments of a metric stand for, each as `side` says."""
  return side("A", a, read), side("B", b, read)


def compare(
  a: Samples,
  b: Samples,
  any_protocol: bool = False,
  distance_only: bool = False,
  gamma: float | None = None,
) -> dict[str, Any]:
  """Compares two sets; plain data.

  Args:
    a: the reference, for precision, recall, density and coverage.
    b: what is judged.
    any_protocol: compares what was made by different protocols.
    distance_only: spares the error bar, the extrapolation and the other scores.
    gamma: of `kid.polynomial_mmd`.

  Returns:
    "distance" with its "mean_term" and "trace_term", "n" of both sides and the
    number of "features". Unless spared: its "standard_error", "at_infinity"
    (extrapolated in n), "kernel_distance" with its error, and "manifold"; None
    for what saved statistics do not allow; "exact", the sides that are such, as
    in "ab". The "protocol", and "notes" of what was handled.

  Raises:
    InputError: different protocols, or numbers of features.
  """
  difference = check_protocols(
    (a.name, b.name), a.protocol, b.protocol, any_protocol
  )
  for side in (a, b):
    if side.protocol is None:
      warn(f"{side.name} does not say how it was made")
  try:
    found = frechet.distance(a.whole, b.whole)
  except InputError as error:
    raise InputError(f"{a.name} and {b.name}: {error}") from error
  result: dict[str, Any] = {
    "a": a.name,
    "b": b.name,
    "distance": found.value,
    "mean_term": found.mean_term,
    "trace_term": found.trace_term,
    "n": [a.n, b.n],
    "features": found.d,
    "protocol": a.protocol or b.protocol,
    "notes": {"a": a.notes, "b": b.notes},
  }
  if difference:
    result["protocols_differ"] = difference
  if distance_only:
    return result
  sides = [side.parts or side.whole for side in (a, b)]
  with tqdm.tqdm(
    desc="error bar and extrapolation",
    total=2 * running.PARTS - running.PARTS // 2 + 1,
    leave=False,
    dynamic_ncols=True,
    disable=not sys.stderr.isatty(),
  ) as bar:
    error = jackknife.standard_error(*sides, bar.update)
    line = jackknife.at_infinity(*sides, bar.update)
  result["exact"] = "a" * (not a.parts) + "b" * (not b.parts)
  result["standard_error"] = error
  result["at_infinity"] = None if line is None else line._asdict()
  result["kernel_distance"] = result["manifold"] = None
  if a.rows is not None and b.rows is not None:
    if min(len(a.rows), len(b.rows)) > precision_recall.K:
      kernel = kid.polynomial_mmd(a.rows, b.rows, gamma)
      result["kernel_distance"] = kernel._asdict()
      result["manifold"] = precision_recall.manifold(a.rows, b.rows)._asdict()
  return json.loads(json.dumps(result))


def check_protocols(
  names: Sequence[str],
  a: Mapping[str, Any] | None,
  b: Mapping[str, Any] | None,
  any_protocol: bool,
) -> str:
  """What two protocols do not share, in words; "" if nothing is known to.

  Raises:
    InputError: there is such a thing, and `any_protocol` is false.
  """
  if not a or not b:
    return ""
  for key in {**a, **b}:
    if key != "versions" and a.get(key) != b.get(key):
      found = f"{key} is {a.get(key)!r} of A and {b.get(key)!r} of B"
      if any_protocol:
        return found
      raise InputError(
        f"{names[0]} and {names[1]} are not made the same way, and their "
        f"distance means nothing: {found}; --any-protocol compares them come "
        "what may"
      )
  return ""
