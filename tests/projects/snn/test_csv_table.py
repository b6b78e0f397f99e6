"""Your own table: what is read, what is refused, and by which keys."""

import gzip

import numpy as np
import pytest

from common.data.standardise import standardised
from common.errors import InputError
from configs.snn import uci as uci_config
from projects.snn.datasets import csv_table, loading


def test_csv_table_handles_and_counts(tmp_path):
  path = tmp_path / "mine.csv"
  path.write_text(
    "age,colour,code,same,kind\n"
    "1,red,10,7,b\n"
    "?,blue,20,7,a\n"
    "3,,10,7,b\n"
    "\n"
    "4,red,10,7,\n"
    '5,"red",20,7,a\n'
  )
  table = csv_table.read(path, "kind", categorical=["code"])
  assert table.name == "mine" and table.classes == ("a", "b")
  np.testing.assert_array_equal(table.y, [1, 0, 1, 0])
  nan = np.nan  # age, blue, red, 10, 20, same
  np.testing.assert_array_equal(
    table.x,
    [
      [1, 0, 1, 1, 0, 7],
      [nan, 1, 0, 0, 1, 7],
      [3, nan, nan, 1, 0, 7],
      [5, 0, 1, 0, 1, 7],
    ],
  )
  assert table.notes["dropped_rows"] == 1
  assert table.notes["missing_values"] == 2
  assert table.notes["text_columns"] == 2
  assert table.notes["constant_columns"] >= 1
  assert len(table.splits) == 4
  scaled = standardised(table.x, np.arange(4))
  assert np.isfinite(scaled).all() and not scaled[:, 5].any()
  assert scaled[1, 0] == 0
  assert not scaled[2, 1:3].any()  # A missing text is the mean, too.


@pytest.mark.parametrize("start", [1_700_000_000, 1_700_000_000_000, 2460000.5])
def test_large_numbers_keep_their_differences(tmp_path, start):
  path, n = tmp_path / "mine.csv", 200
  lines = [f"{start + i},{i % 2}" for i in range(n)]
  path.write_text("\n".join(["time,kind", *lines]))
  scaled = standardised(csv_table.read(path, "kind").x, np.arange(n))
  wanted = np.arange(n) - (n - 1) / 2
  np.testing.assert_allclose(
    scaled[:, 0], wanted / wanted.std(), rtol=1e-5, atol=1e-6
  )


def test_names_with_commas_are_texts_where_the_config_says_so(tmp_path):
  path = tmp_path / "mine.csv"
  path.write_text("v;kind\n1,5;a\n2,5;b\n1,5;a\n2,5;b\n")
  table = csv_table.read(path, "kind", ["v"], separator=";")
  assert table.columns[0].levels == ("1,5", "2,5")


def test_labels_that_are_numbers_sort_as_numbers(tmp_path):
  path = tmp_path / "mine.csv.gz"
  path.write_bytes(gzip.compress(b"v,kind\n0,10\n1,9\n2,10\n3,9\n"))
  assert csv_table.read(path, "kind").classes == ("9", "10")


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "mine.csv is empty"),
    ("v,kind\n", "a header but no rows"),
    ("v,kin\n1,a\n", "no column 'kind'; did you mean 'kin'"),
    ("v,v,kind\n1,2,a\n", "column 'v' more than once"),
    ("v,kind\n1,a\n2,b\n3x,a\n", "line 4, column 'v': '3x'"),
    ("v,kind\n1,a\n2,b\ninf,a\n", "line 4, column 'v': 'inf'"),
    ("v,kind\n1,a\n2,b,c\n", "line 3: 3 cells under a header of 2"),
    ("5.1,3.5,a\n4.9,3.0,b\n", "the first row holds numbers .5.1, 3.5. where"),
    ("v,kind\n1,a\n2,b\n3,a\n", "has 3 rows with a label"),
    (
      "v,kind\n" + "".join(f"{i},{i / 7}\n" for i in range(15)),
      "15 different labels in 15 rows: it looks like a quantity",
    ),
    (
      "v,kind\n" + "".join(f"{i},{i % 240}\n" for i in range(2000)),
      "240 different labels in 2000 rows",
    ),
    ("v,kind\n1,a\n2,a\n", "1 different labels"),
    ("v,kind\n1,\n2,?\n", "0 different labels"),
    ("kind\na\nb\n", "no column of features"),
    (
      "v,kind\n" + "".join(f"n{i},{i % 2}\n" for i in range(70)),
      "column 'v', has 70 different texts",
    ),
    ('v,kind\n1,"a\n', "line 2"),
    (
      'v,kind\n"0,5",a\n"1,5",b\n',
      "column 'v', has numbers with a comma or a sign, as '0,5'",
    ),
    ("v,kind\n5%,a\n-1.5 %,b\n", "comma or a sign, as '5%'"),
    ('v,kind\n"$1,000",a\n€5,b\n', "comma or a sign, as '.1,000'"),
    ("v,kind\n1,a\n1_0,b\n", "line 3, column 'v': '1_0' is not a finite"),
    ("v,kind\n1,a\n1e300,b\n", "line 3, column 'v': 1e300 is too large"),
  ],
)
def test_csv_table_refuses(tmp_path, text, message):
  path = tmp_path / "mine.csv"
  path.write_text(text)
  with pytest.raises(InputError, match=message) as error:
    csv_table.read(path, "kind")
  assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_csv_table_by_the_keys_of_the_config(tmp_path, caplog):
  path = tmp_path / "mine.txt"
  path.write_text("1;10;1\n2;20;1.0\n-9.0;10;2\n4;20;2.0\n5;10;1\n")
  config = uci_config.get_config("smoke")
  config.unlock()
  config.data_dir = str(path)
  config.data.update(
    source="csv", name="3", separator=";", header=False, categorical=("2",)
  )
  config.data.missing = ("-9", "99", "no")  # -9.0 is -9.
  table = loading.read(config)
  assert "no cell is '99' or 'no'" in caplog.text
  assert table.classes == ("1", "2")  # 1.0 is 1.
  np.testing.assert_array_equal(table.y, [0, 0, 1, 1, 0])
  np.testing.assert_array_equal(table.x[:, 0], [1, 2, np.nan, 4, 5])
  np.testing.assert_array_equal(table.x[:, 1:].argmax(1), [0, 1, 0, 1, 0])


def test_csv_table_that_is_not_text(tmp_path):
  (tmp_path / "a.csv").write_bytes(b"v,kind\n\xff\xfe,a\n")
  (tmp_path / "a.csv.gz").write_bytes(b"v,kind\n")
  for name in ("a.csv", "a.csv.gz", "none.csv"):
    with pytest.raises(InputError, match=f"{name} cannot be read"):
      csv_table.read(tmp_path / name, "kind")
