"""Reproduces the paper's claims, and writes down what came out.

    python -m projects.first_order_gan.reproduce --table=language \\
      --data_dir='text/*.txt.xz'
    python -m projects.first_order_gan.reproduce --table=rates --data_dir=...
    python -m projects.first_order_gan.reproduce --table=directions
    python -m projects.first_order_gan.reproduce --table=images
    python -m projects.first_order_gan.reproduce --table=papers

`language`: First Order GAN, the penalised divergence without the slope term and
WGAN-GP with the same networks on a text, all seeds of a method as one program.
`rates`: TTUR's WGAN-GP on a text, with two rates and with one. `directions`:
which way the generator is told to go, while the critic learns, on points where
the steepest descent is known. `images`: the three methods on Fashion-MNIST.
`papers`: the Coulomb GAN's and TTUR's methods beside this one, trained by their
own commands. Numbers go to `results/first_order_gan/` and into the tables of
this project's README; a cell that is there already is kept, unless `--fresh`.
`--quick` does the same in a minute and changes neither.
"""

import argparse
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.tables import cells, image_table, markdown, reproduce

from . import data, directions, papers, pictures, schema, seeds, train

IMAGES = ("fashion_mnist", "cifar10", "celeba64", "lsun64")  # Configs.
SHOWN = 4  # Lines of each method in the README.
# By (n, lines): mean and deviation of the best JSD of five runs (from memory).
PAPER = {
  "first_order": {(4, 6_400): "0.226 ± 0.006", (6, 6_400): "0.556 ± 0.004"},
  "wgan_gp": {(4, 6_400): "0.220 ± 0.006", (6, 6_400): "0.573 ± 0.009"},
}
# The least JSD of ten runs and all evaluations: Table 1 of arXiv:1706.08500.
TTUR = {
  "ttur": {(4, 640): "0.35", (6, 640): "0.74"},
  "one_rate": {(4, 640): "0.38", (6, 640): "0.77"},
}


def language(context: reproduce.Context) -> Mapping[str, str]:
  """Three methods on a text; returns the table, and some lines of each."""
  found = {}
  for method in schema.METHODS:
    variant = "" if method == "first_order" else method
    found[method] = text_cell(context, method, variant)
  text_curves(context.out / "language.png", found)
  text = "\n\n".join(
    "\n".join(
      [pictures.NAMES[m], *(f"    {s.rstrip()}" for s in c["samples"][:SHOWN])]
    )
    for m, c in found.items()
  )
  table = text_table(found, PAPER, "500,000", "5")
  return {"language": table, "samples": f"```text\n{text}\n```\n"}


def two_rates(context: reproduce.Context) -> str:
  """TTUR's WGAN-GP of characters, with two rates and with one."""
  found = {
    "ttur": text_cell(context, "ttur", "wgan_gp", "ttur"),
    "one_rate": text_cell(context, "one_rate", "wgan_gp", "ttur", "one_rate"),
  }
  updates = {m: 1 + c["config"]["critic_steps"] for m, c in found.items()}
  text_curves(context.out / "language_rates.png", found, updates)
  return text_table(found, TTUR, "minutes, not steps", "10, the best")


def text_cell(
  context: reproduce.Context, name: str, *variants: str
) -> dict[str, Any]:
  """Trains all seeds of a variant of `language.py:small`."""
  config = reproduce.config_of(context, "language", *variants, "small")
  config.data_dir = context.arguments.data_dir or config.data_dir
  compute = functools.partial(
    seeds.cell, config, context.seeds, pictures.NAMES[name]
  )
  return reproduce.cell(context, f"language_{name}", compute)


def text_curves(
  path: pathlib.Path,
  found: Mapping[str, Mapping[str, Any]],
  updates: Mapping[str, int] | None = None,
) -> None:
  """Draws the curves of some cells, and the floor of the first one's text."""
  first, *_ = found.values()
  pictures.divergences(
    path,
    {method: cell["curves"] for method, cell in found.items()},
    {int(count): np.array(floor) for count, floor in first["floor"].items()},
    updates=updates,
  )


def text_table(
  found: Mapping[str, Mapping[str, Any]],
  paper: Mapping[str, Mapping[tuple[int, int], str]],
  steps: str,
  runs: str,
) -> str:
  """Our rows, the floor, and the paper's rows with its steps and runs."""
  first, *_ = found.values()
  columns = [
    (n, int(count)) for count in first["floor"] for n in pictures.ORDERS
  ]
  header = [f"JSD-{n}, {count:,} lines" for n, count in columns]
  rows = []
  for method, cell in found.items():
    values = [mean(cell["best"][f"jsd{n}_{count}"]) for n, count in columns]
    ran = [f"{cell['steps']:,}", f"{cell['seeds']}", cells.origin([cell])]
    rows.append([pictures.NAMES[method], *values, *ran])
  floors = first["floor"]
  floor = [f"{floors[str(count)][n - 1]:.3f}" for n, count in columns]
  rows.append(["held-out text: the floor", *floor, "-", "-", "-"])
  for method, values in paper.items():
    name = f"the paper's {pictures.NAMES[method]}, other text"
    theirs = [values.get(column, "-") for column in columns]
    rows.append([name, *theirs, steps, runs, "-"])
  return markdown.table(
    ["method", *header, "steps", "seeds", cells.ORIGIN], rows
  )


def mean(summary: Mapping[str, Any], form: str = ".3f") -> str:
  """Mean and standard deviation over seeds, as the paper gives them."""
  values = np.array(summary["values"])
  spread = f" ± {values.std(ddof=1):{form}}" if len(values) > 1 else ""
  return f"{values.mean():{form}}{spread}"


def turns(context: reproduce.Context) -> str:
  """Updates beside the steepest descent; returns the table at the end."""
  case = directions.Case()
  if context.quick:
    case = case._replace(steps=20, every=10)
  compute = functools.partial(directions.cell, case, context.seeds)
  cell = reproduce.cell(context, "directions", compute)
  pictures.directions(context.out / "directions.png", cell)
  rows = []
  for method in directions.METHODS:
    last = {
      name: mean({"values": [seed[-1] for seed in values]}, ".2f")
      for name, values in cell[method].items()
    }
    title = pictures.NAMES[method]
    rows.append([title, last["angle"], last["angle_w1"], last["length"]])
  header = ["method", "degrees off the descent of tau_P"]
  header += ["off that of W1", "length, of tau_P's"]
  seeds_, origin = cell["seeds"], cells.origin([cell])
  table = markdown.table(header, rows)
  return f"{table}\n{seeds_} seeds; {cells.ORIGIN}: {origin}.\n"


def images(context: reproduce.Context) -> str | dict[str, str]:
  """The image set of `--images`, three methods; returns the table.

  The README has Fashion-MNIST's; others are printed alone.
  """

  def draw(config, state, key):
    return train.make_draw(config)(state, key, config.eval_samples)

  paper = image_table.Paper(train.train, data.test, draw)
  methods = {method: pictures.NAMES[method] for method in schema.METHODS}
  scores = {"Frechet distance of 8x8 pixels": ("frechet_8x8", ".3g")}
  table = image_table.table(context, paper, methods, scores)
  fashion = context.arguments.images == IMAGES[0]
  return table if fashion else reproduce.printed(table)


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of the text's and the images' tables."""
  text = "the text, a file or a quoted pattern; or where images were prepared"
  image_table.add_arguments(parser, IMAGES, text)


def main(argv: Sequence[str] | None = None) -> None:
  """The command; `argv` instead of the command line's arguments."""
  tables = {"language": language, "directions": turns, "images": images}
  tables |= {"rates": two_rates, "papers": papers.table}
  reproduce.main(__doc__, __file__, tables, add_arguments, 3, argv, fewest=1)


if __name__ == "__main__":
  main()
