"""Whose code runs: files of the user's own, which may run, and what made a result."""
