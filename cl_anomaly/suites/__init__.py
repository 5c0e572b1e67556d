"""Sets of runs to compare."""
