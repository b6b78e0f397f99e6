"""The benchmark of the four models, as tables of `reproduce`.

A cell is one model on one scenario: trained, asked to go on with the test
split's clips, and judged. Beside the models stand two baselines that learn
nothing. Semantic scores come from `semantics.py`.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np

from common import keys
from common.errors import check_names
from common.tables import cells, markdown, reproduce

from . import data, film, frames, predict, published, score, train
from .judge import judge
from .scenarios import SCENARIOS

MODELS = {"cdna": "CDNA", "sv2p": "SV2P", "svp_fp": "SVP-FP", "savp": "SAVP"}
BASELINES = "baselines"
SIZE = "tiny"  # Of the README's table.
PREDICTED = "predicted.npy"  # Of a run: its first predictions, uint8.
FRAME_SIZE = 8  # Means of pixels a side, of the distance of single frames.


def split_of(config: ml_collections.ConfigDict) -> tuple[np.ndarray, int]:
  """The test clips, uint8 [n, context + frames, h, w, 3], and the context."""
  videos = data.test(config, jax.random.key(config.seed))
  return np.asarray(videos), int(config.context)


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
  np.save(workdir / PREDICTED, draws[0])
  found = judge(videos[:, c:], draws, network, FRAME_SIZE, config.batch_size)
  return {**cell, "judged": found}


def baselines_cell(
  config: ml_collections.ConfigDict, network: score.Network
) -> dict[str, Any]:
  """Judges what learns nothing, by its name."""
  videos, c = split_of(config)
  return {
    name: {
      "judged": judge(
        videos[:, c:],
        make(videos[:, :c], config.eval_frames)[None],
        network,
        FRAME_SIZE,
        config.batch_size,
      )
    }
    for name, make in predict.BASELINES.items()
  }


def models(context: reproduce.Context) -> str | dict[str, str]:
  """The table of scenarios and models; cells that nobody ran are "-".

  `--scenarios` and `--models` say which cells are computed where they are
  missing, Moving MNIST's by its name or by `--data_dir`; `--size` at which
  variant of the configs, `--runs` where runs are. Of another size than `SIZE`,
  the README's, it is printed alone.
  """
  asked, network = context.arguments, network_of(context)
  names = [*SCENARIOS, data.MNIST]
  wanted = chosen("scenarios", asked.scenarios, names)
  if not asked.scenarios and not asked.data_dir:
    wanted = list(SCENARIOS)  # MNIST is not everybody's.
  members = chosen("models", asked.models, [BASELINES, *MODELS])
  if context.quick:
    names = wanted = wanted if asked.scenarios else [data.SQUARE]
  rows, scores = [], set()
  for scenario in names:
    for member in (BASELINES, *MODELS):
      ask = network if scenario in wanted and member in members else None
      parts = parts_of(context, scenario, member, ask)
      if not parts:
        if member != BASELINES:
          row = [scenario, MODELS[member], *["-"] * 8]
          rows.append([*row, *paper(scenario, member)])
        continue
      for title, found in judged_parts(parts).items():
        scores.add(found["protocol"]["score"])
        row = [scenario, title, *row_of(found), *budget(parts[title])]
        rows.append([*row, *paper(scenario, member)])
    draw_films(context, scenario)
  title = ", ".join(sorted(scores)) or "clips' distance"
  header = ["scenario", "model", title, "at n = infinity", "kernel distance"]
  header += ["single frames", "PSNR", "SSIM", "best PSNR / SSIM"]
  header += ["steps, minutes", "paper's FVD, 64 / 128 pixels"]
  return for_readme(context, markdown.table(header, rows))


def for_readme(context: reproduce.Context, text: str) -> str | dict[str, str]:
  """A table; of another size than the README's it is printed alone."""
  ours = context.arguments.size == SIZE
  return text if ours else reproduce.printed(text)


def network_of(context: reproduce.Context) -> Callable[[], score.Network]:
  """Loads the network that the arguments name, once somebody asks for it."""
  asked = context.arguments
  return functools.cache(lambda: score.network(asked.features, asked.weights))


def parts_of(
  context: reproduce.Context,
  scenario: str,
  member: str,
  network: Callable[[], score.Network] | None = None,
  seed: int = 0,
) -> dict[str, Any]:
  """What a cell says, by model or baseline; empty where nobody ran it.

  With a `network` a cell that is missing is computed.
  """
  name = cell_name(context, scenario, member, seed)
  path = context.out / f"{name}.json"
  if network:
    config = config_of(context, scenario, member, seed)
    at = run_of(context, scenario, member, seed)
    cell = reproduce.cell(
      context,
      name,
      lambda: (
        baselines_cell(config, network())
        if member == BASELINES
        else model_cell(config, at, network())
      ),
    )
  elif path.exists():
    cell = cells.load(path)
  else:
    return {}
  return cell if member == BASELINES else {MODELS[member]: cell}


def config_of(
  context: reproduce.Context, scenario: str, member: str, seed: int = 0
) -> ml_collections.ConfigDict:
  """The config of a cell; baselines have CDNA's videos."""
  name = "cdna" if member == BASELINES else member
  size = "" if context.quick else context.arguments.size
  config = reproduce.config_of(context, name, size)
  config.scenario, config.seed = scenario, seed
  config.data_dir = context.arguments.data_dir or config.data_dir
  if context.quick and scenario in SCENARIOS:
    # The longest of the scenarios' least.
    config.frames = max(config.frames, SCENARIOS[scenario].FEWEST_FRAMES)
    config.eval_frames = config.frames - config.context
  return config


def chosen(flag: str, text: str, known: list[str]) -> list[str]:
  """The names of a flag, all where it is empty.

  Raises:
    UnknownName: a name that is not known.
  """
  names = [name for name in text.split(",") if name] or known
  check_names(f"--{flag}", names, known)
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


def draw_films(context: reproduce.Context, scenario: str) -> None:
  """Films of the best and of the worst clip, where runs are at hand.

  By the mean SSIM over models, of what each predicted first.
  """
  runs = {member: run_of(context, scenario, member) for member in MODELS}
  config = config_of(context, scenario, "cdna")
  made = {
    MODELS[member]: np.load(path / PREDICTED)
    for member, path in runs.items()
    if (path / PREDICTED).exists()
  }
  if not made:
    return
  videos, c = split_of(config)
  truth = videos[:, c:]
  each = np.mean([frames.ssim_of_each(truth, m) for m in made.values()], 0)
  order = np.argsort(each)
  which = [order[-1], order[0]]
  rows = {"truth": truth, **made}
  shown = {name: video[which] for name, video in rows.items()}
  path = context.out / f"film_{size_of(context)}_{scenario}.png"
  film.strip(path, shown, videos[which, :c], ("best clip", "worst clip"))
  film.animation(path.with_suffix(".gif"), shown, videos[which, :c])


def judged_parts(parts: dict[str, Any]) -> dict[str, dict[str, Any]]:
  """What has been judged, of a cell's parts; not where it comes from."""
  return {
    name: part["judged"]
    for name, part in parts.items()
    if isinstance(part, dict) and "judged" in part
  }


def size_of(context: reproduce.Context) -> str:
  """The size's name in those of cells and runs."""
  return "smoke" if context.quick else context.arguments.size or "paper"


def cell_name(
  context: reproduce.Context, scenario: str, member: str, seed: int = 0
) -> str:
  """The name of a cell, and of its run; the table's own are of seed 0."""
  name = f"models_{size_of(context)}_{scenario}_{member}"
  return f"{name}_seed{seed}" if seed else name


def run_of(
  context: reproduce.Context, scenario: str, member: str, seed: int = 0
) -> pathlib.Path:
  """Where a model's run is."""
  runs = pathlib.Path(context.arguments.runs)
  return runs / cell_name(context, scenario, member, seed)
