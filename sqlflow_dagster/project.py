"""Everything of a set of programs for one code location: assets, jobs, checks, resources, executor."""

from collections.abc import Mapping, Sequence

import dagster as dg

from sqlflow_dagster.assets_from_sql import executable_assets, program_graph
from sqlflow_dagster.checks import program_checks
from sqlflow_dagster.datasources import datasource_name
from sqlflow_dagster.executor import ExecutorKind, executor, steps_at_once
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
from sqlflow_dagster.jobs import program_jobs
from sqlflow_dagster.lang.parsers import parser_for
from sqlflow_dagster.leftovers import leftovers_sensor
from sqlflow_dagster.program_files import Patterns
from sqlflow_dagster.resources import (
    DatasourceResource,
    ModelStoreResource,
    as_resource,
    op_resources,
)
from sqlflow_dagster.sensors import program_retrainings
from sqlflow_dagster.translator import SqlflowTranslator


def definitions_from_sql(
    path_or_glob: Patterns,
    *,
    datasource: str | DatasourceResource,
    model_store: ModelStoreResource | None = None,
    dialect: str | None = None,
    translator: SqlflowTranslator | None = None,
    key_prefix: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
    temp_tables_life: str = "keep",
    parser: str | None = None,
    own_classes: Sequence[str] | None = None,
    declare_external: bool = True,
    prune_temp_tables: bool = False,
    executor_kind: ExecutorKind | str | None = ExecutorKind.MULTIPROCESS,
    external_programs: Sequence[str] | None = None,
    datasources: Mapping[str, str | DatasourceResource] | None = None,
) -> dg.Definitions:
    """The definitions of program files: assets, checks, a job for each file, retraining.

    Args:
        path_or_glob: The files: paths, directories, patterns such as ``programs/*.sql``, or a list of them.
        datasource: The URL of the database, or a resource.
        model_store: Where models are kept; by default in the data source.
        dialect: The SQL dialect; None for the data source's own.
        translator: How nodes become asset specs.
        key_prefix: Put in front of every asset key; a ``translator`` has its own.
        variables: The values of ``${NAME}`` templates.
        default_schema: The schema of unqualified tables.
        temp_tables_life: When generated tables are dropped: ``keep``, ``drop_after_run`` or ``ttl=7d``.
        parser: Decides what is SQL, so that what it rejects is an error: ``sqlglot``, ``engine`` (the data source)
            or ``grpc://host:port``; None leaves that to the data source, when it runs a statement.
        own_classes: The models of your own that the programs may name, ``package.Class`` or ``package.*``; None
            for those of ``SQLFLOW_TRAINERS``.
        declare_external: Whether the tables that the programs only read become assets here; False where
            other assets of the code location make them.
        prune_temp_tables: Whether there is a sensor, off until it is turned on, that drops generated tables which no
            program makes any more. A code location can have one.
        executor_kind: How steps are started; None to leave the executor open, for merging with
            definitions that have one.
        external_programs: The programs that TO RUN may start, names on PATH, modules such as ``binning.py`` or
            whole paths; None for those of the environment variable SQLFLOW_TO_RUN_ALLOWED, by default none.
        datasources: The data sources that statements may name (``-- sqlflow: datasource=pg``), by their names.

    Raises:
        FileNotFoundError: A path names no file.
        PluginError: No parser has the name.
        TerminalError: A data source's URL names no engine, it has a name that none can have, or the parser's
            name is followed by what it does not want.
        ValueError: There is no such executor or life, or both a ``translator`` and a ``key_prefix`` are given.
    """
    kind = None if executor_kind is None else ExecutorKind(executor_kind)
    resource = as_resource(datasource)
    others = {
        datasource_name(name): as_resource(other) for name, other in (datasources or {}).items()
    }
    graph = program_graph(
        path_or_glob,
        engine=resource.declared_engine(),
        dialect=dialect,
        translator=translator,
        key_prefix=key_prefix,
        variables=variables,
        default_schema=default_schema,
        temp_tables_life=temp_tables_life,
        parser=parser_for(
            parser, resource.declared_url(), [other.declared_url() for other in others.values()]
        ),
        own_classes=own_classes,
        declare_external=declare_external,
        others={name: other.declared_engine() for name, other in others.items()},
    )
    resources = op_resources(
        resource,
        model_store,
        concurrent=None if kind is None else steps_at_once(kind),
        own_classes=own_classes,
        external_programs=external_programs,
        others=others,
    )
    everywhere = {DEFAULT_DATASOURCE: resource, **others}
    retrainings = program_retrainings(graph, everywhere)
    return dg.Definitions(
        assets=executable_assets(graph, resources),
        asset_checks=program_checks(graph, resources),
        jobs=[*program_jobs(graph), *retrainings.jobs],
        schedules=retrainings.schedules,
        sensors=[
            *retrainings.sensors,
            *([leftovers_sensor(graph, everywhere)] if prune_temp_tables else []),
        ],
        executor=None if kind is None else executor(kind),
    )
