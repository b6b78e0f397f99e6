"""The benchmark's models trained again by other seeds: what is luck."""

from common.tables import cells, markdown, reproduce

from . import model_tables

# Of a cell's "judged": what is shown, and how.
_SHOWN = {"distance": ".3g", "frames": ".3g", "psnr": ".2f", "ssim": ".3f"}


def seeds(context: reproduce.Context) -> str | dict[str, str]:
  """The table of models and scenarios over the seeds of `studies`.

  Cells that are missing are computed, of the scenarios and models that
  `--scenarios` and `--models` name, all by default; seed 0 is that of the
  models' own table. "-" where fewer than two seeds are there.
  """
  asked, config = context.arguments, reproduce.config_of(context, "studies")
  network = model_tables.network_of(context)
  scenarios = list(config.seeded)
  wanted = model_tables.chosen("scenarios", asked.scenarios, scenarios)
  members = model_tables.chosen(
    "models", asked.models, list(model_tables.MODELS)
  )
  rows, scores = [], set()
  for scenario in scenarios:
    for member, title in model_tables.MODELS.items():
      ask = network if scenario in wanted and member in members else None
      parts = [
        model_tables.parts_of(context, scenario, member, ask, seed)
        for seed in config.seeds
      ]
      found = [part[title]["judged"] for part in parts if part]
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
