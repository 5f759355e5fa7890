"""Train models again: at the times of ``retrain.schedule``, and after ``retrain.min_new_rows`` new rows.

Both launch one job, which runs what the model is made from, the model, and what is made from it.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from sqlflow_dagster.asset_graph import AssetGraph, SegmentSpecs
from sqlflow_dagster.engines.base import Engine, Session
from sqlflow_dagster.engines.table_statistics import column_names, table_statistics, watermark
from sqlflow_dagster.errors import TransientError
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.graph.retraining import (
    Retraining,
    retraining,
    retraining_scope,
    without_watermark,
)
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.new_rows import (
    Decision,
    Found,
    Launch,
    Mark,
    Marks,
    Memory,
    Outcome,
    changes,
    decide,
)
from sqlflow_dagster.resources import DatasourceResource
from sqlflow_dagster.translator import program_group

T = TypeVar("T")

RUN_TAG = "sqlflow/retraining"
_ROW_COUNT, _LAST_UPDATED = "dagster/row_count", "dagster/last_updated_timestamp"
_INTERVAL = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainedModel:
    """A model that is trained again without being asked.

    Attributes:
        name: Of its job; its schedule and its sensor are called after it.
        model: The model's name.
        key: The model's asset key.
        statement: Its training.
        when: When it is trained again.
        selection: The asset keys of what is run.
        watched: The tables whose growth counts, with the keys of those that no program makes.
    """

    name: str
    model: str
    key: dg.AssetKey
    statement: TrainStatement
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
            if not isinstance(step.statement, TrainStatement):
                continue
            when = retraining(step.statement)
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
                statement=step.statement,
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
    told_by = "" if item.when.watermark is None else f" by {item.when.watermark}"

    @dg.sensor(
        name=f"{item.name}_sensor",
        job=job,
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Trains {item.model} again when {tables} has {min_new_rows} new rows{told_by}.",
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
    before = Memory.from_json(context.cursor)
    # Before the tables are looked at: that might wait for the run, which uses the database.
    launched = _launched_runs(instance, before.launch)
    unfinished = [run.run_id for run in launched if not run.is_finished]
    running = unfinished[0] if unfinished else _training_run(instance, item.key)
    if running is not None:
        return dg.SkipReason(f"{item.model} is being trained by run {running}")
    outcome = _outcome(launched)
    memory = before.settled(training=_newest_training(instance, item.key), outcome=outcome)
    try:
        if _is_idle(memory, item.when) and _changes(datasources, item) == changes(memory.seen):
            return dg.SkipReason("no table has changed since its rows were counted")
        found = _look_at(datasources, item.watched, partial(_found, item.when, memory.trained))
        if problem := _problem(item, found, datasources):
            return dg.SkipReason(problem)
    except TransientError as error:
        return dg.SkipReason(f"the rows could not be counted: {error}")
    decision = decide(
        memory,
        found={ref.called: table for ref, table in found.items() if table is not None},
        outcome=outcome,
        min_new_rows=min_new_rows,
        new_key=uuid.uuid4().hex,
    )
    changed = _changed_tables(instance, item.watched, decision.memory.seen, memory.seen)
    return _result(decision, changed)


def _is_idle(memory: Memory, when: Retraining) -> bool:
    """Whether nothing follows as long as no table changes."""
    # Else the program has another watermark now than it had then.
    told_by = {mark.column.lower() for mark in memory.seen.values() if mark.column is not None}
    same = told_by == ({when.watermark.lower()} if when.watermark is not None else set())
    return same and memory.steady and memory.launch is None and memory.training is not None


def _problem(
    item: RetrainedModel,
    found: Mapping[ObjectRef, Found | None],
    datasources: Mapping[str, DatasourceResource],
) -> str | None:
    """Why new rows cannot be told."""
    missing = [ref.called for ref, table in found.items() if table is None]
    if missing:
        return f"there is no table {', '.join(missing)}"
    if item.when.watermark is None or any(table and table.mark.column for table in found.values()):
        return None
    columns = _look_at(
        datasources, item.watched, lambda ref, _, session: column_names(session, ref.parts)
    )
    return str(without_watermark(item.statement, columns))


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


def _look_at(
    datasources: Mapping[str, DatasourceResource],
    tables: Iterable[ObjectRef],
    look: Callable[[ObjectRef, Engine, Session], T],
) -> dict[ObjectRef, T]:
    """What a look at each table gives; one session is open at a time."""
    found: dict[ObjectRef, T] = {}
    for name in sorted({ref.datasource for ref in tables}):
        with datasources[name].process_config_and_initialize_cm() as resolved:
            engine: Engine = resolved.engine()
            with engine.session() as session:
                here = [ref for ref in tables if ref.datasource == name]
                found |= {ref: look(ref, engine, session) for ref in here}
    return found


def _found(
    when: Retraining, trained: Marks, ref: ObjectRef, engine: Engine, session: Session
) -> Found | None:
    """A table now; None where there is no such table."""
    # What changes it after this is counted now or seen by the next tick.
    changed_at = session.last_change(ref.parts)
    if session.relation_kind(ref.parts) is None:
        return None
    column = None
    if when.watermark is not None:
        column = watermark(session.columns(ref.parts) or (), when.watermark)
    before = trained.get(ref.called)
    above = before.highest if before is not None and before.column == column else None
    now = table_statistics(session, engine, ref.parts, column=column, above=above)
    mark = Mark(rows=now.rows, column=column, highest=now.highest, changed_at=changed_at)
    return Found(mark=mark, above=now.above)


def _changes(
    datasources: Mapping[str, DatasourceResource], item: RetrainedModel
) -> dict[str, datetime | None]:
    """When each table was changed last."""
    times = _look_at(
        datasources, item.watched, lambda ref, _, session: session.last_change(ref.parts)
    )
    return {ref.called: time for ref, time in times.items()}


def _changed_tables(
    instance: dg.DagsterInstance,
    tables: Mapping[ObjectRef, dg.AssetKey | None],
    now: Marks,
    before: Marks,
) -> list[dg.AssetMaterialization]:
    """A materialization of each external table that is not as it was reported last.

    Not an observation: that would not set off the automation conditions of what reads the table.
    """
    changed = []
    for ref, key in tables.items():
        mark = now[ref.called]
        if key is None:
            continue
        if _reported_rows(instance, key) != mark.rows or mark.differs(before.get(ref.called)):
            changed.append(dg.AssetMaterialization(asset_key=key, metadata=_metadata(mark)))
    return changed


def _metadata(mark: Mark) -> dict[str, dg.MetadataValue | int | str]:
    metadata: dict[str, dg.MetadataValue | int | str] = {_ROW_COUNT: mark.rows}
    if mark.changed_at is not None:
        metadata[_LAST_UPDATED] = dg.MetadataValue.timestamp(mark.changed_at)
    if mark.column is not None and mark.highest is not None:
        metadata[f"highest {mark.column}"] = str(mark.highest)
    return metadata


def _reported_rows(instance: dg.DagsterInstance, key: dg.AssetKey) -> object:
    event = instance.get_latest_materialization_event(key)
    made = None if event is None else event.asset_materialization
    rows = None if made is None else made.metadata.get(_ROW_COUNT)
    return None if rows is None else rows.value
