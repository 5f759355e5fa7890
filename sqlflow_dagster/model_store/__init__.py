"""Where trained models live."""
