"""A PostgreSQL server of the tests' own, started when the first test asks for a database."""

from collections import deque
from collections.abc import Sequence
from functools import cache, partial
from itertools import count
from pathlib import Path

import psycopg

from tests.engines.certificates import new_certificate
from tests.engines.servers import Server, binary

# A test has few databases at a time, and each takes 7 MB.
_KEPT = 4
_databases: deque[str] = deque()
_numbers = count()


def new_database(*, lasting: bool = False) -> str:
    """The URL of a new, empty database, which is there for a test or, if ``lasting``, for all."""
    server = _url(_server().port)
    name = f"test{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        if not lasting and len(_databases) == _KEPT:
            connection.execute(f"DROP DATABASE {_databases.popleft()} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name}".encode())
    if not lasting:
        _databases.append(name)
    return f"{server}/{name}"


def own_server(directory: Path | None = None, *, tls: bool = False) -> tuple[Server, str]:
    """A server for one test, which may kill it, and the URL of its database."""
    server = _new_server(directory, tls=tls)
    return server, f"{_url(server.port)}/postgres"


@cache
def _server() -> Server:
    return _new_server(None, tls=False)


def _url(port: int) -> str:
    return f"postgresql://sqlflow@127.0.0.1:{port}"


def _new_server(directory: Path | None, *, tls: bool) -> Server:
    return Server(
        name="PostgreSQL",
        user="postgres",
        directory=directory,
        commands=partial(_commands, tls=tls),
        answers=lambda port: psycopg.connect(f"{_url(port)}/postgres").close(),
        refused=psycopg.OperationalError,
    )


def _commands(directory: Path, port: int, *, tls: bool) -> tuple[Sequence[str], Sequence[str]]:
    initdb, postgres = (
        binary(name, "PostgreSQL", sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))
        for name in ("initdb", "postgres")
    )
    data = f"{directory}/data"
    settings = {
        "listen_addresses": "127.0.0.1",
        "fsync": "off",
        # What was committed is to outlive a killed server, if not its machine.
        "synchronous_commit": "on",
        "full_page_writes": "off",
        "shared_buffers": "32MB",
        "max_connections": "50",
        # What a transaction writes into a table that it makes goes past the log.
        "wal_level": "minimal",
        "max_wal_senders": "0",
    }
    if tls:
        certificate, key = new_certificate(directory)
        settings |= {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
    create = [initdb, "-D", data, "-U", "sqlflow", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    arguments = [item for pair in settings.items() for item in ("-c", "=".join(pair))]
    return create, [postgres, "-D", data, "-p", str(port), "-k", str(directory), *arguments]
