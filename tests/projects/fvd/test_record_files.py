"""SCV's and BAIR's files: read as they were written, or one clear sentence."""

import collections
import struct

import numpy as np
import pytest

from common.data import protobuf, tfrecord
from common.errors import InputError
from projects.fvd import clips, record_files

FIELD = protobuf.field


def videos(*lengths, size=(6, 8)):
  draw = np.random.default_rng(0)
  return [draw.integers(0, 256, (t, *size, 3), dtype=np.uint8) for t in lengths]


def write(path, *records):
  path.write_bytes(b"".join(map(tfrecord.framed, records)))
  return path


def entry(name, value):
  return FIELD(1, FIELD(1, name.encode()) + FIELD(2, value))


def bair(frames, camera="image_aux1"):
  """An Example as BAIR's, with what else they have."""
  values = b"".join(
    entry(f"{i}/{camera}/encoded", FIELD(1, FIELD(1, frame.tobytes())))
    for i, frame in enumerate(frames)
  )
  action = FIELD(2, FIELD(1, struct.pack("<4f", 1, 2, 3, 4)))
  return FIELD(1, values + entry("0/action", action))


def test_what_is_written_is_read(tmp_path):
  path, sent = tmp_path / "train.tfrecords", videos(3, 5)
  record_files.write_scv(path, sent, loops=4, per_second=16.0)
  got = list(record_files.videos(path))
  assert [one.length for one in got] == [3, 5]
  for one, video in zip(got, sent, strict=True):
    assert (one.frames(range(one.length)) == video).all()
    assert (one.frames(range(0, 3, 2)) == video[:3:2]).all()
  context = got[1].context
  assert context["n_steps"] == 5 and context["game_duration_loops"] == 20
  assert context["game_duration_seconds"] == np.float32(1.25)
  assert list(context["screen_size"]) == [8, 6]  # Width, height.
  # By hand: one frame's PNG lies where SCV's layout has it.
  record = next(tfrecord.read(path, gzipped=False))
  parts = dict(protobuf.fields(memoryview(record)))
  assert sorted(parts) == [1, 2]
  ((name, frames),) = tfrecord.entries(parts[2])
  assert name == "rgb_screen"
  _, first = next(protobuf.fields(frames))
  _, strings = next(protobuf.fields(first))
  _, png = next(protobuf.fields(strings))
  assert bytes(png[:4]) == b"\x89PNG"


def test_bair(tmp_path):
  (sent,) = videos(4, size=(64, 64))
  path = write(tmp_path / "traj.tfrecords", bair(sent))
  (got,) = record_files.videos(path)
  assert got.length == 4 and (got.frames(range(1, 4)) == sent[1:]).all()


def test_clips_of_record_files(tmp_path):
  sent = videos(5, 2, 4)
  path = tmp_path / "some" / "valid-00000-of-00001.tfrecords"
  record_files.write_scv(path, sent, loops=4, per_second=16.0)
  notes = collections.Counter()
  options = clips.Options(frames=2)
  for source in (path, path.parent):
    found = np.stack(list(clips.read(source, options, notes)))
    wanted = [sent[0][:2], sent[0][2:4], sent[1], sent[2][:2], sent[2][2:]]
    assert (found == np.stack(wanted)).all()
  assert not notes


@pytest.mark.parametrize(
  ("spoil", "said"),
  [
    (lambda raw: raw[:-9], "truncated after 1 records"),
    (lambda raw: raw[: len(raw) // 3], "truncated after 0 records"),
    (lambda raw: raw[:40] + b"x" + raw[41:], "record 0 .* is damaged"),
    (lambda raw: b"no records, but long", "damaged at record 0, or is no TF"),
    (
      lambda raw: tfrecord.framed(bair(videos(1)[0], "image_side")),
      "no feature '0/image_aux1/encoded'.* but 0/action",
    ),
    (
      lambda raw: tfrecord.framed(bair(videos(1)[0])),
      "has 144 values of '0/image_aux1/encoded', not 12288",
    ),
    (
      lambda raw: tfrecord.framed(FIELD(2, entry("minimap", b""))),
      "has the sequences minimap, and no 'rgb_screen'",
    ),
    (lambda raw: tfrecord.framed(b""), "has the sequences none"),
    (lambda raw: tfrecord.framed(b"\xff" * 9), "no SequenceExample"),
    (
      lambda raw: tfrecord.framed(
        FIELD(1, entry("n_steps", FIELD(3, FIELD(1, 7))))
        + FIELD(2, entry("rgb_screen", FIELD(1, FIELD(1, FIELD(1, b"x")))))
      ),
      "has 1 frames and says that it has 7",
    ),
  ],
)
def test_bad_files_end_in_one_sentence(tmp_path, spoil, said):
  path = tmp_path / "bad.tfrecords"
  record_files.write_scv(path, videos(3, 3), loops=4, per_second=16.0)
  path.write_bytes(spoil(path.read_bytes()))
  with pytest.raises(InputError, match=said):
    for one in record_files.videos(path):
      one.frames(range(one.length))
  with pytest.raises(InputError, match=said):
    options = clips.Options(frames=1)
    list(clips.read(path, options, collections.Counter()))


def test_a_frame_that_is_no_picture_leaves_out_its_video(tmp_path):
  path, sent = tmp_path / "some.tfrecords", videos(2)
  record_files.write_scv(path, sent, loops=4, per_second=16.0)
  frames = FIELD(1, FIELD(1, FIELD(1, b"x")))
  bad = tfrecord.framed(FIELD(2, entry("rgb_screen", frames)))
  path.write_bytes(bad + path.read_bytes())
  first, _ = record_files.videos(path)
  with pytest.raises(InputError, match="a frame that is no PNG"):
    first.frames(range(1))
  notes = collections.Counter()
  (found,) = clips.read(path, clips.Options(frames=1, count=1), notes)
  assert (found == sent[0][:1]).all() and notes["unreadable"] == 1


def test_a_missing_file(tmp_path):
  with pytest.raises(InputError, match="there is no file"):
    next(record_files.videos(tmp_path / "none.tfrecords"))


def test_long_numbers():
  for value in (0, 127, 128, 300, 2**40):
    record = FIELD(5, value) + FIELD(6, b"a" * 200)
    assert list(protobuf.fields(memoryview(record))) == [
      (5, value),
      (6, b"a" * 200),
    ]
