"""Spark's thrift server, which speaks HiveServer2's protocol, started when the first test asks for a database."""

import os
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from sqlflow_dagster.engines.hive_client import Cursor, connect
from sqlflow_dagster.engines.hive_transport import Error
from tests.engines.servers import Server

_numbers = count()


def new_database() -> str:
    """The URL of a new, empty database, the only one of its server."""
    server = _server()
    connection = connect(host="127.0.0.1", port=server.port)
    try:
        cursor = connection.cursor()
        # Spark lists the tables of all databases: those of an earlier test would be seen by this one.
        for name in _databases(cursor):
            cursor.execute(f"DROP DATABASE `{name}` CASCADE")
        name = f"test{next(_numbers)}"
        cursor.execute(f"CREATE DATABASE {name}")
    finally:
        connection.close()
    return f"hive://sqlflow@127.0.0.1:{server.port}/{name}"


def own_server() -> tuple[Server, str]:
    """A server for one test, which may kill it, and the URL of its database."""
    server = _new_server()
    return server, f"hive://sqlflow@127.0.0.1:{server.port}/default"


def _databases(cursor: Cursor) -> list[str]:
    cursor.execute("SHOW DATABASES")
    return [name for (name,) in cursor.fetchall() if name != "default"]


@cache
def _server() -> Server:
    return _new_server()


def _new_server() -> Server:
    return Server(
        name="Spark",
        user=None,
        commands=_commands,
        answers=lambda port: connect(host="127.0.0.1", port=port).close(),
        refused=Error,
    )


def _commands(directory: Path, port: int) -> tuple[Sequence[str], Sequence[str]]:
    home = os.environ.get("SPARK_HOME")
    if home is None:
        pytest.fail("SPARK_HOME does not say where Spark is; `make hive` installs it")
    (directory / "warehouse").mkdir()
    java = f"-Dderby.system.home={directory} -Djava.io.tmpdir={directory} -XX:TieredStopAtLevel=1"
    spark = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": f"file:{directory}/warehouse",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.extraJavaOptions": java,
    }
    hive = {
        "hive.server2.thrift.port": str(port),
        "hive.server2.thrift.bind.host": "127.0.0.1",
        "hive.server2.authentication": "NONE",
        "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={directory}/metastore;create=true",
    }
    run = [f"{home}/bin/spark-submit", "--master", "local[2]", "--driver-memory", "1g"]
    for key, value in spark.items():
        run += ["--conf", f"{key}={value}"]
    run += ["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2", "spark-internal"]
    for key, value in hive.items():
        run += ["--hiveconf", f"{key}={value}"]
    return ["true"], run
