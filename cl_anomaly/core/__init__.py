"""Errors, labels, random numbers and products: what every room may use."""
