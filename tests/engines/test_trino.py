"""What is sent to Trino and made of what it answers: no server of it can be had for tests."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from sqlflow_dagster.engines.base import Session, open_engine
from sqlflow_dagster.engines.trino import literal
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from tests.engines.fake_driver import (
    Answer,
    Error,
    FakeConnection,
    FakeCursor,
    FakeDriver,
    changes,
    install,
)

URL = "trino://etl:s3cret@host:443/hive/lab"


class TrinoError(Error):
    """As the driver's TrinoQueryError: the server's own error."""

    def __init__(self, name: str, message: str, place: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.error_name = name
        self.message = message
        self.error_location = place


class TrinoConnectionError(Error):
    """As the driver's own: nobody answers."""


class Output(NamedTuple):
    """A row of DESCRIBE OUTPUT."""

    name: str
    type: str


class TrinoCursor(FakeCursor):
    @property
    def update_type(self) -> str | None:
        return "INSERT" if self.rowcount >= 0 else None

    def describe(self, sql: str) -> list[Output]:
        return [Output(*row) for row in self.driver.run(f"PREPARE st FROM {sql}").rows]


class TrinoConnection(FakeConnection):
    cursor_type = TrinoCursor


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    fake = install(monkeypatch, "trino", TrinoConnection)
    fake.tell_kinds(r"^SELECT table_type .* table_name = '(.+)'")
    fake.on(r"^SELECT count\(\*\)", Answer(names=["_col0"], rows=[[3]]))
    return fake


@pytest.fixture
def session(driver: FakeDriver) -> Iterator[Session]:
    with open_engine(URL).session() as session:
        yield session


def columns_are(driver: FakeDriver, **types: str) -> None:
    driver.on("^PREPARE", Answer(rows=list(types.items())))


def test_a_select_is_described_by_the_server_and_not_run(
    session: Session, driver: FakeDriver
) -> None:
    columns_are(driver, n="integer", price="decimal(10, 2)", at="timestamp(3) with time zone")
    assert [(item.name, item.type, item.arrow_type) for item in session.describe("SELECT …")] == [
        ("n", "integer", pa.int32()),
        ("price", "decimal(10, 2)", pa.decimal128(10, 2)),
        ("at", "timestamp(3) with time zone", pa.timestamp("us", "UTC")),
    ]
    assert driver.statements == ["PREPARE st FROM \nSELECT …"]


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("boolean", True, pa.scalar(True, pa.bool_())),
        ("tinyint", 1, pa.scalar(1, pa.int8())),
        ("real", 0.5, pa.scalar(0.5, pa.float32())),
        ("varchar(3)", "", pa.scalar("", pa.string())),
        ("varbinary", b"\x00", pa.scalar(b"\x00", pa.binary())),
        ("date", date(2024, 2, 29), pa.scalar(date(2024, 2, 29), pa.date32())),
        ("decimal(38, 0)", Decimal(7), pa.scalar(Decimal(7), pa.decimal128(38, 0))),
        ("array(integer)", [1, None], pa.scalar([1, None], pa.list_(pa.int32()))),
        ("map(varchar, integer)", {"a": 1}, pa.scalar('{"a": 1}', pa.string())),
        ("array(map(varchar, integer))", [{"a": 1}], pa.scalar('[{"a": 1}]', pa.string())),
        ("time(3) with time zone", "12:00:00+01:00", pa.scalar("12:00:00+01:00", pa.string())),
    ],
)
def test_values_are_read(
    session: Session, driver: FakeDriver, type_: str, value: Any, expected: pa.Scalar
) -> None:
    columns_are(driver, v=type_)
    driver.on("^SELECT v", Answer(names=["v"], rows=[[value], [None]]))
    table = session.read("SELECT v FROM t").read_all()
    assert table.schema.field("v").type == expected.type
    assert table.column("v").to_pylist() == [expected.as_py(), None]


@pytest.mark.parametrize("answer", [None, TrinoError("NOT_SUPPORTED", "no table comments")])
def test_a_comment_is_made_where_the_connector_has_any(
    session: Session, driver: FakeDriver, answer: TrinoError | None
) -> None:
    driver.on("^COMMENT", answer)
    assert session.create_table_as(("t",), "SELECT 1 AS n", comment="made") == 3
    assert changes(driver.statements) == [
        'CREATE TABLE "sqlflow_aside_…" AS\nSELECT 1 AS n',
        "COMMENT ON TABLE \"sqlflow_aside_…\" IS 'made'",
        'ALTER TABLE "sqlflow_aside_…" RENAME TO "t"',
    ]


def test_a_comment_that_fails_leaves_the_former_table(session: Session, driver: FakeDriver) -> None:
    driver.tables["t"] = "table"
    driver.on("^COMMENT", TrinoError("PERMISSION_DENIED", "not yours"))
    with pytest.raises(TerminalError, match="not yours"):
        session.create_table_as(("t",), "SELECT 1 AS n", comment="made")
    assert driver.tables == {"t": "table"}


def test_rows_are_inserted_aside_and_take_the_name(session: Session, driver: FakeDriver) -> None:
    driver.tables["t"] = "table"
    rows = pa.table({"n": [1, None], "s": ["it's", ""], "x": [0.5, float("nan")]})
    assert session.replace_table(("t",), rows.to_reader()) == 2
    assert changes(driver.statements) == [
        'CREATE TABLE "sqlflow_aside_…" ("n" BIGINT, "s" VARCHAR, "x" DOUBLE)',
        "INSERT INTO \"sqlflow_aside_…\" VALUES (1, 'it''s', DOUBLE '0.5'), (NULL, '', nan())",
        'ALTER TABLE "t" RENAME TO "sqlflow_former_t"',
        'ALTER TABLE "sqlflow_aside_…" RENAME TO "t"',
        'DROP TABLE "sqlflow_former_t"',
    ]
    assert driver.tables == {"t": "table"}


def test_literals_are_as_narrow_as_their_columns(session: Session, driver: FakeDriver) -> None:
    """The server takes no wider ones."""
    rows = pa.table(
        {
            "t": pa.array([-1, None], pa.int8()),
            "s": pa.array([255, 0], pa.uint8()),
            "i": pa.array([7, 8], pa.int32()),
            "u": pa.array([2**64 - 1, 0], pa.uint64()),
            "f": pa.array([0.5, float("nan")], pa.float32()),
        }
    )
    session.replace_table(("t",), rows.to_reader())
    assert changes(driver.statements)[:2] == [
        'CREATE TABLE "sqlflow_aside_…" ("t" TINYINT, "s" SMALLINT, "i" INTEGER, '
        '"u" DECIMAL(20, 0), "f" REAL)',
        'INSERT INTO "sqlflow_aside_…" VALUES '
        "(CAST(-1 AS TINYINT), CAST(255 AS SMALLINT), 7, DECIMAL '18446744073709551615', "
        "CAST(DOUBLE '0.5' AS REAL)), "
        "(CAST(NULL AS TINYINT), CAST(0 AS SMALLINT), 8, DECIMAL '0', CAST(nan() AS REAL))",
    ]


def test_long_inserts_are_cut(session: Session, driver: FakeDriver) -> None:
    session.replace_table(("t",), pa.table({"s": ["x" * 300_000] * 3}).to_reader())
    inserts = [sql for sql in driver.statements if sql.startswith("INSERT")]
    assert len(inserts) == 3
    assert all(len(sql) < 1_000_000 for sql in inserts)


@pytest.mark.parametrize("failing", ["^INSERT", '^ALTER TABLE .* RENAME TO .*t"$'])
def test_what_fails_leaves_the_former_table(
    session: Session, driver: FakeDriver, failing: str
) -> None:
    driver.tables["t"] = "table"
    driver.on(failing, TrinoError("HIVE_WRITER_DATA_ERROR", "no room"))
    driver.on('^ALTER TABLE "sqlflow_former_t"', None)
    with pytest.raises(TerminalError, match="no room"):
        session.replace_table(("t",), pa.table({"n": [1]}).to_reader())
    assert driver.tables == {"t": "table"}


def test_a_users_create_replaces_what_has_the_name(session: Session, driver: FakeDriver) -> None:
    driver.tables["v"] = "view"
    with session.replacing(("lab", "v")):
        session.execute('CREATE TABLE "v" AS SELECT 1 AS n')
    assert changes(driver.statements) == [
        'ALTER VIEW "lab"."v" RENAME TO "lab"."sqlflow_former_v"',
        'CREATE TABLE "v" AS SELECT 1 AS n',
        'DROP VIEW "lab"."sqlflow_former_v"',
    ]


def test_what_a_users_create_was_to_replace_is_put_back(
    session: Session, driver: FakeDriver
) -> None:
    driver.tables["t"] = "table"
    driver.on("^CREATE", TrinoError("SYNTAX_ERROR", "line 1:8: mismatched input", (1, 8)))
    with pytest.raises(TerminalError), session.replacing(("t",)):
        session.execute("CREATE oops")
    assert driver.tables == {"t": "table"}


def test_all_tables_of_a_transaction_are_put_back_together(
    session: Session, driver: FakeDriver
) -> None:
    driver.tables |= {"a": "table", "b": "view"}
    driver.on("^DELETE", TrinoError("NOT_SUPPORTED", "no deletes here"))

    def replace() -> None:
        with session.transaction():
            session.create_table_as(("a",), "SELECT 1 AS n")
            session.create_table_as(("b",), "SELECT 2 AS n")
            session.create_table_as(("a",), "SELECT 3 AS n")
            session.create_table_as(("c",), "SELECT 4 AS n")
            assert set(driver.tables) == {"a", "b", "c", "sqlflow_former_a", "sqlflow_former_b"}
            session.execute("DELETE FROM a")

    with pytest.raises(TerminalError, match="no deletes"):
        replace()
    assert driver.tables == {"a": "table", "b": "view"}


def test_what_a_dead_session_has_left_is_named(session: Session, driver: FakeDriver) -> None:
    driver.tables |= {"t": "table", "sqlflow_former_t": "table"}
    with pytest.raises(TerminalError, match="sqlflow_former_t is there"), session.replacing(("t",)):
        pass
    assert set(driver.tables) == {"t", "sqlflow_former_t"}


def test_a_table_as_is_made_aside(session: Session, driver: FakeDriver) -> None:
    assert session.create_table_as(("lab", "t"), "SELECT 1 AS n") == 3
    assert changes(driver.statements) == [
        'CREATE TABLE "lab"."sqlflow_aside_…" AS\nSELECT 1 AS n',
        'ALTER TABLE "lab"."sqlflow_aside_…" RENAME TO "lab"."t"',
    ]


def test_text_is_handed_on_verbatim_and_changed_rows_are_counted(
    session: Session, driver: FakeDriver
) -> None:
    sql = "INSERT INTO t SELECT '%s ? :a %% it''s' -- 100%"
    driver.on("^INSERT", Answer(names=["rows"], rows=[[2]], changed=2))
    assert session.execute(sql) == 2
    assert driver.statements == [sql]


def test_tables_that_are_not_in_their_place_are_not_listed(
    session: Session, driver: FakeDriver
) -> None:
    rows = [["lab", "t"], ["lab", "sqlflow_former_t"], ["iris", "train"]]
    driver.on("FROM information_schema.tables", Answer(names=["s", "t"], rows=rows))
    assert session.tables() == [("iris", "train"), ("lab", "t")]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            TrinoError("TABLE_NOT_FOUND", "line 1:15: Table 't' does not exist"),
            TerminalError,
            "Table 't' does",
        ),
        (TrinoError("QUERY_QUEUE_FULL", "Too many queued queries"), TransientError, "queued"),
        (TrinoError("EXCEEDED_TIME_LIMIT", "Query exceeded"), TerminalError, "exceeded"),
        (TrinoConnectionError("failed to execute"), TransientError, r"etl:\*\*\*@host.*failed"),
        (TrinoConnectionError("for etl:s3cret@host"), TransientError, r"for etl:\*\*\*@host"),
    ],
    ids=lambda value: getattr(value, "error_name", None),
)
def test_errors_are_told(
    session: Session, driver: FakeDriver, error: Error, kind: type[StepError], message: str
) -> None:
    driver.on("^DELETE", error)
    with pytest.raises(kind, match=message) as caught:
        session.execute("DELETE FROM t")
    assert "s3cret" not in str(caught.value)


def test_an_error_has_its_place(session: Session, driver: FakeDriver) -> None:
    driver.on("^PREPARE", TrinoError("COLUMN_NOT_FOUND", "line 3:3: Column 'x' …", (3, 3)))
    with pytest.raises(TerminalError) as caught:
        session.describe("SELECT\n  x FROM t")
    assert caught.value.excerpt is not None
    assert (caught.value.excerpt.text, caught.value.excerpt.column) == ("  x FROM t", 2)


def test_only_the_syntax_is_judged(session: Session, driver: FakeDriver) -> None:
    session.check_syntax("SELECT x FROM nowhere")
    assert driver.statements[-1] == "DEALLOCATE PREPARE sqlflow_syntax"
    driver.on("^PREPARE", TrinoError("SYNTAX_ERROR", "line 2:1: mismatched input", (2, 1)))
    with pytest.raises(TerminalError, match="mismatched"):
        session.check_syntax("SELEKT")


def test_the_schema_of_the_url_is_used(driver: FakeDriver) -> None:
    driver.on("information_schema.schemata", Answer(names=["_col0"], rows=[]))
    with open_engine(f"{URL}?schema=dev").session():
        pass
    assert driver.statements[1:] == ['CREATE SCHEMA IF NOT EXISTS "dev"', 'USE "dev"']


def test_a_url_hides_its_secrets_and_bounds_statements(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLFLOW_STATEMENT_TIMEOUT", "600")
    engine = open_engine("trino://etl@host/hive/lab?access_token=t0ken")
    assert "t0ken" not in engine.display_url
    assert engine.default_schema == "lab"
    with engine.session():
        pass
    assert driver.arguments["session_properties"] == {"query_max_run_time": "600000ms"}
    assert driver.arguments["timezone"] == "UTC"
    assert driver.arguments["http_scheme"] == "https"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (-5, "-5"),
        (float("-inf"), "-infinity()"),
        (Decimal("-0.10"), "DECIMAL '-0.10'"),
        (b"\x00\xff", "X'00ff'"),
        (date(999, 1, 2), "DATE '0999-01-02'"),
        (datetime(999, 1, 2, 3), "TIMESTAMP '0999-01-02 03:00:00.000000'"),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "TIMESTAMP '2024-01-02 03:00:00.000000 UTC'"),
    ],
)
def test_values_are_written(value: Any, text: str) -> None:
    assert literal(value) == text
