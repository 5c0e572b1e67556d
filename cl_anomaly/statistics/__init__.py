"""Metrics and statistics as pure functions of NumPy arrays."""
