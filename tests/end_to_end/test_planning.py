"""examples/planning.sql, and a program beside it: on the command line and under Dagster, with the same outcome."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sqlflow_dagster import definitions_from_sql
from sqlflow_dagster.runtime.context import EXTERNAL_PROGRAMS_VARIABLE
from tests.dagster.home import Home
from tests.dagster.iris import EXAMPLES

TABLES = ("woodcarving_plan", "shipments", "copied")
PLANS = {
    "woodcarving_plan": [("soldier", 20), ("train", 60)],
    "shipments": [
        ("plantA", "marketA", 100),
        ("plantA", "marketB", 0),
        ("plantB", "marketA", 30),
        ("plantB", "marketB", 60),
    ],
    "copied": [("plantA", 100), ("plantB", 30), ("plantB", 60)],
}
RUN = """
SELECT plant, shipment FROM shipments WHERE shipment > 0
TO RUN tools/copy:v1 CMD "copy_rows.py" INTO copied;
"""
PROGRAM = """
import os
from sqlflow_dagster import open_engine
with open_engine(os.environ["SQLFLOW_DATASOURCE"]).session() as session:
    session.create_table_as(["copied"], os.environ["SQLFLOW_TO_RUN_SELECT"])
print("copied what is shipped")
"""


@pytest.fixture
def tool(tmp_path: Path) -> str:
    path = tmp_path / "copy_rows.py"
    path.write_text(PROGRAM)
    return str(path)


def rows(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    with home.engine.session() as session:
        for name in TABLES:
            table = session.read(f"SELECT * FROM {name} ORDER BY 1, 2").read_all()
            found[name] = list(zip(*(c.to_pylist() for c in table.columns), strict=True))
    return found


def home_with_plans(root: Path) -> Home:
    text = (EXAMPLES / "planning.sql").read_text()
    return Home.create(root, {"planning.sql": text + RUN})


def test_on_the_command_line(tmp_path: Path, tool: str) -> None:
    home = home_with_plans(tmp_path / "home")
    command = ("sqlflow", "run", str(home.programs / "planning.sql"))
    refused = home.run(*command)
    assert refused.returncode == 1
    assert "the program 'copy_rows.py' may not be run here" in refused.stdout
    done = home.run(*command, **{EXTERNAL_PROGRAMS_VARIABLE: tool})
    assert done.returncode == 0, done.stdout
    assert "objective value is 180\n" in done.stdout
    assert "objective value is 2556\n" in done.stdout
    assert "copied what is shipped" in done.stdout
    assert rows(home) == PLANS


def test_under_dagster(tmp_path: Path, tool: str) -> None:
    home = home_with_plans(tmp_path / "home")
    defs = definitions_from_sql(home.programs, datasource=home.url, external_programs=[tool])
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = defs.resolve_job_def("planning").execute_in_process(instance=instance)
        assert result.success
        said = [entry.user_message for entry in instance.all_logs(result.run_id)]
        plan, copied = (metadata(instance, name) for name in ("woodcarving_plan", "copied"))
    assert {"objective value is 180", "copied what is shipped"} <= set(said)
    assert rows(home) == PLANS
    assert {name: plan[name] for name in ("objective value", "solver", "solver status", "gap")} == {
        "objective value": 180.0,
        "solver": "highs",
        "solver status": "optimal",
        "gap": 0.0,
    }
    assert (plan["variables"], plan["constraints"], plan["dagster/row_count"]) == (2, 4, 2)
    assert [column.type for column in plan["dagster/column_schema"].columns] == [
        *("VARCHAR", "BIGINT"),
    ]
    lineage = plan["dagster/column_lineage"].deps_by_column
    assert {item.column_name for item in lineage["product_value"]} == {
        *("price", "materials_cost", "other_cost", "finishing", "carpentry", "max_num"),
    }
    assert copied["dagster/row_count"] == 3


def test_nothing_is_allowed_by_default_under_dagster(tmp_path: Path) -> None:
    (tmp_path / "p.sql").write_text('SELECT 1 AS x TO RUN img CMD "copy_rows.py" INTO copied')
    defs = definitions_from_sql(tmp_path / "p.sql", datasource=f"duckdb:///{tmp_path / 'd.duckdb'}")
    result = defs.resolve_job_def("p").execute_in_process(raise_on_error=False)
    assert not result.success
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert any("may not be run here" in str(item.user_failure_data) for item in failures)


def metadata(instance: dg.DagsterInstance, name: str) -> Mapping[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey([name]))
    assert event is not None
    assert event.asset_materialization is not None
    return {key: item.value for key, item in event.asset_materialization.metadata.items()}
