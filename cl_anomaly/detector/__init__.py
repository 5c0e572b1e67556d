"""A model with its strategy and its score: it learns, scores, and is saved and loaded."""

from cl_anomaly.detector.blueprint import Blueprint
from cl_anomaly.detector.detector import Detector

__all__ = ["Blueprint", "Detector"]
