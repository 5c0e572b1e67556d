"""The Lower Bound."""

from cl_anomaly.strategies.base import Strategy


class Lower(Strategy):
    """Lower Bound: train on each new task alone, and do nothing against forgetting.

    "Fine-tuning" in Wiewel & Yang, "Continual Learning for Anomaly Detection with Variational
    Autoencoder" (ICASSP 2019).
    """

    name = "lower"
