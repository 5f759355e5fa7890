import os
import re
import socket
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines import locking
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.engines.duckdb import DuckDBEngine
from sqlflow_dagster.engines.locking import TIMEOUT_VARIABLE
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from tests.engines.processes import foreign_holder, session_holder, writers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.duckdb"


@pytest.fixture
def engine(path: Path) -> Engine:
    return DuckDBEngine(sa.make_url(f"duckdb:///{path}"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, "0.05")


# -- one file, many users


@pytest.mark.usefixtures("impatient")
def test_names_the_foreign_process_that_holds_the_file(engine: Engine, path: Path) -> None:
    with foreign_holder(str(path)) as holder:
        with pytest.raises(TransientError, match="still in use by process") as caught:
            engine.session().__enter__()
        assert f"process {holder.pid} (" in caught.value.message
        assert str(path) in caught.value.message
        assert TIMEOUT_VARIABLE in str(caught.value.hint)


@pytest.mark.usefixtures("impatient")
def test_names_the_session_that_holds_the_lock(engine: Engine, path: Path) -> None:
    with session_holder(f"duckdb:///{path}") as holder:
        with pytest.raises(TransientError, match="still in use by") as caught:
            engine.session().__enter__()
        assert f"process {holder.pid} " in caught.value.message


def test_waits_until_a_foreign_process_is_done(engine: Engine, path: Path) -> None:
    with foreign_holder(str(path)) as holder, ThreadPoolExecutor(1) as pool:
        counting = pool.submit(lambda: _count(engine))
        assert holder.stdin is not None
        holder.stdin.close()
        assert counting.result(timeout=60) == 1


def test_a_long_wait_for_a_foreign_process_is_told(
    engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locking, "FIRST_NOTICE", 0.0)
    with foreign_holder(str(path)) as holder, ThreadPoolExecutor(1) as pool:
        counting = pool.submit(lambda: _count(engine))
        while not caplog.messages:
            assert not counting.done()
        assert holder.stdin is not None
        holder.stdin.close()
        assert counting.result(timeout=60) == 1
    [told] = caplog.messages
    assert re.fullmatch(rf"waiting for {path}, which process {holder.pid} .*uses", told)


def test_a_killed_holder_frees_the_lock(engine: Engine, path: Path) -> None:
    with session_holder(f"duckdb:///{path}") as holder:
        holder.kill()
        holder.wait()
        assert Path(f"{path}.lock.owner").exists()
        assert _count(engine) == 1
    assert not Path(f"{path}.lock.owner").exists()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("left_behind", ["", "nonsense", "999999999 host", "x y z"])
def test_a_stale_owner_is_not_blamed(engine: Engine, path: Path, left_behind: str) -> None:
    with session_holder(f"duckdb:///{path}"):
        text = left_behind.replace("host", socket.gethostname())
        Path(f"{path}.lock.owner").write_text(text)
        with pytest.raises(TransientError, match="in use by another process"):
            engine.session().__enter__()


@pytest.mark.usefixtures("impatient")
def test_names_another_thread(engine: Engine) -> None:
    opened, done = Event(), Event()

    def hold() -> None:
        with engine.session():
            opened.set()
            done.wait(60)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert opened.wait(60)
        with pytest.raises(TransientError, match=f"another thread of this process .{os.getpid()}"):
            engine.session().__enter__()
        done.set()
        holding.result()


def test_our_own_statements_take_turns_however_long_they_take(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(TIMEOUT_VARIABLE, raising=False)
    monkeypatch.setattr(locking, "NOTICE_INTERVAL", 0.02)
    monkeypatch.setattr(locking, "DEFAULT_TIMEOUT", 0.05)
    noticed = Event()

    def wait_for_the_file() -> int:
        with engine.session() as session:
            return session.count("SELECT 1")

    with ThreadPoolExecutor() as pool:
        with engine.session(), caplog.at_level("WARNING"):
            waiting = pool.submit(wait_for_the_file)
            while not caplog.messages:
                noticed.wait(0.01)
            noticed.wait(0.1)  # Longer than a foreign holder would be waited for.
            assert not waiting.done()
        assert waiting.result() == 1
    assert f"another thread of this process ({os.getpid()})" in caplog.messages[0]


def test_a_session_inside_another_is_an_error_not_a_deadlock(engine: Engine, path: Path) -> None:
    other = DuckDBEngine(sa.make_url(f"duckdb:///{path.parent}/../{path.parent.name}/{path.name}"))
    with engine.session() as session:
        with pytest.raises(TerminalError, match="open already in this thread"):
            other.session().__enter__()
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
    assert _count(other) == 1


def test_processes_take_turns(engine: Engine, path: Path) -> None:
    assert writers(f"duckdb:///{path}", processes=4, tables=5) == [""] * 4
    with engine.session() as session:
        assert len(session.tables()) == 20


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_bad_timeout_is_an_error(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, text)
    with pytest.raises(TerminalError, match=f"must be a number of seconds from 0, not '{text}'"):
        engine.session().__enter__()


def test_readers_share_a_file_that_is_opened_for_reading(engine: Engine, path: Path) -> None:
    _write(engine)
    reader = DuckDBEngine(sa.make_url(f"duckdb:///{path}?access_mode=READ_ONLY"))
    with reader.session() as first, reader.session() as second:
        assert first.count("FROM t") == second.count("FROM t") == 1
        with pytest.raises(TerminalError, match="read-only"):
            first.execute("CREATE TABLE u AS SELECT 1 AS n")


# -- what errors mean


@pytest.mark.parametrize(
    ("message", "kind", "hint"),
    [
        ('IO Error: Could not set lock on file "x": Conflicting', TransientError, "run it again"),
        (
            'TransactionContext Error: Catalog write-write conflict on create with "t"',
            TransientError,
            "run it again",
        ),
        ("TransactionContext Error: Conflict on tuple deletion!", TransientError, "run it again"),
        (
            "HTTP Error: Request returned HTTP 503 for HTTP GET to 'x'",
            TransientError,
            "run it again",
        ),
        ("INTERRUPT Error: Interrupted!", TransientError, "run it again"),
        ("HTTP Error: Request returned HTTP 404 for HTTP GET to 'x'", TerminalError, None),
        ("Catalog Error: Table with name t does not exist!", TerminalError, None),
        (
            "Catalog Error: Schema with name iris does not exist!",
            TerminalError,
            "create it before this statement: CREATE SCHEMA iris",
        ),
        (
            'Catalog Error: Could not drop the table because this table is main key table of the table "b"',
            TerminalError,
            "drop the table that refers to it first",
        ),
    ],
)
def test_errors_by_message(
    path: Path, message: str, kind: type[StepError], hint: str | None
) -> None:
    engine = DuckDBEngine(sa.make_url(f"duckdb:///{path}"))
    error = engine.step_error(duckdb.Error(message), message)
    assert type(error) is kind
    assert error.message == message
    assert error.hint == hint


def test_a_write_write_conflict_is_worth_a_retry(engine: Engine, path: Path) -> None:
    with engine.session() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
        driver_connection: Any = session.connection.connection.driver_connection
        other = driver_connection.duplicate()
        other.execute("BEGIN")
        other.execute("UPDATE t SET n = 2")
        with pytest.raises(TransientError, match=r"(?i)conflict"):
            session.execute("UPDATE t SET n = 3")
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM nowhere", "Table with name nowhere does not exist"),
        ("SELECT missing FROM t", 'Candidate bindings: "n"'),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT 'a'::INTEGER", "Could not convert string 'a'"),
        ("CREATE TABLE t AS SELECT 1", "already exists"),
        ("CREATE TABLE iris.t AS SELECT 1", "Schema with name iris does not exist"),
    ],
)
def test_errors_of_statements_are_terminal(engine: Engine, sql: str, message: str) -> None:
    with engine.session() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
        with pytest.raises(TerminalError, match=message) as caught:
            session.execute(sql)
    assert "LINE" not in caught.value.message
    assert "[SQL" not in caught.value.message


def test_a_query_that_cannot_be_parsed_is_told(engine: Engine) -> None:
    with engine.session() as session, pytest.raises(TerminalError, match="without selection list"):
        session.read("SELECT FROM range(3)")


def test_an_error_in_the_middle_of_a_stream_is_told(engine: Engine) -> None:
    query = (
        "SELECT CASE WHEN i = 300000 THEN 'x' ELSE '1' END::INTEGER AS n FROM range(400000) t(i)"
    )
    # Of several threads, one that was stopped by the error may be the one that tells what happened.
    with engine.session(prefix=["SET threads = 1"]) as session:
        rows = session.read(query, batch_rows=2048)
        with pytest.raises(TerminalError, match="Could not convert string 'x'"):
            rows.read_all()
        # With several threads, DuckDB may tell instead that the others were interrupted.
        session.execute("SET threads = 1")
        with pytest.raises(TerminalError, match="Could not convert string 'x'"):
            session.execute(query)


def test_a_select_that_fails_on_its_way_leaves_the_former_table(engine: Engine) -> None:
    _write(engine)
    query = (
        "SELECT CASE WHEN i = 300000 THEN 'x' ELSE '1' END::INTEGER AS n FROM range(400000) t(i)"
    )
    with engine.session() as session:
        with pytest.raises(TerminalError, match="Could not convert string 'x'"):
            session.create_table_as(("t",), query)
        assert session.count("FROM t") == 1


def test_a_password_in_a_statement_is_not_repeated(engine: Engine) -> None:
    password = "".join(["ge", "heim"])
    sql = f"SELECT 'postgresql://user:{password}@host/db'::INTEGER"
    with engine.session() as session, pytest.raises(TerminalError, match=r"user:\*\*\*@") as caught:
        session.execute(sql)
    assert password not in "".join(traceback.format_exception(caught.value))


def test_a_table_that_others_refer_to_is_not_replaced(engine: Engine) -> None:
    with engine.session() as session:
        session.execute("CREATE TABLE parent (n INTEGER PRIMARY KEY)")
        session.execute("CREATE TABLE child (n INTEGER REFERENCES parent (n))")
        with pytest.raises(TerminalError, match="child") as caught:
            session.create_table_as(("parent",), "SELECT 1 AS n")
        assert "refers to it" in str(caught.value.hint)
        assert session.relation_kind(("parent",)) == "table"


# -- what DuckDB alone has


def test_exact_types(engine: Engine) -> None:
    query = (
        "SELECT 1.5::DECIMAL(10, 2) AS a, 1::HUGEINT AS b, [1.0::FLOAT] AS c, {'x': 1} AS d, "
        "TIMESTAMPTZ '2024-01-01' AS e, 'a'::ENUM('a', 'b') AS f"
    )
    with engine.session() as session:
        columns = session.describe(query)
        assert [column.type for column in columns] == [
            "DECIMAL(10,2)",
            "HUGEINT",
            "FLOAT[]",
            "STRUCT(x INTEGER)",
            "TIMESTAMP WITH TIME ZONE",
            "ENUM('a', 'b')",
        ]
        assert session.read(query).schema.types == [column.arrow_type for column in columns]
        assert columns[0].arrow_type == pa.decimal128(10, 2)


def test_moments_are_told_in_utc_wherever_the_machine_is(engine: Engine) -> None:
    query = "SELECT TIMESTAMPTZ '2024-01-01 00:00:00+01' AS moment"
    with engine.session(prefix=["SET TimeZone = 'Asia/Kolkata'"]) as session:
        [column] = session.describe(query)
        read = session.read(query).read_all()
    assert column.arrow_type == read.schema.field("moment").type == pa.timestamp("us", "UTC")
    assert read.column("moment").to_pylist() == [datetime(2023, 12, 31, 23, tzinfo=UTC)]


@pytest.mark.parametrize(
    "query", ["FROM t", "FROM t SELECT n -- x", "VALUES (1)", "(SELECT 1 AS n)", "TABLE t"]
)
def test_its_own_forms_of_a_query(engine: Engine, query: str) -> None:
    _write(engine)
    with engine.session() as session:
        assert session.count(query) == 1
        assert len(session.describe(query)) == 1
        assert session.read(query).read_all().num_rows == 1
        assert session.create_table_as(("copy",), query) == 1


def test_nested_values_come_back(engine: Engine) -> None:
    table = pa.table({"v": [[1.0, 2.0], None], "s": [{"x": 1}, {"x": None}]})
    with engine.session() as session:
        assert session.replace_table(("t",), table.to_reader()) == 2
        assert session.read("FROM t").read_all().to_pylist() == table.to_pylist()


def test_rows_that_come_in_many_small_batches_fill_row_groups(engine: Engine) -> None:
    rows = pa.table({"x": range(300_000), "text": ["a"] * 300_000})
    batches = rows.to_batches(max_chunksize=1_000)
    with engine.session() as session:
        stream = pa.RecordBatchReader.from_batches(rows.schema, batches)
        assert session.replace_table(("t",), stream) == 300_000
        groups = session.read(
            "SELECT DISTINCT row_group_id, max(start + count) OVER (PARTITION BY row_group_id) "
            "FROM pragma_storage_info('t') ORDER BY ALL"
        ).read_all()
        assert len(groups) == 3
        assert session.read("FROM t").read_all().equals(rows)


def test_a_table_is_made_of_any_number_of_rows_in_little_memory(engine: Engine) -> None:
    before, alive = pa.total_allocated_bytes(), 0

    def batches(count: int) -> Iterator[pa.RecordBatch]:
        nonlocal alive
        for _ in range(count):
            numbers = pc.random(122_880)
            alive = max(alive, pa.total_allocated_bytes() - before)
            yield pa.record_batch({"x": numbers})

    most = {}
    schema = pa.schema({"x": pa.float64()})
    with engine.session() as session:
        for count in (16, 48):
            rows = pa.RecordBatchReader.from_batches(schema, batches(count))
            assert session.replace_table(("t",), rows) == count * 122_880
            most[count], alive = alive, 0
        assert session.count("FROM t") == 48 * 122_880
    assert most[48] == pytest.approx(most[16], rel=0.25)


def test_a_new_table_is_seen_in_its_transaction(engine: Engine) -> None:
    rows = pa.table({'a "b"': range(300_000)})
    with engine.session() as session, session.transaction():
        assert session.replace_table(("t",), rows.to_reader()) == 300_000
        assert session.count("FROM t") == 300_000
        assert session.read("FROM t").read_all().equals(rows)


def test_a_python_variable_is_no_table(engine: Engine) -> None:
    rows = pa.table({"n": [1]})
    with engine.session() as session:
        with pytest.raises(TerminalError, match="rows does not exist"):
            session.count("FROM rows")
        with pytest.raises(TerminalError, match="rows does not exist"):
            session.read("FROM rows")
    assert rows.num_rows == 1


def test_counts_the_rows_of_a_created_table(engine: Engine) -> None:
    with engine.session() as session:
        assert session.execute("CREATE TABLE t AS FROM range(7)") == 7
        assert session.execute('SELECT count(*) AS "Count" FROM t') is None
        assert session.execute("PRAGMA database_size") is None


def test_tables_of_an_attached_database(engine: Engine, tmp_path: Path) -> None:
    prefix = [f"ATTACH '{tmp_path}/other.duckdb' AS other"]
    with engine.session(prefix=prefix) as session:
        session.create_table_as(("other", "main", "t"), "SELECT 1 AS n")
        assert session.relation_kind(("other", "t")) == "table"
        assert session.relation_kind(("t",)) is None
        session.drop(("other", "t"))
        assert session.relation_kind(("other", "main", "t")) is None
        with pytest.raises(TerminalError, match="has 4 parts"):
            session.drop(("a", "b", "c", "d"))


def test_use_is_in_force_while_rows_flow(engine: Engine) -> None:
    with engine.session() as session:
        session.create_schema("iris")
    with engine.session(prefix=["USE iris"]) as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
        assert session.replace_table(("u",), session.read("FROM t")) == 1
        assert session.tables() == [("iris", "t"), ("iris", "u")]


def _write(engine: Engine) -> None:
    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")


def _count(engine: Engine) -> int:
    with engine.session() as session:
        return session.count("SELECT 1 AS n")


# -- memory


@pytest.mark.parametrize(("given", "meant"), [("8GiB", "1.0 GiB"), ("100MiB", "100.0 MiB")])
def test_a_session_that_saves_memory(engine: Engine, given: str, meant: str) -> None:
    def limit() -> str:
        reader = session.read("SELECT current_setting('memory_limit') AS memory")
        return str(reader.read_all().column("memory")[0])

    with engine.session(prefix=[f"SET memory_limit = '{given}'"]) as session:
        before = limit()
        with session.saving_memory():
            assert limit() == meant
        assert limit() == before
