"""What comes before the final training: cross-validation, and the search for better attributes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.attributes import of_trainer
from sqlflow_dagster.ml.base import Metrics, ProgressCallback, TrainedModel, TrainRequest
from sqlflow_dagster.ml.datasets import drawn_rows
from sqlflow_dagster.ml.judging import Truth, can_judge, judge, over_folds
from sqlflow_dagster.ml.metrics import DEFAULTS, LOSSES, find_metric
from sqlflow_dagster.ml.parts import Part
from sqlflow_dagster.ml.preparation import Preparation
from sqlflow_dagster.ml.search import Search, Trial, Values, best_trial, run_search
from sqlflow_dagster.ml.search_attributes import SearchPlan

_JUDGED_ROWS = 100_000
"""On how many training rows metrics are computed, drawn from all: shares are known to 0.002 then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The statement that all trainings of a run are for.

    Attributes:
        statement: What to train.
        prepared: The same, checked.
        base: The model to go on from; None to start afresh.
        threads: How many threads the library may use.
        seed: Of every random choice.
        note: Told what came of the folds and of each trial, in a line each.
        parts: The rows that models are compared on: one part, or a fold after the other.
        count: How many parts there are.
    """

    statement: TrainStatement
    prepared: Preparation
    base: TrainedModel | None
    threads: int
    seed: int
    note: Callable[[str], None]
    parts: Callable[[], Iterable[Part]]
    count: int

    def train(self, part: Part, values: Values, progress: ProgressCallback) -> TrainedModel:
        """One training; ``values`` are those of the attributes that are searched."""
        search = self.prepared.search
        searched = () if search is None else search.attributes_of(values)
        request = TrainRequest(
            estimator=self.statement.estimator,
            attributes=(*of_trainer(self.statement.attributes), *searched),
            training=part.training,
            batches=part.batches,
            validation=part.validation,
            features=part.encoder.features,
            label=part.label,
            base=self.base,
            threads=self.threads,
            seed=self.seed,
            progress=progress,
        )
        return self.prepared.trainer.train(request)

    def judged(self, part: Part, trained: TrainedModel) -> dict[str, Metrics]:
        """The metrics on the validation rows, else on the training rows, by which of them."""
        task = self.prepared.plan.task
        if not can_judge(task, labelled=task.supervised):
            return {}
        name, rows = "validation", part.validation
        if rows is None:
            name, rows = "training", part.training
            # A ranking is judged group by group, so its rows stay together where they can.
            few = part.rows.num_rows <= _JUDGED_ROWS or rows.groups is not None
            if part.batches is not None or not few:
                rows = part.encoder.dataset(drawn_rows(part.rows, _JUDGED_ROWS))
        found = judge(
            trained.predict(rows.features),
            part.label,
            Truth(
                actual=rows.labels if task.supervised else None,
                matrix=rows.features.matrix,
                groups=rows.groups,
                average=self.prepared.average,
            ),
            self._metrics(),
            self.prepared.metrics_span,
        )
        return {name: found}

    def compare(self, values: Values, progress: ProgressCallback, stages: int) -> Metrics:
        """Train on each part and judge on its other rows; of several, the means.

        Args:
            values: Of the attributes that are searched.
            progress: Told about each training.
            stages: Of how many trainings these are the first.
        """
        found = []
        for place, part in enumerate(self.parts()):
            name = f"fold {place + 1} of {self.count}"
            told = progress if self.count == 1 else stage(progress, place, stages, name)
            found.append(self.judged(part, self.train(part, values, told))["validation"])
        return found[0] if self.count == 1 else over_folds(found)

    def _metrics(self) -> tuple[str, ...]:
        """The names asked for, and that by which trials are compared."""
        search, names = self.prepared.search, self.prepared.metrics
        if search is None or search.metric is None or search.metric in names:
            return names
        return (*(names or DEFAULTS[self.prepared.plan.task]), search.metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known before the final training.

    Attributes:
        progress: Whom it tells.
        values: Of the attributes that were searched.
        metrics: Over the folds; None without folds.
        search: The record of the search, JSON values; None without one.
    """

    progress: ProgressCallback
    values: Values = field(default_factory=dict)
    metrics: Metrics | None = None
    search: dict[str, Any] | None = None


def cross_validated(job: Job, progress: ProgressCallback) -> Outcome:
    """Train and judge on each fold; a job of one part has nothing to do."""
    if job.count == 1:
        return Outcome(progress=progress)
    metrics = job.compare({}, progress, job.count + 1)
    shown = ", ".join(
        f"{name} {value:.4g} ± {metrics.spread[name]:.2g}" for name, value in metrics.values.items()
    )
    job.note(f"{job.count} folds: {shown}")
    return Outcome(progress=stage(progress, job.count, job.count + 1, "all rows"), metrics=metrics)


def searched(job: Job, plan: SearchPlan, progress: ProgressCallback) -> Outcome:
    """Find the values with which models are judged best.

    Raises:
        TerminalError: Every trial failed.
    """
    task = job.prepared.plan.task
    loss = LOSSES.get(task)
    name = plan.metric or ("loss" if loss else DEFAULTS[task][0])
    metric = loss if name == "loss" and loss else find_metric(name, task, plan.metric_span)
    search = Search(
        space=plan.space,
        trials=plan.trials,
        seconds=plan.seconds,
        greater_is_better=metric.greater_is_better,
        seed=job.seed,
    )
    found: dict[str, Metrics] = {}

    def score(values: Values) -> float:
        # In a small space the same values come again; the same training would follow.
        if repr(values) not in found:
            place = len(trials)
            told = stage(progress, place, plan.trials + 1, f"trial {place + 1} of {plan.trials}")
            found[repr(values)] = job.compare(values, told, job.count)
        return found[repr(values)].values[name]

    def told(trial: Trial) -> None:
        trials.append(trial)
        job.note(f"trial {len(trials)} of {plan.trials}: {_shown(trial, name)}")

    trials: list[Trial] = []
    run_search(search, score, told=told)
    best = best_trial(search, trials)
    job.note(f"the best of {len(trials)} trials: {_shown(best, name)}")
    return Outcome(
        progress=stage(progress, len(trials), plan.trials + 1, "the best values"),
        values=best.values,
        metrics=found[repr(best.values)] if job.count > 1 else None,
        search={
            "metric": name,
            "best": _listed(best.values),
            "trials": [
                {"trial": place + 1, name: trial.score, **_listed(trial.values)}
                for place, trial in enumerate(trials)
            ],
        },
    )


def stage(progress: ProgressCallback, place: int, count: int, name: str) -> ProgressCallback:
    """Progress of one of several trainings: how many are done, and what this one says."""

    def report(done: int, total: int, note: str) -> None:
        progress(place, count, f"{name}: {note}")

    return report


def _listed(values: Values) -> dict[str, Any]:
    """Values as JSON has them."""
    return {name: list(item) if isinstance(item, tuple) else item for name, item in values.items()}


def _shown(trial: Trial, name: str) -> str:
    if trial.failure is not None:
        return f"failed: {trial.failure}"
    values = ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in _listed(trial.values).items()
    )
    return f"{name} {trial.score:.4g} with {values}"
