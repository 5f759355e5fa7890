import sqlite3
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.engines.sqlite import SQLiteEngine
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from tests.engines.processes import writers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


@pytest.fixture
def engine(path: Path) -> Engine:
    return SQLiteEngine(sa.make_url(f"sqlite:///{path}"))


@pytest.mark.parametrize(
    ("declared", "values", "arrow_type", "expected"),
    [
        ("INTEGER", "1, 2", pa.int64(), [1, 2]),
        ("INTEGER", "1, 2.5", pa.float64(), [1.0, 2.5]),
        ("INTEGER", "1, 'x'", pa.string(), ["1", "x"]),
        ("REAL", "1, 2", pa.float64(), [1.0, 2.0]),
        ("TEXT", "1, 'x'", pa.string(), ["1", "x"]),
        ("TEXT", "x'ff', 'x'", pa.string(), ["\\xff", "x"]),
        ("BLOB", "x'ff00'", pa.binary(), [b"\xff\x00"]),
        ("BOOLEAN", "0, 1, NULL", pa.bool_(), [False, True, None]),
        ("BOOLEAN", "0, 7", pa.int64(), [0, 7]),
        ("DATE", "'2024-02-29'", pa.date32(), [date(2024, 2, 29)]),
        ("DATE", "'2024-02-29', 'soon'", pa.string(), ["2024-02-29", "soon"]),
        ("DATE", "'2024-02-30'", pa.string(), ["2024-02-30"]),
        ("DATE", "NULL", pa.date32(), [None]),
        (
            "TIMESTAMP",
            "'2024-02-29 01:02:03', '2024-02-29T01:02:03.5'",
            pa.timestamp("us"),
            [datetime(2024, 2, 29, 1, 2, 3), datetime(2024, 2, 29, 1, 2, 3, 500_000)],
        ),
        (
            "TIMESTAMP",
            "'1969-12-31 23:59:59.999999', '9999-12-31 23:59:59.9999'",
            pa.timestamp("us"),
            [
                datetime(1969, 12, 31, 23, 59, 59, 999_999),
                datetime(9999, 12, 31, 23, 59, 59, 999_900),
            ],
        ),
        ("TIMESTAMP", "'2024-02-29 01:02:03.5x'", pa.string(), ["2024-02-29 01:02:03.5x"]),
        ("TIMESTAMP", "'2024-02-29 01:02:03Z'", pa.string(), ["2024-02-29 01:02:03Z"]),
        ("DECIMAL(10, 2)", "1.25, 3", pa.decimal128(10, 2), [Decimal("1.25"), Decimal("3.00")]),
        ("DECIMAL(10, 2)", "1.255", pa.float64(), [1.255]),
        ("DECIMAL(3, 2)", "10.5", pa.float64(), [10.5]),
        ("NUMERIC", "1, 2", pa.int64(), [1, 2]),
        ("", "1, 2", pa.int64(), [1, 2]),
        ("", "NULL", pa.null(), [None]),
    ],
)
def test_types_are_found_in_the_values(
    engine: Engine, declared: str, values: str, arrow_type: pa.DataType, expected: list[object]
) -> None:
    with engine.session() as session:
        session.execute(f"CREATE TABLE t (v {declared})")
        for value in values.split(", "):
            session.execute(f"INSERT INTO t VALUES ({value})")
        column = session.describe("SELECT v FROM t")[0]
        read = session.read("SELECT v FROM t").read_all()
    assert column.arrow_type == arrow_type
    assert column.type == declared or not declared
    assert read.schema.types == [arrow_type]
    assert read.column(0).to_pylist() == expected


def test_an_expression_has_the_type_of_its_values(engine: Engine) -> None:
    with engine.session() as session:
        columns = session.describe("SELECT 1 AS i, 0.5 AS x, 'a' AS s, x'00' AS b, NULL AS n")
    assert [column.type for column in columns] == ["INTEGER", "REAL", "TEXT", "BLOB", "NULL"]


def test_types_of_the_far_end_of_a_table_count(engine: Engine) -> None:
    """The type is right for rows after the first batch, too."""
    with engine.session() as session:
        session.replace_table(("t",), pa.table({"v": list(range(5000))}).to_reader())
        session.execute("INSERT INTO t VALUES (0.5)")
        rows = session.read("SELECT v FROM t", batch_rows=1000).read_all()
    assert rows.schema.types == [pa.float64()]
    assert rows.column("v").to_pylist()[-1] == 0.5


def test_a_schema_is_a_file_beside_the_database(engine: Engine, path: Path) -> None:
    with engine.session() as session:
        session.create_schema("iris")
        session.create_table_as(("iris", "train"), "SELECT 1 AS n")
    with sqlite3.connect(path.with_name("data.iris.db")) as other:
        assert other.execute("SELECT n FROM train").fetchall() == [(1,)]
    other.close()


def test_a_missing_schema_is_explained(engine: Engine) -> None:
    with engine.session() as session, pytest.raises(TerminalError, match="iris") as caught:
        session.execute("CREATE TABLE iris.t AS SELECT 1")
    assert "data.iris.db" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["", "../x", "a.b"])
def test_a_schema_that_is_no_file_name_is_refused(engine: Engine, name: str) -> None:
    with engine.session() as session, pytest.raises(TerminalError, match="cannot be a schema"):
        session.create_schema(name)


def test_a_file_that_is_no_database_is_named(engine: Engine, path: Path) -> None:
    path.with_name("data.notes.db").write_text("This is no database, " * 100)
    with pytest.raises(TerminalError, match=r"data\.notes\.db: file is not a database"):
        engine.session().__enter__()


def test_replacing_a_table_leaves_its_namesake_in_a_schema(engine: Engine) -> None:
    with engine.session() as session:
        session.create_schema("iris")
        session.create_table_as(("iris", "t"), "SELECT 1 AS n")
        session.create_table_as(("t",), "SELECT 2 AS n")
        session.drop(("t",))
        session.drop(("t",))
        assert session.count("SELECT * FROM iris.t") == 1


def test_a_copy_declares_the_columns_of_its_select(engine: Engine) -> None:
    with engine.session() as session:
        session.execute(
            """CREATE TABLE t ("on" DATE, n SMALLINT, m "odd ""type", s VARCHAR(9), plain)"""
        )
        session.execute("INSERT INTO t VALUES ('2024-02-29', 1, 2, '007', '007')")
        query = 'SELECT *, "on", n + 1 AS more FROM t -- all'
        assert session.create_table_as(("copy",), query) == 1
        assert [(item.name, item.type) for item in session.columns(("copy",)) or ()] == [
            ("on", "DATE"),
            ("n", "SMALLINT"),
            ("m", 'ODD "TYPE'),
            ("s", "VARCHAR(9)"),
            ("plain", "TEXT"),
            ("on:1", "DATE"),
            ("more", "INTEGER"),
        ]
        day = date(2024, 2, 29)
        [row] = session.read("SELECT * FROM copy").read_all().to_pylist()
        assert list(row.values()) == [day, 1, 2, "007", "007", day, 2]


def test_a_copy_of_a_strict_table_has_its_values(engine: Engine) -> None:
    with engine.session() as session:
        session.execute("CREATE TABLE t (a ANY) STRICT")
        session.execute("INSERT INTO t VALUES ('007'), (7)")
        session.create_table_as(("copy",), "SELECT a FROM t")
        assert session.count("SELECT * FROM copy WHERE a IN ('007', 7)") == 2


def test_a_statement_at_a_time(engine: Engine) -> None:
    with engine.session() as session, pytest.raises(TerminalError, match="one statement"):
        session.execute("SELECT 1; SELECT 2")


def test_a_number_that_does_not_fit_is_told(engine: Engine) -> None:
    rows = pa.table({"v": pa.array([2**63], pa.uint64())})
    nested = pa.table({"v": [[1]]})
    with engine.session() as session:
        assert session.replace_table(("t",), rows.to_reader()) == 1
        with pytest.raises(TerminalError, match="'v' of type list"):
            session.replace_table(("t",), nested.to_reader())
        assert session.count("SELECT * FROM t") == 1


def test_a_moment_with_a_zone_is_written_as_that_of_utc(engine: Engine) -> None:
    noon = pa.array([datetime(2024, 2, 29, 12)], pa.timestamp("us", "UTC"))
    rows = pa.table({"at": noon.cast(pa.timestamp("us", "Europe/Berlin"))})
    with engine.session() as session:
        session.replace_table(("t",), rows.to_reader())
        read = session.read("SELECT at FROM t").read_all()
    assert read.column("at").to_pylist() == [datetime(2024, 2, 29, 12)]


def test_a_date_that_python_does_not_know_is_told(engine: Engine) -> None:
    rows = pa.table({"d": pa.array([4_000_000], pa.date32())})
    with (
        engine.session() as session,
        pytest.raises(TerminalError, match=r"column 'd' holds .* after 9999"),
    ):
        session.replace_table(("t",), rows.to_reader())


def test_processes_take_turns(engine: Engine, path: Path) -> None:
    assert writers(f"sqlite:///{path}", processes=4, tables=5) == [""] * 4
    with engine.session() as session:
        assert len(session.tables()) == 20


@pytest.mark.parametrize(
    ("code", "message", "kind", "expected"),
    [
        (sqlite3.SQLITE_BUSY, "database is locked", TransientError, "another connection"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "database is locked", TransientError, "another connection"),
        (sqlite3.SQLITE_LOCKED, "database table is locked", TransientError, "table is locked"),
        (sqlite3.SQLITE_CANTOPEN, "unable to open database file", TerminalError, "data.db"),
        (sqlite3.SQLITE_ERROR, "no such table: t", TerminalError, "no such table: t"),
        (sqlite3.SQLITE_FULL, "database or disk is full", TerminalError, "disk is full"),
    ],
)
def test_errors_by_code(
    path: Path, code: int, message: str, kind: type[StepError], expected: str
) -> None:
    driver_error = sqlite3.OperationalError(message)
    driver_error.sqlite_errorcode = code
    error = SQLiteEngine(sa.make_url(f"sqlite:///{path}")).step_error(driver_error, message)
    assert type(error) is kind
    assert expected in error.message
