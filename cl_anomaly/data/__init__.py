"""Datasets by name, one file for each source."""
