"""The benchmark of the four models, as tables of `reproduce`.

A cell is one model on one scenario: trained, asked to go on with the test
split's clips, and judged. Beside the models stand two baselines that learn
nothing. Semantic scores come from `semantics.py`, where it is there.
"""

import functools
import importlib
import importlib.util
import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np
import scipy.stats

from common import keys
from common.errors import InputError
from common.tables import cells, markdown, reproduce

from . import data, film, frames, predict, published, score, train
from .judge import judge
from .scenarios import SCENARIOS

MODELS = {"cdna": "CDNA", "sv2p": "SV2P", "svp_fp": "SVP-FP", "savp": "SAVP"}
BASELINES = "baselines"
FRAME_SIZE = 8  # Means of pixels a side, of the distance of single frames.
# Which way each score is better, to rank models by.
METRICS = {
  "distance": -1,
  "kernel": -1,
  "frames": -1,
  "psnr": 1,
  "ssim": 1,
}
_SHORT = {
  "distance": "clips' distance",
  "kernel": "kernel distance",
  "frames": "frames' distance",
  "psnr": "PSNR",
  "ssim": "SSIM",
}


def split_of(config: ml_collections.ConfigDict) -> tuple[np.ndarray, int]:
  """The test clips, uint8 [n, context + frames, h, w, 3], and the context."""
  videos = data.test(config, jax.random.key(config.seed))
  return np.asarray(videos), config.context


def model_cell(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  network: score.Network,
) -> dict[str, Any]:
  """Trains a model (or goes on with its run) and judges it.

  Its first predictions are kept in the run, for the pictures.
  """
  state, cell = cells.trained(train.train, config, workdir)
  videos, c = split_of(config)
  draw = predict.make_predict(config, config.eval_frames)
  root = keys.named(jax.random.key(config.seed), "draws")
  samples = 1 if config.model == "cdna" else config.eval_samples
  draws = np.stack(
    [
      draw(predict.variables(state), videos[:, :c], jax.random.fold_in(root, i))
      for i in range(samples)
    ]
  )
  np.save(workdir / "predicted.npy", draws[0])
  return {**cell, **judged(config, videos, c, draws, network)}


def judged(
  config: ml_collections.ConfigDict,
  videos: np.ndarray,
  c: int,
  draws: np.ndarray,
  network: score.Network,
) -> dict[str, Any]:
  """The scores of `judge`, and semantic ones where they can be had."""
  found = judge(videos[:, c:], draws, network, FRAME_SIZE, config.batch_size)
  return {"judged": {**found, "semantics": semantic(config, draws[0])}}


def semantic(
  config: ml_collections.ConfigDict, made: np.ndarray
) -> dict[str, Any] | None:
  """Scores of `semantics.py` of predictions, or None without it.

  Args:
    config: names the scenario, whose test clips were predicted.
    made: uint8 [n, t, h, w, 3].
  """
  name = f"{__package__}.semantics"
  if importlib.util.find_spec(name) is None:
    return None
  if config.scenario not in SCENARIOS:
    return None
  module = importlib.import_module(name)
  return module.of_predictions(config.scenario, made, config.context)


def baselines_cell(
  config: ml_collections.ConfigDict, network: score.Network
) -> dict[str, Any]:
  """Judges what learns nothing, by its name."""
  videos, c = split_of(config)
  return {
    name: judged(
      config, videos, c, make(videos[:, :c], config.eval_frames)[None], network
    )
    for name, make in predict.BASELINES.items()
  }


def models(context: reproduce.Context) -> str:
  """The table of scenarios and models; cells that nobody ran are "-".

  `--scenarios` and `--models` say which cells are computed where they are
  missing, `--size` at which variant of the configs, `--runs` where runs are.
  """
  asked = context.arguments
  network = functools.cache(
    lambda: score.network(asked.features, asked.weights)
  )
  wanted = chosen("scenarios", asked.scenarios, list(SCENARIOS))
  members = chosen("models", asked.models, [BASELINES, *MODELS])
  names = list(SCENARIOS)
  if context.quick:
    names = [data.SQUARE] if not asked.scenarios else wanted
    wanted = names
  rows, scores = [], set()
  for scenario in names:
    runs = {}
    for member in (BASELINES, *MODELS):
      config = config_of(context, scenario, member)
      size = "smoke" if context.quick else asked.size or "paper"
      name = f"models_{size}_{scenario}_{member}"
      runs[member] = pathlib.Path(asked.runs) / name
      run = scenario in wanted and member in members
      if not run and not (context.out / f"{name}.json").exists():
        if member != BASELINES:
          rows.append(
            [scenario, MODELS[member], *["-"] * 8, *paper(scenario, member)]
          )
        continue
      if member == BASELINES:
        compute = lambda config=config: baselines_cell(config, network())
      else:
        compute = lambda config=config, at=runs[member]: model_cell(
          config, at, network()
        )
      cell = reproduce.cell(context, name, compute)
      parts = cell if member == BASELINES else {MODELS[member]: cell}
      for title, part in parts.items():
        if not isinstance(part, dict) or "judged" not in part:
          continue
        found = part["judged"]
        scores.add(found["protocol"]["score"])
        rows.append(
          [
            scenario,
            title,
            *row_of(found),
            *budget(part),
            *paper(scenario, member),
          ]
        )
    draw_films(context, scenario, config_of(context, scenario, "cdna"), runs)
  title = ", ".join(sorted(scores)) or "clips' distance"
  header = ["scenario", "model", title, "at n = infinity", "kernel distance"]
  header += [
    "single frames",
    "PSNR",
    "SSIM",
    "best PSNR / SSIM",
    "steps, minutes",
  ]
  return markdown.table([*header, "paper's FVD, 64 / 128 pixels"], rows)


def config_of(
  context: reproduce.Context, scenario: str, member: str
) -> ml_collections.ConfigDict:
  """The config of a cell; baselines have CDNA's videos."""
  name = "cdna" if member == BASELINES else member
  size = "" if context.quick else context.arguments.size
  config = reproduce.config_of(context, name, size)
  config.scenario = scenario
  if context.quick and scenario in SCENARIOS:
    # The longest of the scenarios' least.
    config.frames = max(config.frames, SCENARIOS[scenario].FEWEST_FRAMES)
    config.eval_frames = config.frames - config.context
  return config


def chosen(flag: str, text: str, known: list[str]) -> list[str]:
  """The names of a flag, all where it is empty.

  Raises:
    InputError: a name that is not known.
  """
  names = [name for name in text.split(",") if name] or known
  for name in names:
    if name not in known:
      raise InputError(f"--{flag}: {name!r} is none of {', '.join(known)}")
  return names


def row_of(found: dict[str, Any]) -> list[str]:
  """The scores' cells of a row."""
  number = lambda value, form=".3g": "-" if value is None else f"{value:{form}}"
  error = found["standard_error"]
  return [
    number(found["distance"]) + ("" if error is None else f" ± {error:.2g}"),
    number(found["at_infinity"]),
    number(found["kernel"]),
    number(found["frames"]),
    number(found["psnr"], ".2f"),
    number(found["ssim"], ".3f"),
    f"{found['best_psnr']:.2f} / {found['best_ssim']:.3f} ({found['draws']})",
  ]


def budget(part: dict[str, Any]) -> list[str]:
  """Steps and minutes of training, "none" of a baseline."""
  if "steps" not in part:
    return ["none"]
  minutes = part["minutes"]
  return [f"{part['steps']}, {'?' if minutes is None else f'{minutes:.1f}'}"]


def paper(scenario: str, member: str) -> list[str]:
  """The paper's FVD, at both sizes."""
  values = published.BENCHMARK.get(member, {}).get(scenario)
  return [" / ".join(map(str, values)) if values else "-"]


def draw_films(
  context: reproduce.Context,
  scenario: str,
  config: ml_collections.ConfigDict,
  runs: dict[str, pathlib.Path],
) -> None:
  """Films of the best and of the worst clip, where runs are at hand.

  By the mean SSIM over models, of what each predicted first.
  """
  made = {
    MODELS[member]: np.load(path / "predicted.npy")
    for member, path in runs.items()
    if (path / "predicted.npy").exists()
  }
  if not made:
    return
  videos, c = split_of(config)
  truth = videos[:, c:]
  each = np.mean([frames.ssim_of_each(truth, m) for m in made.values()], 0)
  order = np.argsort(each)
  which = [order[-1], order[0]]
  rows = {"truth": truth, **made}
  film.strip(
    context.out / f"film_{scenario}.png",
    {name: video[which] for name, video in rows.items()},
    videos[which, :c],
    ("best clip", "worst clip"),
  )


def agreement(context: reproduce.Context) -> str:
  """How scores rank models, against how semantic scores do.

  Spearman's rank correlation over the models and baselines of a scenario, of
  cells that are there; beside it what people said of the paper's models.
  """
  asked = context.arguments
  size = "smoke" if context.quick else asked.size or "paper"
  rows = []
  for scenario in [data.SQUARE] if context.quick else SCENARIOS:
    entries = {}
    for member in (BASELINES, *MODELS):
      path = context.out / f"models_{size}_{scenario}_{member}.json"
      if path.exists():
        cell = cells.load(path)
        parts = cell if member == BASELINES else {member: cell}
        entries |= {
          name: part["judged"]
          for name, part in parts.items()
          if isinstance(part, dict) and "judged" in part
        }
    for name, values in semantic_scores(entries).items():
      found = [
        rank_correlation(
          [sign * entries[e][metric] for e in values], list(values.values())
        )
        for metric, sign in METRICS.items()
      ]
      texts = ["-" if rank is None else f"{rank:+.2f}" for rank in found]
      rows.append([scenario, name, *texts, f"{len(values)}"])
  mean = lambda name: published.AGREEMENT.get(name)
  by_people = {
    "distance": mean("FVD"),
    "kernel": mean("KVD"),
    "frames": mean("average FID"),
    "psnr": mean("PSNR"),
    "ssim": mean("SSIM"),
  }
  rows.append(
    [
      "BAIR (paper)",
      "people, spread by FVD / SSIM / PSNR, %",
      *(
        " / ".join(str(v) for v in (by_people[metric] or ())[3:])
        for metric in METRICS
      ),
      "10",
    ]
  )
  header = ["scenario", "semantic score", *(_SHORT[m] for m in METRICS)]
  return markdown.table([*header, "models"], rows)


def semantic_scores(
  entries: dict[str, dict[str, Any]],
) -> dict[str, dict[str, float]]:
  """By semantic score, what each entry has; higher is better."""
  out: dict[str, dict[str, float]] = {}
  for entry, found in entries.items():
    for name, value in (found.get("semantics") or {}).items():
      if isinstance(value, float | int):
        out.setdefault(name, {})[entry] = float(value)
  return out


def rank_correlation(a: list[float], b: list[float]) -> float | None:
  """Spearman's; None of fewer than three, or where one side is all ties."""
  if len(a) < 3 or len(set(a)) == 1 or len(set(b)) == 1:
    return None
  return float(scipy.stats.spearmanr(a, b).statistic)
