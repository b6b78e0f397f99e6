"""Tokens: the packages' own cases, and both rules against a plain reading."""

import re

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from projects.fcd import model, tokens


def ids(smiles, rule, length=tokens.LENGTH):
  row = tokens.encode([smiles], rule, length)[0]
  kept = row[row != model.PADDING].tolist()
  # What is behind the end is padding, and nothing in front of it is.
  assert row[: len(kept)].tolist() == kept and kept[-1] == tokens.END
  return kept[:-1]


def test_the_packages_cases():
  assert ids("CYACCyyCLCl", "1.2") == [0, 33, 33, 0, 0, 33, 33, 0, 33, 5]
  want = [
    2,
    25,
    0,
    13,
    26,
    0,
    28,
    3,
    27,
    17,
    0,
    0,
    26,
    0,
    28,
    28,
    3,
    27,
    18,
    26,
    0,
    28,
    28,
    3,
    27,
  ]
  for rule in tokens.RULES:
    assert ids("O=C([C@H]1CC[C@@H]2[C@@H]", rule) == want


def plain_new(smiles):
  symbols = sorted(tokens.VOCABULARY, key=len, reverse=True)
  found = re.findall("|".join(map(re.escape, symbols)) + "|.", smiles)
  known = tokens.VOCABULARY
  return [known.index(s) if s in known else tokens.UNKNOWN for s in found]


def plain_old(smiles):
  out, i = [], 0
  while i < len(smiles) and len(out) < tokens.LENGTH - 1:
    symbol = smiles[i]
    if i + 1 < len(smiles) and smiles[i + 1] in "ril":
      symbol += smiles[i + 1]
    i += len(symbol)
    if symbol == ".":
      break
    known = tokens.VOCABULARY
    out.append(known.index(symbol) if symbol in known else tokens.UNKNOWN)
  return out


@hypothesis.given(
  st.text("CNOHFlBrSiPXclnos.()[]=#@+-123890%/\\éA", max_size=60)
)
def test_both_rules_read_as_the_packages_do(smiles):
  assert ids(smiles, "1.2", 400) == plain_new(smiles)
  # A dot that opens a string is left to the next test.
  hypothesis.assume(not smiles.startswith("."))
  hypothesis.assume(not re.search(r"\.[ril]", smiles))
  assert ids(smiles, "1.1") == plain_old(smiles)


def test_salts_metals_and_long_strings_differ_by_rule():
  assert ids("CC.[Na+]", "1.1") == [0, 0]
  assert len(ids("CC.[Na+]", "1.2")) == 8
  assert ids("[Li]", "1.1") == [26, 33, 27] and len(ids("[Li]", "1.2")) == 4
  long = "C" * 2000
  assert tokens.padded_length(["C", long], "1.2") == 2001
  assert tokens.padded_length(["C", long], "1.1") == 350
  assert len(ids(long, "1.1")) == 349
  assert len(ids(long, "1.2", 2001)) == 2000
  assert tokens.padded_length([], "1.2") == 350


@pytest.mark.parametrize(
  "text, by_rule",
  [
    ("C" * 349, (0, 0)),
    ("C" * 350, (1, 1)),
    ("Cl" * 200, (1, 0)),  # 200 symbols.
    ("Cl" * 350, (1, 1)),
    ("C" * 349 + ".Na", (1, 0)),  # What is cut, the rule does not read.
    ("C" * 350 + ".Na", (1, 1)),
  ],
)
def test_what_is_too_long_differs_by_rule(text, by_rule):
  found = [tokens.too_long(["C", text], rule) for rule in ("1.2", "1.1")]
  assert tuple(found) == by_rule
  # The tokens say the same: with room for all, a symbol more than 349.
  whole = tokens.encode([text], "1.1", 1000)[0]
  assert (np.sum(whole != model.PADDING) > tokens.LENGTH) == by_rule[1]


@pytest.mark.parametrize("rule", tokens.RULES)
def test_a_list_is_its_strings(rule):
  smiles = ["", "C", "CCl", "Brc1ccccc1"]
  together = tokens.encode(smiles, rule, 350)
  assert together.dtype == np.int8 and together.shape == (4, 350)
  for text, row in zip(smiles, together, strict=True):
    np.testing.assert_array_equal(tokens.encode([text], rule, 350)[0], row)
