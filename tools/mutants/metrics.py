"""Mutants of the metrics: FID, FVD, FCD and what they share."""

from tools.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
