"""Finished runs, alone and several together, and their one table."""
