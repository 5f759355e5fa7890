"""Running one step, whoever decided when and where."""
