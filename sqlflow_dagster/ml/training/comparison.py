"""What comes before the final training: cross-validation, and the search for better attributes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, TypeAlias

from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.attributes import of_trainer
from sqlflow_dagster.ml.base import (
    Metrics,
    ProgressCallback,
    StopsEarly,
    TrainedModel,
    TrainRequest,
)
from sqlflow_dagster.ml.metrics.by_name import DEFAULTS, compared_by
from sqlflow_dagster.ml.metrics.judging import Truth, can_judge, judge, over_folds
from sqlflow_dagster.ml.search import Search, Trial, Values, best_trial, run_search
from sqlflow_dagster.ml.search_attributes import SearchPlan
from sqlflow_dagster.ml.training.datasets import drawn_rows
from sqlflow_dagster.ml.training.parts import Part
from sqlflow_dagster.ml.training.preparation import Preparation

_JUDGED_ROWS = 100_000
"""On how many training rows metrics are computed, drawn from all: shares are known to 0.002 then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of training on each part and judging on its other rows.

    Attributes:
        metrics: Of several parts, the means.
        rounds: After how many rounds or epochs the models were at their best, on the mean; None where
            nobody looked for that.
    """

    metrics: Metrics
    rounds: int | None = None


Compare: TypeAlias = Callable[[Values, ProgressCallback], Compared]
"""Trains with some values and judges."""


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

    def train(
        self,
        part: Part,
        values: Values,
        progress: ProgressCallback,
        *,
        rounds: int | None = None,
    ) -> TrainedModel:
        """One training.

        Args:
            part: The rows.
            values: Of the attributes that are searched.
            progress: Told after each round or epoch.
            rounds: See :attr:`~sqlflow_dagster.ml.base.TrainRequest.rounds`.
        """
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
            rounds=rounds,
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
            few = len(part.rows) <= _JUDGED_ROWS or rows.groups is not None
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

    def compare(self, values: Values, progress: ProgressCallback, stages: int) -> Compared:
        """Train on each part and judge on its other rows.

        Args:
            values: Of the attributes that are searched.
            progress: Told about each training.
            stages: Of how many trainings these are the first.
        """
        found, rounds = [], []
        for place, part in enumerate(self.parts()):
            name = f"fold {place + 1} of {self.count}"
            told = progress if self.count == 1 else stage(progress, place, stages, name)
            trained = self.train(part, values, told)
            found.append(self.judged(part, trained)["validation"])
            rounds.append(trained.best_rounds if isinstance(trained, StopsEarly) else None)
        return Compared(
            metrics=found[0] if self.count == 1 else over_folds(found),
            rounds=_mean(rounds),
        )

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
        rounds: For how many rounds or epochs to train; None to follow the attributes.
        metrics: Of models that did not learn from all rows, by the rows that they were judged on;
            None where the final model is judged itself.
        search: The record of the search, JSON values; None without one.
    """

    progress: ProgressCallback
    values: Values = field(default_factory=dict)
    rounds: int | None = None
    metrics: Mapping[str, Metrics] | None = None
    search: dict[str, Any] | None = None


def cross_validated(job: Job, progress: ProgressCallback) -> Outcome:
    """Train and judge on each fold; a job of one part has nothing to do."""
    if job.count == 1:
        return Outcome(progress=progress)
    found = job.compare({}, progress, job.count + 1)
    metrics = found.metrics
    shown = ", ".join(
        f"{name} {value:.4g} ± {metrics.spread[name]:.2g}" for name, value in metrics.values.items()
    )
    job.note(f"{job.count} folds: {shown}")
    if found.rounds is not None:
        job.note(f"the folds were best after {found.rounds} rounds on the mean")
    return Outcome(
        progress=stage(progress, job.count, job.count + 1, "all rows"),
        rounds=found.rounds,
        metrics={"cross-validation": metrics},
    )


def searched(job: Job, plan: SearchPlan, progress: ProgressCallback) -> Outcome:
    """Find the values with which models are judged best.

    Raises:
        TerminalError: Every trial failed.
    """
    name, greater = compared_by(job.prepared.plan.task, plan.metric, plan.metric_span)
    search = Search(
        space=plan.space,
        trials=plan.trials,
        seconds=plan.seconds,
        greater_is_better=greater,
        seed=job.seed,
    )
    found = best_of(
        search,
        name,
        lambda values, told: job.compare(values, told, job.count),
        progress=progress,
        note=job.note,
    )
    in_folds = job.count > 1
    return Outcome(
        progress=found.progress,
        values=found.best.values,
        rounds=found.compared.rounds if in_folds else None,
        metrics={"cross-validation": found.compared.metrics} if in_folds else None,
        search={
            "metric": name,
            "best": listed(found.best.values),
            "trials": [
                {"trial": place + 1, name: trial.score, **listed(trial.values)}
                for place, trial in enumerate(found.trials)
            ],
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """What came of a search.

    Attributes:
        best: The best trial.
        compared: What came of it.
        trials: All.
        progress: Whom the final training tells.
    """

    best: Trial
    compared: Compared
    trials: tuple[Trial, ...]
    progress: ProgressCallback


def best_of(
    search: Search,
    name: str,
    compare: Compare,
    *,
    progress: ProgressCallback,
    note: Callable[[str], None],
) -> Best:
    """Run a search.

    Args:
        search: What to try.
        name: The metric that trials are compared by.
        compare: A trial; a ``TerminalError`` of it fails that trial only.
        progress: Told about each training.
        note: Told what came of each trial, in a line.

    Raises:
        TerminalError: Every trial failed.
    """
    found: dict[str, Compared] = {}
    trials: list[Trial] = []

    def score(values: Values) -> float:
        # In a small space the same values come again; the same training would follow.
        if repr(values) not in found:
            place = len(trials)
            title = f"trial {place + 1} of {search.trials}"
            found[repr(values)] = compare(values, stage(progress, place, search.trials + 1, title))
        return found[repr(values)].metrics.values[name]

    def told(trial: Trial) -> None:
        trials.append(trial)
        note(f"trial {len(trials)} of {search.trials}: {_shown(trial, name)}")

    run_search(search, score, told=told)
    best = best_trial(search, trials)
    note(f"the best of {len(trials)} trials: {_shown(best, name)}")
    return Best(
        best=best,
        compared=found[repr(best.values)],
        trials=tuple(trials),
        progress=stage(progress, len(trials), search.trials + 1, "the best values"),
    )


def stage(progress: ProgressCallback, place: int, count: int, name: str) -> ProgressCallback:
    """Progress of one of several trainings: how many are done, and what this one says."""

    def report(done: int, total: int, note: str) -> None:
        progress(place, count, f"{name}: {note}")

    return report


def listed(values: Values) -> dict[str, Any]:
    """Values as JSON has them."""
    return {name: list(item) if isinstance(item, tuple) else item for name, item in values.items()}


def values_text(values: Values) -> str:
    """Values in a line: ``max_depth=3, eta=0.1``."""
    return ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in listed(values).items()
    )


def _mean(rounds: Sequence[int | None]) -> int | None:
    known = [item for item in rounds if item is not None]
    return max(1, round(fmean(known))) if len(known) == len(rounds) else None


def _shown(trial: Trial, name: str) -> str:
    if trial.failure is not None:
        return f"failed: {trial.failure}"
    return f"{name} {trial.score:.4g} with {values_text(trial.values)}"
