"""Which commit a number is said to come from."""

import subprocess

from common import provenance


def test_changed_code_is_told_from_changed_results(tmp_path):
  def git(*args):
    line = [
      "git",
      "-C",
      str(tmp_path),
      "-c",
      "user.name=a",
      "-c",
      "user.email=b",
    ]
    subprocess.run([*line, *args], check=True, capture_output=True)

  assert provenance.commit(tmp_path) == "unknown"
  folder = tmp_path / "common"
  texts = "results/a.json", "projects/README.md", "common/code.py"
  for name in texts:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("1")
  git("init")
  git("add", ".")
  git("commit", "-m", "first")
  clean = provenance.commit(folder)
  assert len(clean) == 12
  for name in texts:
    (tmp_path / name).write_text("2")
    code = name.endswith(".py")
    assert provenance.commit(folder) == clean + "+changes" * code
