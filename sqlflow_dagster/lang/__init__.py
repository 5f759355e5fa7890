"""Text to statements and back; knows no database."""
