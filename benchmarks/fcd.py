"""The FCD from end to end, and ChemNet alone, against the authors' package.

  python -m benchmarks fcd

End to end: two lists of SMILES are parsed, made canonical, featurised and
compared. The package (`pip install torch fcd==1.2.2`) canonicalises by a
process for each core, ours likewise. Molecules are chains of fragments, drawn,
of about the length of drugs' SMILES; a tenth of them occurs twice. Compiled is
the network's program, of a batch. Goals: 2 end to end, 1 for the network
alone.
"""

import statistics
import time
from typing import Any

import jax
import numpy as np

from benchmarks import timing
from common import population, provenance

try:
  import fcd
  import torch
except ImportError:
  fcd = torch = None

HOW_TO_ADD_PEER = "pip install torch fcd==1.2.2"
prepare = population.use_all_cores  # As the command does.
_FRAGMENTS = (
  "C",
  "CC",
  "C(C)",
  "C(=O)N",
  "OC",
  "NC",
  "c1ccc(cc1)",
  "C1CCC(CC1)",
  "C(F)",
  "N1CCN(CC1)",
  "S(=O)(=O)N",
  "c1ccc(nc1)",
  "C(=O)O",
  "c1cc(on1)",
  "C(Cl)",
)
_PARTS = (5, 9)  # Fragments in a molecule, at least and less than.


def molecules(n: int, seed: int) -> list[str]:
  """SMILES of n molecules, a tenth of which is there twice."""
  random = np.random.default_rng(seed)
  distinct = n - n // 10
  found = [
    "".join(random.choice(_FRAGMENTS, random.integers(*_PARTS))) + "C"
    for _ in range(distinct)
  ]
  return [*found, *found[: n - distinct]]


def run(quick: bool = False) -> list[dict[str, Any]]:
  """Returns one row (a dict) per comparison; needs ChemNet's weights."""
  with timing.conditions(quick):
    return _rows(quick)


def _rows(quick: bool) -> list[dict[str, Any]]:
  from common.chem import canonical
  from projects.fcd import model as chemnet
  from projects.fcd import score
  from projects.fcd.activations import activations

  n = 128 if quick else 10_000
  a, b = molecules(n, 0), molecules(n, 1)
  params, _ = chemnet.released()
  cores = len(provenance.cores())
  canonicals = [text or "" for text in canonical.canonicalise(a, cores)]
  distinct = list(dict.fromkeys(canonicals))
  features = lambda: np.concatenate(list(activations(distinct, params)))
  ours = {
    "network": lambda: features(),
    "whole": lambda: float(
      score.score(a, b, processes=cores, distance_only=True)["distance"]
    ),
  }
  theirs: dict[str, Any] = {}
  if fcd is not None and torch is not None and not timing.alone():
    torch.set_num_threads(cores)
    net = fcd.load_ref_model()

    def whole():
      sides = [
        [s for s in fcd.canonical_smiles(side) if s is not None]
        for side in (a, b)
      ]
      return float(fcd.get_fcd(*sides, net, device="cpu"))

    theirs = {
      "network": lambda: fcd.get_predictions(net, distinct, device="cpu"),
      "whole": whole,
    }
  cells = _program(distinct, params)
  features()  # Compiles, at the shapes that count.
  rows = []
  for key, what, goal, count in (
    ("network", f"ChemNet, {len(distinct):,} molecules", 1.0, len(distinct)),
    ("whole", f"FCD of {n:,} and {n:,} SMILES", 2.0, 2 * n),
  ):
    times = {"ours": [], "peer": []}
    values = {}
    for _ in range(1 if quick or timing.alone() else 3):
      for name, contenders in (("ours", ours), ("peer", theirs)):
        if key in contenders:
          start = time.perf_counter()
          values[name] = contenders[key]()
          times[name].append(time.perf_counter() - start)
    seconds = statistics.median(times["ours"])
    peer = statistics.median(times["peer"]) if times["peer"] else None
    error = None
    if peer is not None:
      error = float(np.max(np.abs(values["ours"] - values["peer"])))
    rows.append(
      timing.row(
        what,
        seconds,
        f"fcd 1.2.2, torch {torch.__version__}" if theirs else None,
        peer,
        goal=goal,
        molecules_per_s=count / seconds,
        error=error,
        **(cells if key == "network" else {}),
      )
    )
  return rows


def _program(distinct: list[str], params: Any) -> dict[str, Any]:
  """Cells about the program of a batch of the network."""
  from projects.fcd import activations, model, tokens

  size, devices = activations.BATCH_SIZE, jax.local_device_count()
  shape = (
    activations._rows(len(distinct), size, devices),
    tokens.padded_length(distinct, "1.2"),
  )
  inputs = np.full(shape, model.PADDING, tokens.encode(["C"], "1.2", 9).dtype)

  def lower():
    activations._program.cache_clear()
    return activations._program().lower(params, inputs)

  return timing.compiled(lower)[1] | {"operations": None}
