"""SQL engines behind one protocol."""
