"""The benchmark's models trained again by other seeds: what is luck."""

import functools

from common.tables import cells, markdown, reproduce

from . import model_tables, score

# Of a cell's "judged": what is shown, and how.
_SHOWN = {"distance": ".3g", "frames": ".3g", "psnr": ".2f", "ssim": ".3f"}


def seeds(context: reproduce.Context) -> str | dict[str, str]:
  """The table of models and scenarios over the seeds of `studies`.

  Cells that are missing are computed, of the scenarios and models that
  `--scenarios` and `--models` name, all by default; seed 0 is that of the
  models' own table. "-" where fewer than two seeds are there.
  """
  asked, config = context.arguments, reproduce.config_of(context, "studies")
  network = functools.cache(
    lambda: score.network(asked.features, asked.weights)
  )
  scenarios = list(config.seeded)
  wanted = model_tables.chosen("scenarios", asked.scenarios, scenarios)
  members = model_tables.chosen(
    "models", asked.models, list(model_tables.MODELS)
  )
  rows, scores = [], set()
  for scenario in scenarios:
    for member, title in model_tables.MODELS.items():
      found = []
      for seed in config.seeds:
        name = model_tables.cell_name(context, scenario, member, seed)
        path = context.out / f"{name}.json"
        if scenario in wanted and member in members:
          compute = functools.partial(
            model_tables.cell_of,
            member,
            model_tables.config_of(context, scenario, member, seed),
            model_tables.run_of(context, scenario, member, seed),
            network,
          )
          found.append(reproduce.cell(context, name, compute)["judged"])
        elif path.exists():
          found.append(cells.load(path)["judged"])
      scores |= {one["protocol"]["score"] for one in found}
      rows.append([scenario, title, *_row(found)])
  title = ", ".join(sorted(scores)) or "clips' distance"
  header = ["scenario", "model", "seeds", title, "single frames"]
  text = markdown.table([*header, "PSNR", "SSIM"], rows)
  return model_tables.for_readme(context, text)


def _row(found):
  if len(found) < 2:
    return [str(len(found)), *["-"] * len(_SHOWN)]
  texts = []
  for key, form in _SHOWN.items():
    values = [one[key] for one in found]
    texts.append(cells.median_and_range(cells.summary(values), form))
  return [str(len(found)), *texts]
