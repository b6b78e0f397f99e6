"""Samples that stream, statistics in files, and what refuses to be compared."""

import errno
import io
import json
import re
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from common.errors import InputError
from common.metrics import command, feature_distance, running
from common.stats import frechet, kid, precision_recall

PROTOCOL = {"score": "toy", "network": "none", "versions": {"jax": "1"}}


def chunks(x, size):
  return (x[i : i + size] for i in range(0, len(x), size))


def collected(x, size=100, name="x", protocol=PROTOCOL, **kwargs):
  return feature_distance.collect(name, chunks(x, size), protocol, {}, **kwargs)


def equal(a, b):
  for one, other in zip(a, b, strict=True):
    np.testing.assert_array_equal(one, other)


@hypothesis.given(st.integers(1, 60), st.integers(2, 60))
def test_chunks_do_not_matter(size, n):
  x = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
  once, streamed = collected(x, n), collected(x, size)
  equal(once.whole, streamed.whole)
  equal(once.rows, streamed.rows)
  for one, other in zip(once.parts, streamed.parts, strict=True):
    equal(one, other)
  assert sum(part.n for part in once.parts) == once.n == n
  np.testing.assert_allclose(once.whole.mean, x.mean(0), atol=1e-6)


def test_many_rows_stream_into_a_uniform_sample(monkeypatch):
  monkeypatch.setattr(running, "KEEP", 200)
  monkeypatch.setattr(running, "_DEAL", 640)
  x = np.arange(5000, dtype=np.float32)[:, None]
  one, other = collected(x, 37), collected(x, 5000)
  equal(one.rows, other.rows)
  equal(one.whole, other.whole)
  assert len(np.unique(one.rows)) == 200 == len(one.rows)
  assert one.rows.mean() == pytest.approx(2500, abs=350)
  assert {part.n for part in one.parts} <= set(range(490, 511))
  whole = frechet.moments(x)
  np.testing.assert_allclose(one.whole.scatter, whole.scatter, rtol=1e-9)


def test_statistics_go_through_a_file(tmp_path):
  x = np.random.default_rng(0).normal(size=(50, 3))
  saved = collected(x)
  feature_distance.save(tmp_path / "x.npz", saved)
  assert feature_distance.is_statistics(tmp_path / "x.npz")
  back = feature_distance.load(tmp_path / "x.npz")
  assert back.protocol == PROTOCOL and back.n == 50
  np.testing.assert_allclose(back.whole.scatter, saved.whole.scatter)
  result = feature_distance.compare(saved, back)
  assert result["distance"] == pytest.approx(0, abs=1e-12)
  assert result["kernel_distance"] is None and result["standard_error"] >= 0
  assert "no kernel distance" in command.text(result)


def test_files_of_other_tools_load_and_are_told_apart(tmp_path, capsys):
  x = np.random.default_rng(0).normal(size=(50, 3))
  np.savez(tmp_path / "theirs.npz", mu=x.mean(0), sigma=np.cov(x.T))
  np.savez(tmp_path / "images.npz", images=np.zeros((2, 4, 4, 3), np.uint8))
  assert not feature_distance.is_statistics(tmp_path / "images.npz")
  assert not feature_distance.is_statistics(tmp_path / "absent.npz")
  theirs = feature_distance.load(tmp_path / "theirs.npz")
  result = feature_distance.compare(collected(x), theirs)
  assert result["n"] == [50, None]
  assert result["distance"] == pytest.approx(0, abs=1e-9)
  assert "does not say how it was made" in capsys.readouterr().err


@pytest.mark.parametrize("n", [None, 50, [50]])
def test_float32_statistics_of_no_full_rank(n, tmp_path):
  """Other tools' arrays: their rounding is known, and other members are not."""
  x = np.random.default_rng(0).normal(size=(50, 80)) + 3
  np.savez(
    tmp_path / "theirs.npz",
    mu=x.mean(0).astype(np.float32),
    sigma=np.cov(x.T).astype(np.float32),
    notes="made on Monday",
    protocol=np.array({"by": "pickle"}, object),
    arr_0=np.array([None, "x"], object),
    **({} if n is None else {"n": n}),
  )
  theirs = feature_distance.load(tmp_path / "theirs.npz")
  assert (theirs.n, theirs.protocol, theirs.notes) == (n and 50, None, {})
  feature_distance.save(tmp_path / "again.npz", theirs)
  theirs = feature_distance.load(tmp_path / "again.npz")
  y = np.random.default_rng(1).normal(size=(60, 80))
  got = feature_distance.compare(collected(y), theirs, distance_only=True)
  exact = float(frechet.distance_from_features(y, x))
  # 1e-7 of each entry; see `frechet.distance`.
  assert got["distance"] == pytest.approx(exact, rel=3e-4)


@pytest.mark.parametrize(
  ("mu", "sigma", "message"),
  [
    (np.zeros(3), np.zeros((3, 4)), "has shape"),
    (np.zeros(3), np.full((3, 3), np.nan), "not finite"),
    (np.zeros(3), np.arange(9.0).reshape(3, 3), "not symmetric"),
    (np.array(["a"]), np.eye(1), "cannot be read"),
    (np.zeros(2), np.diag([1.0, -1.0]), "not positive semi-definite"),
    (np.zeros(2), np.eye(2) + 0j, "they are complex"),
  ],
)
def test_bad_statistics_are_one_sentence(mu, sigma, message, tmp_path):
  np.savez(tmp_path / "bad.npz", mu=mu, sigma=sigma)
  with pytest.raises(InputError, match=message) as error:
    feature_distance.load(tmp_path / "bad.npz")
  assert "bad.npz" in str(error.value)


def test_statistics_of_nothing_and_of_another_kind_of_protocol(tmp_path):
  x = np.random.default_rng(0).normal(size=(50, 2))
  found = {"mu": x.mean(0), "sigma": np.cov(x.T)}
  np.savez(tmp_path / "x.npz", **found, n=0)
  with pytest.raises(InputError, match=r"x\.npz: .*got 0 sample"):
    feature_distance.load(tmp_path / "x.npz")
  np.savez(tmp_path / "x.npz", **found, protocol='{"network": "none"}')
  both = [feature_distance.load(tmp_path / "x.npz")] * 2
  text = command.text(feature_distance.compare(*both))
  assert text.startswith("Fréchet distance: ") and "network none" in text


def test_truncated_statistics_are_one_sentence(tmp_path):
  feature_distance.save(tmp_path / "x.npz", collected(np.eye(40)))
  whole = (tmp_path / "x.npz").read_bytes()
  # The directory of a zip file is at its end.
  (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
  assert not feature_distance.is_statistics(tmp_path / "cut.npz")
  with pytest.raises(InputError, match=r"cut.npz cannot be read"):
    feature_distance.load(tmp_path / "cut.npz")


def test_other_protocols_are_refused_unless_told():
  x = np.random.default_rng(0).normal(size=(60, 3))
  here = collected(x, name="here")
  newer = collected(x, protocol={**PROTOCOL, "versions": {"jax": "2"}})
  assert feature_distance.compare(here, newer)["distance"] < 1e-12
  there = collected(x, name="there", protocol={**PROTOCOL, "network": "other"})
  with pytest.raises(InputError, match="network is 'none' of A and 'other' of"):
    feature_distance.compare(here, there)
  result = feature_distance.compare(here, there, any_protocol=True)
  assert "NOT THE SAME PROTOCOL: network" in command.text(result)


def test_a_result_says_everything():
  random = np.random.default_rng(0)
  a = collected(random.normal(size=(300, 4)), name="a")
  b = feature_distance.collect(
    "b", [random.normal(1, 1, size=(400, 4))], PROTOCOL, {"gray": 3, "bad": 0}
  )
  result = feature_distance.compare(a, b)
  assert json.loads(json.dumps(result)) == result
  text = command.text(result)
  for part in (
    "toy: ",
    " ± ",
    "infinite n",
    "kernel distance",
    "precision",
    "n = 300 and 400",
    "4 features",
    "network none",
    "b: 3 gray",
    "of the line, which is no error bar)",
  ):
    assert part in text, part
  line = {**result["at_infinity"], "value": -0.83}  # Of 5 samples against 5.
  text_of_few = command.text({**result, "at_infinity": line})
  assert "negative: n is too small for it)" in text_of_few
  assert "bad" not in text
  assert result["distance"] == pytest.approx(4, rel=0.2)
  kernel = kid.polynomial_mmd(a.rows, b.rows)
  assert result["kernel_distance"] == kernel._asdict()
  # A, which comes first, is the reference.
  shares = precision_recall.manifold(a.rows, b.rows)
  assert result["manifold"] == shares._asdict()
  short = feature_distance.compare(a, b, distance_only=True)
  assert "standard_error" not in short and "toy: " in command.text(short)


def test_features_that_are_not_finite_are_named():
  x = np.zeros((30, 2))
  x[17, 1] = np.inf
  with pytest.raises(InputError, match=r"x: sample 17 \(from 0\) has features"):
    collected(x, 10)
  with pytest.raises(
    InputError, match=r"1 sample\(s\) were left.*\(3 broken\)"
  ):
    feature_distance.collect("x", [x[:1]], PROTOCOL, {"broken": 3})


def test_the_command(tmp_path, monkeypatch, capsys):
  def read(path, arguments):
    x = np.random.default_rng(arguments.columns).normal(size=(50, 2))
    return feature_distance.collect(path, [x], {"score": "toy"}, {})

  def run(*arguments):
    monkeypatch.setattr(sys, "argv", ["toy", *arguments])
    add = lambda p: p.add_argument("--columns", type=int, default=2)
    command.main("Toy.", add, read)
    return capsys.readouterr().out

  file = str(tmp_path / "a.npz")
  said = run("a", "b", f"--save-stats={file}", "--json")
  assert json.loads(said)["distance"] == pytest.approx(0, abs=1e-9)
  assert "toy: " in run(file, "b", "--columns=3")
  for arguments in (["a"], ["a", "b", "--batch-size=0"]):
    with pytest.raises(SystemExit) as stop:
      run(*arguments)
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.startswith("error: ")
    assert said.count("\n") == 1


def test_what_can_be_known_is_said_before_the_first_feature(
  tmp_path, monkeypatch, capsys
):
  read, b = [], tmp_path / "b.npz"

  def features(path, arguments):
    read.append(path)
    x = np.random.default_rng(0).normal(size=(50, 2))
    return feature_distance.collect(path, [x], {"score": "toy"}, {})

  def check(path, arguments):
    if path == "absent":
      raise InputError("there is no absent")

  np.savez(b, mu=np.zeros(2), sigma=np.zeros((2, 3)))
  np.save(tmp_path / "dict.npy", {"mu": np.zeros(2)}, allow_pickle=True)
  (tmp_path / "file").write_text("")
  (tmp_path / "x.npz").mkdir()
  stats = "--save-stats={}".format
  for words, message in (
    (["a", stats("stats")], r"kept in a file named \*.npz"),
    (["a", stats(tmp_path / "x.npz")], "is a folder"),
    (["a", stats(tmp_path / "file" / "y.npz")], "is no folder that"),
    (["a", "absent"], "there is no absent"),
    (["a", b], "has shape"),
    ([tmp_path / "dict.npy", "b"], "holds a Python object"),
  ):
    monkeypatch.setattr(sys, "argv", ["toy", *map(str, words)])
    with pytest.raises(SystemExit):
      command.main("Toy.", lambda p: None, features, check=check)
    said = capsys.readouterr().err
    assert re.search(message, said) and said.count("\n") == 1, said
  assert not read


def test_statistics_stand_alone_on_their_side(tmp_path):
  x = np.eye(4)
  for name in ("x.npz", "y.npz"):
    np.savez(tmp_path / name, mu=x[0], sigma=x)
  read = lambda name, source: collected(x, name=name)
  one = str(tmp_path / "x.npz")
  assert feature_distance.side("A", [one], read).n is None
  assert feature_distance.side("A", ["a", "b"], read).name == "a + b"
  for source in ([one, "b"], ["a", one], str(tmp_path / "*.npz")):
    with pytest.raises(InputError, match=r"x\.npz holds statistics.*alone"):
      feature_distance.side("A", source, read)


def test_several_sources_of_a_command(monkeypatch, capsys):
  seen = []

  def features(source, arguments):
    seen.append((source, arguments.a, arguments.b))
    return collected(np.eye(40), name="x")

  check = lambda source, _: seen.append(source)
  monkeypatch.setenv("HOME", "/home")

  def run(*words):
    seen.clear()
    monkeypatch.setattr(sys, "argv", ["toy", *words])
    command.main("Toy.", lambda p: None, features, check=check)
    return seen

  more = ["--more-b", "~/c", "d", "--more-b=e", "--distance-only"]
  sides = ("a", ["b", "/home/c", "d", "e"])
  assert run("a", "b", *more) == [
    sides[1],
    "a",
    ("a", *sides),
    (sides[1], *sides),
  ]
  sides = (["a", "-"], "b")
  found = run("a", "b", "--more-a=-", "--distance-only")
  assert found == ["b", (sides[0], *sides), ("b", *sides)]
  # Read once.
  assert run("a", "-", "--distance-only")[:2] == ["a", ("a", "a", "-")]
  assert run("a-1", "b-1", "--distance-only")[0] == "b-1"
  with pytest.raises(SystemExit):
    run("a", "-", "--more-a=-")
  assert "cannot both be standard input" in capsys.readouterr().err


def test_statistics_of_a_are_kept_where_b_is_bad(tmp_path, monkeypatch):
  def features(path, arguments):
    if path == "b":
      raise InputError("bad")
    return collected(np.eye(40), name=path)

  monkeypatch.setenv("HOME", str(tmp_path))
  words = ["toy", "a", "b", "--save-stats=~/a.npz"]
  monkeypatch.setattr(sys, "argv", words)
  with pytest.raises(SystemExit):
    command.main("Toy.", lambda p: None, features)
  monkeypatch.setattr(sys, "argv", ["toy", "~/a.npz", "c"])
  command.main("Toy.", lambda p: None, features)
  assert feature_distance.side("A", "~/a.npz", features).n == 40


def test_statistics_on_a_full_disk_name_the_file(tmp_path, monkeypatch):
  def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(np, "savez", full)
  path = tmp_path / "a.npz"
  with pytest.raises(InputError, match=r"a\.npz cannot be written \(No space"):
    feature_distance.save(path, collected(np.eye(40), name="a"))
  assert not list(tmp_path.iterdir())


def test_large_members_of_others_are_not_read(tmp_path, monkeypatch):
  x = np.eye(4)
  others = {"notes": np.zeros(10**6), "arr_0": np.zeros(10**6)}
  np.savez(tmp_path / "x.npz", mu=x[0], sigma=x, n=[9], **others)
  opened, read = [], np.lib.npyio.NpzFile.__getitem__

  def counted(file, name):
    opened.append(name)
    return read(file, name)

  monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", counted)
  found = feature_distance.load(tmp_path / "x.npz")
  assert found.n == 9 and not found.notes and found.protocol is None
  assert set(opened) == {"mu", "sigma", "n"}


def test_a_terminal_of_ascii_ends_nothing(tmp_path, monkeypatch):
  raw = io.BytesIO()
  monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
  monkeypatch.setattr(sys, "argv", ["toy", "a", "b"])
  features = lambda path, _: collected(
    np.random.default_rng(0).normal(size=(50, 2)), name=path
  )
  command.main("Toy.", lambda p: None, features)
  sys.stdout.flush()
  assert raw.getvalue().startswith(b"toy: 0 \\xb1 0")


def test_states_are_values_and_end_where_collect_does(monkeypatch):
  monkeypatch.setattr(running, "KEEP", 20)
  monkeypatch.setattr(running, "_DEAL", 32)
  x = np.random.default_rng(0).normal(size=(90, 3))
  state = running.start(seed=4)
  for chunk in chunks(x[:60], 7):
    state = running.update(state, chunk)
  early = feature_distance.collected("x", state, PROTOCOL)
  whole = feature_distance.collected(
    "x", running.update(state, x[60:]), PROTOCOL
  )
  # Neither looking at it nor going on has changed it.
  for got, n in ((whole, 90), (early, 60)):
    wanted = collected(x[:n], seed=4)
    assert got.n == n
    for one, other in zip(got.parts, wanted.parts, strict=True):
      equal(one, other)
    np.testing.assert_array_equal(got.rows, wanted.rows)
  again = feature_distance.collected("x", state, PROTOCOL)
  for one, other in zip(early.parts, again.parts, strict=True):
    equal(one, other)
  with pytest.raises(InputError, match=r"of shape .* after 60 samples of 3"):
    running.update(state, x[:, :2])
  for words in ([["a", "b", "c"]], [[1.0, 2.0, 3.0], [1.0]]):
    with pytest.raises(InputError, match="features are no array of numbers"):
      running.update(state, words)
  with pytest.raises(InputError, match="seed=-1: it can be 0 or more"):
    running.start(-1)
  with pytest.raises(InputError, match="0 sample"):
    feature_distance.collected("x", running.start(), PROTOCOL)
