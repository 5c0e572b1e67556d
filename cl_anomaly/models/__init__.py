"""Detector models, one file each."""

from cl_anomaly.models.vae import VAE, Decoder, Reconstruction

__all__ = ["MODELS", "VAE", "Decoder", "Reconstruction"]

MODELS = {model.name: model for model in (VAE,)}
