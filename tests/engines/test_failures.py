"""What is left in a database when its server dies, has no room or has the table locked: all of a table, or what it was."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Engine, Session, open_engine
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from tests.conftest import NO_SMALL_DISK
from tests.engines import mariadb_server, postgresql_server
from tests.engines.servers import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of server.

    Attributes:
        start: Starts one in a directory, or in a new one; the URL of its database, too.
        many_rows: A SELECT of rows that no buffer holds.
        swap: How the statements begin by which a table takes the place of the former one.
        waits: What bounds the time that a statement waits for a lock.
        lock: What locks the table ``t`` for everybody else.
        unlock: What ends that.
    """

    start: Callable[[Path | None], tuple[Server, str]]
    many_rows: str
    swap: tuple[str, str, str]
    waits: str
    lock: str
    unlock: str


KINDS = {
    "mysql": Kind(
        start=mariadb_server.own_server,
        many_rows="SELECT seq AS n, repeat('x', 1000) AS s FROM seq_1_to_200000",
        swap=("CREATE TABLE", "RENAME TABLE", "DROP TABLE"),
        waits="SET lock_wait_timeout = 1",
        lock="LOCK TABLES t READ",
        unlock="UNLOCK TABLES",
    ),
    "postgresql": Kind(
        start=postgresql_server.own_server,
        many_rows="SELECT n, repeat('x', 1000) AS s FROM generate_series(1, 200000) AS n",
        swap=("DROP TABLE", "ALTER TABLE", "COMMIT"),
        waits="SET lock_timeout = '50ms'",
        lock="BEGIN; LOCK TABLE t",
        unlock="COMMIT",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server that a test may kill, with a table ``t`` of one row."""

    kind: Kind
    server: Server
    engine: Engine

    def kill_before(self, session: Session, beginning: str) -> None:
        """Kill the server when the session is about to send a statement."""

        def kill(*arguments: Any) -> None:
            if arguments[2].startswith(beginning):
                self.server.kill()

        sa.event.listen(session.connection, "before_cursor_execute", kill)

    def found(self) -> list[int]:
        """The numbers in ``t``, after a restart of the server; nothing else is there."""
        self.server.start()
        with self.engine.session() as session:
            assert session.relation_kind(("t",)) == "table"
            assert [name[-1] for name in session.tables()] == ["t"]
            numbers: list[int] = session.read("SELECT n FROM t").read_all()["n"].to_pylist()
            # Nor is anything left behind after the next one.
            session.create_table_as(("t",), "SELECT 9 AS n")
            catalogue = sa.text(
                "SELECT count(*) FROM information_schema.tables WHERE table_schema = :name"
            )
            schema = self.engine.default_schema
            assert session.connection.execute(catalogue, {"name": schema}).scalar() == 1
        return numbers


@pytest.fixture(scope="module", params=KINDS)
def running(request: pytest.FixtureRequest) -> tuple[Kind, Server, str]:
    kind = KINDS[request.param]
    return kind, *kind.start(None)


@pytest.fixture
def place(running: tuple[Kind, Server, str]) -> Place:
    kind, server, url = running
    if not server.runs:
        server.start()
    engine = open_engine(url)
    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
    return Place(kind=kind, server=server, engine=engine)


def check_worth_a_retry(error: BaseException) -> None:
    assert isinstance(error, TransientError)
    assert error.hint


def test_killed_in_the_midst_of_a_read(place: Place) -> None:
    with place.engine.session() as session:
        rows = session.read(place.kind.many_rows, batch_rows=100)
        rows.read_next_batch()
        place.server.kill()
        with pytest.raises(TransientError) as caught:
            rows.read_all()
    check_worth_a_retry(caught.value)
    assert place.found() == [1]


def test_killed_in_the_midst_of_a_write(place: Place) -> None:
    def killed() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [2]})
        place.server.kill()
        for _ in range(50):
            yield pa.record_batch({"n": list(range(10_000))})

    rows = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), killed())
    with place.engine.session() as session, pytest.raises(TransientError) as caught:
        session.replace_table(("t",), rows)
    check_worth_a_retry(caught.value)
    assert place.found() == [1]


@pytest.mark.parametrize("step", range(3))
def test_killed_in_the_midst_of_a_swap(place: Place, step: int) -> None:
    with place.engine.session() as session:
        place.kill_before(session, place.kind.swap[step])
        with pytest.raises(TransientError) as caught:
            session.replace_table(("t",), pa.table({"n": [2, 3]}).to_reader())
    check_worth_a_retry(caught.value)
    assert place.found() in ([1], [2, 3])


@pytest.mark.parametrize("made", [False, True], ids=["before", "after"])
def test_killed_while_a_statement_of_the_user_makes_the_table(place: Place, made: bool) -> None:
    def make(session: Session) -> None:
        with session.replacing(("t",)):
            if made:
                session.execute("CREATE TABLE t AS SELECT 2 AS n")
            place.server.kill()
            session.execute("CREATE TABLE t AS SELECT 2 AS n")

    with place.engine.session() as session, pytest.raises(TransientError):
        make(session)
    # MySQL has no other way to commit a CREATE than to run it.
    committed = made and not place.engine.transactional_ddl
    assert place.found() == ([2] if committed else [1])


def test_nobody_answers(place: Place) -> None:
    place.server.kill()
    with pytest.raises(TransientError, match=r"127\.0\.0\.1") as caught:
        place.engine.session().__enter__()
    assert "see that the server runs" in str(caught.value.hint)
    assert place.found() == [1]


@pytest.mark.parametrize("way", ["rows", "select", "statement"])
def test_somebody_else_has_the_table_locked(place: Place, way: str) -> None:
    ways: dict[str, Callable[[Session], object]] = {
        "rows": lambda s: s.replace_table(("t",), pa.table({"n": [2]}).to_reader()),
        "select": lambda s: s.create_table_as(("t",), "SELECT 2 AS n"),
        "statement": lambda s: s.replacing(("t",)).__enter__(),
    }
    with place.engine.session() as session, place.engine.session() as other:
        session.execute(place.kind.waits)
        other.execute(place.kind.lock)
        with pytest.raises(TransientError) as caught:
            ways[way](session)
        check_worth_a_retry(caught.value)
        other.execute(place.kind.unlock)
    with place.engine.session() as session:
        assert session.count("SELECT * FROM t WHERE n = 1") == 1
        assert [name[-1] for name in session.tables()] == ["t"]


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="db", dir="/tmp"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", directory],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        directory.rmdir()
        pytest.skip(f"{NO_SMALL_DISK}: {mounted.stderr}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)
        directory.rmdir()


@contextmanager
def filled(disk: Path, *, room: int) -> Iterator[None]:
    """A block in which so many bytes are free on a disk."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - room))
    try:
        yield
    finally:
        ballast.unlink()


# Ten megabytes, which nothing compresses.
ROWS = pa.table({"n": range(10_000), "s": [os.urandom(500).hex() for _ in range(10_000)]})


@pytest.fixture
def disk_of_a_server() -> Iterator[Path]:
    with small_disk(256) as directory:
        yield directory


@pytest.fixture
def disk_of_a_file() -> Iterator[Path]:
    with small_disk(40) as directory:
        yield directory


@pytest.mark.parametrize("kind", KINDS)
def test_no_room_on_the_disk(kind: str, disk_of_a_server: Path) -> None:
    server, url = KINDS[kind].start(disk_of_a_server)
    engine = open_engine(url)
    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
    for room in (0, 4 << 20):
        with (
            filled(disk_of_a_server, room=room),
            engine.session() as session,
            pytest.raises(StepError) as caught,
        ):
            session.replace_table(("t",), ROWS.to_reader())
        if server.runs:
            assert isinstance(caught.value, TerminalError)
            assert caught.value.hint == "make room on the server"
        else:
            # MariaDB 10.11 does not outlive the rollback of rows in a table that was empty.
            assert (kind, room > 0) == ("mysql", True)
            check_worth_a_retry(caught.value)
            server.start()
        check_untouched(engine)
    with engine.session() as session:
        assert session.replace_table(("t",), ROWS.to_reader()) == 10_000
    server.kill()


FILES = {
    "duckdb": (
        "duckdb:///{}/data.duckdb",
        "SELECT range AS n, gen_random_uuid()::VARCHAR AS s FROM range(300_000)",
    ),
    "sqlite": (
        "sqlite:///{}/data.db",
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000) "
        "SELECT n, hex(randomblob(500)) AS s FROM numbers",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_no_room_on_the_disk_of_a_file(kind: str, disk_of_a_file: Path) -> None:
    url, query = FILES[kind]
    engine = open_engine(url.format(disk_of_a_file))
    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")

    def by_a_statement(session: Session) -> None:
        with session.replacing(("t",)):
            session.execute(f"CREATE TABLE t AS {query}")

    ways: list[Callable[[Session], object]] = [
        lambda session: session.replace_table(("t",), ROWS.to_reader()),
        lambda session: session.create_table_as(("t",), query),
        by_a_statement,
    ]
    for write in ways:
        for room in (0, 1 << 20):
            with (
                filled(disk_of_a_file, room=room),
                pytest.raises(TerminalError) as caught,
                engine.session() as session,
            ):
                write(session)
            assert "room" in str(caught.value.hint)
            assert "data." in caught.value.message
            check_untouched(engine)
    with engine.session() as session:
        assert session.replace_table(("t",), ROWS.to_reader()) == 10_000


def test_a_duckdb_file_on_a_full_disk_is_read(disk_of_a_file: Path) -> None:
    engine = open_engine(FILES["duckdb"][0].format(disk_of_a_file))
    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
    with filled(disk_of_a_file, room=0):
        check_untouched(engine)


def check_untouched(engine: Engine) -> None:
    with engine.session() as session:
        assert session.count("SELECT * FROM t WHERE n = 1") == 1
        assert [name[-1] for name in session.tables()] == ["t"]
