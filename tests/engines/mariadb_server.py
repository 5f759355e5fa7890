"""A MariaDB server of the tests' own, started when the first test asks for a database."""

from collections.abc import Sequence
from functools import cache, partial
from itertools import count
from pathlib import Path

import pymysql

from tests.engines.certificates import new_certificate
from tests.engines.servers import Server, binary

_SYSTEM = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
_numbers = count()


def new_database() -> str:
    """The URL of a new, empty database, the only one of its server."""
    server = _server()
    # In MySQL, schemas are databases: those of an earlier test would be seen by this one.
    with _connection(server.port) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES")
        for (name,) in cursor.fetchall():
            if name not in _SYSTEM:
                cursor.execute(f"DROP DATABASE `{name}`")
        name = f"test{next(_numbers)}"
        cursor.execute(f"CREATE DATABASE {name}")
    return f"mysql://sqlflow@127.0.0.1:{server.port}/{name}"


def own_server(directory: Path | None = None, *, tls: bool = False) -> tuple[Server, str]:
    """A server for one test, which may kill it, and the URL of its database."""
    server = _new_server(directory, tls=tls)
    with _connection(server.port) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE test")
    return server, f"mysql://sqlflow@127.0.0.1:{server.port}/test"


@cache
def _server() -> Server:
    return _new_server(None, tls=False)


def _connection(port: int) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(host="127.0.0.1", port=port, user="sqlflow")


def _new_server(directory: Path | None, *, tls: bool) -> Server:
    return Server(
        name="MariaDB",
        user="mysql",
        directory=directory,
        commands=partial(_commands, tls=tls),
        answers=lambda port: _connection(port).close(),
        refused=pymysql.OperationalError,
    )


def _commands(directory: Path, port: int, *, tls: bool) -> tuple[Sequence[str], Sequence[str]]:
    install, server = (
        binary(name, "MariaDB", [Path("/usr/sbin") / name])
        for name in ("mariadb-install-db", "mariadbd")
    )
    data = f"--datadir={directory}/data"
    users = directory / "users.sql"
    users.write_text(
        "CREATE USER IF NOT EXISTS sqlflow@'%';\nGRANT ALL ON *.* TO sqlflow@'%' WITH GRANT OPTION;\n"
    )
    create = [
        install,
        "--no-defaults",
        data,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--innodb-log-file-size=8M",
    ]
    run = [
        server,
        "--no-defaults",
        data,
        f"--socket={directory}/socket",
        f"--pid-file={directory}/pid",
        f"--tmpdir={directory}",
        f"--init-file={users}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--innodb-buffer-pool-size=32M",
        "--innodb-log-file-size=8M",
        # Into the system's memory, which outlives a killed server.
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-flush-method=nosync",
        "--sync-binlog=0",
        "--skip-log-bin",
        "--performance-schema=OFF",
        "--character-set-server=utf8mb4",
    ]
    if tls:
        certificate, key = new_certificate(directory)
        run += [f"--ssl-cert={certificate}", f"--ssl-key={key}"]
    return create, run
