"""The ``sqlflow`` command: check, look at and run SQL programs.

Importing this package imports no database, no library of machine learning and no orchestrator; each
command imports what it needs when it runs.
"""

from sqlflow_dagster.cli.root import main

__all__ = ["main"]
