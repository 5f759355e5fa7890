"""Other processes that use a database while a test runs."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

_FOREIGN_HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""
_SESSION_HOLDER = """
import sys
from sqlflow_dagster.engines.base import open_engine
with open_engine(sys.argv[1]).session() as session:
    session.execute("CREATE TABLE IF NOT EXISTS held (n INTEGER)")
    print("ready", flush=True)
    sys.stdin.read()
"""
_WRITER = """
import sys
from sqlflow_dagster.engines.base import open_engine
engine = open_engine(sys.argv[1])
for index in range(int(sys.argv[3])):
    with engine.session() as session:
        session.create_table_as((f"t_{sys.argv[2]}_{index}",), "SELECT 1 AS n")
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def _holding(script: str, argument: str) -> Iterator[subprocess.Popen[str]]:
    with start(script, argument) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()[1]
            yield process
        finally:
            process.kill()


def foreign_holder(path: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A process that has a DuckDB file open and knows nothing of its lock file."""
    return _holding(_FOREIGN_HOLDER, path)


def session_holder(url: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A process that has a session open."""
    return _holding(_SESSION_HOLDER, url)


def writers(url: str, *, processes: int, tables: int) -> list[str]:
    """Let processes write tables side by side; what each printed to its standard error."""
    started = [start(_WRITER, url, str(index), str(tables)) for index in range(processes)]
    return [process.communicate(timeout=120)[1] for process in started]
