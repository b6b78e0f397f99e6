"""SMILES as ChemNet's tokens, by the two rules that published scores used.

"1.2", of the fcd package from 1.2 on: the longest match in the vocabulary, else
one unknown a character; the fragments of a salt stay, their dots in between;
nothing is cut, and *all* strings of a list are padded to its longest one, if
that has 350 characters or more.

"1.1", of fcd 1.0 and 1.1 and of fcd_torch (MOSES, GuacaMol): a character before
r, i or l is one symbol with it, known (Cl, Br, Si) or not (Al, Li); only the
fragment before the first dot counts; at most 349 symbols do.

Both end with a dot and pad to 350. A score says which rule it is of: salts,
metals and long strings differ.
"""

import re
from collections.abc import Sequence

import numpy as np

from .model import PADDING

VOCABULARY = tuple(
  "C N O H F Cl P B Br S I Si # ( ) + - 1 2 3 4 5 6 7 8 = [ ] @ c n o s X "
  ".".split()
)
UNKNOWN, END = VOCABULARY.index("X"), VOCABULARY.index(".")
RULES = ("1.2", "1.1")
LENGTH = 350

_PAIRS = tuple(symbol for symbol in VOCABULARY if len(symbol) == 2)
_SINGLE = np.full(256, UNKNOWN, np.int8)
for _id, _symbol in enumerate(VOCABULARY):
  if len(_symbol) == 1:
    _SINGLE[ord(_symbol)] = _id
_SYMBOL = re.compile(".[ril]?", re.DOTALL)  # Of rule 1.1.
_SECOND = np.zeros(256, bool)  # Ends a symbol of two characters in rule 1.1.
_SECOND[[ord(c) for c in "ril"]] = True


def padded_length(smiles: Sequence[str], rule: str) -> int:
  """The length to which a list is padded: 350, or the longest + 1 in "1.2"."""
  if rule == "1.1" or not smiles:
    return LENGTH
  return max(LENGTH, max(map(len, smiles)) + 1)


def too_long(smiles: Sequence[str], rule: str) -> int:
  """How many strings pad all of their list further ("1.2"), or are cut ("1.1").

  Of 350 characters or more, and of as many symbols in the first fragment.
  """
  long = [text for text in smiles if len(text) >= LENGTH]
  if rule == "1.1":
    symbols = [_SYMBOL.findall(_first_fragment(text)) for text in long]
    long = [found for found in symbols if len(found) >= LENGTH]
  return len(long)


def _first_fragment(text: str) -> str:
  # A dot in front of everything would be a symbol, not an end.
  return text[:1] + text[1:].partition(".")[0]


def encode(smiles: Sequence[str], rule: str, length: int) -> np.ndarray:
  """Returns tokens, int8 `[n, length]`, `model.PADDING` behind the end.

  Args:
    smiles: `[n]`; what is not ASCII is unknown to the vocabulary.
    rule: one of `RULES`.
    length: of `padded_length` of the *whole* list that these are from.
  """
  tokens = np.full((len(smiles), length), PADDING, np.int8)
  if rule == "1.1":
    smiles = [_first_fragment(text) for text in smiles]
  raw = [s.encode("ascii", "replace") for s in smiles]
  # Two more than the longest, so that each character has one behind it.
  width = max(map(len, raw), default=0) + 2
  text = np.frombuffer(b"".join(s.ljust(width, b"\0") for s in raw), np.uint8)
  text = text.reshape(-1, width)
  ids = _SINGLE[text]
  # Where a symbol goes on: at its second character no token begins.
  second = np.zeros(text.shape, bool)
  if rule == "1.2":
    for symbol in _PAIRS:
      first, other = symbol.encode()
      found = (text[:, :-1] == first) & (text[:, 1:] == other)
      second[:, 1:] |= found
      ids[:, :-1][found] = VOCABULARY.index(symbol)
  else:
    # In a run of r, i and l they pair up, from what is before the run on.
    places = np.arange(width)[None]
    before = np.maximum.accumulate(np.where(_SECOND[text], 0, places), axis=1)
    second = (places - before) % 2 == 1
    pair = second[:, 1:]
    ids[:, :-1][pair] = UNKNOWN
    for symbol in _PAIRS:
      first, other = symbol.encode()
      found = pair & (text[:, :-1] == first) & (text[:, 1:] == other)
      ids[:, :-1][found] = VOCABULARY.index(symbol)
  begins = (text != 0) & ~second
  place = np.cumsum(begins, axis=1) - 1
  counts = np.minimum(place[:, -1] + 1, length - 1)
  begins &= place < length - 1
  rows, columns = np.nonzero(begins)
  tokens[rows, place[rows, columns]] = ids[rows, columns]
  tokens[np.arange(len(tokens)), counts] = END
  return tokens
