"""Every command of the READMEs runs as it is printed, once.

But for four things: a training is that of the config's `smoke` variant, tables
are only asked for (each project's own tests make them), the metrics' networks,
whose weights are the user's to get, are replaced by small ones, and CIFAR-10 is
the set that is prepared here.
"""

import gzip
import importlib
import importlib.util
import lzma
import pathlib
import re
import runpy
import shlex
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from common import cli
from common.metrics import fid
from common.tables import reproduce

ROOT = pathlib.Path(__file__).parent.parent
READMES = [
  "README.md",
  *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("projects/*/README.md")),
]
# Run by tests of their own: on a copy of the checkout, in smaller pieces.
ELSEWHERE = ("tools.fork", "configs/rudder/atari.py")
ENVIRONMENT = """
from gymnax.environments.classic_control.cartpole import CartPole as make_env
"""

pytestmark = pytest.mark.slow


def blocks(path):
  """The commands of all shell blocks, comments and line ends taken out."""
  text = (ROOT / path).read_text()
  for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
    for line in block.replace("\\\n", " ").splitlines():
      if words := shlex.split(line, comments=True):
        yield words


def in_text(path):
  """The commands between backticks of the running text and of tables."""
  text = re.sub(r"```.*?```", "", (ROOT / path).read_text(), flags=re.DOTALL)
  for command in re.findall(r"`(python\s+-m\s[^`]*)`", text):
    yield re.sub(r"[\[\]]", "", command).split()  # [what can be left out]


def clips(count, seed):
  draw = np.random.default_rng(seed)
  return draw.integers(0, 255, (count, 20, 8, 8, 3), dtype=np.uint8)


def images(count):
  draw = np.random.default_rng(0)
  return draw.integers(0, 255, (count, 28, 28, 3), dtype=np.uint8)


def write_clips(folder, seed):
  for i, clip in enumerate(clips(4, seed)):
    (folder / f"clip{i}").mkdir(parents=True)
    for t, frame in enumerate(clip):
      Image.fromarray(frame).save(folder / f"clip{i}" / f"{t:02}.png")


@pytest.fixture
def place(tmp_path, monkeypatch):
  """A working folder with files of the names that the READMEs use."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(str(tmp_path))
  for seed, name in enumerate(("REAL", "real", "GENERATED", "generated")):
    write_clips(tmp_path / name, seed)
  Image.fromarray(clips(1, 0)[0, 0]).save("image.png")
  first = "".join(f"{'C' * n}O\n" for n in range(1, 9))
  second = "".join(f"{'C' * n}N\n" for n in range(1, 9))
  for name in ("reference.smi", "molecules.smi"):
    (tmp_path / name).write_text(first)
  (tmp_path / "generated.smi").write_text(second)
  with gzip.open("reference.csv.gz", "wt") as file:
    file.write("id,smiles\n" + "".join(f"1,{s}\n" for s in first.split()))
  with lzma.open("generated.smi.xz", "wt") as file:
    file.write(second)
  rows = (f"{i % 7},{i % 3},{'ab'[i % 2]}\n" for i in range(60))
  (tmp_path / "table.csv").write_text("x,y,target\n" + "".join(rows))
  for name in ("FILE", "PATH"):
    (tmp_path / name).touch()
  (tmp_path / "package").mkdir()
  (tmp_path / "package" / "module.py").write_text(ENVIRONMENT)
  return tmp_path


@pytest.fixture
def networks(monkeypatch):
  """Means of colours in place of Inception and I3D, counts for ChemNet."""
  fcd = importlib.import_module("projects.fcd.score")
  fvd = importlib.import_module("projects.fvd.score")

  def images(_, x):
    x = x.astype(np.float32) / 255
    return jax.numpy.concatenate([x.mean((1, 2)), (x**2).mean((1, 2))], 1)

  monkeypatch.setattr(
    fid,
    "network",
    lambda *_: fid.Network(jax.jit(images), 1.0, 16, {"score": "small"}),
  )
  monkeypatch.setattr(
    fvd,
    "network",
    lambda *_: fvd.Network(
      lambda x: x, lambda _, x: x.mean((1, 2, 3)), 1.0, 9, {"score": "small"}
    ),
  )
  counts = lambda smiles, *_: iter(
    [np.array([[len(s), s.count("N")] for s in smiles], np.float32)]
  )
  monkeypatch.setattr(fcd.model, "released", lambda _: (None, "small"))
  monkeypatch.setattr(fcd, "activations", counts)


def run(words, monkeypatch):
  """Runs `python -m MODULE ARGUMENTS` in this process."""
  assert words[:2] == ["python", "-m"], words
  name, arguments = words[2], words[3:]
  monkeypatch.setattr(sys, "argv", [name, *map(here, arguments)])
  module = importlib.import_module(name)
  if hasattr(module, "main"):
    module.main()
  elif hasattr(module, "train"):
    cli.main(module.train)
  else:
    runpy.run_module(name, run_name="__main__")


def here(argument):
  argument = argument.replace("cifar10:train", "fashion_mnist:test")
  found = re.fullmatch(r"(--config=[\w/]+\.py)(?::([\w,]+))?", argument)
  if not found or "smoke" in argument:
    return argument
  path, variant = found.groups()
  return f"{path}:{variant},smoke" if variant else f"{path}:smoke"


@pytest.mark.parametrize("path", READMES)
def test_commands_run(path, place, networks, monkeypatch, request):
  np.savez("GENERATED.npz", clips(4, 1) if "fvd" in path else images(20))
  # What the root's README says as a project's does, runs there, behind what it
  # takes as done.
  others = [] if "/" in path else [w for p in READMES[1:] for w in blocks(p)]
  for words in blocks(path):
    if words in others:
      continue
    if words[0] != "python" or any(w in " ".join(words) for w in ELSEWHERE):
      continue
    if any(word.endswith("=DIR") for word in words):
      (place / "DIR").unlink(missing_ok=True)
      shared = request.getfixturevalue("shared")
      folder = "uci121" if "projects.snn.train" in words else "tfds"
      here = shared / "data" / folder if folder == "uci121" else shared / folder
      (place / "DIR").symlink_to(here)
    try:
      run(words, monkeypatch)
    except SystemExit as end:
      assert not end.code, words


@pytest.mark.parametrize("path", READMES)
def test_tables_are_there(path, monkeypatch):
  asked = []
  look = lambda arguments, project, readme, tables: asked.append(
    (arguments.table, tables)
  )
  monkeypatch.setattr(reproduce, "_run", look)
  for words in in_text(path):
    assert importlib.util.find_spec(words[2]), words
    if words[2].endswith(".reproduce"):
      monkeypatch.setattr(sys, "argv", words[2:])
      monkeypatch.delitem(sys.modules, words[2], raising=False)
      runpy.run_module(words[2], run_name="__main__")
      table, tables = asked.pop()
      assert table in tables, words
