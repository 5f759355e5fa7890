"""Reading and writing tables against the fastest way that each database has.

A million rows of twenty numbers, in DuckDB and in a PostgreSQL server of the script's own. Reading a SELECT
as a stream of Arrow batches is compared with the driver's own Arrow (DuckDB), with ADBC and with
``pandas.read_sql`` (PostgreSQL); replacing a table by a stream with DuckDB's CREATE TABLE from an Arrow table
and with ADBC's ingestion. Each way runs in turns in a process of its own, and the best of three counts.

Then ten times as many rows are copied from one table into another. Memory must not grow with them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from memory import peak

ROOT = Path(__file__).parent.parent
ROWS = 1_000_000
COLUMNS = 20
TURNS = 3
OPEN = ExitStack()
NAMES = [f"x{index}" for index in range(COLUMNS)]
SELECT = f"SELECT {', '.join(NAMES)} FROM rows"
MOST_READ, MOST_WRITE, LEAST_OVER_PANDAS, MOST_GROWTH_MB = 1.10, 1.25, 5.0, 64


def main() -> None:
    """Print the ratios; fail where one misses its target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measured(options.way, options.url)))
        return
    sys.path.insert(0, str(ROOT))
    from tests.engines.postgresql_server import new_database

    with tempfile.TemporaryDirectory() as folder:
        missed = [
            *compare("duckdb", f"duckdb:///{folder}/rows.duckdb", options.rows),
            *compare("postgresql", new_database(lasting=True), options.rows),
        ]
    if missed:
        sys.exit("; ".join(missed))


def compare(engine: str, url: str, rows: int) -> list[str]:
    """The ways of an engine in turns; what missed its target."""
    make_rows(url, rows)
    ways = ["read", "read-by-driver", "write", "write-by-driver"]
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(TURNS):
        for way in ways:
            found[way].append(process(way, url)["seconds"])
    best = {way: min(items) for way, items in found.items()}
    missed = []
    for way, most in (("read", MOST_READ), ("write", MOST_WRITE)):
        ours, theirs = best[way], best[f"{way}-by-driver"]
        ratio = ours / theirs
        print(
            f"{engine:10} {way:5}  ours {ours:6.2f} s  fastest client {theirs:6.2f} s  {ratio:.2f}"
        )
        if ratio > most:
            missed.append(f"{engine} {way}: more than {most}")
    if engine == "postgresql":
        pandas = process("read-by-pandas", url)["seconds"]
        ratio = pandas / best["read"]
        print(
            f"{engine:10} read   ours {best['read']:6.2f} s  pandas {pandas:14.2f} s  {ratio:.1f} x"
        )
        if ratio < LEAST_OVER_PANDAS:
            missed.append(f"{engine}: less than {LEAST_OVER_PANDAS} times as fast as pandas")
    few = process("copy", url)["memory"]
    make_rows(url, 10 * rows)
    many = process("copy", url)["memory"]
    print(f"{engine:10} copy   {few:.0f} MB for {rows:,} rows, {many:.0f} MB for {10 * rows:,}")
    if many - few > MOST_GROWTH_MB:
        missed.append(f"{engine}: memory grows with the rows")
    return missed


def process(way: str, url: str) -> dict[str, float]:
    """What a way takes in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--url", url]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_rows(url: str, rows: int) -> None:
    """A table of random numbers."""
    from sqlflow_dagster.engines.base import open_engine

    engine = open_engine(url)
    columns = ", ".join(f"random() AS {name}" for name in NAMES)
    source = "range" if engine.name == "duckdb" else "generate_series"
    last = rows if engine.name == "duckdb" else rows - 1
    with engine.session() as session:
        session.execute("DROP TABLE IF EXISTS rows")
        session.execute(f"CREATE TABLE rows AS SELECT {columns} FROM {source}(0, {last})")


def measured(way: str, url: str) -> dict[str, float]:
    """Seconds of a way, and how much memory it took above what there was before it."""
    prepare = WAYS[way]
    act = prepare(url)
    before, start = peak(), time.perf_counter()
    act()
    found = {"seconds": time.perf_counter() - start, "memory": peak() - before}
    OPEN.close()
    return found


def session_of(url: str) -> Any:
    """A session of the project's engine, open until the process ends."""
    from sqlflow_dagster.engines.base import open_engine

    return OPEN.enter_context(open_engine(url).session())


def read(url: str) -> Callable[[], None]:
    """A SELECT as a stream, to its end."""
    session = session_of(url)

    def act() -> None:
        assert sum(batch.num_rows for batch in session.read(SELECT))

    return act


def read_by_driver(url: str) -> Callable[[], None]:
    """The same through the driver's own Arrow."""
    if url.startswith("duckdb"):
        import duckdb

        connection = duckdb.connect(url.removeprefix("duckdb:///"))

        def act() -> None:
            assert sum(batch.num_rows for batch in connection.execute(SELECT).to_arrow_reader())

        return act
    from adbc_driver_postgresql import dbapi

    cursor = dbapi.connect(url).cursor()

    def act_adbc() -> None:
        cursor.execute(SELECT)
        assert sum(batch.num_rows for batch in cursor.fetch_record_batch())

    return act_adbc


def read_by_pandas(url: str) -> Callable[[], None]:
    """The same through pandas and SQLAlchemy."""
    import pandas as pd
    import sqlalchemy as sa

    connection = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:")).connect()

    def act() -> None:
        assert len(pd.read_sql(SELECT, connection))

    return act


def write(url: str) -> Callable[[], None]:
    """A table made of a stream."""
    session = session_of(url)
    rows = session.read(SELECT).read_all()

    def act() -> None:
        assert session.replace_table(("copied",), rows.to_reader())

    return act


def write_by_driver(url: str) -> Callable[[], None]:
    """The same by the driver's own ingestion."""
    rows = session_of(url).read(SELECT).read_all()
    OPEN.close()
    if url.startswith("duckdb"):
        import duckdb

        connection = duckdb.connect(url.removeprefix("duckdb:///"))

        def act() -> None:
            connection.register("incoming", rows)
            connection.execute("CREATE OR REPLACE TABLE copied AS SELECT * FROM incoming")

        return act
    from adbc_driver_postgresql import dbapi

    connection = dbapi.connect(url)

    def act_adbc() -> None:
        with connection.cursor() as cursor:
            cursor.adbc_ingest("copied", rows, mode="replace")
        connection.commit()

    return act_adbc


def copy(url: str) -> Callable[[], None]:
    """A table made of a SELECT, through this process."""
    session = session_of(url)
    if url.startswith("duckdb"):
        # It fills what it may use with pages of the file, which it drops when they are in the way.
        session.execute("SET memory_limit = '128MB'")

    def act() -> None:
        assert session.replace_table(("copied",), session.read(SELECT))

    return act


WAYS = {
    "read": read,
    "read-by-driver": read_by_driver,
    "read-by-pandas": read_by_pandas,
    "write": write,
    "write-by-driver": write_by_driver,
    "copy": copy,
}

if __name__ == "__main__":
    main()
