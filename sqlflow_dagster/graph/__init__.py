"""Statements to what must wait for what."""
