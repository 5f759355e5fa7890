"""Programs to Dagster assets: one op for each segment.

One op a program would run its statements one after the other, retry all of them when one fails, and give a
training the same pod as a copy of a small table.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext
from dagster._utils.warnings import disable_dagster_warnings

from sqlflow_dagster.asset_graph import AssetGraph, SegmentSpecs, asset_graph
from sqlflow_dagster.errors import PluginError, StepError, TransientError
from sqlflow_dagster.graph.program import Output, Step
from sqlflow_dagster.materialization import segment_metadata
from sqlflow_dagster.program_files import compile_files, read_texts
from sqlflow_dagster.resources import (
    DatasourceResource,
    ModelStoreResource,
    as_resource,
    op_resources,
    run_context_of,
)
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.translator import SqlflowTranslator, safe_name, statement_text

_RETRIES = dg.RetryPolicy(
    max_retries=2, delay=2.0, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)

ProgramAssets = dg.AssetsDefinition | dg.AssetSpec


def specs_from_sql(
    path_or_glob: str | Path | Sequence[str | Path],
    *,
    engine: str = "duckdb",
    dialect: str | None = None,
    translator: SqlflowTranslator | None = None,
    key_prefix: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
) -> list[dg.AssetSpec]:
    """The asset specs of program files; nothing can be run with them.

    Args:
        path_or_glob: The files.
        engine: The engine's name, which the page shows on tables.
        dialect: The SQL dialect; None for the engine's own.
        translator: How nodes become specs.
        key_prefix: Put in front of every asset key; a ``translator`` has its own.
        variables: The values of ``${NAME}`` templates.
        default_schema: The schema of unqualified tables.
    """
    files = compile_files(
        read_texts(path_or_glob),
        dialect=dialect or engine,
        variables=variables,
        default_schema=default_schema,
    )
    translator = translator or SqlflowTranslator(key_prefix=key_prefix)
    return asset_graph(files, engine=engine, translator=translator).specs


def assets_from_sql(
    path_or_glob: str | Path | Sequence[str | Path],
    *,
    datasource: str | DatasourceResource,
    model_store: ModelStoreResource | None = None,
    dialect: str | None = None,
    translator: SqlflowTranslator | None = None,
    key_prefix: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
) -> list[ProgramAssets]:
    """The assets of program files, for the ``assets`` of a :class:`dagster.Definitions`.

    Each table, model and printing statement is an asset with its own op. What the programs only read is
    declared too; a program that cannot be compiled is one asset that shows its errors.

    Args:
        path_or_glob: The files: paths, patterns such as ``programs/*.sql``, or a list of them.
        datasource: The URL of the database, or a resource.
        model_store: Where models are kept; by default in the data source.
        dialect: The SQL dialect; None for the data source's own.
        translator: How nodes become asset specs.
        key_prefix: Put in front of every asset key; a ``translator`` has its own.
        variables: The values of ``${NAME}`` templates.
        default_schema: The schema of unqualified tables.

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
    return executable_assets(graph, translator, op_resources(resource, model_store))


def executable_assets(
    graph: AssetGraph, translator: SqlflowTranslator, resources: Mapping[str, Any]
) -> list[ProgramAssets]:
    """The assets of a graph, each segment with its op.

    Args:
        graph: The assets.
        translator: Names the ops.
        resources: The resources of the ops, as :func:`op_resources` gives them.
    """
    with disable_dagster_warnings():  # resource_defs of an asset is in beta
        executable = [_executable(item, translator, resources) for item in graph.segments]
    return [*executable, *graph.external, *graph.broken]


def _executable(
    item: SegmentSpecs, translator: SqlflowTranslator, resources: Mapping[str, Any]
) -> dg.AssetsDefinition:
    program, segment = item.program, item.segment
    steps = [program.steps[index] for index in segment.steps]

    @dg.multi_asset(
        name=safe_name(f"{translator.group_name(program)}__{steps[0].name}"),
        specs=item.specs,
        retry_policy=_RETRIES if segment.rerunnable else None,
        resource_defs=dict(resources),
    )
    def run_segment(context: AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        _refuse_alone(context, item)
        run_context = run_context_of(context, program.name)
        results = [_run_step(step, run_context) for step in steps]
        yield from _materializations(item, results, context)

    return run_segment


def _refuse_alone(context: AssetExecutionContext, item: SegmentSpecs) -> None:
    """A segment that adds to its table runs only together with the segments before it."""
    selected = context.run.asset_selection
    if selected is None or item.requires <= selected:
        return
    missing = ", ".join(sorted(key.to_user_string() for key in item.requires - selected))
    raise dg.Failure(
        description=f"{item.segment.name} adds to what its table holds: run alone, it would add it "
        f"a second time. Nothing was changed.\nhint: select {missing} too",
        allow_retries=False,
    )


def _run_step(step: Step, context: RunContext) -> StepResult:
    try:
        return execute(step, context)
    except TransientError as error:
        raise dg.Failure(description=str(error), allow_retries=True) from None
    except (StepError, PluginError) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


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
