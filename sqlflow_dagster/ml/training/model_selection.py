"""Choosing an estimator: some are trained and compared, and the best of them is the model.

A trial is a training of a statement with the candidate in the place of the estimator, so it is
prepared, encoded and judged as that statement would be.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.attributes import SEARCH_PREFIX, find, of_trainer, read_common, value_span
from sqlflow_dagster.ml.base import Candidate, ProgressCallback, Selection
from sqlflow_dagster.ml.features.spec import Layout
from sqlflow_dagster.ml.metrics.by_name import DEFAULTS, compared_by
from sqlflow_dagster.ml.search import Branches, Search, Trial, Values
from sqlflow_dagster.ml.search_attributes import METRIC, TRIALS, attributes_of
from sqlflow_dagster.ml.training.comparison import (
    Best,
    Compared,
    Job,
    Outcome,
    best_of,
    listed,
    values_text,
)
from sqlflow_dagster.ml.training.parts import Part, final_part, folds
from sqlflow_dagster.ml.training.preparation import Preparation, prepare
from sqlflow_dagster.ml.training.splitting import SPLIT, SPLIT_KEY, Splitting, Way

ESTIMATOR = "estimator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What candidates are compared on.

    Attributes:
        statement: The statement whose estimator stands for them.
        prepared: The same, checked.
        selection: The candidates.
        rows: All rows of its SELECT.
        validation: All rows of its ``validation.select``; None without one.
        threads: How many threads libraries may use.
        seed: Of every random choice.
        note: Told what came of each trial, in a line.
    """

    statement: TrainStatement
    prepared: Preparation
    selection: Selection
    rows: pa.Table
    validation: pa.Table | None
    threads: int
    seed: int
    note: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """The best trial as a statement of its own, which learns from all rows.

    Attributes:
        statement: With the estimator that was chosen and its attributes.
        prepared: The same, checked.
        before: What is known of it.
    """

    statement: TrainStatement
    prepared: Preparation
    before: Outcome


def select_model(contest: Contest, progress: ProgressCallback) -> Winner:
    """Train the candidates with different attributes, and find the best.

    The same rows, seed and trials give the same winner, unless the time ends before the trials.

    Raises:
        TerminalError: Every trial failed.
    """
    candidates = contest.selection.candidates
    common = read_common(contest.statement.attributes)
    metric = find(contest.statement.attributes, METRIC)
    task = contest.prepared.plan.task
    name, greater = compared_by(task, common[METRIC], value_span(metric))
    search = Search(
        space={ESTIMATOR: Branches(spaces={item.estimator: item.space for item in candidates})},
        trials=common[TRIALS],
        seconds=contest.selection.seconds,
        greater_is_better=greater,
        seed=contest.seed,
        first=tuple({ESTIMATOR: item.estimator, **item.start} for item in candidates),
    )
    trials = _Trials(
        contest=contest, metric=name, ends=time.monotonic() + contest.selection.seconds
    )
    found = best_of(search, name, trials.compare, progress=progress, note=contest.note)
    judged_on = "cross-validation" if contest.prepared.splitting.way is Way.FOLDS else "validation"
    statement = trials.statement(found.best.values)
    prepared = trials.prepare(statement)
    return Winner(
        statement=statement,
        prepared=replace(prepared, splitting=Splitting()),
        before=Outcome(
            progress=found.progress,
            rounds=found.compared.rounds,
            metrics={judged_on: found.compared.metrics},
            search=_leaderboard(search, name, found),
        ),
    )


@dataclass(slots=True, kw_only=True)
class _Trials:
    """The trainings of a contest.

    Attributes:
        contest: What they are for.
        metric: The name of what they are compared by.
        ends: When no training goes on, on the monotonic clock, if there is a model by then.
        succeeded: Whether there is one.
        parts: The rows of each layout, encoded once.
    """

    contest: Contest
    metric: str
    ends: float
    succeeded: bool = False
    parts: dict[Layout, Part] = field(default_factory=dict)

    def compare(self, values: Values, progress: ProgressCallback) -> Compared:
        """One trial.

        Raises:
            TerminalError: The training failed, or the time is over.
        """
        name = str(values[ESTIMATOR])

        def told(done: int, total: int, note: str) -> None:
            if self.succeeded and time.monotonic() > self.ends:
                raise TerminalError("stopped when train.seconds were over")
            progress(done, total, f"{name}: {note}")

        try:
            job = self._job(self.statement(values))
            found = job.compare({}, told, job.count)
        except TerminalError as error:
            raise TerminalError(f"{name}: {error.message}", error.span, error.hint) from error
        except PluginError as error:
            raise TerminalError(f"{name}: {error.message}", hint=error.hint) from error
        self.succeeded = True
        return found

    def statement(self, values: Values) -> TrainStatement:
        """The statement of a trial."""
        given = self.contest.statement
        own = of_trainer(given.attributes)
        name = str(values[ESTIMATOR])
        candidate = self._candidate(name)
        searched = {key: value for key, value in values.items() if key != ESTIMATOR}
        kept = [
            item
            for item in given.attributes
            if item not in own and not item.name.lower().startswith(SEARCH_PREFIX)
        ]
        splitting = self.contest.prepared.splitting
        if splitting.way is Way.SHARE and find(kept, SPLIT, SPLIT_KEY) is None:
            kept += attributes_of({SPLIT: splitting.share})
        return replace(
            given,
            estimator=name,
            attributes=(*kept, *attributes_of({**candidate.fixed, **searched})),
        )

    def prepare(self, statement: TrainStatement) -> Preparation:
        """A trial's statement, checked; judged as that of the contest is."""
        schema = self.contest.rows.schema
        wanted = self.contest.prepared
        found = prepare(statement, list(zip(schema.names, schema.types, strict=True)))
        names = wanted.metrics or DEFAULTS[wanted.plan.task]
        more = () if self.metric in ("loss", *names) else (self.metric,)
        return replace(
            found,
            metrics=(*names, *more),
            plan=replace(found.plan, class_count=wanted.plan.class_count),
        )

    def _candidate(self, name: str) -> Candidate:
        return next(c for c in self.contest.selection.candidates if c.estimator == name)

    def _job(self, statement: TrainStatement) -> Job:
        contest = self.contest
        prepared = self.prepare(statement)
        splitting = prepared.splitting
        in_folds = splitting.way is Way.FOLDS

        def parts() -> Iterable[Part]:
            if in_folds:
                return folds(prepared, contest.rows, None, seed=contest.seed)
            layout = prepared.plan.layout
            if layout not in self.parts:
                self.parts[layout] = final_part(prepared, contest.rows, contest.validation, None)
            return (self.parts[layout],)

        return Job(
            statement=statement,
            prepared=prepared,
            base=None,
            threads=contest.threads,
            seed=contest.seed,
            note=contest.note,
            parts=parts,
            count=splitting.folds if in_folds else 1,
        )


def _leaderboard(search: Search, name: str, found: Best) -> dict[str, Any]:
    """The record of a contest, JSON values: the trials with the best first, those that failed last."""

    def rank(numbered: tuple[int, Trial]) -> tuple[bool, float]:
        score = numbered[1].score
        return (math.isnan(score), -score if search.greater_is_better else score)

    ranked = sorted(enumerate(found.trials, 1), key=rank)
    failed = any(trial.failure is not None for trial in found.trials)
    return {
        "metric": name,
        "best": listed(found.best.values),
        "trials": [
            {
                "trial": place,
                ESTIMATOR: trial.values[ESTIMATOR],
                name: trial.score,
                "seconds": round(trial.seconds, 3),
                "attributes": values_text(
                    {key: value for key, value in trial.values.items() if key != ESTIMATOR}
                ),
                **({"failure": trial.failure or ""} if failed else {}),
            }
            for place, trial in ranked
        ],
    }
