"""Programs to Dagster assets: one op for each segment.

One op a program would run its statements one after the other, retry all of them when one fails, and give a
training the same pod as a copy of a small table.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import dagster as dg
from dagster import AssetExecutionContext
from dagster._utils.warnings import disable_dagster_warnings

from sqlflow_dagster.asset_graph import AssetGraph, SegmentSpecs, asset_graph
from sqlflow_dagster.datasources import datasource_name
from sqlflow_dagster.engines.base import Engine, engines
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
from sqlflow_dagster.graph.program import Output, Step
from sqlflow_dagster.graph.segment_resources import segment_resources
from sqlflow_dagster.lang.parsers import parser_for
from sqlflow_dagster.materialization import segment_metadata
from sqlflow_dagster.own_classes import allowing
from sqlflow_dagster.pods import pod_tags
from sqlflow_dagster.program_files import Patterns, compile_files, read_texts, run_is_pinned
from sqlflow_dagster.resources import (
    DatasourceResource,
    ModelStoreResource,
    OpResources,
    as_resource,
    op_resources,
)
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.translator import SqlflowTranslator, code_version, statement_text

_RETRIES = dg.RetryPolicy(
    max_retries=2, delay=2.0, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
_CODE_VERSION = "sqlflow/code_version"
_log = logging.getLogger(__name__)

ProgramAssets = dg.AssetsDefinition | dg.AssetSpec


def specs_from_sql(
    path_or_glob: Patterns,
    *,
    engine: str = "duckdb",
    dialect: str | None = None,
    translator: SqlflowTranslator | None = None,
    key_prefix: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
    temp_tables_life: str = "keep",
    parser: str | None = None,
    own_classes: Sequence[str] | None = None,
    declare_external: bool = True,
    datasources: Mapping[str, str] | None = None,
) -> list[dg.AssetSpec]:
    """The asset specs of program files; nothing can be run with them.

    Args:
        path_or_glob: The files: paths, directories, patterns such as ``programs/*.sql``, or a list of them.
        engine: The engine's name, which the page shows on tables.
        dialect: The SQL dialect; None for the engine's own.
        translator: How nodes become specs.
        key_prefix: Put in front of every asset key; a ``translator`` has its own.
        variables: The values of ``${NAME}`` templates.
        default_schema: The schema of unqualified tables.
        temp_tables_life: When generated tables are dropped: ``keep``, ``drop_after_run`` or ``ttl=7d``.
        parser: Decides what is SQL, so that what it rejects is an error: ``sqlglot``, ``engine:URL`` (a
            data source) or ``grpc://host:port``; None leaves that to the data source, when it runs a statement.
        own_classes: The models of your own that the programs may name, ``package.Class`` or ``package.*``; None
            for those of ``SQLFLOW_TRAINERS``.
        declare_external: Whether the tables that the programs only read get specs too.
        datasources: The names of the engines of the data sources that statements may name, by their names.

    Raises:
        FileNotFoundError: A path names no file.
        PluginError: No parser has the name.
        TerminalError: What follows the parser's name is not what that parser wants.
        ValueError: Both a ``translator`` and a ``key_prefix`` are given, or there is no such life.
    """
    return program_graph(
        path_or_glob,
        engine=engine,
        dialect=dialect,
        translator=translator,
        key_prefix=key_prefix,
        variables=variables,
        default_schema=default_schema,
        temp_tables_life=temp_tables_life,
        parser=parser,
        own_classes=own_classes,
        declare_external=declare_external,
        others={datasource_name(name): other for name, other in (datasources or {}).items()},
    ).specs


def assets_from_sql(
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
    datasources: Mapping[str, str | DatasourceResource] | None = None,
) -> list[ProgramAssets]:
    """The assets of program files, for the ``assets`` of a :class:`dagster.Definitions`.

    Each table, model and printing statement is an asset with its own op. What the programs only read is
    declared too; a program that cannot be compiled is one asset that shows its errors.

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
            other assets of the code location make them. Those are found by their key, or by the
            ``dagster/table_name`` in their metadata.
        datasources: The data sources that statements may name (``-- sqlflow: datasource=pg``), by their names.

    Raises:
        FileNotFoundError: A path names no file.
        PluginError: No parser has the name.
        TerminalError: The data source's URL names no engine, or the parser's name is followed by what it does
            not want.
        ValueError: Both a ``translator`` and a ``key_prefix`` are given, or there is no such life.
    """
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
    return executable_assets(
        graph, op_resources(resource, model_store, own_classes=own_classes, others=others)
    )


def program_graph(
    path_or_glob: Patterns,
    *,
    engine: Engine | str,
    dialect: str | None,
    translator: SqlflowTranslator | None,
    key_prefix: Sequence[str],
    variables: Mapping[str, str] | None,
    default_schema: str | None,
    temp_tables_life: str,
    parser: str | None,
    own_classes: Sequence[str] | None,
    declare_external: bool,
    others: Mapping[str, Engine] | Mapping[str, str],
) -> AssetGraph:
    """The assets of program files, not yet to be run; the arguments are those of :func:`assets_from_sql`.

    Both ``engine`` and ``others``, those that statements may name, are engines or the names of engines.
    """
    if translator is not None and key_prefix:
        raise ValueError("give key_prefix to the translator: it makes the asset keys")
    with allowing(own_classes):
        files = compile_files(
            read_texts(path_or_glob),
            dialect=dialect or _engine_type(engine).dialect,
            datasources={name: _engine_type(other).dialect for name, other in others.items()},
            schemas={
                name: schema
                for name, other in {**others, DEFAULT_DATASOURCE: engine}.items()
                if (schema := _engine_type(other).default_schema) is not None
            },
            variables=variables,
            default_schema=default_schema,
            temp_tables_life=temp_tables_life,
            parser=parser,
        )
    graph = asset_graph(
        files,
        engine=_engine_name(engine),
        others={name: _engine_name(other) for name, other in others.items()},
        translator=translator or SqlflowTranslator(key_prefix=key_prefix),
        declare_external=declare_external,
    )
    if not run_is_pinned():
        for text in graph.errors:
            _report(text)
    return graph


def _engine_type(engine: Engine | str) -> Engine | type[Engine]:
    return engines.get(engine) if isinstance(engine, str) else engine


def _engine_name(engine: Engine | str) -> str:
    return engine if isinstance(engine, str) else engine.name


@cache
def _report(problem: str) -> None:
    """Tell whoever loads the definitions of a bad program, once: on the page nobody may look."""
    _log.error(problem)


def executable_assets(graph: AssetGraph, resources: OpResources) -> list[ProgramAssets]:
    """The assets of a graph, each segment with its op.

    Args:
        graph: The assets.
        resources: The resources of the ops.
    """
    with disable_dagster_warnings():  # resource_defs of an asset is in beta
        executable = [_executable(item, resources) for item in graph.segments]
    return [*executable, *graph.external, *graph.broken]


def _executable(item: SegmentSpecs, resources: OpResources) -> dg.AssetsDefinition:
    program, segment = item.program, item.segment

    @dg.multi_asset(
        name=item.op_name,
        specs=item.specs,
        retry_policy=_RETRIES if segment.rerunnable else None,
        op_tags={
            _CODE_VERSION: _code_version(item),
            **pod_tags(segment_resources(program, segment)),
        },
        resource_defs=resources.needed_on(
            {program.steps[index].datasource for index in segment.steps}
        ),
    )
    def run_segment(context: AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        _refuse_alone(context, item)
        _refuse_edited(context, item)
        with resources.running(context, program.name) as run_context:
            results = [_run(program.steps[index], run_context) for index in segment.steps]
        yield from _materializations(item, results, context)

    return run_segment


def _run(step: Step, context: RunContext) -> StepResult:
    result = execute(step, context)
    context.progress.note(f"{step.name} finished: {result.summary}")
    return result


def _refuse_alone(context: AssetExecutionContext, item: SegmentSpecs) -> None:
    """A segment between versions of a table runs only in the same run as those that make the others.

    That holds for a run that was asked for some assets, for a job that has only some, and for a re-execution
    of some steps.
    """
    of_the_run = context.run.step_keys_to_execute or [node.name for node in context.job_def.nodes]
    absent = [keys for op, keys in item.requires.items() if op not in of_the_run]
    if absent:
        missing = ", ".join(key.to_user_string() for keys in absent for key in keys)
        raise dg.Failure(
            description=f"{item.segment.name} needs another version of a table than its last: run alone, "
            "it would leave other data than the whole program. Nothing was changed.\n"
            f"hint: select {missing} too",
            allow_retries=False,
        )


def _refuse_edited(context: AssetExecutionContext, item: SegmentSpecs) -> None:
    """A statement that was edited since its run was launched does not run, where the run has no old text."""
    if run_is_pinned() or context.run.job_snapshot_id is None:
        return
    job = context.instance.get_job_snapshot(context.run.job_snapshot_id)
    tags = {op.name: op.tags for op in job.node_defs_snapshot.op_def_snaps}
    if tags.get(item.op_name, {}).get(_CODE_VERSION) != _code_version(item):
        raise dg.Failure(
            description=f"{item.segment.name} was edited after its run was launched. Nothing was "
            "changed.\nhint: launch it again; build the definitions in a function with "
            "@dagster.definitions, and every run keeps the text it was launched with",
            allow_retries=False,
        )


def _code_version(item: SegmentSpecs) -> str:
    return code_version([item.program.steps[index] for index in item.segment.steps])


def _materializations(
    item: SegmentSpecs,
    results: Sequence[StepResult],
    context: AssetExecutionContext,
) -> Iterator[dg.MaterializeResult[None]]:
    steps = [item.program.steps[index] for index in item.segment.steps]
    sql = ";\n\n".join(statement_text(step) for step in steps)
    outputs: Sequence[Output | None] = item.segment.outputs or (None,)
    for output, spec in zip(outputs, item.specs, strict=True):
        directory = Path(context.instance.storage_directory(), "sqlflow", context.run.run_id)
        metadata = segment_metadata(
            output,
            results,
            sql=sql,
            directory=directory.joinpath(*spec.key.path),
            keys=item.keys,
        )
        yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)
