"""Lists of mutants are up to date, samples are of all; the tools' flags."""

import sys

import pytest

from benchmarks import __main__ as benchmarks
from tools import fork, malformed
from tools.mutants import __main__ as tool
from tools.mutants.mutant import Mutant


@pytest.mark.parametrize("name", [one.__name__ for one in tool.LISTS])
def test_every_piece_of_code_stands_once(name):
  (mutants,) = [one.MUTANTS for one in tool.LISTS if one.__name__ == name]
  for mutant in mutants:
    text = (tool.ROOT / mutant.file).read_text()
    assert tool.mutated(mutant, text) != text
    for tests in mutant.tests.split():
      assert (tool.ROOT / tests.split("::")[0]).exists(), tests


def test_a_sample_has_of_each_list_its_share():
  lists = [
    [Mutant(f"{i}", f"{k}", "", "") for k in range(10 * i)] for i in (1, 9)
  ]
  drawn = tool.sample(lists, 20, seed=3)
  assert drawn == tool.sample(lists, 20, seed=3) != tool.sample(lists, 20, 4)
  assert len(set(drawn)) == 20 and sum(m.file == "1" for m in drawn) == 2
  assert len(tool.sample(lists, 1, 0)) == 2  # At least one of each.


def test_a_journal_is_gone_on_from(tmp_path, monkeypatch):
  tried = []
  monkeypatch.setattr(tool, "FOLDERS", ("tools",))
  monkeypatch.setattr(
    tool, "survives", lambda m, root: tried.append(m) or m.right == "b"
  )
  a, b = (Mutant("f", right, "", "") for right in "ab")
  journal = tmp_path / "journal"
  assert list(tool.verdicts([b], journal)) == [(b, True)]
  assert list(tool.verdicts([a, b], journal)) == [(a, False), (b, True)]
  assert tried == [b, a]


@pytest.mark.parametrize(
  ("command", "flags", "says"),
  [
    (tool, "--only=nowhere", "--only=nowhere: no file with mutants"),
    (tool, "--onyl=snn", "there is no flag --onyl; did you mean --only?"),
    (tool, "--sample=-3", "'-3' is no whole number from 1"),
    (malformed, "--onyl=csv", "did you mean --only?"),
    (malformed, "--only=g.exmple", "; did you mean 'g.example'?"),
    (malformed, "--seed=-1", "'-1' is no whole number from 0"),
    (malformed, "--rounds=-5", "'-5' is no whole number from 1"),
    (fork, "a b --onyl=ppo", "did you mean --only?"),
    (benchmarks, "--quik", "did you mean --quick?"),
    (benchmarks, "coulomb_gna", "fvd_memory; did you mean 'coulomb_gan'?"),
  ],
)
def test_a_tools_wrong_flag_is_one_sentence(
  monkeypatch, capsys, command, flags, says
):
  monkeypatch.setattr(sys, "argv", ["command", *flags.split()])
  with pytest.raises(SystemExit) as end:
    command.main(*[sys.argv[1:]] * (command is fork))
  assert end.value.code == 2
  said = capsys.readouterr().err
  assert said.startswith("error: ") and said.count("\n") == 1
  assert says in said
