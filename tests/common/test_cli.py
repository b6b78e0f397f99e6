"""The command line: flags, a config's values, and what is wrong with them."""

import importlib
import io
import json
import runpy
import subprocess
import sys

import jax
import pytest

from common import cli, logs, population, xla_options
from common.errors import InputError

GRID = "configs/coulomb_gan/gaussian_grid.py"


def run(monkeypatch, *arguments, **options):
  """Runs the command of a training that returns its config."""
  got = []

  def train(config, workdir):
    got.extend([config, workdir])
    return None, {"energy": 0.25}

  monkeypatch.setattr(sys, "argv", ["train", *arguments])
  cli.main(train, **options)
  return got


def test_calls_wait_unless_told(monkeypatch, tmp_path):
  waited = []
  calls_that_wait = lambda: waited.append(True)
  monkeypatch.setattr(xla_options, "calls_that_wait", calls_that_wait)
  command = [f"--config={GRID}:smoke", f"--workdir={tmp_path}"]
  run(monkeypatch, *command)
  assert waited == [True]
  run(monkeypatch, *command, waits=False)
  assert waited == [True]


def test_values_of_every_type_and_both_forms(monkeypatch, tmp_path, capsys):
  config, workdir = run(
    monkeypatch,
    "--config",
    f"{GRID}:gan,smoke",
    f"--workdir={tmp_path}",
    "--config.adam_b1=1",
    "--config.method",
    "coulomb",
    "--config.generator_widths=(3,4)",
    "--config.seed=2_0",
  )
  assert (config.adam_b1, config.method, config.seed) == (1.0, "coulomb", 20)
  assert config.generator_widths == (3, 4)
  assert config.update_order == "sequential"  # Of the variant.
  assert config.is_locked and workdir == str(tmp_path)
  said = capsys.readouterr().out
  assert "energy 0.25" in said and str(tmp_path) in said
  uci = "configs/snn/uci.py:smoke"
  nested = ("--config.data.name=x", "--config.data.fold=2")
  config, _ = run(monkeypatch, f"--config={uci}", "--workdir=w", *nested)
  assert (config.data.name, config.data.fold) == ("x", 2)
  slots = "--config=configs/slot_attention/tetrominoes.py"
  for word, value in (("=false", False), ("=True", True), ("", True)):
    flags = (slots, f"--config.gru{word}", "--workdir=w")
    assert run(monkeypatch, *flags)[0].gru is value


@pytest.mark.parametrize(
  ("arguments", "says"),
  [
    (["--config.lerning_rate=1"], "did you mean 'generator_learning_rate'"),
    (["--config.kernel_epsilo=1"], "did you mean 'kernel_epsilon'"),
    (["--config.kernel-epsilon=1"], "did you mean 'kernel_epsilon'"),
    (["--config.data.name=x"], "has no key 'data.name'"),
    (["--config.batch_size=many"], "flag --config.batch_size=many"),
    (["--config.batch_size=1.5"], "of type int, as 64 is"),
    (["--config.batch_size"], "flag --config.batch_size: the value"),
    (["--confg=x"], "did you mean --config?"),
    (["--work=x"], "did you mean --workdir?"),
    (["--processes=two"], "--processes: 'two' is no whole number from 1 to"),
    (["--coordinator=foo"], "--coordinator=foo is no host:port"),
    (["--coordinator=foo:1", "--process=1"], "1 is none of --processes=1"),
    (["--workdir="], "where the run lives"),
    (
      ["--config=configs/coulomb_gan/gausian_grid.py"],
      "configs/coulomb_gan/gausian_grid.py; did you mean 'gaussian_grid.py'?",
    ),
    (["--config=configs/ttru/dcgan_cifar10.py"], "; did you mean 'ttur'?"),
    (
      ["--config=configs/coulomb_gan"],
      "is a folder; name one file of celeba64.py, cifar10.py, ",
    ),
    (["--config="], "what to train"),
    (["--config=common/keys.py"], "keys.py is no config"),
    ([f"--config={GRID}:x"], "no variant 'x'"),
    (
      ["--config=configs/snn/uci.py:smoke", "--config.data.fol=1"],
      "did you mean 'data.fold'",
    ),
    (["extra"], "'extra' is one word too many; flags start with --"),
  ],
)
def test_bad_input_is_one_sentence(monkeypatch, capsys, arguments, says):
  with pytest.raises(SystemExit) as stop:
    run(monkeypatch, f"--config={GRID}:smoke", "--workdir=w", *arguments)
  assert stop.value.code == 2
  said = capsys.readouterr().err
  assert says in said
  assert len(said.strip().splitlines()) == 1


def test_a_tools_flags_take_either_dash_and_name_the_nearest(capsys):
  parser = cli.Parser()
  parser.add_argument("--data_dir")
  parser.add_argument("--batch-size", type=int)
  given = parser.parse_args(["--data-dir=a_b-c", "--batch_size", "3"])
  assert (given.data_dir, given.batch_size) == ("a_b-c", 3)
  for word, says in (
    ("--data-dri=x", "there is no flag --data-dri; did you mean --data_dir?"),
    ("--batch_size=x", "argument --batch-size: invalid int value: 'x'"),
  ):
    with pytest.raises(SystemExit) as stop:
      parser.parse_args([word])
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"error: {says}\n"


def test_what_is_missing_is_named(monkeypatch, capsys):
  for given, says in (
    ("--workdir=w", "what to train"),
    (f"--config={GRID}", "where the run lives"),
  ):
    with pytest.raises(SystemExit) as stop:
      run(monkeypatch, given)
    assert stop.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
  ("text", "says"),
  [
    ("x = 1\ny = (\n", r"own\.py, line 2, is no Python: '\(' was never"),
    ("\nimport nowhere\n", r"own\.py, line 2, ends in ModuleNotFoundError: No"),
    (
      "def get_config(v):\n  return x\n",
      r"line 2, ends in NameError: name 'x'",
    ),
    ("def get_config(v):\n  return {}\n", r"own\.py ends in AttributeError: "),
    ("def get_config(v):\n  raise ValueError('no variant b')", "no variant b"),
  ],
)
def test_a_broken_config_file_is_one_sentence(tmp_path, text, says):
  path = tmp_path / "own.py"
  path.write_text(text)
  with pytest.raises(InputError, match=says) as caught:
    cli.load_config(f"{path}:b")
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
  ("command", "flag"),
  [
    ("coulomb_gan.sample", "--seed=99999999999999999999"),
    ("coulomb_gan.sample", "--count=x"),
    ("coulomb_gan.sample", "--count=0"),
    ("coulomb_gan.reproduce", "--at_once=0"),
    ("coulomb_gan.reproduce", "--seeds=0"),
    ("coulomb_gan.reproduce", "--first_seed=-1"),
    ("slot_attention.segment", "--seed=-1"),
    ("slot_attention.segment", "--slots=99999999999999999999"),
    ("slot_attention.segment", "--iterations=1.5"),
  ],
)
def test_a_number_out_of_range_is_one_sentence(
  monkeypatch, capsys, tmp_path, command, flag
):
  module = importlib.import_module(f"projects.{command}")
  given = [flag]
  if not command.endswith("reproduce"):
    given += [f"--workdir={tmp_path}"]
  if command.endswith("segment"):
    given += ["picture.png"]
  monkeypatch.setattr(sys, "argv", [command, *given])
  name, _, value = flag.partition("=")
  with pytest.raises(SystemExit) as left:
    module.main()
  assert left.value.code == 2
  said = capsys.readouterr().err
  assert said.count("\n") == 1
  assert f"argument {name}: {value!r} is no whole number from" in said


@pytest.mark.parametrize(
  ("command", "flags", "wrong", "near"),
  [
    ("coulomb_gan.reproduce", "", "--table=particle", "particles"),
    ("cnn_zoo.reproduce", "", "--table=r22", "r2"),
    ("ttur.reproduce", "--table=rates", "--grid=dcgan_cifar", "dcgan_cifar10"),
    ("ttur.reproduce", "", "--features=squeezent", "squeezenet"),
    ("ttur.fid", "a b", "--resize=clean_fid", "clean-fid"),
    ("rudder.reproduce", "", "--only=choise", "choice"),
    ("rudder.reproduce", "--table=ppo", "--only=acrobta", "acrobot"),
    ("slot_attention.reproduce", "", "--only=slot_mpl", "slot_mlp"),
    ("interpretable_drugs.reproduce", "", "--only=untraned", "untrained"),
    ("snn.reproduce", "--table=theorem", "--methods=slu", "selu"),
    ("snn.reproduce", "--quick", "--only=blob", "blobs"),
    ("fvd.scenarios", "--out=x", "--scenario=brawll", "brawl"),
    ("fvd.scenarios", "--out=x --scenario=brawl", "--split=tain", "train"),
  ],
)
def test_a_misspelt_name_is_one_sentence_before_any_computing(
  monkeypatch, capsys, tmp_path, command, flags, wrong, near
):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(population, "use_all_cores", lambda: None)
  monkeypatch.setattr(sys, "argv", [command, *flags.split(), wrong])
  # A module that is imported already would be warned of when it is run.
  monkeypatch.delitem(sys.modules, f"projects.{command}", raising=False)
  with pytest.raises(SystemExit) as left:
    runpy.run_module(f"projects.{command}", run_name="__main__")
  assert left.value.code == 2
  said = capsys.readouterr().err
  assert said.count("\n") == 1
  assert said.startswith(f"error: {wrong} is none of ")
  assert near in said.split("is none of ")[1].split("; did you mean")[0]
  assert said.endswith(f"; did you mean {near!r}?\n")


def test_logs_of_a_killed_run_lose_their_tail_and_damaged_lines(tmp_path):
  records = [{"step": s, "loss": s / 2} for s in (2, 4, 6)]
  text = "".join(json.dumps(r) + "\n" for r in records)
  for bad in (b'{"step": 8, "lo', b'{"step": 8, "lo\xff": 1}', b"\0\xfe"):
    for whole in (text.encode() + bad, bad + b"\n" + text.encode()):
      (tmp_path / "metrics.jsonl").write_bytes(whole)
      assert logs.read(tmp_path) == records
  log = logs.Log(tmp_path, 4)
  log.write(6, {"loss": 9.0})
  log.close()
  assert logs.read(tmp_path) == [*records[:2], {"step": 6, "loss": 9.0}]


def test_help_shows_the_flags_and_exits_0(monkeypatch, capsys):
  train = importlib.import_module("projects.coulomb_gan.train").train
  monkeypatch.setattr(sys, "argv", ["train", "--help"])
  with pytest.raises(SystemExit) as stop:
    cli.main(train)
  assert not stop.value.code
  said = capsys.readouterr().out
  for word in ("--workdir", "--config.KEY=VALUE", "auto", "Trains a Coulomb"):
    assert word in said


@pytest.mark.parametrize(
  ("module", "sets"),
  [
    ("projects.ttur.fid", "folder .zip .npy .npz cifar10:test standard"),
    ("projects.fvd.score", "folder .zip .npy .npz .gif .tfrecords frames"),
    ("projects.fcd.score", "folder .zip .smi .csv .gz standard"),
  ],
)
def test_a_metrics_help_says_what_is_taken_on_any_terminal(
  module, sets, monkeypatch
):
  monkeypatch.setattr(population, "use_all_cores", lambda: None)
  ascii_ = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
  monkeypatch.setattr(sys, "stdout", ascii_)
  monkeypatch.setattr(sys, "argv", [module, "--help"])
  main = importlib.import_module(module).main
  with pytest.raises(SystemExit) as stop:
    main()
  assert not stop.value.code
  said = ascii_.buffer.getvalue().decode()
  taken = said.split("the reference: ")[1].split("  B ")[0]
  for word in [*sets.split(), "--save-stats", "pattern"]:
    assert word in taken
  assert "(default: None)" not in said and "(default: False)" not in said


def test_coordinator_auto_lets_jax_find_the_cluster(monkeypatch, capsys):
  calls = []
  monkeypatch.setattr(jax.distributed, "initialize", lambda *a: calls.append(a))
  cli.join_processes("auto", 1, 0)
  cli.join_processes("localhost:1", 2, 1)
  cli.join_processes(None, 1, 0)
  assert calls == [(), ("localhost:1", 2, 1)]

  def nothing():
    raise ValueError("coordinator_address should be defined.")

  monkeypatch.setattr(jax.distributed, "initialize", nothing)
  with pytest.raises(SystemExit), cli.sentences():
    cli.join_processes("auto", 1, 0)
  assert "no SLURM, Open MPI or TPU pod" in capsys.readouterr().err


def test_configs_of_the_checkout_are_found_from_any_directory(
  monkeypatch, tmp_path
):
  monkeypatch.chdir(tmp_path)
  config = cli.load_config("configs/coulomb_gan/gaussian_grid.py:smoke")
  assert config.dataset == "gaussian_grid"


def test_the_config_of_another_project_is_named(
  root, tmp_path, monkeypatch, capsys
):
  from projects.slot_attention import train

  theirs = "configs/coulomb_gan/gaussian_grid.py:smoke"
  said = "is a config of coulomb_gan, and this command trains ttur"
  for name in (theirs, str(root / theirs)):
    cli.check_project(name, "coulomb_gan")
    with pytest.raises(InputError, match=said):
      cli.check_project(name, "ttur")
  # One's own, in a folder of any name; one beside the checkout's.
  cli.check_project(str(tmp_path / "coulomb_gan" / "mine.py"), "ttur")
  cli.check_project(str(tmp_path / "configs" / "mine" / "a.py"), "ttur")
  cli.check_project(theirs, "elsewhere")
  monkeypatch.setattr(sys, "argv", ["train", f"--config={theirs}"])
  with pytest.raises(SystemExit):
    cli.main(train.train)
  assert "trains slot_attention" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("project", "table", "key"),
  [
    ("first_order_gan", "papers", "total_steps"),
    ("cnn_zoo", "predictors", "steps_per_call"),
  ],
)
def test_the_config_of_a_table_is_told_from_a_trainings(
  project, table, key, monkeypatch, capsys
):
  train = importlib.import_module(f"projects.{project}.train").train
  name = f"configs/{project}/{table}.py"
  monkeypatch.setattr(sys, "argv", ["train", f"--config={name}"])
  with pytest.raises(SystemExit):
    cli.main(train)
  assert capsys.readouterr().err == (
    f"error: {name} has no {key}: it is the config of a table, not of a "
    f"training, and python -m projects.{project}.reproduce takes it\n"
  )


def test_importing_defines_no_flags(root):
  code = (
    "import projects.coulomb_gan.train, projects.fcd.score\n"
    "import projects.fvd.score, projects.ttur.fid, projects.ttur.score\n"
    "from absl import flags\n"
    "assert not {'config', 'workdir'} & set(flags.FLAGS)\n"
  )
  subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
