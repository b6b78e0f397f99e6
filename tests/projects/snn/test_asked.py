"""Flags of the tables: which can be, and when a part may be written."""

import argparse
import contextlib

import pytest

from common.errors import InputError
from common.tables.reproduce import Context
from projects.snn import asked, reproduce


@pytest.mark.parametrize(
  ("quick", "flags", "may"),
  [
    (False, {}, True),
    (False, {"only": ["iris"]}, False),
    (False, {"methods": ["selu"]}, False),
    (True, {"methods": ["selu"]}, True),
    (False, {"methods": ["selu"], "out": "else"}, True),
  ],
)
def test_a_part_of_a_table_replaces_no_whole(quick, flags, may):
  flags = {"only": [], "methods": [], "out": None, "data_dir": "", **flags}
  flags = argparse.Namespace(**flags)
  context = Context("snn", None, quick, False, flags)
  assert asked.may_write(context) == may
  needs = contextlib.nullcontext()
  if not quick:
    needs = pytest.raises(InputError, match="say where it is with --data_dir=")
  with needs:
    asked.need_files(context, "it is")
  flags.data_dir = "there"
  asked.need_files(context, "it is")


@pytest.mark.parametrize(
  ("flag", "message"),
  [
    ("--table=uic", "did you mean 'uci'"),
    ("--methods=sel", "did you mean 'selu'"),
    ("--depths=0", "'0' is no whole number from 1"),
    ("--table=htru2 --only=iris", "--only and --depths are of --table=uci"),
    ("--table=tox21 --methods=svm", "--methods=svm is none of selu"),
    ("--table=uci", "say where the tasks' files are with --data_dir=DIR"),
  ],
)
def test_a_wrong_flag_is_one_sentence(flag, message, tmp_path, capsys):
  with pytest.raises(SystemExit) as end:
    reproduce.main([*flag.split(), f"--out={tmp_path}"])
  assert message in f"{end.value}{capsys.readouterr().err}"
