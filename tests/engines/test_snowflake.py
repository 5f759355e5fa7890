"""What is sent to Snowflake and made of what it answers: no server of it can be had for tests."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from pyarrow import parquet

from sqlflow_dagster.engines.base import Session, open_engine
from sqlflow_dagster.engines.table_statistics import TableStatistics, table_statistics
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

URL = "snowflake://etl:s3cret@account/shop/lab?warehouse=small"


class ProgrammingError(Error):
    """As the driver's: the server's own error."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{number:06d} (42000): {message}")
        self.errno = number
        self.raw_msg = message


class OperationalError(ProgrammingError):
    """As the driver's: nobody answers."""


class Described(NamedTuple):
    """A column as the driver describes it."""

    name: str
    type_code: int
    precision: int | None = None
    scale: int | None = None


class SnowflakeCursor(FakeCursor):
    def describe(self, sql: str) -> list[Described]:
        return [Described(*row) for row in self.driver.run(f"DESCRIBE ONLY {sql}").rows]

    def fetch_arrow_batches(self) -> Iterator[pa.Table]:
        yield from self._rows


class SnowflakeConnection(FakeConnection):
    cursor_type = SnowflakeCursor


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    fake = install(monkeypatch, "snowflake", SnowflakeConnection)
    fake.tell_kinds(r"^SELECT table_type .*'name': '([^']+)'")
    fake.on(r"^SELECT count\(\*\)", Answer(names=["c"], rows=[[3]]))
    return fake


@pytest.fixture
def session(driver: FakeDriver) -> Iterator[Session]:
    with open_engine(URL).session() as session:
        driver.statements.clear()
        yield session


def test_a_session_counts_in_utc_and_has_its_bound(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLFLOW_STATEMENT_TIMEOUT", "600")
    with open_engine(URL).session():
        pass
    assert driver.statements == [
        "ALTER SESSION SET TIMEZONE = 'UTC' STATEMENT_TIMEOUT_IN_SECONDS = 600"
    ]
    assert driver.arguments == {"arrow_number_to_decimal": True}


COLUMNS = [("N", 0, 38, 0), ("PRICE", 0, 10, 2), ("At", 7), ("TAGS", 10)]


def test_a_select_is_described_by_the_server_and_not_run(
    session: Session, driver: FakeDriver
) -> None:
    driver.on("^DESCRIBE ONLY", Answer(rows=COLUMNS))
    assert [(item.name, item.type, item.arrow_type) for item in session.describe("SELECT …")] == [
        ("n", "NUMBER(38,0)", pa.int64()),
        ("price", "NUMBER(10,2)", pa.decimal128(10, 2)),
        ("At", "TIMESTAMP_TZ", pa.timestamp("us", "UTC")),
        ("tags", "ARRAY", pa.string()),
    ]
    assert driver.statements == ["DESCRIBE ONLY SELECT …"]


def test_the_catalogue_tells_the_last_change_of_a_table(
    session: Session, driver: FakeDriver
) -> None:
    driver.tables |= {"T": "table", "V": "view"}
    moment = datetime(2024, 2, 29, 13, tzinfo=timezone(timedelta(hours=1)))
    driver.on("^SELECT last_altered", Answer(names=["last_altered"], rows=[[moment]]))
    assert session.last_change(("t",)) == datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert session.last_change(("v",)) is None
    assert session.last_change(("missing",)) is None


def test_rows_above_a_watermark_are_counted_by_one_statement(
    session: Session, driver: FakeDriver
) -> None:
    above = datetime(2024, 2, 29, 12)
    driver.on("^SELECT count.*max", Answer(names=["a", "b", "c"], rows=[[9, above, 4]]))
    found = table_statistics(session, open_engine(URL), ("t",), column="at", above=above)
    assert found == TableStatistics(rows=9, highest=above, above=4)
    # Nanoseconds are cut by the driver: the highest value itself is not above what is remembered of it.
    after = repr(above + timedelta(microseconds=1))
    assert driver.statements == [
        'SELECT count(*), max("AT"), count(CASE WHEN "AT" >= %(first)s THEN 1 END) FROM "T" -- '
        f"{{'first': {after}}}"
    ]


def test_rows_come_as_arrow_with_the_types_that_were_announced(
    session: Session, driver: FakeDriver
) -> None:
    moment = datetime(2024, 2, 29, 12, tzinfo=UTC)
    rows = pa.table(
        {
            "N": pa.array([1, None, 3], pa.decimal128(38, 0)),
            "PRICE": pa.array([Decimal("1.25")] * 3),
            "At": pa.array([moment] * 3, pa.timestamp("ns", "UTC")),
            "TAGS": ["[]", None, ""],
        }
    )
    driver.on("^DESCRIBE ONLY", Answer(rows=COLUMNS))
    driver.on("^SELECT …", Answer(rows=[rows]))
    reader = session.read("SELECT …", batch_rows=2)
    batches = list(reader)
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert batches[0].to_pylist()[0] == {
        "n": 1,
        "price": Decimal("1.25"),
        "At": moment,
        "tags": "[]",
    }
    assert batches[1].column("tags").to_pylist() == [""]


def test_a_number_that_is_too_large_is_told(session: Session, driver: FakeDriver) -> None:
    driver.on("^DESCRIBE ONLY", Answer(rows=COLUMNS[:1]))
    large = pa.table({"N": pa.array([Decimal(10**30)], pa.decimal128(38, 0))})
    driver.on("^SELECT …", Answer(rows=[large]))
    with pytest.raises(TerminalError, match="column 'n' of type NUMBER"):
        session.read("SELECT …").read_all()


def test_rows_are_copied_aside_and_replace_the_former_ones(
    session: Session, driver: FakeDriver
) -> None:
    driver.tables["T"] = "table"
    loaded: list[dict[str, Any]] = []

    def put(found: re.Match[str]) -> None:
        loaded.extend(parquet.read_table(found[1]).to_pylist())

    driver.on("^PUT 'file://([^']+)'", put)
    rows = pa.table({"n": [1, None], "Klasse ß": pa.array(["a", "b"]).dictionary_encode()})
    assert session.replace_table(("lab", "t"), rows.to_reader()) == 2
    stage = '@"LAB".%"SQLFLOW_ASIDE_…"'
    statements = [re.sub("'file://.*?'", "FILE", sql) for sql in changes(driver.statements)]
    assert statements == [
        'CREATE TABLE "LAB"."SQLFLOW_ASIDE_…" ("N" NUMBER(19, 0), "Klasse ß" VARCHAR)',
        f"PUT FILE {stage} AUTO_COMPRESS = FALSE",
        f'COPY INTO "LAB"."SQLFLOW_ASIDE_…" FROM {stage} FILE_FORMAT = (TYPE = PARQUET '
        "BINARY_AS_TEXT = FALSE USE_LOGICAL_TYPE = TRUE) "
        "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE PURGE = TRUE",
        'CREATE OR REPLACE TABLE "LAB"."T" CLONE "LAB"."SQLFLOW_ASIDE_…" COPY GRANTS',
        'DROP TABLE "LAB"."SQLFLOW_ASIDE_…"',
    ]
    assert loaded == [{"n": 1, "Klasse ß": "a"}, {"n": None, "Klasse ß": "b"}]


@pytest.mark.parametrize("failing", ["^COPY", "CLONE"])
def test_what_fails_leaves_the_former_table(
    session: Session, driver: FakeDriver, failing: str
) -> None:
    driver.tables["T"] = "table"
    driver.on(failing, ProgrammingError(100038, "Numeric value is not recognized"))
    with pytest.raises(TerminalError, match="not recognized"):
        session.replace_table(("t",), pa.table({"n": [1]}).to_reader())
    assert driver.tables == {"T": "table"}


def test_rows_are_changed_together_or_not_at_all(session: Session, driver: FakeDriver) -> None:
    with session.transaction():
        session.execute("DELETE FROM t")
    driver.on("^INSERT", ProgrammingError(100072, "NULL result in a non-nullable column"))
    with pytest.raises(TerminalError, match="NULL result"), session.transaction():
        session.execute("INSERT INTO t SELECT NULL")
    assert driver.statements == [
        *("BEGIN", "DELETE FROM t", "COMMIT"),
        *("BEGIN", "INSERT INTO t SELECT NULL", "ROLLBACK"),
    ]


def test_a_view_is_renamed_out_of_the_way(session: Session, driver: FakeDriver) -> None:
    driver.tables["V"] = "view"
    session.create_table_as(("v",), "SELECT 1 AS n")
    assert driver.tables == {"V": "table"}
    assert 'ALTER VIEW "V" RENAME TO "SQLFLOW_FORMER_V"' in driver.statements


def test_a_comment_is_part_of_what_makes_the_table(session: Session, driver: FakeDriver) -> None:
    session.create_table_as(("t",), "SELECT 1 AS n", comment="it's ours")
    session.replace_table(("u",), pa.table({"n": [1]}).slice(0, 0).to_reader(), comment="100%")
    assert changes(driver.statements)[:3] == [
        "CREATE OR REPLACE TABLE \"T\" COPY GRANTS COMMENT = 'it\N{RIGHT SINGLE QUOTATION MARK}s ours' AS\n"
        "SELECT 1 AS n",
        'CREATE TABLE "SQLFLOW_ASIDE_…" ("N" NUMBER(19, 0))',
        "COMMENT ON TABLE \"SQLFLOW_ASIDE_…\" IS '100%'",
    ]


def test_a_table_as_replaces_the_former_one_in_one_statement(
    session: Session, driver: FakeDriver
) -> None:
    driver.tables["T"] = "table"
    assert session.create_table_as(("t",), "SELECT 1 AS n") == 3
    assert changes(driver.statements) == [
        'CREATE OR REPLACE TABLE "T" COPY GRANTS AS\nSELECT 1 AS n'
    ]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            ProgrammingError(904, "SQL compilation error: error line 1 at position 7\ninvalid x"),
            TerminalError,
            "error: invalid x",
        ),
        (ProgrammingError(606, "No active warehouse"), TerminalError, "warehouse"),
        (ProgrammingError(625, "Statement aborted: waiters"), TransientError, "aborted"),
        (OperationalError(250001, "Could not connect"), TransientError, r"etl:\*\*\*@account"),
        (OperationalError(250001, "Incorrect username or password"), TerminalError, "Incorrect"),
    ],
    ids=["name", "warehouse", "lock", "connection", "password"],
)
def test_errors_are_told(
    session: Session, driver: FakeDriver, error: Error, kind: type[StepError], message: str
) -> None:
    driver.on("^DELETE", error)
    with pytest.raises(kind, match=message) as caught:
        session.execute("DELETE FROM t")
    assert "s3cret" not in str(caught.value)


def test_an_error_has_its_place(session: Session, driver: FakeDriver) -> None:
    text = "SQL compilation error: error line 2 at position 2\ninvalid identifier 'X'"
    driver.on("^DESCRIBE ONLY", ProgrammingError(904, text))
    with pytest.raises(TerminalError) as caught:
        session.describe("SELECT\n  x FROM t")
    assert caught.value.excerpt is not None
    assert (caught.value.excerpt.text, caught.value.excerpt.column) == ("  x FROM t", 2)


def test_only_the_syntax_is_judged(session: Session, driver: FakeDriver) -> None:
    driver.on("^DESCRIBE ONLY SELECT", ProgrammingError(904, "invalid identifier"))
    session.check_syntax("SELECT x")
    driver.on(
        "^DESCRIBE ONLY SELEKT",
        ProgrammingError(
            1003, "SQL compilation error:\nsyntax error line 1 at position 0 unexpected"
        ),
    )
    with pytest.raises(TerminalError, match="syntax error unexpected"):
        session.check_syntax("SELEKT x")


def test_names_mean_what_they_mean_without_quotes(session: Session, driver: FakeDriver) -> None:
    engine = open_engine(URL)
    assert engine.quote(("iris", "Train$1")) == '"IRIS"."TRAIN$1"'
    assert engine.quote(("a b",)) == '"a b"'
    assert engine.default_schema == "lab"
    rows = [["IRIS", "TRAIN"], ["LAB", "a b"], ["LAB", "SQLFLOW_FORMER_T"]]
    driver.on("^SELECT table_schema, table_name", Answer(names=["s", "t"], rows=rows))
    assert session.tables() == [("iris", "train"), ("lab", "a b")]


def test_a_url_hides_its_secrets() -> None:
    engine = open_engine(f"{URL}&token=t0ken&private_key_file_pwd=pa55")
    assert not re.search("s3cret|t0ken|pa55", engine.display_url)
