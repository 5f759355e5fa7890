"""What is sent to BigQuery and made of what it answers: the service is not asked by tests."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from pyarrow import parquet

from sqlflow_dagster.engines.base import Session, open_engine
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from tests.engines.fake_driver import Answer, Error, FakeConnection, FakeDriver, changes, install

URL = "bigquery://shop/lab"


class GoogleError(Exception):
    """As the client's GoogleAPICallError."""

    def __init__(self, code: int, message: str, reason: str = "") -> None:
        super().__init__(f"{code} POST https://bigquery.example.com: {message}")
        self.code = code
        self.message = message
        self.errors = [{"reason": reason}]


GoogleError.__module__ = "google.api_core.exceptions"


class Field(NamedTuple):
    """A column as the client describes it."""

    name: str
    field_type: str
    mode: str = "NULLABLE"
    precision: int | None = None
    scale: int | None = None


class Job:
    """A job of the client, whose rows are its result."""

    def __init__(self, answer: Answer) -> None:
        self.schema = answer.rows
        self.num_dml_affected_rows = answer.changed if answer.changed >= 0 else None
        self._batches = answer.rows
        self.cancelled = False

    def result(self) -> "Job":
        for item in self._batches:
            if isinstance(item, BaseException):
                raise item
        return self

    def cancel(self) -> None:
        self.cancelled = True

    def to_arrow_iterable(self, *, bqstorage_client: object) -> Iterator[Any]:
        assert bqstorage_client == "storage"
        yield from self._batches


class Client:
    """The client of the service."""

    project = "default-project"
    default_query_job_config: Any = None

    def __init__(self, driver: FakeDriver) -> None:
        self.driver = driver
        self.jobs: list[Job] = []

    def query(self, sql: str, *, job_config: Any = None) -> Job:
        dry = job_config is not None and job_config.dry_run
        self.jobs.append(Job(self.driver.run(f"DRY RUN {sql}" if dry else sql)))
        return self.jobs[-1]

    def load_table_from_file(self, file: Any, target: str, *, job_config: Any) -> Job:
        columns = ", ".join(f"{name} {kind}" for name, kind in job_config.schema)
        rows = parquet.read_table(file).to_pylist()
        options = f"{job_config.source_format} {job_config.write_disposition}"
        return Job(self.driver.run(f"LOAD {target} ({columns}) {options} {rows}"))

    def get_table(self, name: str) -> Any:
        kind = self.driver.tables.get(name.rsplit(".", maxsplit=1)[-1])
        if kind is None:
            raise GoogleError(404, f"Not found: Table {name}")
        return SimpleNamespace(
            table_type=kind.upper(),
            modified=datetime(2024, 2, 29, 12, tzinfo=UTC),
            streaming_buffer="rows" if name.endswith("streamed") else None,
        )

    def get_dataset(self, name: str) -> Any:
        raise GoogleError(404, f"Not found: Dataset {name}")

    def list_datasets(self) -> list[Any]:
        return [SimpleNamespace(reference="lab")]

    def list_tables(self, dataset: str) -> list[Any]:
        return [SimpleNamespace(dataset_id=dataset, table_id=name) for name in self.driver.tables]


class BigQueryConnection(FakeConnection):
    _bqstorage_client = "storage"

    def __init__(self, driver: FakeDriver) -> None:
        super().__init__(driver)
        self._client = Client(driver)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    bigquery = SimpleNamespace(
        QueryJobConfig=SimpleNamespace,
        LoadJobConfig=SimpleNamespace,
        SchemaField=lambda name, kind: (name, kind),
    )
    monkeypatch.setitem(sys.modules, "google.cloud", SimpleNamespace(bigquery=bigquery))
    monkeypatch.setitem(sys.modules, "google.cloud.bigquery", bigquery)
    fake = install(monkeypatch, "bigquery", BigQueryConnection)
    fake.on(r"^SELECT count\(\*\)", Answer(names=["c"], rows=[[3]]))
    return fake


@pytest.fixture
def session(driver: FakeDriver) -> Iterator[Session]:
    with open_engine(URL).session() as session:
        yield session


COLUMNS = [
    Field("n", "INTEGER"),
    Field("price", "NUMERIC", precision=10, scale=2),
    Field("tags", "STRING", mode="REPEATED"),
    Field("pair", "RECORD"),
    Field("at", "DATETIME"),
]


def test_a_select_is_described_by_a_dry_run(session: Session, driver: FakeDriver) -> None:
    driver.on("^DRY RUN", Answer(rows=COLUMNS))
    assert [(item.name, item.type, item.arrow_type) for item in session.describe("SELECT …")] == [
        ("n", "INTEGER", pa.int64()),
        ("price", "NUMERIC(10, 2)", pa.decimal128(38, 9)),
        ("tags", "ARRAY<STRING>", pa.list_(pa.string())),
        ("pair", "RECORD", pa.string()),
        ("at", "DATETIME", pa.timestamp("us")),
    ]
    assert driver.statements == ["DRY RUN SELECT …"]


def test_rows_come_as_arrow_with_the_types_that_were_announced(
    session: Session, driver: FakeDriver
) -> None:
    row = {
        "n": 1,
        "price": Decimal("1.25"),
        "tags": ["a"],
        "pair": {"x": 1},
        "at": datetime(2024, 2, 29),
    }
    driver.on("^DRY RUN", Answer(rows=COLUMNS))
    driver.on("^SELECT …", Answer(rows=[pa.RecordBatch.from_pylist([row] * 3)]))
    batches = list(session.read("SELECT …", batch_rows=2))
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert batches[1].to_pylist() == [row | {"pair": '{"x": 1}'}]


def test_rows_replace_a_table_in_one_load_job(session: Session, driver: FakeDriver) -> None:
    driver.tables["t"] = "table"
    rows = pa.table(
        {
            "n": [1],
            "s": ["ü"],
            "d": pa.array([Decimal("0.10")]),
            "e": pa.array([Decimal(1)], pa.decimal128(38, 20)),
            "at": pa.array([datetime(2024, 1, 2)], pa.timestamp("ns")),
        }
    )
    assert session.replace_table(("t",), rows.to_reader()) == 1
    loaded = {"n": 1, "s": "ü", "d": Decimal("0.10"), "e": Decimal("1.00000000000000000000")}
    assert driver.statements == [
        "LOAD shop.lab.t (n INT64, s STRING, d NUMERIC, e BIGNUMERIC, at DATETIME) "
        f"PARQUET WRITE_TRUNCATE {[loaded | {'at': datetime(2024, 1, 2)}]}"
    ]


def test_a_table_as_replaces_the_former_one_in_one_statement(
    session: Session, driver: FakeDriver
) -> None:
    driver.tables["t"] = "table"
    assert session.create_table_as(("iris", "t"), "SELECT '100%' AS n") == 3
    assert changes(driver.statements) == [
        "CREATE OR REPLACE TABLE `iris`.`t` AS\nSELECT '100%%' AS n"
    ]


def test_a_comment_is_part_of_what_makes_the_table(session: Session, driver: FakeDriver) -> None:
    driver.tables["u"] = "table"
    session.create_table_as(("t",), "SELECT 1 AS n", comment="made")
    session.replace_table(("u",), pa.table({"n": [1]}).to_reader(), comment="made")
    with session.transaction():
        session.create_table_as(("t",), "SELECT 1 AS n", comment="made")
    assert changes(driver.statements) == [
        "CREATE OR REPLACE TABLE `t` OPTIONS (description = 'made') AS\nSELECT 1 AS n",
        "LOAD shop.lab.u (n INT64) PARQUET WRITE_TRUNCATE [{'n': 1}]",
        "CREATE TABLE `sqlflow_aside_…` AS\nSELECT 1 AS n",
        "ALTER TABLE `sqlflow_aside_…` SET OPTIONS (description = 'made')",
        "ALTER TABLE `t` RENAME TO `sqlflow_former_t`",
        "ALTER TABLE `sqlflow_aside_…` RENAME TO `t`",
        "DROP TABLE `sqlflow_former_t`",
    ]


def test_a_users_create_replaces_what_has_the_name(session: Session, driver: FakeDriver) -> None:
    driver.tables["t"] = "table"
    driver.on("^SELECT oops", GoogleError(400, "oops"))

    def replace() -> None:
        with session.replacing(("lab", "t")):
            session.execute("CREATE TABLE `t` AS SELECT 1 AS n")
            session.execute("SELECT oops")

    with pytest.raises(TerminalError, match="oops"):
        replace()
    assert changes(driver.statements) == [
        "ALTER TABLE `lab`.`t` RENAME TO `sqlflow_former_t`",
        "CREATE TABLE `t` AS SELECT 1 AS n",
        "DROP TABLE `lab`.`t`",
        "ALTER TABLE `lab`.`sqlflow_former_t` RENAME TO `t`",
    ]


def test_a_view_is_not_put_out_of_the_way(session: Session, driver: FakeDriver) -> None:
    driver.tables["v"] = "view"
    with pytest.raises(TerminalError, match="v is a view"):
        session.replace_table(("v",), pa.table({"n": [1]}).to_reader())
    with pytest.raises(TerminalError, match="v is a view"):
        session.create_table_as(("v",), "SELECT 1 AS n")
    assert driver.tables == {"v": "view"}


def test_the_service_tells_the_last_change_of_a_table(session: Session, driver: FakeDriver) -> None:
    driver.tables |= {"t": "table", "v": "view", "streamed": "table"}
    assert session.last_change(("t",)) == datetime(2024, 2, 29, 12, tzinfo=UTC)
    for name in ("v", "streamed", "missing"):
        assert session.last_change((name,)) is None


def test_text_is_handed_on_verbatim_and_changed_rows_are_counted(
    session: Session, driver: FakeDriver
) -> None:
    sql = "UPDATE t SET a = '%s %% @x' WHERE true -- 100%"
    driver.on("^UPDATE", Answer(changed=2))
    assert session.execute(sql) == 2
    assert driver.statements == [sql]


def test_a_statement_is_cancelled_on_an_interrupt(session: Session, driver: FakeDriver) -> None:
    interrupted: Any = KeyboardInterrupt()
    driver.on("^DELETE", Answer(rows=[interrupted]))
    with pytest.raises(KeyboardInterrupt):
        session.execute("DELETE FROM t WHERE true")
    connection: Any = session.connection.connection.driver_connection
    assert [job.cancelled for job in connection._client.jobs] == [True]


def test_names_without_a_dataset_are_refused(driver: FakeDriver) -> None:
    with (
        open_engine("bigquery://shop").session() as session,
        pytest.raises(TerminalError, match="'t' is in no dataset"),
    ):
        session.relation_kind(("t",))


def test_the_dataset_of_the_url_is_made(driver: FakeDriver) -> None:
    engine = open_engine(f"{URL}?schema=dev")
    driver.tables["t"] = "table"
    with engine.session() as session:
        session.replace_table(("t",), pa.table({"n": [1]}).to_reader())
    assert driver.statements[0] == "CREATE SCHEMA IF NOT EXISTS `dev`"
    assert driver.statements[1].startswith("LOAD shop.dev.t ")


def test_tables_are_listed(session: Session, driver: FakeDriver) -> None:
    driver.tables |= {"t": "table", "sqlflow_aside_1": "table"}
    assert session.tables() == [("lab", "t")]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (GoogleError(400, "Unrecognized name: x at [1:8]"), TerminalError, "error: Unrecog.*: x"),
        (GoogleError(503, "Service unavailable"), TransientError, "error: Service"),
        (GoogleError(403, "Exceeded", "rateLimitExceeded"), TransientError, "Exceeded"),
        (GoogleError(403, "Access Denied", "accessDenied"), TerminalError, "Access Denied"),
        (Error(GoogleError(400, "Syntax error")), TerminalError, "error: Syntax error"),
    ],
    ids=["name", "service", "rate", "access", "of the DB-API"],
)
def test_errors_are_told(
    session: Session, driver: FakeDriver, error: Exception, kind: type[StepError], message: str
) -> None:
    driver.on("^DELETE", error)
    with pytest.raises(kind, match=message):
        session.execute("DELETE FROM t")


def test_an_error_has_its_place(session: Session, driver: FakeDriver) -> None:
    driver.on("^DRY RUN", GoogleError(400, "Unrecognized name: x at [2:3]"))
    with pytest.raises(TerminalError) as caught:
        session.describe("SELECT\n  x FROM t")
    assert caught.value.excerpt is not None
    assert (caught.value.excerpt.text, caught.value.excerpt.column) == ("  x FROM t", 2)


def test_only_the_syntax_is_judged(session: Session, driver: FakeDriver) -> None:
    driver.on("^DRY RUN SELECT", GoogleError(400, "Unrecognized name: x at [1:8]"))
    session.check_syntax("SELECT x")
    driver.on("^DRY RUN SELEKT", GoogleError(400, "Syntax error: Unexpected SELEKT at [1:1]"))
    with pytest.raises(TerminalError, match="Unexpected"):
        session.check_syntax("SELEKT x")


def test_a_url_hides_its_key_and_bounds_statements(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLFLOW_STATEMENT_TIMEOUT", "600")
    engine = open_engine(f"{URL}?credentials_base64=c2VjcmV0")
    assert "c2VjcmV0" not in engine.display_url
    with engine.session() as session:
        connection: Any = session.connection.connection.driver_connection
        assert connection._client.default_query_job_config.job_timeout_ms == 600_000
