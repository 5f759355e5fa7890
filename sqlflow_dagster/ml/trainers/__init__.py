"""One file for each machine-learning library."""
