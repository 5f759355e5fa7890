"""Every engine keeps the promises of ``engines/base.py``."""

import math
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Engine, Session, open_engine
from sqlflow_dagster.engines.table_statistics import table_statistics, watermark
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.new_rows import Mark, Memory

if TYPE_CHECKING:
    from tests.conformance.conftest import EngineCase

NAMES = ["plain", "a b", "a.b", "select", "Ünïcode", 'quo"ted', "per%cent", "co:lon"]
FORMER = [{"n": 1}]


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with engine.session() as session:
        yield session


def rows_of(session: Session, query: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = session.read(query).read_all().to_pylist()
    return rows


def reader(table: pa.Table, *, batch_rows: int = 1000) -> pa.RecordBatchReader:
    return table.to_reader(max_chunksize=batch_rows)


def numbers(count: int) -> str:
    """A SELECT of 1 … count, at most 10,000, that every engine understands."""
    # Not recursive: MariaDB ends a recursion after 1000 rows without a word.
    digits = " UNION ALL ".join(f"SELECT {digit} AS n" for digit in range(10))
    number = "1 + a.n + 10 * b.n + 100 * c.n + 1000 * d.n"
    return (
        f"WITH digits AS ({digits}) SELECT {number} AS n "
        "FROM digits a CROSS JOIN digits b CROSS JOIN digits c CROSS JOIN digits d "
        f"WHERE {number} <= {count}"
    )


# -- the engine itself


def test_tells_what_a_runtime_must_know(engine: Engine) -> None:
    assert open_engine(engine.display_url).name == engine.name
    assert engine.max_identifier_length >= 63
    assert engine.dialect


def test_runs_the_session_statements_first(engine: Engine, engine_case: "EngineCase") -> None:
    prefix = [f"{engine_case.makes_temporary} mine AS SELECT 7 AS n"]
    with engine.session(prefix=prefix) as session:
        assert rows_of(session, "SELECT * FROM mine") == [{"n": 7}]


def test_a_new_session_sees_what_an_earlier_one_left(engine: Engine) -> None:
    with engine.session() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS n")
    with engine.session() as session:
        assert session.count("SELECT * FROM t") == 1


# -- execute


@pytest.mark.changes_rows
def test_counts_changed_rows(session: Session) -> None:
    session.execute("CREATE TABLE t (n INTEGER)")
    assert session.execute("INSERT INTO t VALUES (1), (2), (3)") == 3
    assert session.execute("UPDATE t SET n = 0 WHERE n > 1") == 2
    assert session.execute("DELETE FROM t") == 3
    assert session.execute('SELECT 5 AS "Count"') is None


@pytest.mark.parametrize(
    "text",
    ["100%", "%s", "%(name)s", ":name", "a;b", "?", "$1", "-- no comment", "{x}", "it''s", "\\"],
)
def test_hands_text_on_verbatim(session: Session, text: str, engine_case: "EngineCase") -> None:
    expected = text.replace("''", "'")
    if engine_case.escapes:
        text = text.replace("\\", "\\\\")
    session.execute(f"CREATE TABLE t AS SELECT '{text}' AS a -- {text}")
    assert rows_of(session, f"SELECT a FROM t WHERE a = '{text}' -- {text}") == [{"a": expected}]
    assert session.count(f"SELECT a FROM t WHERE a = '{text}' -- {text}") == 1
    assert [column.name for column in session.describe(f"SELECT '{text}' AS a -- {text}")] == ["a"]


def test_runs_what_refuses_a_transaction(session: Session, engine_case: "EngineCase") -> None:
    session.execute("CREATE TABLE t (n INTEGER)")
    assert session.execute(engine_case.tidies) is None


def test_tells_what_the_engine_says_of_a_bad_statement(session: Session) -> None:
    with pytest.raises(TerminalError, match="nowhere") as caught:
        session.execute("INSERT INTO nowhere VALUES (1)")
    assert "sqlalche.me" not in caught.value.message
    assert "\n" not in caught.value.message


def test_an_error_while_a_select_is_computed_is_told(
    session: Session, engine_case: "EngineCase"
) -> None:
    session.execute("CREATE TABLE t (n INTEGER NOT NULL)")
    with pytest.raises(TerminalError):
        session.execute(f"INSERT INTO t {engine_case.fails}")
    assert session.count("SELECT * FROM t") == 0


# -- describe, count, read


QUERIES = {
    "comment at the end": "SELECT 1 AS n -- done",
    "block comment": "SELECT /* a */ 1 AS n /* b */",
    "cte": "WITH a AS (SELECT 1 AS n) SELECT n FROM a",
    "order and limit": "SELECT n FROM (SELECT 1 AS n UNION ALL SELECT 2) AS x ORDER BY n LIMIT 1",
    "lines": "SELECT\n  1\nAS n\n",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_understands_a_query_as_written(session: Session, query: str) -> None:
    assert [column.name for column in session.describe(query)] == ["n"]
    assert session.count(query) == 1
    assert rows_of(session, query) == [{"n": 1}]
    assert session.create_table_as(("copy",), query) == 1


def test_describe_and_read_agree(session: Session, engine_case: "EngineCase") -> None:
    session.execute("CREATE TABLE t (i INTEGER, x REAL, s VARCHAR(10), d DATE)")
    values = f"(1, 0.5, 'a', {engine_case.date}), (NULL, NULL, NULL, NULL)"
    session.execute(f"INSERT INTO t VALUES {values}")
    columns = session.describe("SELECT * FROM t")
    schema = session.read("SELECT * FROM t").schema
    assert [(column.name, column.arrow_type) for column in columns] == [
        (field.name, field.type) for field in schema
    ]
    assert pa.types.is_integer(schema.field("i").type)
    assert pa.types.is_floating(schema.field("x").type)
    assert pa.types.is_string(schema.field("s").type)
    assert pa.types.is_date(schema.field("d").type)
    assert all(column.type for column in columns)


def test_a_table_may_be_called_like_an_alias_of_ours(session: Session) -> None:
    session.execute("CREATE TABLE a AS SELECT 1 AS n")
    assert [column.name for column in session.describe("SELECT * FROM a")] == ["n"]
    assert session.count("SELECT * FROM a") == 1
    assert rows_of(session, "SELECT * FROM a") == [{"n": 1}]


def test_describe_names_a_missing_column(session: Session) -> None:
    session.execute("CREATE TABLE t (n INTEGER)")
    with pytest.raises(TerminalError, match="missing"):
        session.describe("SELECT missing FROM t")


def test_an_empty_result_keeps_its_types(session: Session) -> None:
    session.execute("CREATE TABLE t (i INTEGER, x REAL, s VARCHAR(10), d DATE)")
    table = session.read("SELECT * FROM t").read_all()
    assert table.num_rows == 0
    assert pa.types.is_integer(table.schema.field("i").type)
    assert pa.types.is_floating(table.schema.field("x").type)
    assert pa.types.is_string(table.schema.field("s").type)
    assert pa.types.is_date(table.schema.field("d").type)


def test_columns_of_one_name_are_told_apart(session: Session) -> None:
    query = "SELECT 1 AS n, 2 AS n"
    names = [column.name for column in session.describe(query)]
    assert len(set(names)) == 2
    assert session.read(query).schema.names == names


def test_reads_in_batches(session: Session) -> None:
    batches = list(session.read(numbers(10_000), batch_rows=2048))
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == 10_000
    assert sum(sum(batch.column("n").to_pylist()) for batch in batches) == 50_005_000


def test_a_stream_never_ends_early_in_silence(session: Session) -> None:
    rows = session.read(numbers(10_000), batch_rows=2048)
    rows.read_next_batch()
    session.execute("CREATE TABLE t AS SELECT 1 AS n")
    with pytest.raises(TerminalError, match="another statement"):
        rows.read_all()


def test_a_stream_is_dead_after_its_session(engine: Engine) -> None:
    with engine.session() as session:
        rows = session.read("SELECT 1 AS n")
    with pytest.raises(TerminalError, match="session"):
        rows.read_all()


# -- names and catalogue


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_spelling(
    session: Session, engine: Engine, engine_case: "EngineCase", name: str
) -> None:
    table = name if engine_case.any_table_name else "plain"
    written = pa.table({name: [1, 2], "other": ["x", "y"]})
    assert session.replace_table((table,), reader(written)) == 2
    assert session.relation_kind((table,)) == "table"
    assert [column.name for column in session.columns((table,)) or ()] == [name, "other"]
    assert rows_of(session, f"SELECT * FROM {engine.quote((table,))}") == written.to_pylist()
    assert session.create_table_as((table,), "SELECT 3 AS n") == 1
    assert (engine.default_schema, table) in session.tables()
    session.drop((table,))
    assert session.relation_kind((table,)) is None


def test_tables_of_a_schema(session: Session, engine: Engine) -> None:
    session.create_schema("iris")
    session.create_schema("iris")
    session.create_table_as(("iris", "train"), "SELECT 1 AS n")
    session.create_table_as(("train",), "SELECT 'main' AS s")
    session.replace_table(("iris", "test"), reader(pa.table({"n": [1, 2, 3]})))
    assert session.relation_kind(("iris", "train")) == "table"
    assert [column.name for column in session.columns(("iris", "train")) or ()] == ["n"]
    assert session.tables() == [
        ("iris", "test"),
        ("iris", "train"),
        (engine.default_schema, "train"),
    ]
    session.drop(("train",))
    assert session.count("SELECT * FROM iris.train") == 1
    session.drop(("train",))
    assert session.relation_kind(("iris", "train")) == "table"
    assert session.relation_kind(("nowhere", "train")) is None


def test_a_schema_is_there_for_the_next_session(engine: Engine) -> None:
    with engine.session() as session:
        session.create_schema("iris")
        session.create_table_as(("iris", "train"), "SELECT 1 AS n")
    with engine.session() as session:
        assert session.count("SELECT * FROM iris.train") == 1


def test_unqualified_names_live_in_the_schema_of_the_url(
    engine_case: "EngineCase", tmp_path: Path
) -> None:
    url, schema = engine_case.make_url(tmp_path), f"dev_{uuid.uuid4().hex[:8]}"
    plain, dev = open_engine(url), open_engine(f"{url}{'&' if '?' in url else '?'}schema={schema}")
    for number, opened in enumerate((plain, dev)):
        with opened.session() as session:
            assert session.relation_kind(("t",)) is None
            session.execute(f"CREATE TABLE t AS SELECT {number} AS x")
            session.create_table_as(("u",), "SELECT x FROM t")
    for number, opened in enumerate((plain, dev)):
        with opened.session() as session:
            assert rows_of(session, "SELECT x FROM u") == [{"x": number}]
            assert session.columns(("u",)) is not None
    with plain.session() as session:
        assert rows_of(session, f"SELECT x FROM {schema}.u") == [{"x": 1}]
        session.execute(f"DROP TABLE {schema}.t")


def test_a_view_is_known_and_replaced(session: Session) -> None:
    session.execute("CREATE TABLE t AS SELECT 1 AS n")
    session.execute("CREATE VIEW v AS SELECT n + 1 AS m FROM t")
    assert session.relation_kind(("v",)) == "view"
    assert [column.name for column in session.columns(("v",)) or ()] == ["m"]
    session.create_table_as(("v",), "SELECT 5 AS n")
    assert session.relation_kind(("v",)) == "table"


def test_nothing_has_the_name(session: Session) -> None:
    assert session.relation_kind(("nothing",)) is None
    assert session.columns(("nothing",)) is None
    session.drop(("nothing",))


def test_names_are_found_in_the_case_that_the_engine_knows(
    session: Session, engine_case: "EngineCase"
) -> None:
    session.execute("CREATE TABLE Train AS SELECT 1 AS n")
    known = engine_case.finds_any_case
    assert session.relation_kind(("TRAIN",)) == ("table" if known else None)
    session.create_table_as(("train",), "SELECT 2 AS n")
    assert len(session.tables()) == (1 if known else 2)


# -- values


def test_values_come_back(session: Session, engine_case: "EngineCase") -> None:
    written = pa.table(
        {
            "i": pa.array([1, None, -(2**62)], pa.int64()),
            "x": pa.array([0.1, None, -1e300], pa.float64()),
            "b": pa.array([True, None, False]),
            "s": pa.array(["", None, "Grüße, 世界 🌷"]),
            "d": pa.array([date(2024, 2, 29), None, date(1900, 1, 1)]),
            "t": pa.array(
                [datetime(2024, 2, 29, 12, 30, 1, 250_000), None, datetime(1969, 12, 31)],
                pa.timestamp("us"),
            ),
            "m": pa.array([Decimal("12345.67"), None, Decimal("-0.10")], pa.decimal128(10, 2)),
            "y": pa.array([b"\x00\xff", None, b""]),
        }
    )
    assert session.replace_table(("t",), reader(written)) == 3
    read = session.read("SELECT * FROM t").read_all()
    assert read.schema.types == written.schema.types
    assert read.to_pylist() == written.to_pylist()


NUMBERS = {
    "int8": pa.array([-(2**7), None, 2**7 - 1], pa.int8()),
    "int16": pa.array([-(2**15), None, 2**15 - 1], pa.int16()),
    "int32": pa.array([-(2**31), None, 2**31 - 1], pa.int32()),
    "int64": pa.array([-(2**63), None, 2**63 - 1], pa.int64()),
    "uint8": pa.array([0, None, 2**8 - 1], pa.uint8()),
    "uint16": pa.array([0, None, 2**16 - 1], pa.uint16()),
    "uint32": pa.array([0, None, 2**32 - 1], pa.uint32()),
    "uint64": pa.array([0, None, 2**53], pa.uint64()),
    "float": pa.array([0.1, None, -3.4028234663852886e38], pa.float32()),
    "double": pa.array([0.1, None, -1.7976931348623157e308], pa.float64()),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_keep_their_width(
    session: Session, engine: Engine, engine_case: "EngineCase", name: str
) -> None:
    """They are written to the narrowest column that takes them all, and what is read of it is written to its like."""
    session.replace_table(("t",), reader(pa.table({"n": NUMBERS[name]})))
    read = session.read("SELECT n FROM t").read_all()
    assert str(read.schema.field("n").type) == engine_case.widened.get(name, name)
    assert read.column("n").to_pylist() == NUMBERS[name].to_pylist()
    session.replace_table(("copy",), reader(read))
    if engine.typed_columns:
        assert session.columns(("copy",)) == session.columns(("t",))
    assert session.read("SELECT n FROM copy").read_all() == read


def test_values_and_types_survive_a_copy(session: Session) -> None:
    written = pa.table(
        {
            "d": [date(2024, 2, 29), None],
            "t": pa.array([datetime(2024, 2, 29, 12), None], pa.timestamp("us")),
            "m": [Decimal("1.25"), None],
            "b": [True, None],
        }
    )
    session.replace_table(("t",), reader(written))
    session.create_table_as(("copy",), "SELECT a.*, 1 AS one FROM t AS a")
    assert (session.columns(("copy",)) or ())[:4] == session.columns(("t",))
    read = session.read("SELECT * FROM copy").read_all()
    assert read.to_pylist() == [row | {"one": 1} for row in written.to_pylist()]


def test_nan_and_null(session: Session, engine_case: "EngineCase") -> None:
    session.replace_table(("t",), reader(pa.table({"x": [math.nan, None, 1.0]})))
    values = [row["x"] for row in rows_of(session, "SELECT x FROM t")]
    assert values[1:] == [None, 1.0]
    if engine_case.keeps_nan:
        assert isinstance(values[0], float)
        assert math.isnan(values[0])
    else:
        assert values[0] is None


def test_small_and_unsigned_types_are_written(session: Session) -> None:
    table = pa.table(
        {
            "u8": pa.array([1, 255], pa.uint8()),
            "u64": pa.array([1, 2**40], pa.uint64()),
            "f32": pa.array([0.5, 1.5], pa.float32()),
            "word": pa.array(["a", "b"]).dictionary_encode(),
            "none": pa.array([None, None]),
            "ns": pa.array([1_000, 2_000], pa.timestamp("ns")),
        }
    )
    session.replace_table(("t",), reader(table))
    assert session.count("SELECT * FROM t WHERE u8 + u64 + f32 > 1 AND word IN ('a', 'b')") == 2
    assert session.count("SELECT * FROM t WHERE none IS NULL") == 2


# -- whole or not at all


def test_replaces_a_table_with_other_columns(session: Session) -> None:
    session.create_table_as(("t",), "SELECT 1 AS n")
    assert session.create_table_as(("t",), "SELECT 'x' AS a, 'y' AS b") == 1
    assert rows_of(session, "SELECT * FROM t") == [{"a": "x", "b": "y"}]
    assert session.replace_table(("t",), reader(pa.table({"c": [1.5]}))) == 1
    assert rows_of(session, "SELECT * FROM t") == [{"c": 1.5}]


def test_no_rows_make_an_empty_table(session: Session) -> None:
    empty = pa.table({"i": pa.array([], pa.int64()), "s": pa.array([], pa.string())})
    assert session.replace_table(("t",), reader(empty)) == 0
    assert session.read("SELECT * FROM t").schema.types == empty.schema.types
    assert session.create_table_as(("u",), "SELECT * FROM t") == 0


def test_a_failed_select_leaves_the_former_table(session: Session) -> None:
    session.create_table_as(("t",), "SELECT 1 AS n")
    with pytest.raises(TerminalError, match="t2"):
        session.create_table_as(("t",), "SELECT missing FROM t2")
    assert rows_of(session, "SELECT * FROM t") == FORMER


def test_a_failed_select_leaves_the_former_view(session: Session) -> None:
    session.execute("CREATE VIEW t AS SELECT 1 AS n")
    with pytest.raises(TerminalError):
        session.create_table_as(("t",), "SELECT missing FROM t2")
    assert session.relation_kind(("t",)) == "view"


def test_rows_that_end_in_an_error_leave_the_former_table(session: Session) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [1, 2, 3]})
        raise LookupError("the model fell over")

    session.create_table_as(("t",), "SELECT 1 AS n")
    rows = pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), failing())
    with pytest.raises(LookupError, match="the model fell over"):
        session.replace_table(("t",), rows)
    assert rows_of(session, "SELECT * FROM t") == FORMER
    assert [table[-1] for table in session.tables()] == ["t"]


@pytest.mark.parametrize("names", [["n", "N"], ["n", "n"]])
def test_two_columns_of_one_name_are_refused(session: Session, names: list[str]) -> None:
    rows = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=names)
    session.create_table_as(("t",), "SELECT 1 AS n")
    with pytest.raises(TerminalError, match="twice"):
        session.replace_table(("t",), reader(rows))
    assert rows_of(session, "SELECT * FROM t") == FORMER


def test_replacing_runs_the_statement_of_a_user(session: Session) -> None:
    session.create_table_as(("t",), "SELECT 1 AS n")
    with session.replacing(("t",)):
        assert session.relation_kind(("t",)) is None
        session.execute("CREATE TABLE t AS SELECT 2 AS n -- anew")
    assert rows_of(session, "SELECT * FROM t") == [{"n": 2}]


def test_replacing_gives_the_former_table_back(session: Session) -> None:
    session.create_table_as(("t",), "SELECT 1 AS n")

    def fail_after_creating() -> None:
        with session.replacing(("t",)):
            session.execute("CREATE TABLE t AS SELECT 2 AS n")
            raise LookupError("stop")

    with pytest.raises(LookupError):
        fail_after_creating()
    assert rows_of(session, "SELECT * FROM t") == FORMER


@pytest.mark.changes_rows
def test_a_transaction_is_kept_or_undone(session: Session) -> None:
    session.execute("CREATE TABLE t (n INTEGER)")
    with session.transaction():
        session.execute("INSERT INTO t VALUES (1)")
        session.execute("INSERT INTO t VALUES (2)")

    def fail_at_the_second_statement() -> None:
        with session.transaction():
            session.execute("INSERT INTO t VALUES (3)")
            session.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(TerminalError, match="nowhere"):
        fail_at_the_second_statement()
    assert session.count("SELECT * FROM t") == 2


def test_transactions_nest(session: Session) -> None:
    session.create_table_as(("t",), "SELECT 1 AS n")

    def fail_at_the_end() -> None:
        with session.transaction():
            assert session.create_table_as(("t",), "SELECT 2 AS n") == 1
            assert session.replace_table(("u",), reader(pa.table({"n": [5]}))) == 1
            raise LookupError("stop")

    with pytest.raises(LookupError):
        fail_at_the_end()
    assert rows_of(session, "SELECT * FROM t") == FORMER
    assert session.relation_kind(("u",)) is None


def test_a_half_failed_transaction_is_never_kept(session: Session, engine: Engine) -> None:
    session.create_table_as(("t",), "SELECT 1 AS n")

    def swallow_a_failure() -> None:
        with session.transaction():
            with suppress(LookupError), session.replacing(("t",)):
                raise LookupError("stop")
            session.execute("CREATE TABLE u AS SELECT 1 AS n")

    with pytest.raises(TerminalError, match="one of its parts had failed"):
        swallow_a_failure()
    assert rows_of(session, "SELECT * FROM t") == FORMER
    if engine.transactional_ddl:
        assert session.relation_kind(("u",)) is None


def test_a_failed_attempt_leaves_the_transaction_usable(session: Session) -> None:
    session.execute("CREATE TABLE t (n INTEGER)")
    with session.transaction():
        session.execute("INSERT INTO t VALUES (1)")
        with suppress(TerminalError), session.attempt(), session.attempt():
            session.describe("SELECT missing FROM t")
        with session.attempt():
            session.execute("INSERT INTO t VALUES (2)")
    assert session.count("SELECT * FROM t") == 2


@pytest.mark.changes_rows
def test_core_statements_are_part_of_a_transaction(session: Session) -> None:
    session.execute("CREATE TABLE t (n INTEGER)")
    table = sa.table("t", sa.column("n"))

    def fail_after_inserting() -> None:
        with session.transaction():
            session.connection.execute(table.insert().values(n=1))
            raise LookupError("stop")

    with pytest.raises(LookupError):
        fail_after_inserting()
    session.connection.execute(table.insert().values(n=2))
    assert rows_of(session, "SELECT n FROM t") == [{"n": 2}]


def test_rows_flow_from_a_query_into_a_table(session: Session) -> None:
    """As in a prediction: read, compute, write, without the whole table in memory."""
    rows = session.read(numbers(10_000), batch_rows=2048)

    def doubled() -> Iterator[pa.RecordBatch]:
        for batch in rows:
            values = [2 * n for n in batch.column("n").to_pylist()]
            yield pa.record_batch({"n": pa.array(values, pa.int64())})

    schema = pa.schema([("n", pa.int64())])
    count = session.replace_table(("t",), pa.RecordBatchReader.from_batches(schema, doubled()))
    assert count == 10_000
    assert rows_of(session, "SELECT sum(n) AS total FROM t") == [{"total": 100_010_000}]


def test_a_table_is_replaced_by_what_was_read_from_it(session: Session) -> None:
    session.create_table_as(("t",), numbers(5000))
    rows = session.read("SELECT n FROM t", batch_rows=2048)
    assert session.replace_table(("t",), rows) == 5000
    assert session.count("SELECT DISTINCT n FROM t") == 5000


def test_many_threads_write(engine: Engine) -> None:
    def work(index: int) -> int:
        with engine.session() as session:
            return session.create_table_as((f"t{index}",), f"SELECT {index} AS n")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(8))) == [1] * 8
    with engine.session() as session:
        assert len(session.tables()) == 8


# -- comments


COMMENT = "sqlflow: made by it's own \\ 100% %s :name {0} $1 … SELECT"


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
def test_a_table_says_where_it_comes_from(
    session: Session, engine_case: "EngineCase", inside: bool
) -> None:
    def comment() -> object:
        (row,) = rows_of(session, engine_case.comment or "SELECT NULL AS comment")
        found = re.search(engine_case.comment_pattern, str(list(row.values())[-1] or ""))
        return found[1] if found else ""

    expected = COMMENT.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}").replace("\\", "/")
    for made_again in ("first", "second"):
        with session.transaction() if inside else nullcontext():
            session.create_table_as(("t",), "SELECT 1 AS n", comment=COMMENT + made_again)
        assert comment() == (expected + made_again if engine_case.comment else "")
    rows = session.read("SELECT n FROM t")
    with session.transaction() if inside else nullcontext():
        if inside:
            rows = reader(pa.table({"n": [1]}))
        session.replace_table(("t",), rows, comment=COMMENT)
    assert comment() == (expected if engine_case.comment else "")
    session.create_table_as(("t",), "SELECT 1 AS n")
    assert not comment()


# -- what sensors ask


WATERMARKS: dict[str, tuple[Any, Any, Any]] = {
    "whole numbers": (3, 2**60, 2**60 + 1),
    "decimals": (Decimal("-7.00"), Decimal("1.25"), Decimal("1.26")),
    "floats": (-1.0, 0.1, 0.3),
    "dates": (date(1999, 1, 1), date(2024, 2, 28), date(2024, 2, 29)),
    "times": (
        datetime(1999, 1, 1),
        datetime(2024, 2, 29, 12, 0, 0, 1),
        datetime(2024, 2, 29, 12, 0, 0, 2),
    ),
    "moments": (
        datetime(1999, 1, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 12, tzinfo=UTC),
        datetime(2024, 2, 29, 13, tzinfo=UTC),
    ),
    "text": ("a", "it's", "ju"),
}
"""A value, a higher one and the highest."""


def remembered(value: Any) -> Any:
    """The same value out of the memory of a sensor."""
    memory = Memory(trained={"t": Mark(rows=1, column="c", highest=value)})
    return Memory.from_json(memory.to_json()).trained["t"].highest


@pytest.mark.parametrize(("low", "high", "new"), WATERMARKS.values(), ids=WATERMARKS)
def test_rows_above_a_watermark_are_counted(
    engine: Engine, session: Session, low: Any, high: Any, new: Any
) -> None:
    session.replace_table(("t",), reader(pa.table({"at": [high, None, low]})))
    assert watermark(session.columns(("t",)) or (), "AT") == "at"
    first = table_statistics(session, engine, ("t",), column="at")
    assert (first.rows, first.above) == (3, 2)
    session.replace_table(("t",), reader(pa.table({"at": [high, None, low, new]})))
    highest = remembered(first.highest)
    now = table_statistics(session, engine, ("t",), column="at", above=highest)
    assert (now.rows, now.above) == (4, 1)
    highest = remembered(now.highest)
    assert table_statistics(session, engine, ("t",), column="at", above=highest).above == 0


def test_a_table_without_values_has_no_highest_one(engine: Engine, session: Session) -> None:
    empty = pa.table({"at": pa.array([], pa.timestamp("us"))})
    session.replace_table(("t",), reader(empty))
    found = table_statistics(session, engine, ("t",), column="at")
    assert (found.rows, found.highest, found.above) == (0, None, 0)
    session.replace_table(("t",), reader(pa.table({"at": pa.array([None], pa.date32())})))
    found = table_statistics(session, engine, ("t",), column="at")
    assert (found.rows, found.highest, found.above) == (1, None, 0)


def test_a_watermark_may_have_any_name(engine: Engine, session: Session) -> None:
    session.replace_table(("t",), reader(pa.table({name: [1, 2] for name in NAMES})))
    for name in NAMES:
        found = table_statistics(session, engine, ("t",), column=name, above=1)
        assert (found.highest, found.above) == (2, 1)


def test_what_has_no_order_is_no_watermark(session: Session) -> None:
    session.replace_table(("t",), reader(pa.table({"flag": [b"1", b"0"]})))
    columns = session.columns(("t",)) or ()
    assert watermark(columns, "flag") is None
    assert watermark(columns, "missing") is None


def test_only_a_table_has_been_changed(session: Session) -> None:
    session.execute("CREATE VIEW v AS SELECT 1 AS n")
    assert session.last_change(("v",)) is None
    assert session.last_change(("missing",)) is None
