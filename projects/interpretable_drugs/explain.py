"""Predictions for your own molecules, and which atoms made them.

    python -m projects.interpretable_drugs.explain --workdir=RUN \\
      "Oc1ccccc1" molecules.smi --out=DIR [--assay=NR-AhR] [--column=NAME] \\
      [--method=occlusion]

Each argument is a SMILES, or a file of them (.smi, .txt, .csv, .tsv, packed or
not). Writes `explained.html`, all of it on a page, highest prediction first; a
picture of each molecule, as SVG and PNG; `predictions.csv` and `atoms.csv`.

A fully connected network has the methods integrated_secants (integrated
gradients by fewer and complete pieces), integrated_gradients (the paper's sum),
gradient_times_input, occlusion and smooth_grad; atoms get the sum over their
environments. A graph network has neighbourhood: each atom's vector, put through
the head by itself.
"""

import contextlib
import csv
import functools
import html
import json
import pathlib
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import jax
import ml_collections
import numpy as np
from rdkit import Chem, rdBase

from common import cli, config_schema
from common.chem import canonical, smiles_files
from common.data import table_files
from common.errors import InputError, check_names
from common.workdir import saved_config, saved_state

from . import (
  attribution,
  datasets,
  fingerprints,
  generated,
  graphs,
  inputs,
  model,
  pictures,
  substructures,
  train,
)
from .schema import SCHEMA

NEIGHBOURHOOD = "neighbourhood"
# What ends so is the name of a file, which is read or refused, and no SMILES.
_FILES = (".smi", ".smiles", ".txt", ".csv", ".tsv", ".sdf", ".mol", ".npz")
TASKS = {
  "tox21": (
    "NR-AhR NR-AR NR-AR-LBD NR-Aromatase NR-ER NR-ER-LBD NR-PPAR-gamma SR-ARE "
    "SR-ATAD5 SR-HSE SR-MMP SR-p53"
  ).split(),
  "alcohols": ["alcohol"],
  "ames": ["mutagenicity"],
  "generated": [f"has {group}" for group in generated.GROUPS],
}


class Molecules(NamedTuple):
  """What is to be explained.

  Attributes:
    molecules: `[n]`.
    smiles: as they were written.
    names: what a file calls them, "" for nothing.
  """

  molecules: list[Chem.Mol]
  smiles: list[str]
  names: list[str]


class Explained(NamedTuple):
  """Of each molecule: `probabilities` `[n, tasks]`, and its atoms' `scores`."""

  probabilities: np.ndarray
  scores: list[np.ndarray]


def load_run(workdir: pathlib.Path) -> tuple[ml_collections.ConfigDict, dict]:
  """The config and the best parameters of a run.

  Raises:
    InputError: there is no run, one of another project, no checkpoint, or one
      of before the first evaluation.
  """
  config = saved_config(workdir, lambda c: config_schema.check(c, SCHEMA))
  state = saved_state(workdir, lambda key: train.init(key, config))
  if state.best_score < 0:  # They are the weights that it began with.
    raise InputError(
      f"{workdir} was stopped at step {state.step}, before its first "
      f"evaluation at {config.eval_every}, and has no best parameters yet: "
      "train on"
    )
  return config, state.best


def task_names(
  workdir: pathlib.Path, config: ml_collections.ConfigDict
) -> list[str]:
  """What a run's outputs are called, as its data have named them.

  A run of before there were records has the names of `TASKS`.
  """
  path = workdir / "tasks.json"
  if path.exists():
    return json.loads(path.read_text())
  return TASKS[config.dataset][: config.tasks]


def read(
  given: Sequence[str], column: str | None = None
) -> tuple[Molecules, list[str]]:
  """Molecules of SMILES and files, and notes on what was done.

  Those that RDKit rejects are left out, and named; molecules of several
  fragments (salts) stay as they are, and are counted.

  Args:
    given: SMILES and paths.
    column: of tables; see `smiles_files.read`.

  Raises:
    InputError: a file cannot be read, a folder was given, or no molecule is
      left.
  """
  read, notes = Molecules([], [], []), []
  for text in given:
    rows, source = [(1, text, "")], "the command line"
    if _is_file(text):
      rows, source = smiles_files.read_named(text, column), text
      rows = zip(*rows, strict=True)
    invalid, empty, fragments = [], [], 0
    for line, one, name in rows:
      with rdBase.BlockLogs():  # The line is named below.
        molecule = canonical.molecule(one)
      if molecule is None:
        _refuse_folder(one)
        invalid.append((line, one))
      elif not molecule.GetNumAtoms():
        empty.append(line)
      else:
        read.molecules.append(molecule)
        read.smiles.append(one)
        read.names.append(name)
        fragments += len(Chem.GetMolFrags(molecule)) > 1
    if complaint := smiles_files.complaint(source, invalid, empty):
      notes.append(complaint)
    if fragments:
      notes.append(
        f"{source}: {fragments} of several fragments, as salts are; all of "
        "them count"
      )
  if not read.molecules:
    raise InputError(
      "; ".join(["no molecule is left to explain", *notes])
      + "; give a SMILES that RDKit reads, in quotes"
    )
  return read, notes


def _refuse_folder(text: str) -> None:
  path = pathlib.Path(text).expanduser()
  # Text too long for a name, as a broken SMILES may be, is no folder either.
  with contextlib.suppress(OSError):
    if path.is_dir():
      raise InputError(f"{text} is a folder; give the files in it, {path}/*")


def _is_file(text: str) -> bool:
  """Whether an argument names a file; a SMILES may hold slashes and dots."""
  path = pathlib.Path(text).expanduser()
  try:
    kind = table_files.uncompressed(path).suffix.lower()
    return path.is_file() or kind in _FILES
  except OSError:  # Too long for a name: a SMILES.
    return False


def choose_method(config: ml_collections.ConfigDict, method: str) -> str:
  """The method asked for, or the network's first.

  Raises:
    UnknownName: the network has no such method.
  """
  graph = config.model == "graph_conv"
  choices = (NEIGHBOURHOOD,) if graph else attribution.METHODS
  check_names("--method", [method] * bool(method), choices)
  return method or choices[0]


def explain(
  config: ml_collections.ConfigDict,
  params: dict,
  molecules: Sequence[Chem.Mol],
  task: int,
  method: str,
) -> Explained:
  """Predictions of all tasks, and the atoms' scores of one.

  Args:
    config: of the run.
    params: of the network.
    molecules: `[n]`.
    task: which output is attributed.
    method: of `choose_method`.
  """
  found = inputs.of_molecules(molecules, config)
  logits = train.make_predict(config)(params, found)
  probabilities = np.asarray(jax.nn.sigmoid(logits))
  if isinstance(found, list):
    scores, _ = substructures.scores(config, params, found, task)
    # Atoms beyond the layout have none.
    return Explained(
      probabilities,
      [
        np.pad(s, (0, m.GetNumAtoms() - len(s)))
        for s, m in zip(scores, molecules, strict=True)
      ],
    )
  scores, _ = of_atoms(config, params, molecules, found, method, task)
  return Explained(probabilities, scores)


def of_atoms(
  config: ml_collections.ConfigDict,
  params: dict,
  molecules: Sequence[Chem.Mol],
  bits: np.ndarray,
  method: str,
  task: int = 0,
) -> tuple[list[np.ndarray], np.ndarray]:
  """Each molecule's atoms' scores, and `attribution.of_bits`' gaps `[n]`."""
  layers = functools.partial(model.layers, config)
  found, gaps = attribution.of_bits(layers, config, method, params, bits, task)
  scores = [
    fingerprints.to_atoms(molecule, one, config.radius)
    for molecule, one in zip(molecules, found, strict=True)
  ]
  return scores, gaps


def make_folder(out: pathlib.Path) -> None:
  """Makes the folder, or raises InputError if nothing can be written there."""
  try:
    out.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=out).close()
  except OSError as error:
    raise InputError(
      f"--out={out} cannot be written ({error.strerror}): name another folder"
    ) from error


def write(
  out: pathlib.Path,
  given: Molecules,
  found: Explained,
  tasks: Sequence[str],
  task: int,
  notes: Sequence[str],
) -> pathlib.Path:
  """Writes pictures, tables and the page into a folder; returns the page."""
  order = np.argsort(-found.probabilities[:, task], kind="stable")
  # One scale for all, so that pictures compare.
  scale = max((np.abs(s).max(initial=0) for s in found.scores), default=0)
  with (out / "predictions.csv").open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["molecule", "smiles", "name", *tasks])
    for i, chances in enumerate(found.probabilities):
      row = [f"{p:.6f}" for p in chances]
      table.writerow([i + 1, given.smiles[i], given.names[i], *row])
  with (out / "atoms.csv").open("w", newline="") as file:
    table = csv.writer(file)
    header = ["molecule", "smiles", "name", "atom", "element", tasks[task]]
    table.writerow(header)
    for i, (molecule, scores) in enumerate(
      zip(given.molecules, found.scores, strict=True)
    ):
      for atom, score in zip(molecule.GetAtoms(), scores, strict=True):
        row = [atom.GetIdx(), atom.GetSymbol(), f"{score:.6g}"]
        table.writerow([i + 1, given.smiles[i], given.names[i], *row])
  cards = []
  for i in order:
    stem = out / f"molecule_{i + 1}"
    draw = lambda svg, i=i: pictures.molecule(
      given.molecules[i], found.scores[i], scale, svg=svg
    )
    picture = str(draw(True))
    stem.with_suffix(".svg").write_text(picture)
    stem.with_suffix(".png").write_bytes(bytes(draw(False)))
    chance = found.probabilities[i, task]
    caption = f"{given.names[i]} {given.smiles[i]}".strip()
    cards.append(
      f"<figure>{picture[picture.index('<svg') :]}<figcaption><b>{chance:.3f}"
      f"</b> {html.escape(caption)}</figcaption></figure>"
    )
  said = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
  page = out / "explained.html"
  page.write_text(
    _PAGE.format(
      task=html.escape(tasks[task]), notes=said, cards="\n".join(cards)
    )
  )
  return page


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{task}</title>
<style>
body {{ font: 15px sans-serif; margin: 2em; color: #222 }}
main {{ display: flex; flex-wrap: wrap; gap: 1em }}
figure {{ margin: 0; padding: .5em; border: 1px solid #ccc; width: 320px }}
figcaption {{ overflow-wrap: anywhere; font-size: 13px }}
.for {{ color: #c33 }} .against {{ color: #36b }}
</style>
<h1>{task}</h1>
<p>Highest prediction first. <b class="for">Red</b> atoms speak for it,
<b class="against">blue</b> ones against, all molecules on one scale.</p>
{notes}
<main>
{cards}
</main></html>
"""


def main(argv: Sequence[str] | None = None) -> None:
  """The command."""
  parser = cli.Parser(description=__doc__)
  add = parser.add_argument
  path = {"type": pathlib.Path, "metavar": "DIR"}
  what = "a SMILES, or a file of them"
  add("molecules", nargs="+", metavar="SMILES|FILE", help=what)
  add("--workdir", required=True, help="of a training", **path)
  add("--out", default="explained", help="write here", **path)
  assay = "which of the network's outputs; the first by default"
  add("--assay", default="", metavar="NAME", help=assay)
  method = "of attribution, see above; the network's first by default"
  add("--method", default="", metavar="NAME", help=method)
  column = "that has the SMILES, of tables; else the one that is called so"
  add("--column", metavar="NAME", help=column)
  given = parser.parse_args(argv)
  with cli.sentences():
    workdir, out = given.workdir.expanduser(), given.out.expanduser()
    config, params = load_run(workdir)
    tasks = task_names(workdir, config)
    task = datasets.task_index(tasks, given.assay)
    method = choose_method(config, given.method)
    asked, notes = read(given.molecules, given.column)
    if config.model == "graph_conv":
      notes += [
        f"{count} molecule(s) with {what}"
        for what, count in graphs.cut(asked.molecules, config.graph).items()
        if count
      ]
    for note in notes:
      print(note)
    make_folder(out)  # Rather than after hours of attributions.
    found = explain(config, params, asked.molecules, task, method)
    print(write(out, asked, found, tasks, task, notes))


if __name__ == "__main__":
  main()
