"""The sensor that drops generated tables which no program makes any more: ticks on a DuckDB file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from sqlflow_dagster import definitions_from_sql, open_engine
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.leftovers import SENSOR
from sqlflow_dagster.runtime.generated_tables import GeneratedTables

SHOP = "CREATE TEMP TABLE orders AS SELECT 1 AS a; CREATE TABLE copy AS SELECT * FROM orders;"
MINE = "sqlflow_temporary_mine"


@dataclass(slots=True, kw_only=True)
class Place:
    """A folder with the program ``shop`` and a data source with generated tables.

    Attributes:
        folder: Of the programs.
        cursor: Of the sensor.
    """

    folder: Path
    instance: dg.DagsterInstance
    cursor: str | None = None

    @property
    def engine(self) -> Engine:
        return open_engine(f"duckdb:///{self.folder / 'data.duckdb'}")

    def made(self, name: str, *, program: str, days: int) -> None:
        """A generated table that a program made some days ago."""
        tables = GeneratedTables(self.engine)
        tables.record(ObjectRef(ObjectKind.TABLE, name), program=program)
        with self.engine.session() as session:
            session.execute(f"CREATE TABLE {name} AS SELECT 1 AS a")
            session.execute(
                "UPDATE sqlflow_generated_tables SET made_at = "
                f"(now() AT TIME ZONE 'UTC' - INTERVAL {days} DAY)::TEXT || '+00:00' "
                f"WHERE table_name = '{name}'"
            )

    def tables(self) -> set[str]:
        with self.engine.session() as session:
            names = (name for _, name in session.tables())
            return {name for name in names if name.startswith("sqlflow_temporary_")}

    def tick(self) -> str:
        """What a tick says."""
        defs = definitions_from_sql(
            self.folder,
            datasource=f"duckdb:///{self.folder / 'data.duckdb'}",
            prune_temp_tables=True,
        )
        sensor = defs.resolve_sensor_def(SENSOR)
        assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            result = sensor.evaluate_tick(context)
        self.cursor = result.cursor
        return result.skip_message or ""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with dg.DagsterInstance.ephemeral() as instance:
        found = Place(folder=tmp_path, instance=instance)
        (tmp_path / "shop.sql").write_text(SHOP)
        with found.engine.session() as session:
            session.execute(f"CREATE TABLE {MINE} AS SELECT 1 AS a")
        found.made("sqlflow_temporary_shop_orders", program="shop", days=2)
        yield found


def test_what_no_statement_makes_any_more_is_dropped_a_day_later(place: Place) -> None:
    place.made("sqlflow_temporary_shop_bills", program="shop", days=2)
    place.made("sqlflow_temporary_shop_new", program="shop", days=0)
    place.made("sqlflow_temporary_elsewhere", program="other", days=2)
    assert place.tick() == "dropped sqlflow_temporary_shop_bills"
    assert place.tables() == {
        MINE,
        "sqlflow_temporary_shop_orders",
        "sqlflow_temporary_shop_new",
        "sqlflow_temporary_elsewhere",
    }
    assert place.tick() == "there is no leftover"


def test_a_program_that_is_gone_leaves_leftovers(place: Place) -> None:
    place.tick()
    (place.folder / "shop.sql").write_text("SELECT 1")
    (place.folder / "shop.sql").rename(place.folder / "store.sql")
    assert place.tick() == "dropped sqlflow_temporary_shop_orders"
    assert place.tables() == {MINE}


def test_nothing_is_dropped_while_a_program_is_broken(place: Place) -> None:
    place.tick()
    (place.folder / "shop.sql").write_text("SELECT 1 TO TRAIN")
    assert place.tick() == "nothing was dropped: which tables shop makes is not known"
    assert "sqlflow_temporary_shop_orders" in place.tables()
