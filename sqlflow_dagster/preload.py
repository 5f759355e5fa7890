"""What the fork server of the multiprocess executor imports once, so that no step pays for it.

It opens an instance in memory, because that imports Dagster's storages and their migrations, the slowest part of
a step's start, and compiles a statement, because sqlglot imports its dialects when they are first used.

It imports nothing that starts threads, for a process with threads must not be forked: numpy, pyarrow and DuckDB
start some when they are imported. That leaves out the modules of this package that import those.
"""

import dagster
from dagster import _cli  # noqa: F401  # the main module of every run, which a step imports again
from dagster._core.execution import api as _api  # noqa: F401
from dagster._core.executor import child_process_executor as _child  # noqa: F401
from dagster._core.launcher import default_run_launcher as _launcher  # noqa: F401
from dagster._core.run_coordinator import queued_run_coordinator as _coordinator  # noqa: F401
from dagster._core.secrets import env_file as _env_file  # noqa: F401
from dagster._core.storage import base_storage as _base  # noqa: F401
from dagster._core.storage import sqlite_storage as _sqlite  # noqa: F401
from dagster._core.storage.event_log import sqlite as _event_log  # noqa: F401
from dagster._core.storage.runs import sqlite as _runs  # noqa: F401
from dagster._core.storage.schedules import sqlite as _schedules  # noqa: F401

from sqlflow_dagster import asset_graph as _asset_graph  # noqa: F401
from sqlflow_dagster.compiler import compile_program

with dagster.DagsterInstance.ephemeral():
    pass
compile_program("SELECT 1")
