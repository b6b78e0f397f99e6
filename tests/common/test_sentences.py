"""The frame of every command: what ends it, and what is said then."""

import errno
import os
import subprocess
import sys
from unittest import mock

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import cli, logs


def test_a_full_disk_is_named_with_the_mend(tmp_path, capsys, monkeypatch):
  log = logs.Log(tmp_path, 0)
  log.close()
  full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
  monkeypatch.setattr(
    log, "_file", mock.Mock(flush=mock.Mock(side_effect=full))
  )
  log._file.name = "runs/metrics.jsonl"
  with pytest.raises(SystemExit) as left, cli.sentences():
    log.write(1, {"loss": 0.5})
  assert left.value.code == 1
  said = capsys.readouterr().err
  where = "error: No space left on device: runs/metrics.jsonl; free some space"
  assert said.startswith(where)
  assert said.count("\n") == 1


@pytest.mark.parametrize(
  ("ask", "says"),
  [
    (lambda: jnp.zeros((10**7, 10**7)), " (400000000000000 bytes more were"),
    (lambda: np.zeros((10**7, 10**7)), " (728. TiB more were"),
    (lambda: bytearray(2**62), "; a smaller --config.batch_size"),
  ],
)
def test_out_of_memory_is_one_sentence(capsys, ask, says):
  with pytest.raises(SystemExit) as left, cli.sentences():
    jax.block_until_ready(ask())
  assert left.value.code == 1
  said = capsys.readouterr().err
  assert said.startswith(f"error: out of memory{says}")
  assert said.count("\n") == 1


def test_other_errors_of_a_program_keep_their_traceback():
  with pytest.raises(RuntimeError, match="a bug"), cli.sentences():
    raise RuntimeError("a bug")


PRINTS = """
from common import cli
with cli.sentences():
  print(*range({lines}), sep="\\n")
"""


def test_another_pipe_that_breaks_is_told(capfd):
  with pytest.raises(SystemExit) as left, cli.sentences():
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
  assert left.value.code == 1
  assert capfd.readouterr().err == "error: Broken pipe\n"


@pytest.mark.parametrize(
  "command",
  [
    ("-c", PRINTS.format(lines=5)),  # In one buffer, and in many.
    ("-c", PRINTS.format(lines=100_000)),
    ("-m", "projects"),
    ("-m", "projects.snn"),
  ],
  ids=["few", "many", "all papers", "a paper"],
)
def test_a_reader_that_has_seen_enough_ends_it_in_silence(
  root, command, monkeypatch
):
  monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
  done = subprocess.Popen(
    [sys.executable, *command],
    cwd=root,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )
  assert done.stdout
  done.stdout.close()
  said = done.communicate()[1]
  assert (done.returncode, said) == (141, b"")
