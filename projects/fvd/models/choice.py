"""From a config to its model."""

import ml_collections

from . import cdna, savp, sv2p, svp_fp
from .seam import Model

MODELS = {
  "cdna": cdna.model,
  "sv2p": sv2p.model,
  "svp_fp": svp_fp.model,
  "savp": savp.model,
}


def model_of(config: ml_collections.ConfigDict) -> Model:
  """The model that `config.model` names, at its size."""
  return MODELS[config.model](config)
