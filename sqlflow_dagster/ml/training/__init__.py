"""From a TRAIN statement and its rows to a trained model."""
