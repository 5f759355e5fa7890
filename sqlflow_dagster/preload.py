"""What the fork server of the multiprocess executor imports once, so that no step pays for it.

It opens an instance in memory, because that imports Dagster's storages and their migrations, the slowest part of
a step's start, and compiles a statement, because sqlglot imports its dialects when they are first used.

A process with threads must not be forked. numpy and pyarrow start some when they are imported, unless told not
to; DuckDB, PyTorch and XGBoost cannot be told, and each step imports those that it uses.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

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

from sqlflow_dagster.compiler import compile_program

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
_NO_THREADS = {_BLAS_THREADS: "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """A block with other environment variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


with _environment(_NO_THREADS):
    import numpy  # noqa: F401
    import pyarrow.compute  # noqa: F401
    from threadpoolctl import ThreadpoolController

    from sqlflow_dagster import definitions as _definitions  # noqa: F401

_blas = ThreadpoolController().select(user_api="blas")


def _give_blas_its_threads() -> None:
    """Let numpy of a step use the cores that it would have used without the preload."""
    given = os.environ.get(_BLAS_THREADS, "")
    _blas.limit(limits=int(given) if given.isdecimal() else os.cpu_count())


os.register_at_fork(after_in_child=_give_blas_its_threads)

with dagster.DagsterInstance.ephemeral():
    pass
compile_program("SELECT 1")
