"""What is sent to MaxCompute and made of what it answers: the service is not asked by tests."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Session, open_engine
from sqlflow_dagster.engines.maxcompute_dialect import HINTS, MaxComputeDialect
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from tests.engines.fake_driver import (
    Answer,
    FakeConnection,
    FakeDriver,
    changes,
)

URL = "maxcompute://id:s3cret@service.example.com/api?curr_project=lab&scheme=http"


class ODPSError(Exception):
    """As the client's error."""

    status_code: int | None = None

    def __str__(self) -> str:
        return f"RequestId: 2024\n{self.args[0]}"


class NoSuchTableError(ODPSError):
    """As the client's NoSuchTable."""


class InternalServerError(ODPSError):
    """As the client's error."""


for kind in (ODPSError, NoSuchTableError, InternalServerError):
    kind.__module__ = "odps.errors"


class Reader:
    """A reader of the tunnel."""

    def __init__(self, answer: Answer) -> None:
        columns = [SimpleNamespace(name=name, type=text) for name, text in answer.names]
        self.schema = SimpleNamespace(columns=columns)
        self._batches = answer.rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)


class Instance:
    """A statement that runs."""

    def __init__(self, odps: "Odps", sql: str) -> None:
        self._odps, self._sql = odps, sql
        self._answer = Answer()

    def wait_for_success(self) -> None:
        self._answer = self._odps.driver.run(self._sql)
        if self._answer.changed == 0:
            raise KeyboardInterrupt

    def stop(self) -> None:
        self._odps.stopped.append(self._sql)

    def open_reader(self, *, tunnel: bool, limit: bool, arrow: bool = False) -> Reader:
        assert tunnel
        assert not limit
        return Reader(self._answer)


MODIFIED = datetime(2024, 2, 29, 12)
"""As the client gives a time: in the zone of this machine."""


class Odps:
    """The client of the service."""

    def __init__(self, driver: FakeDriver) -> None:
        self.driver = driver
        self.stopped: list[str] = []
        self.hints: dict[str, str] = {}

    def run_sql(self, sql: str, *, hints: dict[str, str]) -> Instance:
        self.hints = hints
        return Instance(self, sql)

    def exist_table(self, name: str, project: str | None = None) -> bool:
        return name in self.driver.tables

    def get_table(self, name: str, project: str | None = None) -> Any:
        is_view = self.driver.tables[name] == "view"
        place = name if project is None else f"{project}.{name}"

        @contextmanager
        def open_writer(*, arrow: bool) -> Iterator[Any]:
            assert arrow
            yield SimpleNamespace(
                write=lambda batch: self.driver.run(
                    f"UPLOAD {place} {batch.schema.types} {batch.to_pylist()}"
                )
            )

        return SimpleNamespace(
            is_virtual_view=is_view, open_writer=open_writer, last_data_modified_time=MODIFIED
        )

    def list_tables(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.driver.tables]


class OdpsConnection(FakeConnection):
    def __init__(self, driver: FakeDriver) -> None:
        super().__init__(driver)
        self.odps = Odps(driver)
        self._hints = driver.arguments["hints"]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    fake = FakeDriver(paramstyle="named", make_connection=OdpsConnection)
    options = SimpleNamespace(local_timezone=None)
    monkeypatch.setitem(sys.modules, "odps", SimpleNamespace(options=options))
    monkeypatch.setattr(MaxComputeDialect, "import_dbapi", classmethod(lambda _: fake))
    fake.on(r"^SELECT count\(\*\)", Answer(names=["c"], rows=[[3]]))
    return fake


@pytest.fixture
def session(driver: FakeDriver) -> Iterator[Session]:
    with open_engine(URL).session() as session:
        yield session


def connection_of(session: Session) -> Any:
    return session.connection.connection.driver_connection


@pytest.mark.parametrize(
    ("url", "endpoint", "project"),
    [
        (URL, "http://service.example.com/api", "lab"),
        ("maxcompute://id:s@host:8080/api?curr_project=p", "https://host:8080/api", "p"),
        ("odps://id:s@p/?endpoint=http://host/api", "http://host/api", "p"),
        (f"{URL}&schema=dev", "http://service.example.com/api", "dev"),
    ],
    ids=["original", "port", "PyODPS", "schema"],
)
def test_urls_are_those_of_the_original_and_of_the_driver(
    driver: FakeDriver, url: str, endpoint: str, project: str
) -> None:
    engine = open_engine(url)
    with engine.session():
        pass
    assert driver.arguments["endpoint"] == endpoint
    assert driver.arguments["project"] == project == engine.default_schema
    assert (driver.arguments["access_id"], engine.dialect) == ("id", "maxcompute")
    assert "s3cret" not in engine.display_url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("maxcompute://id:s3cret@host/api", "names no project"),
        (f"{URL}&charset=utf8", "option charset"),
    ],
    ids=["project", "option"],
)
def test_urls_that_say_too_little_or_too_much_are_refused(url: str, message: str) -> None:
    with pytest.raises(TerminalError, match=message) as caught:
        open_engine(url)
    assert "s3cret" not in str(caught.value)


def test_hints_go_with_every_statement(driver: FakeDriver) -> None:
    with open_engine(f"{URL}&odps.sql.allow.fullscan=true").session() as session:
        session.execute("SELECT 1")
        assert connection_of(session).odps.hints == HINTS | {"odps.sql.allow.fullscan": "true"}


COLUMNS = [
    ("n", "bigint"),
    ("price", "decimal(10,2)"),
    ("at", "timestamp"),
    ("on", "datetime"),
    ("tags", "array<string>"),
]


def test_a_select_is_described_by_a_job_without_rows(session: Session, driver: FakeDriver) -> None:
    driver.on("LIMIT 0$", Answer(names=COLUMNS))
    assert [(item.name, item.type, item.arrow_type) for item in session.describe("SELECT …")] == [
        ("n", "bigint", pa.int64()),
        ("price", "decimal(10,2)", pa.decimal128(10, 2)),
        ("at", "timestamp", pa.timestamp("us", "UTC")),
        ("on", "datetime", pa.timestamp("us")),
        ("tags", "array<string>", pa.string()),
    ]
    assert driver.statements == ["SELECT a.* FROM (\nSELECT …\n) a LIMIT 0"]


def test_rows_come_as_arrow_with_the_types_that_were_announced(
    session: Session, driver: FakeDriver
) -> None:
    row = {
        "n": 1,
        "price": Decimal("1.25"),
        "at": datetime(2024, 2, 29, 12),
        "on": datetime(2024, 2, 29, 12, tzinfo=UTC),
        "tags": ["a"],
    }
    batch = pa.RecordBatch.from_pylist([row] * 3)
    driver.on("^SELECT …", Answer(names=COLUMNS, rows=[batch]))
    batches = list(session.read("SELECT …", batch_rows=2))
    assert [batch.num_rows for batch in batches] == [2, 1]
    moment = datetime(2024, 2, 29, 12)
    assert batches[1].to_pylist() == [
        row | {"at": moment.replace(tzinfo=UTC), "on": moment, "tags": '["a"]'}
    ]
    assert driver.statements == ["SELECT …"]
    assert sys.modules["odps"].options.local_timezone == "UTC"


def test_rows_are_uploaded_aside_and_take_the_name(session: Session, driver: FakeDriver) -> None:
    driver.tables["t"] = "table"
    rows = pa.table(
        {
            "n": [1],
            "i": pa.array([2], pa.uint8()),
            "x": pa.array([0.5], pa.float32()),
            "s": pa.array(["ü"]).dictionary_encode(),
            "at": pa.array([datetime(2024, 1, 2, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "on": pa.array([datetime(2024, 1, 2)], pa.timestamp("s")),
        }
    )
    assert session.replace_table(("lab", "t"), rows.to_reader()) == 1
    types = [
        pa.int64(),
        pa.int16(),
        pa.float32(),
        pa.string(),
        pa.timestamp("ns", "UTC"),
        pa.timestamp("ns"),
    ]
    moment = pd.Timestamp("2024-01-02")
    uploaded = [{"n": 1, "i": 2, "x": 0.5, "s": "ü", "at": moment.tz_localize("UTC"), "on": moment}]
    assert changes(driver.statements) == [
        "CREATE TABLE `lab`.`sqlflow_aside_…` (`n` BIGINT, `i` SMALLINT, `x` FLOAT, `s` STRING, "
        "`at` TIMESTAMP, `on` TIMESTAMP_NTZ)",
        f"UPLOAD lab.sqlflow_aside_… {types} {uploaded}",
        "ALTER TABLE `lab`.`t` RENAME TO `sqlflow_former_t`",
        "ALTER TABLE `lab`.`sqlflow_aside_…` RENAME TO `t`",
        "DROP TABLE `lab`.`sqlflow_former_t`",
    ]


@pytest.mark.parametrize("failing", ["^UPLOAD", "^ALTER TABLE .* RENAME TO `t`$"])
def test_what_fails_leaves_the_former_table(
    session: Session, driver: FakeDriver, failing: str
) -> None:
    driver.tables["t"] = "table"
    driver.on(failing, ODPSError("ODPS-0420031: no room"))
    driver.on("^ALTER TABLE `sqlflow_former_t`", None)
    with pytest.raises(TerminalError, match="no room"):
        session.replace_table(("t",), pa.table({"n": [1]}).to_reader())
    assert driver.tables == {"t": "table"}


def test_a_table_as_is_made_aside(session: Session, driver: FakeDriver) -> None:
    assert session.create_table_as(("t",), "SELECT 1 AS n", comment="made") == 3
    assert changes(driver.statements) == [
        "CREATE TABLE `sqlflow_aside_…` AS\nSELECT 1 AS n",
        "ALTER TABLE `sqlflow_aside_…` SET COMMENT 'made'",
        "ALTER TABLE `sqlflow_aside_…` RENAME TO `t`",
    ]
    assert driver.tables == {"t": "table"}


def test_what_no_type_is_there_for_is_refused(session: Session) -> None:
    rows = pa.table({"at": pa.array([0], pa.time64("us"))})
    with pytest.raises(
        TerminalError, match=r"'at' of type time64.* cannot be written to maxcompute"
    ):
        session.replace_table(("t",), rows.to_reader())


def test_moments_that_the_tunnel_does_not_take_are_told(
    session: Session, driver: FakeDriver
) -> None:
    rows = pa.table({"at": pa.array([datetime(1500, 1, 1)], pa.timestamp("us"))})
    with pytest.raises(TerminalError, match="a timestamp cannot be written"):
        session.replace_table(("t",), rows.to_reader())
    assert driver.tables == {}


def test_the_service_tells_the_last_change_of_a_table(session: Session, driver: FakeDriver) -> None:
    driver.tables |= {"t": "table", "v": "view"}
    changed = session.last_change(("lab", "t"))
    assert changed is not None
    assert (changed.tzinfo, changed) == (UTC, MODIFIED.astimezone())
    assert session.last_change(("v",)) is None
    assert session.last_change(("missing",)) is None


def test_a_schema_is_not_made(session: Session) -> None:
    with pytest.raises(TerminalError, match="is a project"):
        session.create_schema("iris")


def test_a_statement_is_stopped_on_an_interrupt(session: Session, driver: FakeDriver) -> None:
    driver.on("^INSERT", Answer(changed=0))
    with pytest.raises(KeyboardInterrupt):
        session.execute("INSERT INTO t SELECT 1")
    assert connection_of(session).odps.stopped == ["INSERT INTO t SELECT 1"]


def test_tables_of_ours_can_be_changed(session: Session, driver: FakeDriver) -> None:
    table = sa.Table(
        "owners",
        sa.MetaData(),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary),
    )
    session.connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    assert " ".join(driver.statements[0].split()) == (
        "CREATE TABLE IF NOT EXISTS owners ( name STRING NOT NULL, size BIGINT NOT NULL, "
        "data BINARY ) TBLPROPERTIES ('transactional' = 'true')"
    )


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            NoSuchTableError("ODPS-0130131:[1,13] Table not found - t"),
            TerminalError,
            "0131 Table not",
        ),
        (InternalServerError("ODPS-0010000: System internal"), TransientError, "System internal"),
        (ODPSError("ODPS-0410051: no id:s3cret@x"), TerminalError, "no id"),
    ],
    ids=["name", "service", "secret"],
)
def test_errors_are_told(
    session: Session, driver: FakeDriver, error: Exception, kind: type[StepError], message: str
) -> None:
    driver.on("^DELETE", error)
    with pytest.raises(kind, match=message) as caught:
        session.execute("DELETE FROM t")
    assert "s3cret" not in str(caught.value)
    assert "RequestId" not in str(caught.value)


def test_an_error_has_its_place(session: Session, driver: FakeDriver) -> None:
    driver.on("^SELECT", ODPSError("ODPS-0130071:[2,3] column x cannot be resolved"))
    with pytest.raises(TerminalError) as caught:
        session.read("SELECT\n  x FROM t")
    assert caught.value.excerpt is not None
    assert (caught.value.excerpt.text, caught.value.excerpt.column) == ("  x FROM t", 2)


def test_tables_are_listed(session: Session, driver: FakeDriver) -> None:
    driver.tables |= {"t": "table", "sqlflow_former_t": "table"}
    assert session.tables() == [("lab", "t")]
