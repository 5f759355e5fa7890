"""A job for each program."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from sqlflow_dagster.asset_graph import AssetGraph
from sqlflow_dagster.translator import program_group


def program_jobs(graph: AssetGraph) -> list[UnresolvedAssetJobDefinition]:
    """A job for each program that can be loaded: all of its assets, under the program's name."""
    keys: dict[str, list[dg.AssetKey]] = {}
    paths: dict[str, str] = {}
    for item in graph.segments:
        name = program_group(item.program.name)
        keys.setdefault(name, []).extend(spec.key for spec in item.specs)
        paths[name] = item.program.source.name
    return [
        dg.define_asset_job(
            name=name,
            selection=dg.AssetSelection.assets(*chosen),
            description=f"Everything that {paths[name]} makes.",
        )
        for name, chosen in keys.items()
    ]
