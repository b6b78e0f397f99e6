"""What one setting costs at a fixed depth, from the records of the UCI sweep.

How robust learning is to its settings: accuracy that is lost, in points, and
how often a training diverges, by learning rate and with dropout.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from common.tables import markdown

from . import model, result_tables


def costs(
  records: list[dict[str, Any]],
  networks: Sequence[str] = model.METHODS,
  lacking: result_tables.Lacking = frozenset(),
) -> dict[str, dict[str, dict[str, Any]]]:
  """Depth -> method -> what its settings cost there; plain data.

  `rates` has a cost for each learning rate, without dropout; `dropout` that of
  all settings with dropout, of which the validation chooses, None where there
  are none. A cost is [points, share]: accuracy below the setting that the
  validation chooses of all, in the mean of the tasks where this one did not
  diverge (None: it did everywhere), and the share of tasks where it did.
  `tasks` are those that all networks have finished at that depth, but those
  whose grid lacks it.
  """
  out = {}
  by_depth = result_tables.finished(records, networks, lacking)
  for depth, tasks in by_depth.items():
    if not tasks:
      continue
    out[str(depth)] = found = {}
    for method in [m for m in networks if (m, depth) not in lacking]:
      here = [
        record
        for record in records
        if (record["method"], record.get("depth")) == (method, depth)
        and record["task"] in tasks
      ]
      every = {m["learning_rate"] for r in here for m in r["members"]}
      found[method] = {
        "tasks": len(tasks),
        "rates": {
          f"{rate:.3g}": _cost(
            here,
            lambda member, rate=rate: (
              member["learning_rate"] == rate and member["dropout"] == 0
            ),
          )
          for rate in sorted(every)
        },
        "dropout": _cost(here, lambda member: member["dropout"] > 0),
      }
  return out


def _cost(
  records: list[dict[str, Any]], kept: Callable[[dict[str, Any]], bool]
) -> list[float | None] | None:
  """The cost of the members that are kept, of one method at one depth."""
  some = [
    {**record, "members": list(filter(kept, record["members"]))}
    for record in records
  ]
  if not any(record["members"] for record in some):
    return None
  best, found = map(result_tables.best_of, (records, some))
  pairs = [(best[unit], found[unit]) for unit in found]
  lost = [one["test"] - two["test"] for one, two in pairs if one and two]
  points = 100 * float(np.mean(lost)) if lost else None
  return [points, 1 - len(lost) / len(found)]


def table(by_depth: dict[str, dict[str, dict[str, Any]]]) -> str:
  """The table of the README from what `costs` returned."""
  if not by_depth:
    return ""
  rows = []
  for method in dict.fromkeys(m for at in by_depth.values() for m in at):
    name = result_tables.PAPER_NAMES[method]
    found = [at.get(method) for at in by_depth.values()]
    cells = lambda one: " / ".join(map(_cell, one["rates"].values()))
    rows.append([name, *(cells(one) if one else "-" for one in found)])
    if any(one and one["dropout"] for one in found):
      with_it = (_cell(one and one["dropout"]) for one in found)
      rows.append([f"{name}, with dropout", *with_it])
  some = {depth: next(iter(at.values())) for depth, at in by_depth.items()}
  header = [f"rates {', '.join(next(iter(some.values()))['rates'])}"]
  for depth, one in some.items():
    header.append(f"depth {depth}, {one['tasks']} tasks")
  return markdown.table(header, rows) + "\n"


def _cell(cost):
  points, share = cost or (None, 0.0)
  text = "-" if points is None else f"{round(points, 1) + 0:.1f}"  # No -0.0.
  return f"{text} ({share:.0%})" if share else text
