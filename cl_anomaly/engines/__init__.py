"""Engines that perform runs: on this machine, on a Ray cluster, or in a SLURM queue."""
