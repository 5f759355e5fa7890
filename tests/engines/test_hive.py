"""Hive's engine against Spark's thrift server; run by `make hive`."""

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Engine, Session, open_engine
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.runtime.generated_tables import GeneratedTables
from sqlflow_dagster.runtime.history import History
from tests.engines import spark_server
from tests.engines.servers import Server

pytestmark = pytest.mark.hive

SLOW = "SELECT count(*) AS n FROM range(3000000) a CROSS JOIN range(3000000) b WHERE a.id * b.id % 7 = 8"


@pytest.fixture
def engine() -> Engine:
    return open_engine(spark_server.new_database())


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with engine.session() as session:
        yield session


def rows_of(session: Session, query: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = session.read(query).read_all().to_pylist()
    return rows


TABLE = pa.table(
    {
        "b": pa.array([True, None, False]),
        "i": pa.array([1, None, -(2**62)], pa.int64()),
        "n": pa.array([127, None, -128], pa.int8()),
        "w": pa.array([2**16 - 1, None, 0], pa.uint16()),
        "f": pa.array([0.1, None, -3.4028234663852886e38], pa.float32()),
        "u": pa.array([2**64 - 1, None, 0], pa.uint64()),
        "x": pa.array([0.1, None, float("inf")], pa.float64()),
        "m": pa.array([Decimal("12345.67"), None, Decimal("-0.10")], pa.decimal128(10, 2)),
        "s": pa.array(["", None, "Grüße ${env:HOME} 🌷 \x1d\x1e\x1f'\\\n"]),
        "y": pa.array([b"\x00\xff", None, b""]),
        "d": pa.array([date(2024, 2, 29), None, date(1582, 1, 1)]),
        "t": pa.array([datetime(2024, 2, 29, 12, 0, 1, 250_000), None, datetime(1899, 12, 31)], pa.timestamp("us")),
        "z": pa.array([datetime(2024, 2, 29, 12, tzinfo=UTC), None, None], pa.timestamp("us", "Europe/Berlin")),
    }
)  # fmt: skip


@pytest.mark.parametrize("staged", [False, True], ids=["texts", "file"])
def test_values_of_every_type_come_back(engine: Engine, tmp_path: Path, staged: bool) -> None:
    if staged:
        url = f"{engine.display_url}?staging={tmp_path}"
        engine = open_engine(url)
    with engine.session() as session:
        assert session.replace_table(("t",), TABLE.to_reader()) == 3
        found = session.read("SELECT * FROM t").read_all()
    assert [str(found.schema.field(name).type) for name in "nwf"] == ["int8", "int32", "float"]
    assert found.drop(["z", "u"]).to_pylist() == TABLE.drop(["z", "u"]).to_pylist()
    assert found["u"].to_pylist() == [Decimal(2**64 - 1), None, Decimal(0)]
    assert found["z"].to_pylist() == [datetime(2024, 2, 29, 12), None, None]
    assert not list(tmp_path.iterdir())


def test_types_are_told_as_the_server_names_them(session: Session) -> None:
    columns = session.describe(
        "SELECT 1Y AS t, 2S AS s, CAST(1 AS FLOAT) AS f, 1.25 AS m, array(1, 2) AS a, NULL AS n"
    )
    assert [(column.type, column.arrow_type) for column in columns] == [
        ("tinyint", pa.int8()),
        ("smallint", pa.int16()),
        ("float", pa.float32()),
        ("decimal(3,2)", pa.decimal128(3, 2)),
        ("array", pa.string()),
        ("null", pa.string()),
    ]
    assert rows_of(session, "SELECT array(1, 2) AS a") == [{"a": "[1,2]"}]


def test_a_show_can_be_read(session: Session) -> None:
    session.execute("CREATE TABLE t (n INT)")
    assert [row["tableName"] for row in rows_of(session, "SHOW TABLES")] == ["t"]
    assert session.describe("SHOW TABLES")[0].name == "namespace"


def test_settings_of_the_url_and_of_a_program_count(engine: Engine) -> None:
    opened = open_engine(f"{engine.display_url}?session.spark.sql.shuffle.partitions=3")
    with opened.session(prefix=["SET spark.sql.ansi.enabled=false"]) as session:
        assert rows_of(session, "SELECT CAST('a' AS INT) AS n") == [{"n": None}]
        found = rows_of(session, "SET spark.sql.shuffle.partitions")
    assert [row["value"] for row in found] == ["3"]


def test_only_its_syntax_is_judged(session: Session) -> None:
    session.check_syntax("SELECT missing FROM nowhere")
    with pytest.raises(TerminalError, match="Syntax error") as caught:
        session.check_syntax("SELECT 1 FROM (")
    assert caught.value.excerpt is None or caught.value.excerpt.text


def test_a_statement_has_its_time(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLFLOW_STATEMENT_TIMEOUT", "1")
    with open_engine(engine.display_url).session() as session:
        with pytest.raises(TerminalError, match="longer than 1 seconds"):
            session.execute(f"CREATE TABLE t AS {SLOW}")
        assert session.count("SELECT 1 AS n") == 1


def test_ctrl_c_ends_the_statement_on_the_server(engine: Engine) -> None:
    threading.Timer(2, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt), engine.session() as session:
        session.execute(f"CREATE TABLE t AS {SLOW}")
    # The two processors of the server are free again.
    start = time.monotonic()
    with engine.session() as session:
        assert session.count("SELECT * FROM range(1000)") == 1000
        assert session.relation_kind(("t",)) is None
    assert time.monotonic() - start < 20


def test_what_a_dead_session_has_put_out_of_the_way_comes_back(session: Session) -> None:
    session.execute("CREATE TABLE sqlflow_former_t AS SELECT 1 AS n")
    with pytest.raises(TerminalError):
        session.create_table_as(("t",), "SELECT 1 AS n FROM nowhere")
    with session.replacing(("t",)):
        assert session.relation_kind(("t",)) is None
        session.execute("CREATE TABLE t AS SELECT 2 AS n")
    assert rows_of(session, "SELECT * FROM t") == [{"n": 2}]
    assert session.relation_kind(("sqlflow_former_t",)) is None


def test_what_was_left_aside_is_dropped(session: Session) -> None:
    session.execute("CREATE TABLE sqlflow_aside_60000000_abc AS SELECT 1 AS n")
    session.create_table_as(("t",), "SELECT 1 AS n")
    assert session.relation_kind(("sqlflow_aside_60000000_abc",)) is None


def test_what_has_finished_and_what_was_generated_is_remembered(engine: Engine) -> None:
    history = History(engine)
    for version in ("a", "b"):
        history.record(program="p", step="s", code_version=version, run_id="r", seconds=1.5)
    assert history.finished("p")["s"].code_version == "b"
    generated = GeneratedTables(engine)
    table = ObjectRef(ObjectKind.TABLE, "t")
    with engine.session() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
    generated.record(table, program="p")
    generated.record(table, program="q")
    assert [(item.table, item.program, item.rows) for item in generated.found()] == [
        (table, "q", 1)
    ]
    generated.drop([table])
    assert generated.found() == []
    with engine.session() as session:
        assert session.relation_kind(("t",)) is None


def test_a_server_that_dies_leaves_the_former_table() -> None:
    server, url = spark_server.own_server()
    engine = open_engine(url)
    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")

    def killing() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [2, 3]})
        server.kill()
        yield pa.record_batch({"n": [4]})

    rows = pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), killing())
    with pytest.raises(TransientError, match="hive://"), engine.session() as session:
        session.replace_table(("t",), rows)
    server.start()
    with engine.session() as session:
        assert rows_of(session, "SELECT * FROM t") == [{"n": 1}]
        assert session.tables() == [("default", "t")]
        reading = session.read("SELECT id FROM range(3000000)")
        reading.read_next_batch()
        server.kill()
        with pytest.raises(StepError):
            reading.read_all()


@pytest.mark.parametrize(
    ("beginning", "number", "found"),
    [
        pytest.param("ALTER TABLE", 1, [1], id="before the former table is put out of the way"),
        pytest.param("ALTER TABLE", 2, None, id="before the new table gets the name"),
        pytest.param("DROP TABLE", 1, [2], id="before the former table is dropped"),
    ],
)
def test_a_server_that_dies_in_a_swap_leaves_a_whole_table_or_its_name_free(
    mortal: tuple[Server, Engine], beginning: str, number: int, found: list[int] | None
) -> None:
    server, engine = mortal
    sent = 0

    def kill(*arguments: Any) -> None:
        nonlocal sent
        sent += arguments[2].startswith(beginning)
        if sent == number:
            server.kill()

    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
    rows = pa.table({"n": [2]})
    with engine.session() as session:
        sa.event.listen(session.connection, "before_cursor_execute", kill)
        with pytest.raises(TransientError, match="hive://"):
            session.replace_table(("t",), rows.to_reader())
    assert sent >= number
    server.start()
    with engine.session() as session:
        if found is None:
            # The next one that makes the table finds the former one.
            assert session.relation_kind(("t",)) is None
            with pytest.raises(TerminalError), session.replacing(("t",)):
                session.execute("CREATE TABLE t AS SELECT n FROM nowhere")
            found = [1]
        assert rows_of(session, "SELECT * FROM t") == [{"n": n} for n in found]
        session.create_table_as(("t",), "SELECT 9 AS n")
        assert rows_of(session, "SELECT * FROM t") == [{"n": 9}]
        assert session.relation_kind(("sqlflow_former_t",)) is None


@pytest.fixture(scope="module")
def mortal() -> tuple[Server, Engine]:
    server, url = spark_server.own_server()
    return server, open_engine(url)
