"""Scores, and what they are worth: metrics and statistics."""
