"""Latent Studio: a browser-based interactive studio for Stable Diffusion."""

__version__ = "0.1.0"
