"""Train models again: at the times of ``retrain.schedule``, and after ``retrain.min_new_rows`` new rows.

Both launch one job, which runs what the model is made from, the model, and what is made from it.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from sqlflow_dagster.asset_graph import AssetGraph, SegmentSpecs
from sqlflow_dagster.engines.base import Engine, Session
from sqlflow_dagster.errors import TransientError
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.graph.retraining import Retraining, retraining, retraining_scope
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.new_rows import Decision, Launch, Memory, Outcome, decide
from sqlflow_dagster.resources import DatasourceResource
from sqlflow_dagster.translator import program_group

RUN_TAG = "sqlflow/retraining"
_ROW_COUNT = "dagster/row_count"
_INTERVAL = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainedModel:
    """A model that is trained again without being asked.

    Attributes:
        name: Of its job; its schedule and its sensor are called after it.
        model: The model's name.
        key: The model's asset key.
        when: When it is trained again.
        selection: The asset keys of what is run.
        watched: The tables whose growth counts, with the keys of those that no program makes.
    """

    name: str
    model: str
    key: dg.AssetKey
    when: Retraining
    selection: tuple[dg.AssetKey, ...]
    watched: Mapping[ObjectRef, dg.AssetKey | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrainings:
    """What trains the models of some programs again.

    Attributes:
        jobs: One for each model.
        schedules: For ``retrain.schedule``.
        sensors: For ``retrain.min_new_rows``.
    """

    jobs: Sequence[UnresolvedAssetJobDefinition]
    schedules: Sequence[dg.ScheduleDefinition]
    sensors: Sequence[dg.SensorDefinition]


def program_retrainings(
    graph: AssetGraph, datasources: Mapping[str, DatasourceResource]
) -> Retrainings:
    """The jobs, schedules and sensors that train models again.

    Args:
        graph: The assets.
        datasources: Where sensors count rows, by name.
    """
    jobs, schedules, sensors = [], [], []
    for item in _retrained(graph):
        job = _job(item)
        jobs.append(job)
        if item.when.schedule is not None:
            schedules.append(_schedule(item, item.when.schedule, job))
        if item.when.min_new_rows is not None:
            sensors.append(_sensor(item, item.when.min_new_rows, job, datasources))
    return Retrainings(jobs=jobs, schedules=schedules, sensors=sensors)


def _retrained(graph: AssetGraph) -> Iterator[RetrainedModel]:
    taken = {program_group(item.program.name) for item in graph.segments}
    by_place = {(item.program.name, item.segment.index): item for item in graph.segments}
    external = {spec.key for spec in graph.external}
    for item in graph.segments:
        for index in item.segment.steps:
            step = item.program.steps[index]
            when = (
                retraining(step.statement) if isinstance(step.statement, TrainStatement) else None
            )
            if when is None:
                continue
            scope = retraining_scope(item.program, item.segment)
            chosen = [by_place[item.program.name, number] for number in sorted(scope.segments)]
            keys = {ref: key for other in chosen for ref, key in other.keys.items()}
            name = _free_name(item, step, taken)
            taken.add(name)
            yield RetrainedModel(
                name=name,
                model=item.segment.name,
                key=item.specs[0].key,
                when=when,
                selection=tuple(spec.key for other in chosen for spec in other.specs),
                watched={
                    ref: key if (key := keys.get(ref)) in external else None
                    for ref in scope.watched
                },
            )


def _free_name(item: SegmentSpecs, step: Step, taken: set[str]) -> str:
    """``iris__retrain_iris_xgb`` for the step ``train_iris_xgb``; no other job has the name."""
    name = f"{program_group(item.program.name)}__re{step.name}"
    while name in taken:
        name += "_"
    return name


def _job(item: RetrainedModel) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name=item.name,
        selection=dg.AssetSelection.assets(*item.selection),
        description=f"Trains {item.model} again: what it is made from, and what is made from it.",
    )


def _schedule(
    item: RetrainedModel, cron: str, job: UnresolvedAssetJobDefinition
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{item.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=item.when.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Trains {item.model} again at {cron}, unless it is being trained.",
    )
    def at_times(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        running = _training_run(context.instance, item.key)
        if running is not None:
            return dg.SkipReason(f"{item.model} is being trained by run {running}")
        return dg.RunRequest()

    return at_times


def _sensor(
    item: RetrainedModel,
    min_new_rows: int,
    job: UnresolvedAssetJobDefinition,
    datasources: Mapping[str, DatasourceResource],
) -> dg.SensorDefinition:
    tables = ", ".join(ref.called for ref in item.watched)

    @dg.sensor(
        name=f"{item.name}_sensor",
        job=job,
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Trains {item.model} again when {tables} has {min_new_rows} new rows.",
    )
    def on_new_rows(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return _tick(item, min_new_rows, datasources, context)

    return on_new_rows


def _tick(
    item: RetrainedModel,
    min_new_rows: int,
    datasources: Mapping[str, DatasourceResource],
    context: dg.SensorEvaluationContext,
) -> dg.SensorResult | dg.SkipReason:
    instance = context.instance
    memory = Memory.from_json(context.cursor)
    # Before the rows are counted: that might wait for the run, which uses the database.
    launched = _launched_runs(instance, memory.launch)
    unfinished = [run.run_id for run in launched if not run.is_finished]
    running = unfinished[0] if unfinished else _training_run(instance, item.key)
    if running is not None:
        return dg.SkipReason(f"{item.model} is being trained by run {running}")
    try:
        found = _counts(datasources, item.watched)
    except TransientError as error:
        return dg.SkipReason(f"the rows could not be counted: {error}")
    missing = [ref.called for ref, rows in found.items() if rows is None]
    if missing:
        return dg.SkipReason(f"there is no table {', '.join(missing)}")
    counts = {ref: rows for ref, rows in found.items() if rows is not None}
    decision = decide(
        memory,
        counts={ref.called: rows for ref, rows in counts.items()},
        training=_newest_training(instance, item.key),
        outcome=_outcome(launched),
        min_new_rows=min_new_rows,
        new_key=uuid.uuid4().hex,
    )
    return _result(decision, _changed_tables(instance, item.watched, counts))


def _result(decision: Decision, changed: Sequence[dg.AssetMaterialization]) -> dg.SensorResult:
    launch = decision.memory.launch
    if not decision.launch or launch is None:
        return dg.SensorResult(
            skip_reason=decision.reason,
            cursor=decision.memory.to_json(),
            asset_events=changed,
        )
    tags = {RUN_TAG: launch.key, "sqlflow/because": decision.reason}
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=launch.key, tags=tags)],
        cursor=decision.memory.to_json(),
        asset_events=changed,
    )


def _training_run(instance: dg.DagsterInstance, key: dg.AssetKey) -> str | None:
    """The run that is to train a model, or is doing so; None where there is none."""
    planned = instance.get_latest_planned_materialization_info(key)
    run = None if planned is None else instance.get_run_by_id(planned.run_id)
    return None if run is None or run.is_finished else run.run_id


def _newest_training(instance: dg.DagsterInstance, key: dg.AssetKey) -> int | None:
    records = instance.fetch_materializations(key, limit=1).records
    return records[0].storage_id if records else None


def _launched_runs(instance: dg.DagsterInstance, launch: Launch | None) -> Sequence[dg.DagsterRun]:
    """The run that was asked for and its re-executions, which have its tags."""
    if launch is None:
        return ()
    return instance.get_runs(filters=dg.RunsFilter(tags={RUN_TAG: launch.key}))


def _outcome(runs: Sequence[dg.DagsterRun]) -> Outcome:
    statuses = {run.status for run in runs}
    if dg.DagsterRunStatus.SUCCESS in statuses:
        return Outcome.SUCCEEDED
    if dg.DagsterRunStatus.CANCELED in statuses:
        return Outcome.STOPPED
    return Outcome.FAILED if statuses else Outcome.UNKNOWN


def _counts(
    datasources: Mapping[str, DatasourceResource],
    tables: Mapping[ObjectRef, dg.AssetKey | None],
) -> dict[ObjectRef, int | None]:
    """The number of rows of each table; None where there is no such table."""
    found: dict[ObjectRef, int | None] = {}
    for name in sorted({ref.datasource for ref in tables}):
        with datasources[name].process_config_and_initialize_cm() as resolved:
            engine: Engine = resolved.engine()
            with engine.session() as session:
                here = [ref for ref in tables if ref.datasource == name]
                found |= {ref: _count(ref, engine, session) for ref in here}
    return found


def _count(ref: ObjectRef, engine: Engine, session: Session) -> int | None:
    if session.relation_kind(ref.parts) is None:
        return None
    return session.count(f"SELECT * FROM {engine.quote(ref.parts)}")


def _changed_tables(
    instance: dg.DagsterInstance,
    tables: Mapping[ObjectRef, dg.AssetKey | None],
    counts: Mapping[ObjectRef, int],
) -> list[dg.AssetMaterialization]:
    """A materialization of each external table whose number of rows is not the one reported last.

    Not an observation: that would not set off the automation conditions of what reads the table.
    """
    changed = []
    for ref, key in tables.items():
        if key is not None and _reported_rows(instance, key) != counts[ref]:
            metadata = {_ROW_COUNT: counts[ref]}
            changed.append(dg.AssetMaterialization(asset_key=key, metadata=metadata))
    return changed


def _reported_rows(instance: dg.DagsterInstance, key: dg.AssetKey) -> object:
    event = instance.get_latest_materialization_event(key)
    made = None if event is None else event.asset_materialization
    rows = None if made is None else made.metadata.get(_ROW_COUNT)
    return None if rows is None else rows.value
