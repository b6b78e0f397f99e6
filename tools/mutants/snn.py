"""Mutants of self-normalizing networks."""

from tools.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
