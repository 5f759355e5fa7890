"""Everything of a set of programs for one code location: assets, jobs, checks, resources, executor."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg

from sqlflow_dagster.asset_graph import asset_graph
from sqlflow_dagster.assets_from_sql import executable_assets
from sqlflow_dagster.checks import program_checks
from sqlflow_dagster.executor import ExecutorKind, executor
from sqlflow_dagster.jobs import program_jobs
from sqlflow_dagster.program_files import compile_files, read_texts
from sqlflow_dagster.resources import (
    DatasourceResource,
    ModelStoreResource,
    as_resource,
    op_resources,
)
from sqlflow_dagster.translator import SqlflowTranslator


def definitions_from_sql(
    path_or_glob: str | Path | Sequence[str | Path],
    *,
    datasource: str | DatasourceResource,
    model_store: ModelStoreResource | None = None,
    dialect: str | None = None,
    translator: SqlflowTranslator | None = None,
    key_prefix: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
    executor_kind: ExecutorKind | str | None = ExecutorKind.MULTIPROCESS,
) -> dg.Definitions:
    """The definitions of program files: their assets, a job for each file, their checks.

    Args:
        path_or_glob: The files: paths, patterns such as ``programs/*.sql``, or a list of them.
        datasource: The URL of the database, or a resource.
        model_store: Where models are kept; by default in the data source.
        dialect: The SQL dialect; None for the data source's own.
        translator: How nodes become asset specs.
        key_prefix: Put in front of every asset key; a ``translator`` has its own.
        variables: The values of ``${NAME}`` templates.
        default_schema: The schema of unqualified tables.
        executor_kind: How steps are started; None to leave the executor open, for merging with
            definitions that have one.

    Raises:
        FileNotFoundError: A path names no file.
        TerminalError: The data source's URL names no engine.
    """
    resource = as_resource(datasource)
    engine = resource.declared_engine()
    files = compile_files(
        read_texts(path_or_glob),
        dialect=dialect or engine.dialect,
        variables=variables,
        default_schema=default_schema,
    )
    translator = translator or SqlflowTranslator(key_prefix=key_prefix)
    graph = asset_graph(files, engine=engine.name, translator=translator)
    resources = op_resources(resource, model_store)
    return dg.Definitions(
        assets=executable_assets(graph, translator, resources),
        asset_checks=program_checks(graph, resources),
        jobs=program_jobs(graph, translator),
        executor=executor(executor_kind) if executor_kind is not None else None,
    )
