"""Files that are whole or absent: checkpoints, detectors, run folders and their identity."""
