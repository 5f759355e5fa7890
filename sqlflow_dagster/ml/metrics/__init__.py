"""How good a model is: metrics by their names, and what they are computed from."""
