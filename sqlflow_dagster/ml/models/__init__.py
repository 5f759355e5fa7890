"""Trained models: what is kept of them, and what they answer."""
