"""A sensor that drops generated tables which no program makes any more, as ``sqlflow temp-tables prune`` does."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg

from sqlflow_dagster.asset_graph import AssetGraph
from sqlflow_dagster.errors import TransientError
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.resources import DatasourceResource
from sqlflow_dagster.runtime.generated_tables import GeneratedTables, leftovers
from sqlflow_dagster.temp_tables import generated_tables

SENSOR = "sqlflow_temp_tables"
_INTERVAL = 3600
# A run that was launched before its program was edited may still read a table that is a leftover now.
_LEFT_ALONE = timedelta(days=1)


def leftovers_sensor(
    graph: AssetGraph, datasources: Mapping[str, DatasourceResource]
) -> dg.SensorDefinition:
    """The sensor for the programs of a code location; it is off until somebody turns it on.

    It drops what these programs have made, and those that the location had since the sensor was turned on: the
    tables of other programs of the data source stay.

    Args:
        graph: The assets.
        datasources: Where the tables are, by name.
    """
    programs = {item.program.name: item.program for item in graph.segments}

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Drops generated tables that no statement of the programs makes any more, a day after they "
        "were made, and those whose time to live is over.",
    )
    def drop_leftovers(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = {*json.loads(context.cursor or "[]"), *programs}
        return dg.SensorResult(
            skip_reason=_drop(graph, programs, known, datasources),
            cursor=json.dumps(sorted(known)),
        )

    return drop_leftovers


def _drop(
    graph: AssetGraph,
    programs: dict[str, Program],
    known: set[str],
    datasources: Mapping[str, DatasourceResource],
) -> str:
    """Drop the leftovers of the programs that are known; what was done, or why nothing was."""
    if graph.broken:
        broken = ", ".join(str(spec.metadata["sqlflow/program"]) for spec in graph.broken)
        return f"nothing was dropped: which tables {broken} makes is not known"
    owned = frozenset().union(*map(generated_tables, programs.values()))
    dropped: list[str] = []
    for name, datasource in datasources.items():
        try:
            with datasource.process_config_and_initialize_cm() as resolved:
                tables = GeneratedTables(resolved.engine(), name)
                ours = [item for item in tables.found() if item.program in known]
                doomed = leftovers(ours, owned, now=datetime.now(UTC), older_than=_LEFT_ALONE)
                tables.drop([item.table for item in doomed])
        except TransientError as error:
            done = f"dropped {', '.join(dropped)}" if dropped else "nothing was dropped"
            return f"{done}: {error}"
        dropped += [item.table.called for item in doomed]
    return f"dropped {', '.join(dropped)}" if dropped else "there is no leftover"
