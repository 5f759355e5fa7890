import math
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from sqlflow_dagster.cli import main
from sqlflow_dagster.engines.base import Engine, Session, open_engine
from sqlflow_dagster.engines.postgresql import PostgreSQLSession
from sqlflow_dagster.engines.postgresql_rows import has_binary_form
from sqlflow_dagster.engines.statement_timeout import TIMEOUT_VARIABLE
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from sqlflow_dagster.source import Source
from tests.engines.postgresql_server import new_database


@pytest.fixture(scope="module")
def url() -> str:
    return new_database(lasting=True)


@pytest.fixture
def engine(url: str) -> Engine:
    return open_engine(url)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose changes to the module's database are undone."""
    with engine.session() as session:
        session.execute("BEGIN")
        yield session


@pytest.fixture
def own_engine() -> Engine:
    return open_engine(new_database())


MOMENT = datetime(2024, 2, 29, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "type_name", "arrow_type", "expected"),
    [
        ("true", "boolean", pa.bool_(), True),
        ("'-3'::smallint", "smallint", pa.int16(), -3),
        ("7", "integer", pa.int32(), 7),
        ("2::bigint ^ 62", "double precision", pa.float64(), 2.0**62),
        ("0.1::real", "real", pa.float32(), pytest.approx(0.1)),
        ("'-Infinity'::float8", "double precision", pa.float64(), -math.inf),
        ("12.50::numeric(6, 2)", "numeric(6,2)", pa.decimal128(6, 2), Decimal("12.50")),
        ("sum(0.1)", "numeric", pa.float64(), 0.1),
        (
            "repeat('1', 50)::numeric(50)",
            "numeric(50,0)",
            pa.float64(),
            pytest.approx(1.1111e49, 1e-3),
        ),
        ("''", "text", pa.string(), ""),
        ("'é🌷'::varchar(10)", "character varying(10)", pa.string(), "é🌷"),
        ("'ab'::char(4)", "character(4)", pa.string(), "ab  "),
        ("'\\x00ff'::bytea", "bytea", pa.binary(), b"\x00\xff"),
        ("date '0001-01-01'", "date", pa.date32(), date(1, 1, 1)),
        (
            "time '23:59:59.5'",
            "time without time zone",
            pa.time64("us"),
            clock(23, 59, 59, 500_000),
        ),
        (
            "timestamp '1969-12-31 23:59:59.25'",
            "timestamp without time zone",
            pa.timestamp("us"),
            datetime(1969, 12, 31, 23, 59, 59, 250_000),
        ),
        (
            "timestamptz '2024-02-29 12:00+01'",
            "timestamp with time zone",
            pa.timestamp("us", "UTC"),
            MOMENT,
        ),
        ("interval '1 day'", "interval", pa.string(), "1 day"),
        ("'[1, null]'::jsonb", "jsonb", pa.string(), "[1, null]"),
        (
            "'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
            "uuid",
            pa.string(),
            "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        ("'{1,NULL,3}'::int[]", "integer[]", pa.list_(pa.int32()), [1, None, 3]),
        (
            "'{0.5,Infinity}'::float8[]",
            "double precision[]",
            pa.list_(pa.float64()),
            [0.5, math.inf],
        ),
        ('\'{"a,b",""}\'::text[]', "text[]", pa.list_(pa.string()), ["a,b", ""]),
    ],
)
def test_types(
    session: Session, expression: str, type_name: str, arrow_type: pa.DataType, expected: object
) -> None:
    query = (
        "SELECT v FROM (VALUES (1), (2)) AS a(n) "
        f"LEFT JOIN (SELECT 1 AS n, {expression} AS v) AS b USING (n) ORDER BY n"
    )
    column = session.describe(query)[0]
    read = session.read(query).read_all()
    assert (column.type, column.arrow_type) == (type_name, arrow_type)
    read.validate(full=True)
    assert read.schema.types == [arrow_type]
    assert read.column(0).to_pylist() == [expected, None]


def test_what_was_read_is_written_as_it_was(session: Session) -> None:
    session.execute(
        "CREATE TABLE t AS SELECT true AS b, 1.25::numeric(8,2) AS m, 'NaN'::float8 AS x, ''::text AS s, "
        "'a\"b\n\\.,'::text AS q, '\\x00'::bytea AS y, timestamptz '2024-02-29 12:00+01' AS z, "
        'time \'01:02\' AS c, \'{1,NULL}\'::int[] AS i, \'{"a\\\\\\"b","","NULL"}\'::text[] AS w, '
        "1::smallint AS n, 0.1::real AS f"
    )
    session.execute("INSERT INTO t DEFAULT VALUES")
    before = session.read("SELECT * FROM t").read_all()
    assert session.replace_table(("u",), before.to_reader()) == 2
    after = session.read("SELECT * FROM u").read_all()
    left, right = before.to_pylist(), after.to_pylist()
    assert math.isnan(left[0].pop("x"))
    assert math.isnan(right[0].pop("x"))
    assert left == right
    kinds = {column.name: column.type for column in session.columns(("u",)) or ()}
    assert kinds["m"] == "numeric(8,2)"
    assert kinds["z"] == "timestamp with time zone"
    assert kinds["w"] == "text[]"
    assert [kinds[name] for name in "inf"] == ["integer[]", "smallint", "real"]


def test_simple_types_are_written_in_binary(session: Session) -> None:
    """Among them slices, whose buffers begin elsewhere, and columns that end in NULL."""
    whole = pa.table(
        {
            "b": [None, True, None, False],
            "i": pa.array([9, -1, None, 2**62], pa.int64()),
            "u": pa.array([9, 255, None, 0], pa.uint8()),
            "x": [0.5, math.inf, None, -1e300],
            "f": pa.array([0.5, 0.25, None, 1.0], pa.float32()),
            "s": ["never", "", None, "Grüße 🌷"],
            "v": pa.array(["never", "ab", None, ""], pa.string_view()),
            "w": pa.array(["never", "a", None, "a"]).dictionary_encode(),
            "y": [b"never", b"\x00\xff", None, b""],
            "d": [None, date(1, 1, 1), None, date(9999, 12, 31)],
            "t": [None, datetime(1, 1, 1), None, datetime(2024, 2, 29, 1, 2, 3, 4)],
            "n": pa.array([None, 1_999, None, -1_000], pa.timestamp("ns")),
            "z": pa.array([None, MOMENT, None, MOMENT], pa.timestamp("s", "Europe/Berlin")),
            "c": [None, clock(23, 59, 59, 1), None, clock(0)],
            "nothing": pa.nulls(4),
        }
    )
    rows = whole.slice(1)
    assert has_binary_form(rows.schema)
    assert session.replace_table(("t",), rows.to_reader(max_chunksize=2)) == 3
    read = session.read("SELECT * FROM t").read_all()
    expected = rows.set_column(
        rows.schema.get_field_index("n"), "n", pa.array([1, None, -1], pa.timestamp("us"))
    )
    assert read.to_pylist() == expected.to_pylist()


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("date 'infinity'", "infinite date"),
        ("timestamptz '-infinity'", "infinite date"),
        ("'NaN'::numeric(4, 2)", "announced as decimal128"),
        ("'{{1},{2}}'::int[]", "announced as list"),
    ],
)
def test_a_value_without_a_place_in_arrow_is_told(
    session: Session, expression: str, message: str
) -> None:
    with pytest.raises(TerminalError, match=f"'v'.*{message}"):
        session.read(f"SELECT {expression} AS v").read_all()


def test_rows_keep_their_order_and_gaps(session: Session) -> None:
    query = (
        "SELECT CASE WHEN n % 3 > 0 THEN n END AS n, CASE WHEN n % 2 > 0 THEN repeat('ä', n % 7) END AS s, "
        "CASE WHEN n % 5 > 0 THEN n % 2 = 0 END AS b FROM generate_series(1, 1000) AS a(n) ORDER BY a.n DESC"
    )
    expected = [
        {
            "n": n if n % 3 else None,
            "s": "ä" * (n % 7) if n % 2 else None,
            "b": n % 2 == 0 if n % 5 else None,
        }
        for n in range(1000, 0, -1)
    ]
    assert session.read(query, batch_rows=300).read_all().to_pylist() == expected


def test_explain_and_show_give_rows(session: Session) -> None:
    assert "Result" in session.read("EXPLAIN SELECT 1").read_all().column(0)[0].as_py()
    assert session.read("-- which?\n/* ? */ SHOW client_encoding").read_all().to_pylist() == [
        {"client_encoding": "UTF8"}
    ]


def test_nothing_is_run_to_describe_a_query(session: Session) -> None:
    (column,) = session.describe("SELECT 1 / count(*) AS n, pg_sleep(60) FROM pg_class")[:1]
    assert (column.name, column.type) == ("n", "bigint")


def test_a_stream_left_in_a_transaction_leaves_it_whole(session: Session) -> None:
    with session.transaction():
        rows = session.read("SELECT * FROM generate_series(1, 100000)", batch_rows=10)
        rows.read_next_batch()
        session.execute("CREATE TABLE left_open AS SELECT 1 AS n")
    assert session.count("SELECT * FROM left_open") == 1


def test_only_syntax_is_judged(engine: Engine) -> None:
    with engine.session() as session:
        session.check_syntax("SELECT nothing FROM nowhere")
        session.check_syntax("CREATE TABLE nowhere.t (n int)")
        with pytest.raises(TerminalError, match="syntax error") as caught:
            session.check_syntax("SELECT 'é 🙂',\n  1 FORM t x")
    source = Source(text="SELECT 'é 🙂',\n  1 FORM t x").span(0, 28)
    assert caught.value.at(source).span.text == "t"  # type: ignore[union-attr]


def test_an_error_is_at_its_place_in_the_statement(engine: Engine) -> None:
    sql = "SELECT 1 AS a,\n  'ü' AS b, mispelt AS c FROM pg_class"
    with engine.session() as session, pytest.raises(TerminalError, match="mispelt") as caught:
        session.create_table_as(("t",), sql)
    place = caught.value.at(Source(text=sql).span(0, len(sql))).span
    assert place is not None
    assert place.text == "mispelt"


@pytest.mark.parametrize("name", ["n" * 64, "ü" * 32], ids=["letters", "bytes"])
def test_names_that_the_server_would_cut_are_refused(session: Session, name: str) -> None:
    with pytest.raises(TerminalError, match="64 bytes"):
        session.replace_table((name,), pa.table({"n": [1]}).to_reader())
    with pytest.raises(TerminalError, match="64 bytes"):
        session.replace_table(("t",), pa.table({name: [1]}).to_reader())


def test_the_schema_of_the_session_is_where_tables_are_made(own_engine: Engine) -> None:
    with own_engine.session() as session:
        session.create_schema("lab")
        session.create_table_as(("t",), "SELECT 'public' AS s")
    with own_engine.session(prefix=["SET search_path TO lab, public"]) as session:
        assert session.relation_kind(("t",)) is None
        session.create_table_as(("t",), "SELECT 'lab' AS s")
        assert session.tables() == [("lab", "t"), ("public", "t")]
        assert session.read("SELECT * FROM t").read_all().to_pylist() == [{"s": "lab"}]
        session.drop(("t",))
        session.drop(("t",))
        assert session.tables() == [("public", "t")]


def test_a_materialized_view_is_a_view(session: Session) -> None:
    session.execute("CREATE MATERIALIZED VIEW mv AS SELECT 1 AS n")
    assert session.relation_kind(("mv",)) == "view"
    session.drop(("mv",))
    assert session.relation_kind(("mv",)) is None


def test_what_depends_on_a_table_is_never_dropped_with_it(own_engine: Engine) -> None:
    with own_engine.session() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
        session.execute("CREATE VIEW v AS SELECT n FROM t")
        with pytest.raises(TerminalError, match="v depends on table t") as caught:
            session.replace_table(("t",), pa.table({"m": [2]}).to_reader())
        assert "drop what depends on it" in str(caught.value.hint)
        assert session.tables() == [("public", "t"), ("public", "v")]
        assert session.count("SELECT * FROM v") == 1


def test_a_table_is_read_while_it_is_replaced(own_engine: Engine) -> None:
    """What the new rows cost in time, no reader waits for."""

    def slow() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [2]})
        with own_engine.session() as reader:
            assert reader.read("SELECT n FROM t").read_all().to_pylist() == [{"n": 1}]
        yield pa.record_batch({"n": [3]})

    with own_engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
        rows = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), slow())
        assert session.replace_table(("t",), rows) == 2


def test_a_swap_never_shows_a_reader_no_rows(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The swap gets between the description of a query and its rows if it can."""
    done = threading.Event()
    describe = PostgreSQLSession._described

    def swap() -> None:
        with engine.session() as session, engine.session() as other, session.transaction():
            session.create_table_as(("t",), "SELECT generate_series(1, 3) AS n")
            while not (done.is_set() or other.count(f"{locks} NOT granted")):
                time.sleep(0.01)

    def described(session: PostgreSQLSession, query: str) -> Any:
        found = describe(session, query)
        swapping.start()
        with engine.session() as other:
            while not other.count(f"{locks} mode = 'AccessExclusiveLock'"):
                time.sleep(0.01)
        return found

    swapping = threading.Thread(target=swap)
    with engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
        number = session.connection.exec_driver_sql("SELECT 't'::regclass::oid").scalar_one()
        locks = f"SELECT 1 FROM pg_locks WHERE relation = {number} AND"
        with monkeypatch.context() as patched:
            patched.setattr(PostgreSQLSession, "_described", described)
            rows = session.read("SELECT * FROM t").read_all().num_rows
        done.set()
        swapping.join()
        assert rows == 1
        assert session.count("SELECT * FROM t") == 3


def test_lists_of_bytes_are_written_as_they_are(session: Session) -> None:
    session.replace_table(("t",), pa.table({"b": [[b"a\0", b"b'"]]}).to_reader())
    read = session.read("SELECT b[1] AS x, b[2] AS y FROM t").read_all()
    assert read.to_pylist() == [{"x": b"a\0", "y": b"b'"}]


# -- connections, time, interrupts


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"]
)
def test_every_spelling_of_the_url(url: str, scheme: str) -> None:
    spelt = url.replace("postgresql", scheme) + "?sslmode=prefer&application_name=mine"
    with open_engine(spelt).session() as session:
        rows = session.read("SHOW application_name").read_all()
    assert rows.to_pylist() == [{"application_name": "mine"}]


def test_a_command_shows_no_password(url: str, tmp_path: Path) -> None:
    program = tmp_path / "p.sql"
    program.write_text("CREATE TABLE t AS SELECT 1 AS n;")
    absent = sa.make_url(url).set(password="geheim", database="absent")
    arguments = ["run", str(program), "--datasource", absent.render_as_string(hide_password=False)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "absent" in done.output
    assert "geheim" not in done.output + repr(done.exception)


def test_a_statement_may_be_given_a_bound(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, "0.05")
    with open_engine(url).session() as session:
        with pytest.raises(TerminalError, match="statement timeout") as caught:
            session.execute("SELECT pg_sleep(60)")
        assert TIMEOUT_VARIABLE in str(caught.value.hint)
    monkeypatch.setenv(TIMEOUT_VARIABLE, "soon")
    with pytest.raises(TerminalError, match="number of seconds"):
        open_engine(url).session().__enter__()


@pytest.mark.parametrize("end", ["pg_terminate_backend", "pg_cancel_backend"])
def test_a_read_that_the_server_ends_is_told(engine: Engine, end: str) -> None:
    query = "SELECT n, repeat('x', 1000) AS s FROM generate_series(1, 200000) AS n"
    with engine.session() as session, engine.session() as other:
        pid = session.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        rows = session.read(query, batch_rows=100)
        rows.read_next_batch()
        other.execute(f"SELECT {end}({pid})")
        with pytest.raises(StepError) as caught:
            rows.read_all()
    assert isinstance(caught.value, TransientError) == (end == "pg_terminate_backend")


def test_a_write_that_the_server_ends_leaves_the_former_table(own_engine: Engine) -> None:
    def killed(pid: int) -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [2]})
        with own_engine.session() as other:
            other.execute(f"SELECT pg_terminate_backend({pid})")
        for _ in range(50):
            yield pa.record_batch({"n": list(range(10_000))})

    with own_engine.session() as session:
        session.create_table_as(("t",), "SELECT 1 AS n")
        pid = session.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        rows = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), killed(pid))
        with pytest.raises(TransientError):
            session.replace_table(("t",), rows)
    with own_engine.session() as session:
        assert session.tables() == [("public", "t")]
        assert session.count("SELECT * FROM t WHERE n = 1") == 1


class _Interrupt(BaseException):
    """What an orchestrator raises where its signal interrupts a step."""


def _raise_interrupt(*_: object) -> None:
    raise _Interrupt


@pytest.mark.parametrize("method", ["execute", "read"])
@pytest.mark.parametrize(
    ("number", "handler", "expected"),
    [
        pytest.param(signal.SIGINT, signal.default_int_handler, KeyboardInterrupt, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, signal.SIG_DFL, SystemExit, id="the end of the process"),
        pytest.param(signal.SIGINT, _raise_interrupt, _Interrupt, id="an orchestrator"),
    ],
)
def test_an_interrupt_stops_the_statement_on_the_server(
    engine: Engine, method: str, number: int, handler: Any, expected: type[BaseException]
) -> None:
    mark = f"interrupted_{method}_{expected.__name__}"
    query = f"SELECT pg_sleep(60) IS NULL AS {mark}"
    activity = (
        f"SELECT 1 FROM pg_stat_activity WHERE query LIKE '%{mark}%' AND state = 'active' "
        "AND pid <> pg_backend_pid()"
    )

    def interrupt() -> None:
        with engine.session() as other:
            running = f"{activity} AND wait_event = 'PgSleep'"
            while not other.count(running):
                time.sleep(0.01)
        signal.raise_signal(number)

    watcher = threading.Thread(target=interrupt)
    former = signal.signal(number, handler)
    try:
        with engine.session() as session:
            watcher.start()
            with pytest.raises(expected):
                session.execute(query) if method == "execute" else session.read(query).read_all()
    finally:
        signal.signal(number, former)
    watcher.join()
    with engine.session() as other:
        end = time.monotonic() + 10
        while other.count(activity) and time.monotonic() < end:
            time.sleep(0.01)
        assert other.count(activity) == 0


def test_a_lock_of_another_session_is_worth_a_retry(own_engine: Engine) -> None:
    with own_engine.session() as session, own_engine.session() as other:
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
        session.execute("SET lock_timeout = '50ms'")
        with other.transaction():
            other.execute("LOCK TABLE t")
            with pytest.raises(TransientError, match="lock timeout"):
                session.replace_table(("t",), pa.table({"n": [2]}).to_reader())
        assert session.count("SELECT * FROM t WHERE n = 1") == 1
