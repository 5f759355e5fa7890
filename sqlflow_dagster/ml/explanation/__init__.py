"""Why models predict what they predict."""
