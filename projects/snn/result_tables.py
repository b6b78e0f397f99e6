"""What the records of a sweep say: choices, ranks, tests, and their tables."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from common.stats import ranks
from common.tables import cells, markdown

from . import baselines, model, published, sweep

# What the paper calls our methods.
PAPER_NAMES = dict(zip(model.METHODS, published.METHODS, strict=True)) | {
  "naive_bayes": "Naive Bayes",
  "decision_tree": "C4.5",
  "svm": "SVM",
}
# (method, depth) that a method's grid lacks, and others have.
Lacking = Collection[tuple[str, int]]
BEHIND = 0.05  # p below which a rival of SNN has a star.
HTRU2_METHODS = (*model.METHODS, *baselines.METHODS)


def best_of(
  records: list[dict[str, Any]],
) -> dict[tuple[str, str], dict[str, Any] | None]:
  """(unit, method) -> the chosen setting's record; None if all diverged."""
  by: dict[tuple[str, str], list[dict[str, Any]]] = {}
  for record in records:
    by.setdefault((record["task"], record["method"]), []).append(record)
  best = {}
  for (unit, method), group in by.items():
    if method in baselines.METHODS:
      best[unit, method] = group[0]["best"] or None
    else:
      best[unit, method] = next(iter(sweep.chosen(group)), None)
  return best


def uci_results(
  records: list[dict[str, Any]],
  broken: dict[str, str],
  networks: Sequence[str] = model.METHODS,
  lacking: Lacking = frozenset(),
) -> dict[str, Any]:
  """What the records say of `networks`: accuracies, ranks, tests; plain data.

  Ranks and tests are over the tasks that all networks have finished. A method
  that diverged everywhere on a task has rank last there. Beside the paper stand
  those that it has of all networks (it lacks four of `trains`): of these are
  its ranks, and both mean accuracies. Depths that some of the tasks lack are
  not chosen from; those that a method's grid lacks are by the others.
  """
  by_depth = finished(records, networks, lacking)
  tasks = set().union(*by_depth.values())
  partly = {depth for depth, has in by_depth.items() if has != tasks}
  everywhere = set.intersection(*by_depth.values()) if partly else set()
  whole = [r for r in records if r.get("depth") not in partly]
  best = best_of(whole)
  score = lambda n, m: (best.get((n, m)) or {}).get("test", np.nan)
  done, ours = _compared(best, networks)
  paper = published.uci()
  where = {n: i for i, n in enumerate(paper.sets)}
  columns = [model.METHODS.index(m) for m in networks]
  both = [
    i
    for i, n in enumerate(done)
    if n in where and np.isfinite(paper.accuracy[where[n], columns]).all()
  ]
  theirs = paper.accuracy[[where[done[i]] for i in both]][:, columns]
  reference = {
    m: {n: score(n, m) for n in done if np.isfinite(score(n, m))}
    for m in baselines.METHODS
  }
  summary = {}
  if done and networks:
    middle = (len(networks) + 1) / 2
    rank = ranks.average_ranks(ours) - middle
    # Of generated data and of one's own there is nothing published.
    rank_paper = [None] * len(networks)
    if both:
      rank_paper = (ranks.average_ranks(theirs) - middle).tolist()
    p = _p_against_snn(ours, networks)
    for i, method in enumerate(networks):
      found = [best[n, method] for n in done]
      depths = [record["depth"] for record in found if record]
      summary[method] = {
        "rank_difference": float(rank[i]),
        "rank_difference_paper_same_tasks": rank_paper[i],
        "p_against_snn": p.get(method),
        "mean_depth": float(np.mean(depths)) if depths else np.nan,
        "mean_accuracy": float(np.nanmean(ours[both or slice(None), i])),
        "mean_accuracy_paper": float(np.nanmean(theirs[:, i]))
        if both
        else None,
      }
  return {
    "tasks": len(done),
    "published": len(both),
    "summary": summary,
    "accuracy": {
      n: dict(zip(networks, map(float, row), strict=True))
      for n, row in zip(done, ours, strict=True)
    },
    "references": reference,
    "broken": broken,
    "by_depth": uci_by_depth(whole, networks, lacking),
    "by_depth_in_part": uci_by_depth(records, networks, lacking, everywhere),
    "hours": sum(record["seconds"] for record in whole) / 3600,
  }


def finished(
  records: list[dict[str, Any]],
  networks: Sequence[str],
  lacking: Lacking = frozenset(),
) -> dict[int, set[str]]:
  """Depth -> tasks that all networks that have it have finished at it."""
  names = lambda depth: _compared(
    best_of([r for r in records if r.get("depth") == depth]),
    [m for m in networks if (m, depth) not in lacking],
  )[0]
  depths = {r["depth"] for r in records if r["method"] in networks}
  return {depth: set(names(depth)) for depth in sorted(depths)}


def _compared(best, networks):
  """Tasks that all networks have finished, and accuracies [tasks, networks]."""
  names = sorted({name for name, _ in best})
  done = [n for n in names if all((n, m) in best for m in networks)]
  score = lambda n, m: (best[n, m] or {}).get("test", np.nan)
  accuracy = np.array([[score(n, m) for m in networks] for n in done])
  return done, accuracy.reshape(len(done), len(networks))


def _p_against_snn(accuracy, networks):
  """Rival -> p of SNN being no better; a method that diverged has 0 there."""
  if "selu" not in networks:
    return {}
  of = dict(zip(networks, np.nan_to_num(accuracy, nan=0.0).T, strict=True))
  snn = of.pop("selu")
  return {m: ranks.one_sided_wilcoxon(snn, theirs) for m, theirs in of.items()}


def uci_by_depth(
  records: list[dict[str, Any]],
  networks: Sequence[str] = model.METHODS,
  lacking: Lacking = frozenset(),
  tasks: set[str] | None = None,
) -> dict[str, dict[str, dict[str, float]]]:
  """Ranks at a fixed depth: depth -> method -> rank difference and accuracy.

  Everything but the depth is chosen as for the table over all depths, which
  lets every method take the depth that suits it. Tasks are those that all
  networks have finished at that depth, of `tasks` if given; a method whose grid
  lacks a depth is not there. ResNet's depth is its blocks. `p` says that SNN is
  better there: one-sided, paired Wilcoxon, corrected for as many tests as SNN
  has rivals (Holm).
  """
  if tasks is not None:
    records = [record for record in records if record["task"] in tasks]
  out = {}
  for depth in sorted({r["depth"] for r in records if r["method"] in networks}):
    best = best_of([r for r in records if r.get("depth") == depth])
    here = [m for m in networks if (m, depth) not in lacking]
    done, accuracy = _compared(best, here)
    if not done:
      continue
    rank = ranks.average_ranks(accuracy)
    p = _p_against_snn(accuracy, here)
    p = dict(zip(p, ranks.holm(list(p.values())), strict=True))
    out[str(depth)] = {
      method: {
        "p": p.get(method),
        "rank_difference": float(rank[i] - (len(here) + 1) / 2),
        "mean_accuracy": float(np.nanmean(accuracy[:, i])),
        "with_accuracy": int(np.isfinite(accuracy[:, i]).sum()),
        "tasks": len(done),
      }
      for i, method in enumerate(here)
    }
  return out


def uci_depth_tables(results: dict[str, Any]) -> str:
  """Ranks at fixed depths: of all tasks, and of those with more depths."""
  tables = [uci_depth_table(results["by_depth"])]
  if results["by_depth_in_part"]:
    tables.append(uci_depth_table(results["by_depth_in_part"]))
  return "\n".join(tables)


def uci_depth_table(by_depth: dict[str, dict[str, dict[str, float]]]) -> str:
  """The table of the README from what `uci_by_depth` returned."""
  methods = dict.fromkeys(m for found in by_depth.values() for m in found)

  def cell(s):
    if s is None:
      return "-"
    star = "*" if s["p"] is not None and s["p"] < BEHIND else ""
    accuracy = f"{s['mean_accuracy']:.1%}"
    if s["with_accuracy"] < s["tasks"]:  # It diverged in the others.
      accuracy += f" of {s['with_accuracy']}"
    return f"{s['rank_difference']:+.2f}{star} ({accuracy})"

  rows = [
    [PAPER_NAMES[m], *(cell(found.get(m)) for found in by_depth.values())]
    for m in methods
  ]
  counts = {s["tasks"] for found in by_depth.values() for s in found.values()}
  what = f"{' or '.join(map(str, sorted(counts)))} tasks: "
  header = [what + "rank - mean rank (accuracy) at depth", *by_depth]
  return markdown.table(header, rows) + "\n"


def uci_table(results: dict[str, Any]) -> str:
  """The table of the README from what `uci_results` returned."""
  rows = []
  count = len(results["summary"])
  all_of_them = count == len(model.METHODS)
  for method, s in results["summary"].items():
    name, p = PAPER_NAMES[method], s["p_against_snn"]
    same = s["rank_difference_paper_same_tasks"]
    accuracy = s["mean_accuracy_paper"]
    rows.append(
      [
        name,
        f"{published.RANK_DIFFERENCES[name]:+.3f}" if all_of_them else "-",
        "-" if same is None else f"{same:+.3f}",
        f"{s['rank_difference']:+.3f}",
        "-" if p is None else f"{published.P_VALUES[name]:.1e}",
        "-" if p is None else f"{p:.1e}",
        "-" if accuracy is None else f"{100 * accuracy:.1f}",
        f"{100 * s['mean_accuracy']:.1f}",
        f"{published.MEAN_DEPTHS[name]:.1f}",
        f"{s['mean_depth']:.1f}",
      ]
    )
  selu = {
    n: row["selu"] for n, row in results["accuracy"].items() if "selu" in row
  }
  for method, scores in results["references"].items():
    if scores:
      ours = 100 * np.mean(list(scores.values()))
      there = [selu[n] for n in scores if n in selu]
      beside = f"; SNN there {100 * np.nanmean(there):.1f}" if there else ""
      rows.append(
        [f"{named(method)} ({len(scores)} tasks{beside})"]
        + ["-"] * 6
        + [f"{ours:.1f}", "-", "-"]
      )
  header = [
    "method",
    f"rank - {(count + 1) / 2:g}, paper",
    "paper, these tasks",
    "ours",
    "p, paper",
    "p, ours",
    "accuracy, paper",
    "ours",
    "depth, paper",
    "ours",
  ]
  note = (
    f"\n{results['tasks']} tasks, {results['hours']:.1f} core hours"
    + (f"; broken: {', '.join(results['broken'])}" if results["broken"] else "")
    + f".{_published(results)}\n"
  )
  return markdown.table(header, rows) + note


def _published(results):
  """Which tasks stand beside the paper's, where these are not all."""
  if results["published"] in (0, results["tasks"]):
    return ""
  return (
    " The paper's ranks, and all accuracies of networks, are of the "
    f"{results['published']} that it has of each network."
  )


def uci_batches_table(found: Sequence[dict[str, Any]]) -> str:
  """The table of the README: `uci_results` of each batch size.

  Args:
    found: results of the same tasks, each with its `batch_size`.
  """
  first, *_ = found
  header = ["method", "rank - middle, paper, these tasks", "accuracy"]
  for one in found:
    size = f"batch {one['batch_size']}"
    header += [f"{size}: rank - middle", "accuracy", "p", "depth"]
  rows = []
  for method, s in first["summary"].items():
    rank = s["rank_difference_paper_same_tasks"]
    accuracy = s["mean_accuracy_paper"]
    row = [PAPER_NAMES[method], "-" if rank is None else f"{rank:+.2f}"]
    row.append("-" if accuracy is None else f"{accuracy:.1%}")
    for one in found:
      s = one["summary"][method]
      p = s["p_against_snn"]
      row += [
        f"{s['rank_difference']:+.2f}",
        f"{s['mean_accuracy']:.1%}",
        "-" if p is None else f"{p:.2g}",
        f"{s['mean_depth']:.1f}",
      ]
    rows.append(row)
  notes = (
    f"{one['tasks']} tasks, {one['hours']:.1f} core hours"
    + (f" (broken: {', '.join(one['broken'])})" if one["broken"] else "")
    for one in found
  )
  note = f"\n{'; '.join(notes)}.{_published(first)}\n"
  return markdown.table(header, rows) + note


def htru2_results(records: list[dict[str, Any]]) -> dict[str, Any]:
  """AUC over the folds, beside the paper's; p of a paired Wilcoxon test."""
  best = best_of(records)
  # A method that was not run (an SVM on too many rows) has no score anywhere.
  scored = {method for (_, method), record in best.items() if record}
  methods = [m for m in HTRU2_METHODS if m in scored]
  # A fold that is not finished waits.
  folds = sorted(
    {fold for fold, _ in best if all((fold, m) in best for m in methods)}
  )
  out = {}
  for method in methods:
    auc = [(best.get((f, method)) or {}).get("test", np.nan) for f in folds]
    out[method] = cells.summary(auc) | {
      "mean": float(np.mean(auc)),
      "std": float(np.std(auc, ddof=1)) if len(auc) > 1 else 0.0,
      "paper": published.HTRU2_AUC.get(PAPER_NAMES.get(method, method)),
      "paper_error": published.HTRU2_ERROR.get(PAPER_NAMES.get(method, method)),
    }
  # A method that diverged in a fold has no mean, and is compared with nobody.
  finite = [m for m in out if np.isfinite(out[m]["mean"])]
  leader = max(finite, key=lambda m: out[m]["mean"], default=None)
  for method in finite:
    if method != leader and len(folds) > 1:
      out[method]["p_against_best"] = ranks.one_sided_wilcoxon(
        np.array(out[leader]["values"]), np.array(out[method]["values"])
      )
  hours = sum(record["seconds"] for record in records) / 3600
  return {"folds": len(folds), "auc": out, "hours": hours}


def named(method: str) -> str:
  """A method of ours in a table; scikit-learn's tree is CART, not C4.5."""
  if method == "decision_tree":
    return "CART (the paper: C4.5)"
  return PAPER_NAMES.get(method, method.replace("_", " "))


def htru2_table(results: dict[str, Any]) -> str:
  """The table of the README from what `htru2_results` returned."""
  error = lambda s: f" ± {s['paper_error']:.3f}" if s["paper_error"] else ""
  rows = [
    [
      named(method),
      "-" if s["paper"] is None else f"{s['paper']:.4f}{error(s)}",
      f"{s['mean']:.4f} ± {s['std']:.4f}"
      if np.isfinite(s["mean"])
      else f"diverged in {np.isnan(s['values']).sum()} folds",
      f"{s['p_against_best']:.1e}" if "p_against_best" in s else "-",
    ]
    for method in HTRU2_METHODS  # A file's are by the alphabet.
    if (s := results["auc"].get(method))
  ]
  header = ["method", "AUC, paper", "ours, mean ± std over folds", "p to best"]
  note = f"\n{results['folds']} folds, {results['hours']:.2f} core hours.\n"
  return markdown.table(header, rows) + note
