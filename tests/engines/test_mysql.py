import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Engine, Session, open_engine
from sqlflow_dagster.engines.mysql_errors import meaning
from sqlflow_dagster.engines.mysql_former_tables import former_name
from sqlflow_dagster.engines.statement_timeout import TIMEOUT_VARIABLE
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from sqlflow_dagster.source import Source
from tests.engines.mariadb_server import new_database


@pytest.fixture
def url() -> str:
    return new_database()


@pytest.fixture
def engine(url: str) -> Engine:
    return open_engine(url)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with engine.session() as session:
        yield session


def rows_of(session: Session, query: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = session.read(query).read_all().to_pylist()
    return rows


MOMENT = datetime(2024, 2, 29, 11, 0, tzinfo=UTC)
LONG = "é" * 40_000

# The type of a column, what it is read as, and a value as SQL and as it is read.
TYPES = {
    "tinyint(1)": (pa.bool_(), "1", True),
    "tinyint": (pa.int8(), "-3", -3),
    "tinyint unsigned": (pa.uint8(), "255", 255),
    "smallint": (pa.int16(), "-300", -300),
    "mediumint": (pa.int32(), "-70000", -70000),
    "mediumint unsigned": (pa.uint32(), "16777215", 16777215),
    "int": (pa.int32(), "7", 7),
    "int unsigned": (pa.uint32(), "4294967295", 2**32 - 1),
    "bigint": (pa.int64(), "-9223372036854775808", -(2**63)),
    "bigint unsigned": (pa.uint64(), "18446744073709551615", 2**64 - 1),
    "float": (pa.float32(), "16777216", 16777216.0),
    "double": (pa.float64(), "0.1", 0.1),
    "decimal(6,2)": (pa.decimal128(6, 2), "-12.50", Decimal("-12.50")),
    "decimal(38,0)": (pa.decimal128(38, 0), "9" * 38, Decimal("9" * 38)),
    "decimal(50,0)": (pa.float64(), "1" * 50, pytest.approx(1.1111e49, 1e-3)),
    "varchar(10)": (pa.string(), "'é🌷'", "é🌷"),
    "char(4)": (pa.string(), "''", ""),
    "tinytext": (pa.string(), "'a'", "a"),
    "text": (pa.string(), "'a'", "a"),
    "mediumtext": (pa.string(), f"'{LONG}'", LONG),
    "longtext": (pa.string(), "'a'", "a"),
    "varbinary(3)": (pa.binary(), "X'00FF'", b"\x00\xff"),
    "binary(2)": (pa.binary(), "X'00'", b"\x00\x00"),
    "blob": (pa.binary(), "''", b""),
    "longblob": (pa.binary(), "X'FB'", b"\xfb"),
    "date": (pa.date32(), "'0001-01-01'", date(1, 1, 1)),
    "datetime": (pa.timestamp("us"), "'9999-12-31 23:59:59'", datetime(9999, 12, 31, 23, 59, 59)),
    "datetime(6)": (
        pa.timestamp("us"),
        "'1969-12-31 23:59:59.25'",
        datetime(1969, 12, 31, 23, 59, 59, 250_000),
    ),
    "timestamp": (pa.timestamp("us", "UTC"), "'2024-02-29 11:00:00'", MOMENT),
    "time(6)": (pa.time64("us"), "'23:59:59.5'", clock(23, 59, 59, 500_000)),
    "time": (pa.time64("us"), "'00:00:00'", clock(0)),
    "year": (pa.int16(), "1999", 1999),
    "bit(1)": (pa.bool_(), "1", True),
    "bit(40)": (pa.uint64(), "1099511627775", 2**40 - 1),
}


@pytest.mark.parametrize("type_name", TYPES)
def test_types(session: Session, type_name: str) -> None:
    arrow_type, text, expected = TYPES[type_name]
    session.execute(f"CREATE TABLE t (n INT, v {type_name} NULL)")
    session.execute(f"INSERT INTO t VALUES (1, {text}), (2, NULL), (3, {text})")
    column = session.describe("SELECT v FROM t")[0]
    read = session.read("SELECT v, n FROM t ORDER BY n").read_all()
    assert (column.type, column.arrow_type) == (type_name, arrow_type)
    read.validate(full=True)
    assert read.schema.types == [arrow_type, pa.int32()]
    assert read.to_pydict() == {"v": [expected, None, expected], "n": [1, 2, 3]}


@pytest.mark.parametrize(
    ("definition", "type_name", "value"),
    [("JSON", "longtext", '{"a": 1}'), ("ENUM('x', 'y')", "enum", "y"), ("SET('p')", "set", "p")],
)
def test_types_that_are_read_as_text(
    session: Session, definition: str, type_name: str, value: str
) -> None:
    session.execute(f"CREATE TABLE t (v {definition})")
    session.execute(f"INSERT INTO t VALUES ('{value}')")
    assert session.describe("SELECT v FROM t")[0].type == type_name
    assert rows_of(session, "SELECT v FROM t") == [{"v": value}]


def test_rows_of_many_columns_keep_their_gaps(session: Session) -> None:
    """More than a byte of NULLs, and lengths of one, three and four bytes."""
    sizes = [0, 1, 250, 251, 65_535, 65_536, 70_000]
    table = pa.table(
        {
            **{f"n{i}": [None if (i + row) % 3 else row for row in range(7)] for i in range(11)},
            "s": ["ü" * (size // 2) + "a" * (size % 2) for size in sizes],
            "last": pa.array([1, None, 3, None, 5, None, None], pa.int64()),
        }
    )
    session.replace_table(("t",), table.to_reader(max_chunksize=3))
    assert session.read("SELECT * FROM t", batch_rows=2).read_all().to_pydict() == table.to_pydict()


@pytest.mark.parametrize("local_infile", ["ON", "OFF"])
def test_what_is_written_is_read(
    session: Session, local_infile: str, request: pytest.FixtureRequest
) -> None:
    """By LOAD DATA, and by INSERT where the server takes no LOAD DATA."""
    session.execute(f"SET GLOBAL local_infile = {local_infile}")
    request.addfinalizer(lambda: _allow_local_data(session.engine))  # type: ignore[attr-defined]
    table = pa.table(
        {
            "b": [True, None, False],
            "u": pa.array([2**64 - 1, None, 0], pa.uint64()),
            "f": pa.array([0.5, None, 1.0], pa.float32()),
            "x": [1e-300, None, -1e300],
            "s": ["a\tb\nc\\N\x00'", "", "\\"],
            "w": pa.array(["Grüße 🌷", None, "%s"]).dictionary_encode(),
            "y": [b"\x00\t\n\\\xff", None, b""],
            "d": [date(1, 1, 1), None, date(9999, 12, 31)],
            "t": [datetime(1, 1, 1), None, datetime(2024, 2, 29, 1, 2, 3, 4)],
            "c": [clock(23, 59, 59, 1), None, clock(0)],
            "m": pa.array([Decimal("0.0000001"), None, Decimal(-7)], pa.decimal128(20, 7)),
            "nothing": pa.nulls(3),
        }
    )
    whole = pa.concat_tables([table.slice(1), table])
    assert session.replace_table(("t",), whole.slice(2).to_reader(max_chunksize=2)) == 3
    assert session.read("SELECT * FROM t").read_all().to_pylist() == table.to_pylist()


def _allow_local_data(engine: Engine) -> None:
    with engine.session() as session:
        session.execute("SET GLOBAL local_infile = ON")


def test_a_moment_with_a_zone_is_written_as_that_of_utc(session: Session) -> None:
    written = pa.table({"z": pa.array([MOMENT], pa.timestamp("s", "Europe/Berlin"))})
    session.replace_table(("t",), written.to_reader())
    assert rows_of(session, "SELECT z FROM t") == [{"z": MOMENT.replace(tzinfo=None)}]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([1.0, float("inf")]), "'v' holds an infinite number"),
        (pa.array([[1]]), "'v' of type list"),
        (pa.array([datetime(10_000 - 1, 1, 1)], pa.timestamp("s")), ""),
        (pa.array([-(10**11)], pa.int64()).cast(pa.timestamp("s")), "changed while"),
    ],
    ids=["infinity", "list", "the last year", "before the first year"],
)
def test_a_value_without_a_place_in_mysql_is_told(
    session: Session, column: pa.Array, message: str
) -> None:
    rows = pa.table({"v": column}).to_reader()
    if not message:
        assert session.replace_table(("t",), rows) == 1
        return
    with pytest.raises(TerminalError, match=message):
        session.replace_table(("t",), rows)
    assert session.tables() == []


@pytest.mark.parametrize(
    ("definition", "value", "message"),
    [
        ("TINYINT(1)", "5", "another number than 0 and 1"),
        ("TIME", "'-01:00:00'", "a time below zero"),
        ("TIME", "'25:00:00'", "of more than a day"),
        ("DATE", "'0000-00-00'", "is zero"),
        ("DATETIME", "'2024-00-01 00:00:00'", "is zero"),
    ],
)
def test_a_value_without_a_place_in_arrow_is_told(
    session: Session, definition: str, value: str, message: str
) -> None:
    session.execute("SET sql_mode = ''")
    session.execute(f"CREATE TABLE t (v {definition} NULL)")
    session.execute(f"INSERT INTO t VALUES ({value}), (NULL)")
    with pytest.raises(TerminalError, match=f"'v'.*{message}"):
        session.read("SELECT v FROM t").read_all()


@pytest.mark.parametrize("mode", ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", ""])
def test_every_sql_mode(url: str, mode: str) -> None:
    written = [{"s": "a\\b\t", 'q"`': None}]
    with open_engine(f"{url}?sql_mode={mode}").session() as session:
        session.replace_table(('t"`',), pa.Table.from_pylist(written).to_reader())
        assert session.relation_kind(('t"`',)) == "table"
        assert rows_of(session, 'SELECT * FROM `t"```') == written


def test_explain_and_show_give_rows(session: Session) -> None:
    assert "No tables used" in str(rows_of(session, "EXPLAIN SELECT 1"))
    assert rows_of(session, "SHOW VARIABLES LIKE 'time_zone'")[0]["Value"] == "+00:00"


def test_nothing_is_run_to_describe_a_query(session: Session) -> None:
    column = session.describe("SELECT count(*) AS n, sleep(60) FROM information_schema.tables")[0]
    assert (column.name, column.type) == ("n", "bigint")


def test_rows_that_nobody_reads_are_not_sent(session: Session) -> None:
    """Nor does the statement go on: it would take a day."""
    # The server sends what fills its buffer of 16 kB.
    endless = "SELECT seq, sleep(0.01), repeat('x', 10000) FROM seq_1_to_10000000"
    rows = session.read(endless, batch_rows=2)
    rows.read_next_batch()
    assert rows_of(session, "SELECT 1 AS n") == [{"n": 1}]
    session.execute("CREATE TABLE t (n INT)")
    with session.transaction():
        session.execute("INSERT INTO t VALUES (1)")
        session.read(endless, batch_rows=2)
        session.execute("INSERT INTO t VALUES (2)")
    assert session.count("SELECT * FROM t") == 2


def test_only_syntax_is_judged(session: Session) -> None:
    session.check_syntax("SELECT nothing FROM nowhere")
    session.check_syntax("CREATE TABLE nowhere.t (n int)")
    sql = "SELECT 'é 🙂',\n  1 FORM t x"
    with pytest.raises(TerminalError, match="syntax error near 't x'") as caught:
        session.check_syntax(sql)
    place = caught.value.at(Source(text=sql).span(0, len(sql))).span
    assert place is not None
    assert place.text == "t"


@pytest.mark.parametrize(
    ("sql", "message", "place"),
    [
        ("SELECT 1 AS a,\n  'ü' AS b, mispelt AS c FROM dual", "Unknown column", "mispelt"),
        ("SELECT d.mispelt FROM (SELECT 1 AS n) AS d", "Unknown column", "mispelt"),
        ("SELECT *\nFROM nowhere", "doesn't exist", "nowhere"),
        ("SELECT nosuch(1)", "does not exist", "nosuch"),
    ],
)
def test_an_error_is_at_its_place_in_the_statement(
    session: Session, sql: str, message: str, place: str
) -> None:
    with pytest.raises(TerminalError, match=message) as caught:
        session.create_table_as(("t",), sql)
    found = caught.value.at(Source(text=sql).span(0, len(sql))).span
    assert found is not None
    assert found.text == place


def test_the_time_of_the_last_change_is_that_of_rows(session: Session) -> None:
    session.execute("CREATE TABLE t (n INT)")
    assert session.last_change(("t",)) is None
    session.execute("INSERT INTO t VALUES (1)")
    changed = session.last_change(("t",))
    assert changed is not None
    assert abs(changed - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.mark.parametrize("rest", ["ENGINE = MyISAM", "PARTITION BY HASH (n) PARTITIONS 2"])
def test_tables_whose_last_change_is_not_certain_have_none(session: Session, rest: str) -> None:
    session.execute(f"CREATE TABLE t (n INT) {rest}")
    session.execute("INSERT INTO t VALUES (1)")
    assert session.last_change(("t",)) is None


def test_names_that_are_too_long_are_refused(session: Session) -> None:
    session.replace_table(("ü" * 64,), pa.table({"ü" * 64: [1]}).to_reader())
    with pytest.raises(TerminalError, match="65 characters"):
        session.replace_table(("n" * 65,), pa.table({"n": [1]}).to_reader())
    with pytest.raises(TerminalError, match="65 characters"):
        session.replace_table(("t",), pa.table({"n" * 65: [1]}).to_reader())


def test_the_database_of_the_session_is_where_tables_are_made(engine: Engine) -> None:
    with engine.session() as session:
        session.create_schema("lab")
        session.create_table_as(("t",), "SELECT 'main' AS s")
    with engine.session(prefix=["USE lab"]) as session:
        assert session.relation_kind(("t",)) is None
        session.create_table_as(("t",), "SELECT 'lab' AS s")
        assert session.tables() == [("lab", "t"), (engine.default_schema, "t")]
        assert rows_of(session, "SELECT * FROM t") == [{"s": "lab"}]


def test_without_a_database_names_need_one(url: str) -> None:
    with open_engine(url.rpartition("/")[0]).session() as session:
        with pytest.raises(TerminalError, match="no database is selected"):
            session.create_table_as(("t",), "SELECT 1 AS n")
        session.create_schema("lab")
        session.create_table_as(("lab", "t"), "SELECT 1 AS n")
        assert session.count("SELECT * FROM lab.t") == 1


def test_what_refers_to_a_table_keeps_it_from_being_replaced(session: Session) -> None:
    session.execute("CREATE TABLE t (n INT PRIMARY KEY)")
    session.execute("INSERT INTO t VALUES (1)")
    session.execute("CREATE TABLE child (n INT REFERENCES t (n))")
    with pytest.raises(TerminalError, match="foreign key") as caught:
        session.replace_table(("t",), pa.table({"m": [2]}).to_reader())
    assert "drop what refers to it" in str(caught.value.hint)
    with pytest.raises(TerminalError, match="foreign key"), session.replacing(("t",)):
        session.execute("CREATE TABLE t (m INT)")
    assert rows_of(session, "SELECT * FROM t") == [{"n": 1}]
    assert [name for _, name in session.tables()] == ["child", "t"]


def test_a_table_of_two_spellings_is_put_back(session: Session) -> None:
    session.create_table_as(("t",), "SELECT 1 AS n")
    database = session.connection.exec_driver_sql("SELECT DATABASE()").scalar_one()

    def replace_twice_and_fail() -> None:
        with session.transaction():
            for table in (("t",), (database, "t")):
                with session.replacing(table):
                    session.execute("CREATE TABLE t AS SELECT 2 AS n")
            session.execute("SELECT nothing")

    with pytest.raises(TerminalError, match="nothing"):
        replace_twice_and_fail()
    assert rows_of(session, "SELECT * FROM t") == [{"n": 1}]


def test_a_table_is_read_while_it_is_replaced(engine: Engine) -> None:
    """What the new rows cost in time, no reader waits for."""

    def slow() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [2]})
        with engine.session() as reader:
            assert rows_of(reader, "SELECT n FROM t") == [{"n": 1}]
        yield pa.record_batch({"n": [3]})

    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
        rows = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), slow())
        assert session.replace_table(("t",), rows) == 2


def test_sessions_that_make_the_same_table_take_turns(engine: Engine) -> None:
    def make(number: int) -> int:
        with engine.session() as session:
            return sum(session.create_table_as(("t",), f"SELECT {number} AS n") for _ in range(3))

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(make, range(4))) == [3] * 4
    with engine.session() as session:
        assert [name for *_, name in session.tables()] == ["t"]


def test_what_a_dead_session_left_is_cleaned_up(session: Session) -> None:
    """The former table of a CREATE gets its name back; what was half made is dropped."""
    session.execute(f"CREATE TABLE {former_name('t')} AS SELECT 1 AS n")
    session.execute("CREATE TABLE sqlflow_aside_0123456789abcdef AS SELECT 2 AS n")
    assert session.tables() == []
    assert session.relation_kind(("t",)) == "table"
    assert rows_of(session, "SELECT * FROM t") == [{"n": 1}]
    session.create_table_as(("u",), "SELECT 3 AS n")
    assert [name for (name,) in session.connection.exec_driver_sql("SHOW TABLES")] == ["t", "u"]


def test_what_a_living_session_has_put_aside_is_left_alone(engine: Engine) -> None:
    with engine.session() as session, engine.session() as other:
        session.create_table_as(("t",), "SELECT 1 AS n")
        with session.replacing(("t",)):
            assert other.relation_kind(("t",)) is None
            other.execute("SET lock_wait_timeout = 1")
            with (
                pytest.raises(TransientError, match="making the same table"),
                other.replacing(("t",)),
            ):
                pass
            session.execute("CREATE TABLE t AS SELECT 2 AS n")
        assert rows_of(other, "SELECT * FROM t") == [{"n": 2}]


# -- connections, time, interrupts


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql", "mysql+mysqldb"])
def test_every_spelling_of_the_url(url: str, scheme: str) -> None:
    spelt = url.replace("mysql", scheme) + "?charset=utf8mb4&connect_timeout=5"
    with open_engine(spelt).session() as session:
        assert rows_of(session, "SELECT '🌷' AS s") == [{"s": "🌷"}]


def test_a_server_that_never_greets_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://u@127.0.0.1:{silent.getsockname()[1]}/d?connect_timeout=1"
        with pytest.raises(TransientError, match="timed out"), open_engine(url).session():
            pass


def test_a_statement_may_take_longer_than_the_greeting(url: str) -> None:
    with open_engine(f"{url}?connect_timeout=1").session() as session:
        assert rows_of(session, "SELECT sleep(1.2) AS n") == [{"n": 0}]


def test_a_certificate_whose_time_is_over_is_to_be_renewed() -> None:
    text = "Can't connect ([SSL] certificate verify failed: certificate has expired (_ssl.c:1006))"
    told = meaning(Exception(2003, text), text, "mysql://db.example.com/warehouse")
    assert isinstance(told, TerminalError)
    assert "renew the certificate" in str(told.hint)


def test_the_url_of_the_original(url: str) -> None:
    parsed = sa.make_url(url)
    original = f"mysql://sqlflow:@tcp(127.0.0.1:{parsed.port})/{parsed.database}?maxAllowedPacket=0"
    with open_engine(original).session() as session:
        assert rows_of(session, "SELECT 1 AS n") == [{"n": 1}]


def test_a_statement_may_be_given_a_bound(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, "0.05")
    with open_engine(url).session() as session:
        with pytest.raises(TerminalError, match="max_statement_time") as caught:
            session.execute("SELECT sleep(60)")
        assert TIMEOUT_VARIABLE in str(caught.value.hint)


@pytest.mark.parametrize("end", ["CONNECTION", "QUERY"])
def test_a_read_that_the_server_ends_is_told(engine: Engine, end: str) -> None:
    query = "SELECT seq AS n, repeat('x', 1000) AS s FROM seq_1_to_200000"
    with engine.session() as session, engine.session() as other:
        number = session.connection.exec_driver_sql("SELECT connection_id()").scalar_one()
        rows = session.read(query, batch_rows=100)
        rows.read_next_batch()
        other.execute(f"KILL {end} {number}")
        with pytest.raises(StepError) as caught:
            rows.read_all()
    assert isinstance(caught.value, TransientError) == (end == "CONNECTION")


@pytest.mark.parametrize("method", ["execute", "read", "create"])
def test_ctrl_c_stops_the_statement_on_the_server(engine: Engine, method: str) -> None:
    mark = f"interrupted_{method}"
    query = f"SELECT sleep(60) AS {mark}"
    activity = (
        "SELECT 1 FROM information_schema.processlist "
        f"WHERE info LIKE '%{mark}%' AND id <> connection_id()"
    )

    def interrupt() -> None:
        with engine.session() as other:
            while not other.count(f"{activity} AND state = 'User sleep'"):
                time.sleep(0.01)
        # As a terminal does: the call in which the main thread waits is interrupted.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    watcher = threading.Thread(target=interrupt, daemon=True)
    with engine.session() as session:
        work: dict[str, Callable[[], object]] = {
            "execute": lambda: session.execute(query),
            "read": lambda: session.read(query).read_all(),
            "create": lambda: session.create_table_as(("t",), query),
        }
        watcher.start()
        with pytest.raises(KeyboardInterrupt):
            work[method]()
    watcher.join()
    with engine.session() as other:
        end = time.monotonic() + 10
        while other.count(activity) and time.monotonic() < end:
            time.sleep(0.01)
        assert other.count(activity) == 0
        assert other.tables() == []


def test_a_file_is_loaded_where_the_url_allows_it(url: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("1\n2\n")
    load = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t"
    with open_engine(url).session() as session:
        session.execute("CREATE TABLE t (n INT)")
        with pytest.raises(TerminalError, match="local_infile"):
            session.execute(load)
    with open_engine(f"{url}?local_infile=1").session() as session:
        assert session.execute(load) == 2
