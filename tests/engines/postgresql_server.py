"""A PostgreSQL server of the tests' own, started when the first test asks for a database."""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

# A test has few databases at a time, and each takes 7 MB.
_KEPT = 4
_databases: deque[str] = deque()
_numbers = count()


def new_database(*, lasting: bool = False) -> str:
    """The URL of a new, empty database, which is there for a test or, if ``lasting``, for all."""
    server = _server()
    name = f"test{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        if not lasting and len(_databases) == _KEPT:
            connection.execute(f"DROP DATABASE {_databases.popleft()} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name}".encode())
    if not lasting:
        _databases.append(name)
    return f"{server}/{name}"


def _binary(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next(map(str, places), None)
    if found is not None:
        return found
    missing = f"PostgreSQL is not installed: there is no {name}; `make servers` installs it"
    # tests/conftest.py makes a failure of it in continuous integration.
    pytest.skip(missing)


@cache
def _server() -> str:
    """Start the server; the URL without a database. It ends with this process."""
    initdb, postgres = _binary("initdb"), _binary("postgres")
    # Short: the path of a socket has at most 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    options: dict[str, Any] = {"cwd": directory, "stdout": subprocess.DEVNULL}
    if os.getuid() == 0:
        # The server refuses to run as root.
        user = pwd.getpwnam("postgres" if _has_user("postgres") else "nobody")
        os.chown(directory, user.pw_uid, user.pw_gid)
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data = f"{directory}/data"
    subprocess.run(
        [initdb, "-D", data, "-U", "sqlflow", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
        check=True,
        **options,
    )
    port = _free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "32MB",
        "max_connections": "50",
    }
    arguments = [item for pair in settings.items() for item in ("-c", "=".join(pair))]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [postgres, "-D", data, "-p", str(port), "-k", str(directory), *arguments],
            stderr=log,
            # Ctrl-C is for the tests; the server ends after them.
            start_new_session=True,
            **options,
        )
    atexit.register(_stop, process, directory)
    url = f"postgresql://sqlflow@127.0.0.1:{port}"
    _wait(url, process, directory / "log")
    return url


def _has_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"{url}/postgres").close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"PostgreSQL does not start: {log.read_text()}")
            time.sleep(0.05)
        else:
            return


def _stop(process: subprocess.Popen[bytes], directory: Path) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(30)
    shutil.rmtree(directory, ignore_errors=True)
