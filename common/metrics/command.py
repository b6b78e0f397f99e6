"""The command of a metric: A and B are read, compared, and printed."""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from common.cli import Parser, sentences, whole
from common.data import sources
from common.errors import InputError, UsageError
from common.stats import precision_recall

from . import feature_distance

Source = str | list[str]
Made = tuple[Mapping[str, Any], int]  # A protocol, and how many features.


def text(result: Mapping[str, Any]) -> str:
  """What a person reads of a result of `compare`, some lines."""
  protocol = dict(result["protocol"] or {"score": "Fréchet distance"})
  name = protocol.pop("score", "Fréchet distance")
  saved = [result[side] for side in "ab" if side in result.get("exact", "")]
  error = result.get("standard_error")
  lines = [
    f"{name}: {result['distance']:.6g}"
    + ("" if error is None else f" ± {error:.2g}")
    + f"  (mean {result['mean_term']:.4g}, covariance"
    f" {result['trace_term']:.4g})"
  ]
  if line := result.get("at_infinity"):
    lines.append(
      f"  extrapolated to infinite n: {line['value']:.6g} (a line in 1/n from"
      f" n = {line['sizes'][0]:,}; "
      + (
        f"the points lie within {line['residual']:.1g} of the line, which is no"
        " error bar)"
        if line["value"] >= 0
        else "negative: n is too small for it)"
      )
    )
  if saved and (error is not None or line):
    lines.append(
      f"  of {saved[0]} the statistics are saved, and taken as exact: the "
      "error bar leaves out its sampling error, the extrapolation keeps its "
      "bias"
    )
  if kernel := result.get("kernel_distance"):
    lines.append(
      f"  kernel distance: {kernel['value']:.4g} ±"
      f" {kernel['standard_error']:.2g}  (of {kernel['n1']:,} and"
      f" {kernel['n2']:,} samples)"
    )
  if shares := result.get("manifold"):
    lines.append(
      "  " + ", ".join(f"{key} {value:.3f}" for key, value in shares.items())
    )
  if result.get("manifold", ...) is None:
    lines.append(
      "  no kernel distance, precision or recall: they take more than "
      f"{precision_recall.K} samples on both sides, not saved statistics"
    )
  n = ["unknown" if n is None else f"{n:,}" for n in result["n"]]
  lines.append(
    f"  protocol: n = {n[0]} and {n[1]}, {result['features']} features"
    + "".join(f", {key} {_plain(value)}" for key, value in protocol.items())
  )
  for side in "ab":
    if notes := result["notes"][side]:
      lines.append(f"  {result[side]}: {feature_distance.described(notes)}")
  if difference := result.get("protocols_differ"):
    lines.append(f"  NOT THE SAME PROTOCOL: {difference}")
  return "\n".join(lines)


def _plain(value) -> str:
  if isinstance(value, dict):
    return "(" + ", ".join(f"{k} {_plain(v)}" for k, v in value.items()) + ")"
  if isinstance(value, str) and len(value) == 64:  # A hash.
    return value[:12]
  return str(value)


def _check_comparable(
  a: feature_distance.Samples | None,
  b: feature_distance.Samples | None,
  known: Mapping[str, Any],
  arguments: argparse.Namespace,
  made: Callable[[argparse.Namespace], Made] | None,
) -> None:
  """Raises what `compare` would, hours later, as far as it is known.

  Args:
    a: its statistics, if they were saved.
    b: likewise.
    known: of others, what of their protocol is known, by "a" and "b".
    arguments: of the command.
    made: see `main`.
  """
  saved, network = a or b, {}
  if made and saved and not (a and b):
    network, features = made(arguments)
    if saved.whole[-2].size != features:
      raise InputError(
        f"{saved.name} has {saved.whole[-2].size} features, and the network "
        f"makes {features}: take both from the same layer of the same network"
      )
  names, protocols = [], []
  for found, name in ((a, "a"), (b, "b")):
    if found:
      names.append(found.name)
      protocols.append(found.protocol or {})
    else:
      names.append(sources.title(getattr(arguments, name)))
      protocols.append({**network, **(known.get(name) or {})})
  # A glance that sees one size does not know that all have it.
  glanced = "mixed" in [of.get("images") for of in protocols]
  protocols = [
    {k: v for k, v in of.items() if not (glanced and k == "images")}
    for of in protocols
  ]
  one, other = protocols
  # What is not known of one does not differ.
  feature_distance.check_protocols(
    names, {**other, **one}, {**one, **other}, arguments.any_protocol
  )


def main(
  description: str,
  add_arguments: Callable[[argparse.ArgumentParser], object],
  read: Callable[[Source, argparse.Namespace], feature_distance.Samples],
  gamma: float | None = None,
  check: Callable[[Source, argparse.Namespace], object] | None = None,
  made: Callable[[argparse.Namespace], Made] | None = None,
  sets: str = "",
) -> None:
  """The whole command: reads A and B, compares, prints.

  Args:
    description: for --help.
    add_arguments: adds a project's own.
    read: `read(source, arguments) -> Samples`, called for what is not saved
      statistics: a path, or a list of those that are one side. `arguments` has
      `batch_size`, `strict`, `seed`, and the two sides, `a` and `b`.
    gamma: see `compare`.
    check: `check(source, arguments)` raises what can be known of a side at no
      cost, and gives what can be known of its protocol, or None; called with B
      and A before anything is made of A, but for what is read from standard
      input, once.
    made: `made(arguments)` loads the network, for its protocol and number of
      features; called where it is to be compared with saved statistics.
    sets: what A and B can be beside saved statistics, for --help.
  """
  parser = Parser(description=description)
  add = parser.add_argument
  sets = f"{sets}; or statistics that --save-stats kept (.npz)"
  add("a", metavar="A", help=f"the reference: {sets}")
  add("b", metavar="B", nargs="?", help="what is judged, of the same kinds")
  for side in "ab":
    add(
      f"--more-{side}",
      metavar="PATH",
      nargs="+",
      action="extend",
      default=[],
      help=f"further files or folders, of one set with {side.upper()}",
    )
  kept = "keep the statistics of A, which then stand for it; B can be left out"
  add("--save-stats", metavar="FILE.npz", help=kept)
  many = "samples that pass the network at once; the result is the same"
  add("--batch-size", type=whole(1), default=64, metavar="N", help=many)
  add("--json", action="store_true", help="print JSON, with all digits")
  strict = "samples that would be left out or converted are errors"
  add("--strict", action="store_true", help=strict)
  forced = "compare statistics that were not made in the same way, too"
  add("--any-protocol", action="store_true", help=forced)
  alone = "without error bar, kernel distance, precision and recall: faster"
  add("--distance-only", action="store_true", help=alone)
  seed = "of what is drawn at random, as the parts behind the error bar"
  add("--seed", type=whole(0), default=0, metavar="N", help=seed)
  add_arguments(parser)
  arguments = parser.parse_args()
  sides = {}
  for name in "ab":
    one = [getattr(arguments, name), *getattr(arguments, f"more_{name}")]
    # A shell leaves "~" alone in some places.
    sides[name] = [os.path.expanduser(path) for path in one if path is not None]
    several = len(sides[name]) > 1
    setattr(
      arguments, name, sides[name] if several else (*sides[name], None)[0]
    )
  with sentences():
    if not sides["b"] and not arguments.save_stats:
      raise UsageError("say what to compare with A, or --save-stats=FILE.npz")
    if sum("-" in side for side in sides.values()) > 1:
      raise UsageError("A and B cannot both be standard input: name a file")
    if arguments.save_stats:  # Rather than after hours of features.
      path = feature_distance.check_name(arguments.save_stats)
      if path.exists() and not feature_distance.is_statistics(path):
        raise InputError(
          f"{path} is there already and holds no statistics, but something "
          "else, which would be lost: name another file"
        )

    given = lambda _, source: read(source, arguments)
    # Bad ones end it before a network is loaded, or A looked at.
    a, b = map(feature_distance.statistics, (arguments.a, arguments.b))
    known: dict[str, Any] = {}
    for found, name in ((b, "b"), (a, "a")):
      if found is None and check and sides[name] and "-" not in sides[name]:
        known[name] = check(getattr(arguments, name), arguments)
    if sides["b"]:
      _check_comparable(a, b, known, arguments, made)
    a = feature_distance.side("A", a or arguments.a, given)
    if arguments.save_stats:  # At once: B may turn out to be bad.
      feature_distance.save(arguments.save_stats, a)
    if not sides["b"]:
      return
    b = feature_distance.side("B", b or arguments.b, given)
    result = feature_distance.compare(
      a, b, arguments.any_protocol, arguments.distance_only, gamma
    )
    print(json.dumps(result, indent=2) if arguments.json else text(result))
