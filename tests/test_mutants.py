"""The lists of tools/mutants are up to date, and a sample is of all of them."""

import sys

import pytest

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


def test_a_word_in_no_path_is_an_error(monkeypatch, capsys):
  monkeypatch.setattr(sys, "argv", ["mutants", "--only=nowhere"])
  with pytest.raises(SystemExit) as end:
    tool.main()
  assert end.value.code == 2
  assert "--only=nowhere: no file with mutants" in capsys.readouterr().err
