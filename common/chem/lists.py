"""Lists of SMILES as programs hold them."""

from collections.abc import Iterable

from common.errors import InputError

_MISSING = ("None", "nan", "<NA>")  # Of Python, NumPy and pandas, as texts.


def texts(source: Iterable[object]) -> list[str]:
  """The texts of a list, a generator, an array or a column of pandas.

  None and NaN, with which programs mark an empty cell, become "".

  Raises:
    InputError: it is no list, or what it holds is no text.
  """
  try:
    # Of a table, Python lists the names of the columns.
    entries = None if hasattr(source, "columns") else list(source)
  except TypeError:
    entries = None
  if entries is None:
    raise InputError(
      f"{type(source).__name__} is no list of SMILES: give a list, one column "
      "of a table, or the path of a file"
    )
  found = []
  for number, entry in enumerate(entries, 1):
    if isinstance(entry, str):
      # Of NumPy, too; half of a character, as JSON may hold, is none.
      found.append(entry.encode("utf-8", "replace").decode())
    elif str(entry) in _MISSING:
      found.append("")
    else:
      raise InputError(
        f"the list, line {number}: {str(entry)[:80]!r} is of type "
        f"{type(entry).__name__}, and a SMILES is a str: convert it"
      )
  return found
