"""Scenarios: normal and anomalous samples, and the order in which they arrive."""
