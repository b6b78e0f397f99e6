"""The command line: flags, overrides, files, and the sentences of bad ones."""

import subprocess
import sys

import pytest

from common import cli
from common.errors import InputError

# How ml_collections reads a config file.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module")

CONFIG = """
import ml_collections

def get_config(variant=""):
  if variant not in ("", "smoke"):
    raise ValueError(f"there is no variant {variant!r}")
  config = ml_collections.ConfigDict()
  config.learning_rate = 1e-3
  config.steps = 5 if variant else 100
  config.task = ml_collections.ConfigDict({"delay": 3})
  return config.lock()
"""


@pytest.fixture
def parse(tmp_path):
  path = tmp_path / "config.py"
  path.write_text(CONFIG)
  default = [f"--config={path}", "--workdir=runs/x"]

  def call(*words, default=default):
    return cli.parse(["program", *default, *words])

  return call


def test_values_of_the_file_and_overrides(parse):
  given = parse("--config.learning_rate=0.5", "--config.task.delay=7")
  assert given.config.learning_rate == 0.5
  assert given.config.task.delay == 7
  assert given.config.steps == 100
  assert given.config.is_locked
  assert given.workdir.is_absolute() and given.workdir.name == "x"
  assert (given.coordinator, given.processes, given.process) == (None, 1, 0)


def test_a_space_and_dashes_are_as_good(parse, tmp_path):
  words = ["--config", f"{tmp_path}/config.py:smoke", "--workdir", "w"]
  given = parse("--config.learning-rate", "0.25", default=words)
  assert given.config.learning_rate == 0.25
  assert given.config.steps == 5


def test_configs_of_the_checkout_are_found_from_anywhere(monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  config = "--config=configs/coulomb_gan/gaussian_grid.py:smoke"
  assert cli.parse(["program", config, "--workdir=w"]).config.seed == 0


@pytest.mark.parametrize(
  ("word", "says"),
  [
    ("--config.lerning_rate=1", "did you mean 'learning_rate'"),
    ("--config.task.dely=1", "did you mean 'task.delay'"),
    ("--config.steps=many", "steps=many"),
    ("--wrkdir=x", "workdir"),
    ("--config=nowhere.py", "there is no config file nowhere.py"),
    ("stray", "'stray' is no flag"),
    ("--processes=two", "processes"),
  ],
)
def test_bad_words_are_one_sentence(parse, word, says):
  with pytest.raises(InputError, match=says) as caught:
    parse(word)
  assert "\n" not in str(caught.value)


def test_a_broken_config_file_names_its_line(parse, tmp_path):
  path = tmp_path / "broken.py"
  path.write_text("def get_config(variant=''):\n  return nothing\n")
  with pytest.raises(InputError, match=r"NameError.*line 2"):
    parse(f"--config={path}")


def test_what_is_missing_is_said(parse, tmp_path):
  with pytest.raises(InputError, match="say what to train"):
    parse(default=["--workdir=x"])
  with pytest.raises(InputError, match="say where the run lives"):
    parse(default=[f"--config={tmp_path}/config.py"])
  with pytest.raises(InputError, match="no variant 'x'"):
    parse(f"--config={tmp_path}/config.py:x")


def test_help_and_no_flags_before_a_command(root):
  code = (
    "import projects.coulomb_gan.train as t, sys\n"
    "from absl import flags\n"
    "assert not {'config', 'workdir'} & set(flags.FLAGS)\n"
    "sys.argv = ['train', '--help']\n"
    "from common import cli\n"
    "cli.main(t.train)\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, cwd=root
  )
  assert done.returncode == 0, done.stderr
  assert "--config: " in done.stdout and "Coulomb GAN" in done.stdout
