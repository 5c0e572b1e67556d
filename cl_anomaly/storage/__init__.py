"""Files that are whole or absent: checkpoints and runs' folders."""
