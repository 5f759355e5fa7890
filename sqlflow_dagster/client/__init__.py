"""Clients: submission of programs to a running Dagster, and the ``%%sqlflow`` cells of a notebook."""
