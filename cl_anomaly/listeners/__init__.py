"""Followers of a run: the screen and trackers."""
