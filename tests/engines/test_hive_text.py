"""What of Hive and Spark needs no server: URLs, texts of statements, errors, values as they travel."""

import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from sqlflow_dagster.engines import hive_errors, renaming
from sqlflow_dagster.engines.base import dialect_of, open_engine, parse_url
from sqlflow_dagster.engines.hive_literals import literal
from sqlflow_dagster.engines.hive_load import column_type, inserts, parquet_file
from sqlflow_dagster.engines.hive_rows import WireColumn, arrays
from sqlflow_dagster.engines.hive_transport import Error
from sqlflow_dagster.engines.hive_url import connect_arguments
from sqlflow_dagster.errors import TerminalError, TransientError
from sqlflow_dagster.source import Excerpt

SPARK_MISSING = """org.apache.hive.service.cli.HiveSQLException: Error running query: [TABLE_OR_VIEW_NOT_FOUND] \
org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or view `nowhere` cannot be found. \
Verify the spelling and correctness of the schema and catalog.
Search path: [`system`.`builtin`].
To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS. SQLSTATE: 42P01; line 2 pos 5;
'Project [1 AS n#123]
+- 'UnresolvedRelation [nowhere], [], false
\tat org.apache.spark.X(X.scala:1)"""
SPARK_SYNTAX = """org.apache.hive.service.cli.HiveSQLException: Error running query: [PARSE_SYNTAX_ERROR] \
org.apache.spark.sql.catalyst.parser.ParseException: \n[PARSE_SYNTAX_ERROR] Syntax error at or near 'nowhere'. \
SQLSTATE: 42601 (line 2, pos 5)\n\n== SQL ==\nSELECT 1\n"""
SPARK_VALUE = """org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'a' of the type "STRING" \
cannot be cast to "INT" because it is malformed. Correct the value as per the syntax. SQLSTATE: 22018
== SQL (line 2, position 6) ==
FROM nowhere"""
HIVE_MISSING = """Error while compiling statement: FAILED: SemanticException [Error 10001]: Line 2:5 Table not found 'nowhere'"""
HIVE_SYNTAX = """Error while compiling statement: FAILED: ParseException line 2:5 cannot recognize input near 'nowhere'"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SPARK_MISSING, "The table or view `nowhere` cannot be found"),
        (SPARK_SYNTAX, "Syntax error at or near 'nowhere'"),
        (
            SPARK_VALUE,
            """The value 'a' of the type "STRING" cannot be cast to "INT" because it is malformed""",
        ),
        (HIVE_MISSING, "Table not found 'nowhere'"),
        (HIVE_SYNTAX, "cannot recognize input near 'nowhere'"),
    ],
    ids=["spark missing", "spark syntax", "spark value", "hive missing", "hive syntax"],
)
def test_an_error_is_told_without_java_and_with_its_place(text: str, message: str) -> None:
    error = Error(text, statement="SELECT 1\nFROM nowhere")
    assert hive_errors.text_of(error) == message
    assert hive_errors.place_of(error) == Excerpt(text="FROM nowhere", column=5)


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        (Error("h:1: Connection refused", lost=True), TransientError, "server runs"),
        (Error("Bad status: 3 (Error validating the login)", lost=True), TerminalError, "auth="),
        (Error("certificate verify failed", lost=True), TerminalError, "URL"),
        (Error("it took long", timed_out=True), TerminalError, "SQLFLOW_STATEMENT_TIMEOUT"),
        (Error("java.io.IOException: No space left on device"), TerminalError, "room"),
        (Error("[Error 10324]: could not be acquired"), TransientError, "lock"),
        (Error("[FAILED_READ_FILE.FILE_NOT_EXIST] gone"), TransientError, "replaced"),
        (Error("bad name", state="42602"), TerminalError, "letters"),
    ],
)
def test_an_error_says_whether_another_try_helps(error: Error, kind: type, hint: str) -> None:
    told = hive_errors.meaning(error, str(error), "hive://h/d")
    assert type(told) is kind
    assert hint in (told.hint or "")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("hive://h/d", {"port": 10000, "mechanism": "PLAIN", "tls": False, "http_path": None}),
        ("hive://u:p@h:1/d?auth=NOSASL", {"port": 1, "mechanism": "NOSASL", "password": "p"}),
        ("hive://u:p@h/d", {"mechanism": "LDAP", "user": "u"}),
        ("spark://h/d?auth=KERBEROS", {"mechanism": "GSSAPI", "kerberos_service": "hive"}),
        ("hive://h/d?ssl=true", {"tls": True, "verify": True, "ca": None}),
        ("hive://h/d?ssl_ca=/ca.pem", {"tls": True, "verify": True, "ca": "/ca.pem"}),
        ("hive+https://h/d", {"tls": True, "http_path": "cliservice", "port": 10001}),
        (
            "hive://h/d?session.mapreduce.job.queuename=etl&batch=5",
            {"settings": {"mapreduce.job.queuename": "etl"}},
        ),
    ],
)
def test_a_url_says_how_to_connect(url: str, expected: dict[str, Any]) -> None:
    found = connect_arguments(parse_url(url))
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("hive://h/d?auht=NONE", "auht"),
        ("hive://h/d?auth=MAGIC", "auth=MAGIC"),
        ("hive://h/d?ssl=perhaps", "ssl must be"),
        ("hive://h/d?connect_timeout=soon", "connect_timeout"),
        ("hive+impyla://h/d", "impyla"),
    ],
)
def test_a_wrong_url_is_told(url: str, message: str) -> None:
    with pytest.raises(TerminalError, match=message):
        open_engine(url)


def test_the_engine_shows_no_password_and_speaks_hive() -> None:
    engine = open_engine("spark://etl:sec-ret@h:10000/lake?session.fs.s3a.secret.key=sec-ret")
    assert "sec-ret" not in engine.display_url
    assert engine.default_schema == "lake"
    assert dialect_of("spark://h/d") == "hive"
    assert engine.quote(("a", "b`c")) == "`a`.`b``c`"


def test_nobody_listens(unused_port: int) -> None:
    engine = open_engine(f"hive://etl:sec-ret@127.0.0.1:{unused_port}/d?connect_timeout=2")
    with pytest.raises(TransientError, match="hive:") as caught, engine.session():
        pass
    assert "sec-ret" not in str(caught.value)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (7, "7"),
        (0.1, "CAST('0.1' AS DOUBLE)"),
        (Decimal("1.50"), "CAST('1.50' AS DECIMAL(38, 2))"),
        ("it's \\ ${env:HOME}\n", r"'it\'s \\ \u0024{env:HOME}\n'"),
        (b"\x00\xff", "unhex('00ff')"),
        (date(2024, 2, 29), "DATE '2024-02-29'"),
        (datetime(2024, 2, 29, 1, 2, 3), "TIMESTAMP '2024-02-29 01:02:03.000000'"),
    ],
)
def test_literals(value: object, text: str) -> None:
    assert literal(value) == text


def test_many_rows_are_many_statements() -> None:
    batch = pa.record_batch({"n": pa.array(range(50_000)), "s": pa.array(["x"] * 50_000)})
    statements = list(inserts("`t`", [batch, batch.slice(0, 0)]))
    assert len(statements) == 3
    assert all(text.startswith("INSERT INTO TABLE `t` SELECT CASE") for text in statements)


def test_text_with_a_separator_travels_in_hexadecimal() -> None:
    (text,) = inserts("t", [pa.record_batch({"s": ["a\x1eb", None]})])
    assert "unhex(f[0])" in text
    assert "611e62" in text


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int64()), pa.decimal256(50, 2), pa.duration("s")], ids=str
)
def test_what_has_no_column_is_refused(kind: pa.DataType) -> None:
    with pytest.raises(TerminalError, match="column 'c'"):
        column_type(pa.field("c", kind))


def test_a_file_is_there_while_it_is_loaded(tmp_path: Path) -> None:
    batch = pa.record_batch({"n": [1, 2]})
    with parquet_file(str(tmp_path), batch.schema, [batch]) as load:
        assert load is not None
        assert load.startswith(f"LOAD DATA LOCAL INPATH '{tmp_path}/sqlflow_")
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())
    with parquet_file(str(tmp_path), batch.schema, []) as load:
        assert load is None
    with (
        pytest.raises(TerminalError, match="no file can be made"),
        parquet_file("/nowhere/at/all", batch.schema, []),
    ):
        pass


def test_a_column_of_the_wire() -> None:
    sent = SimpleNamespace(stringVal=SimpleNamespace(values=["1.50", "", "2.25"], nulls=b"\x02"))
    kind = WireColumn(name="m", type="decimal(5,2)", arrow_type=pa.decimal128(5, 2), in_text=True)
    (array,) = arrays([sent], [kind])
    assert array.to_pylist() == [Decimal("1.50"), None, Decimal("2.25")]
    wrong = SimpleNamespace(stringVal=SimpleNamespace(values=["x"], nulls=b""))
    with pytest.raises(TerminalError, match="column 'm'"):
        arrays([wrong], [kind])


def test_only_what_is_old_is_taken_for_left() -> None:
    now = int(time.time())
    assert not renaming.is_left(f"sqlflow_aside_{now - 3600:x}_0123abcd")
    assert renaming.is_left(f"sqlflow_aside_{now - renaming.LEFT_AFTER - 60:x}_0123abcd")
    assert not renaming.is_left("sqlflow_aside_of_a_user")
