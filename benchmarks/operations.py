"""How many floating-point operations a compiled program's products need.

XLA's own cost analysis counts the body of a loop once, whatever its rounds, and
each operation of random bits. Here the optimised program's text is read: twice
the multiplications of its products of matrices and its convolutions, those of a
loop as often as XLA says that it goes round. What multiplies element by element
is left out. Convolutions count no multiplication by padding, nor by the zeros
between the entries of a dilated input.
"""

import math
import re
from typing import Any

import numpy as np

_SHAPE = re.compile(r"\s+(?:ROOT )?%(\S+) = \w+\[([\d,]*)\]")
_COMPUTATION = re.compile(r"(ENTRY )?%(\S+) \(.*\{$")
_PRODUCT = re.compile(r" (dot|convolution)\(%([^,)]+), %([^,)]+)\)")
_ROUNDS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_CALLED = re.compile(r"(?:calls|to_apply)=%([^\s,]+)")
_BRANCHES = re.compile(
  r"(?:branch_computations=\{|(?:true|false)_computation=)"
)
# Products that a library makes, whose sizes the text does not have.
_OPAQUE = re.compile(r'custom_call_target="[^"]*(mul|conv|dot|gemm|blas|dnn)')


def of_program(program: Any, unknown: int | None = None) -> float | None:
  """Operations of a call on all devices; None where the text does not say.

  Args:
    program: compiled, of `jax.stages.Compiled`.
    unknown: how often to count loops whose rounds are known at run time only;
      None: then the number is not known.
  """
  text = program.as_text() or ""
  entry, bodies = _computations(text)
  if entry is None or _OPAQUE.search(text):
    return None
  found = _count(entry, bodies, unknown, {})
  devices = re.search(r"num_partitions=(\d+)", text.split("\n", 1)[0])
  if found is None or not found:
    return None
  return found * (int(devices[1]) if devices else 1)


def _computations(text: str) -> tuple[str | None, dict[str, list[str]]]:
  """The first computation's name, and the lines of each."""
  entry, lines, bodies = None, [], {}
  for line in text.splitlines():
    begins = _COMPUTATION.match(line)
    if begins:
      lines = bodies[begins[2]] = []
      entry = begins[2] if begins[1] else entry
    else:
      lines.append(line)
  return entry, bodies


def _count(name, bodies, unknown, known):
  if name in known:
    return known[name]
  shapes, parts = {}, []
  for line in bodies.get(name, ()):
    shape = _SHAPE.match(line)
    if shape:
      shapes[shape[1]] = [int(n) for n in shape[2].split(",") if n]
    product = _PRODUCT.search(line)
    if product:
      sizes = [shapes.get(n) for n in (shape.group(1), product[2], product[3])]
      parts.append(_PRODUCTS[product[1]](line, *sizes))
    elif " while(" in line:
      body = re.search(r"body=%([^\s,]+)", line).group(1)
      once, rounds = _count(body, bodies, unknown, known), _ROUNDS.search(line)
      times = int(rounds[1]) if rounds else unknown
      parts.append(_times(once, times))
    elif " conditional(" in line:
      after = line[_BRANCHES.search(line).start() :].split("metadata")[0]
      names = re.findall(r"%([^\s,}]+)", after)
      each = {_count(branch, bodies, unknown, known) for branch in names}
      parts.append(each.pop() if len(each) == 1 else None)
    else:
      parts += [
        _count(called, bodies, unknown, known)
        for called in _CALLED.findall(line)
      ]
  known[name] = None if None in parts else float(sum(parts))
  return known[name]


def _times(once, times):
  if once == 0:  # However often.
    return 0
  return None if once is None or times is None else once * times


def _dot(line, out, left, _):
  axes = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", line)
  inner = [left[int(axis)] for axis in axes.group(1).split(",") if axis]
  return 2 * math.prod(out) * math.prod(inner)


def _convolution(line, out, left, right):
  labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", line)
  of_left, of_right, of_out = labels.groups()
  window = re.search(r"window=\{([^}]*)\}", line)
  options = dict(part.split("=") for part in window.group(1).split())
  axes = sorted(set(of_out) - set("bf"))

  def option(name, default):
    return options.get(name, "x".join([default] * len(axes))).split("x")

  count = 2 * out[of_out.index("b")] * out[of_out.index("f")]
  count *= right[of_right.index("i")]
  for axis, stride, pad, spread, gap in zip(
    axes,
    option("stride", "1"),
    option("pad", "0_0"),
    option("lhs_dilate", "1"),
    option("rhs_dilate", "1"),
    strict=True,
  ):
    places = np.arange(out[of_out.index(axis)])[:, None] * int(stride)
    taps = np.arange(right[of_right.index(axis)]) * int(gap)
    at = places + taps - int(pad.split("_")[0])
    last = (left[of_left.index(axis)] - 1) * int(spread)
    real = (at >= 0) & (at <= last) & (at % int(spread) == 0)
    count *= int(real.sum())
  return count


_PRODUCTS = {"dot": _dot, "convolution": _convolution}
