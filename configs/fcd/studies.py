"""The studies of the Fréchet ChemNet Distance.

    python -m projects.fcd.reproduce --table=disturbances --data_dir=DIR
    python -m projects.fcd.reproduce --table=moses --data_dir=DIR

Reproduces: Section 3 of arXiv:1803.09518 (five faults, which of the scores see
them), and the FCD column of the MOSES benchmark. DIR holds the lists of SMILES
named below, of one molecule a line, plain or compressed.

The paper's: five repetitions, the share of 5%. Ours: 1,000 molecules a set for
5,000, the levels, the pool (ZINC in place of ChEMBL), the assay (NR-AhR of
Tox21 in place of PLK1), fingerprints of 1,024 bits.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; the variant `smoke` takes seconds."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  # Molecules in a set. A fault is in 5% of a pool of 29,445, 1,472 molecules: a
  # set of the paper's 5,000 would have each several times, which costs FCD and
  # FFD something by itself.
  config.n = 1_000
  config.repetitions = 5
  config.levels = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
  config.share = 0.05  # of the pool that has a fault most
  config.bits = 1_024
  config.pool = ("zinc250k_jtnn_valid", "zinc250k_jtnn_test")
  config.assay = "NR-AhR"
  config.moses_n = 10_000
  config.moses_test = "moses_test_small"
  config.moses_scaffolds = "moses_test_scaffolds_small"
  config.moses_models = (
    "char_rnn",
    "vae",
    "jtn",
    "aae",
    "combinatorial",
    "hmm",
  )
  config.batch_size = 128
  config.processes = 2
  smoke = dict(
    n=60,
    repetitions=2,
    bits=64,
    levels=(0.0, 0.5, 1.0),
    moses_n=60,
    processes=1,
  )
  return variants.apply(config, variant, smoke=smoke)
