"""What the fork server of the multiprocess executor imports once, so that no step pays for it.

It opens an instance in memory, because that imports Dagster's storages and their migrations, the slowest part of
a step's start. It imports no library that starts threads: a process with threads must not be forked.
"""

import dagster
from dagster._core.execution import api as _api  # noqa: F401
from dagster._core.executor import child_process_executor as _child  # noqa: F401
from dagster._core.launcher import default_run_launcher as _launcher  # noqa: F401
from dagster._core.run_coordinator import queued_run_coordinator as _coordinator  # noqa: F401
from dagster._core.storage.event_log import sqlite as _event_log  # noqa: F401
from dagster._core.storage.runs import sqlite as _runs  # noqa: F401
from dagster._core.storage.schedules import sqlite as _schedules  # noqa: F401

from sqlflow_dagster import asset_graph as _asset_graph  # noqa: F401

with dagster.DagsterInstance.ephemeral():
    pass
