"""Mutants of RUDDER."""

from tools.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
