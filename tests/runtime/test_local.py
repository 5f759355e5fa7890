"""Whole programs, each step in a process of its own."""

import multiprocessing
from collections.abc import Callable

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.local import (
    MAX_CONCURRENT_VARIABLE,
    Outcome,
    RunSummary,
    max_concurrent,
    run_program,
    threads_per_step,
)
from sqlflow_dagster.runtime.results import StepResult


class Events:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.list: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.on_note: Callable[[], None] = lambda: None

    def started(self, step: Step) -> None:
        self.list.append(("started", step.name))

    def noted(self, step: Step, message: str) -> None:
        self.notes.append(message)
        self.on_note()

    def advanced(self, step: Step, done: int, total: int, note: str) -> None:
        self.list.append(("advanced", step.name))

    def succeeded(self, step: Step, result: StepResult) -> None:
        self.list.append(("succeeded", step.name))

    def failed(self, step: Step, error: StepError) -> None:
        self.list.append(("failed", step.name))

    def skipped(self, step: Step, because: Step) -> None:
        self.list.append(("skipped", f"{step.name} because of {because.name}"))

    def named(self, event: str) -> list[str]:
        return [name for kind, name in self.list if kind == event]


@pytest.fixture
def events() -> Events:
    return Events()


def run(text: str, datasource: str, events: Events, **options: object) -> RunSummary:
    return run_program(
        compile_program(text, path="p.sql"),
        datasource=datasource,
        observer=events,
        **options,  # type: ignore[arg-type]
    )


def training(model: str, rounds: int) -> str:
    return (
        "SELECT x, y FROM numbers TO TRAIN xgboost.gbtree "
        f'WITH objective="reg:squarederror", train.num_boost_round={rounds} LABEL y INTO {model};'
    )


def test_steps_start_after_what_they_wait_for(datasource: str, events: Events) -> None:
    summary = run(
        """
        CREATE TABLE a AS SELECT * FROM numbers;
        CREATE TABLE b AS SELECT * FROM a;
        CREATE TABLE c AS SELECT * FROM b;
        """,
        datasource,
        events,
    )
    assert summary.succeeded
    assert events.list == [
        (event, f"create_{table}") for table in "abc" for event in ("started", "succeeded")
    ]


def test_steps_that_need_nothing_of_each_other_run_at_once(datasource: str, events: Events) -> None:
    run(training("m", 300) + training("n", 300), datasource, events, concurrent=2)
    first_end = events.list.index(("succeeded", events.named("succeeded")[0]))
    under_way = {name for event, name in events.list[:first_end] if event == "advanced"}
    assert under_way == {"train_m", "train_n"}


def test_one_at_a_time_when_told_so(datasource: str, events: Events) -> None:
    run(training("m", 2) + training("n", 2), datasource, events, concurrent=1)
    ends = [item for item in events.list if item[0] in {"started", "succeeded"}]
    assert ends == [
        ("started", "train_m"),
        ("succeeded", "train_m"),
        ("started", "train_n"),
        ("succeeded", "train_n"),
    ]


def test_a_failure_takes_only_what_waits_for_it_down(datasource: str, events: Events) -> None:
    summary = run(
        """CREATE TABLE bad AS SELECT nowhere FROM numbers;
        CREATE TABLE after_bad AS SELECT * FROM bad;
        SELECT * FROM after_bad;
        CREATE TABLE good AS SELECT x FROM numbers;
        SELECT count(*) AS n FROM good;""",
        datasource,
        events,
    )
    assert not summary.succeeded
    assert [str(outcome) for _, outcome in sorted(summary.outcomes.items())] == [
        "failed",
        "skipped",
        "skipped",
        "succeeded",
        "succeeded",
    ]
    assert events.named("skipped") == [
        "create_after_bad because of create_bad",
        "select_after_bad because of create_after_bad",
    ]
    (error,) = summary.errors.values()
    assert str(error.span) == "p.sql:1:28"
    assert "nowhere" in error.message
    rows = summary.results[4].rows
    assert rows is not None
    assert rows.to_pylist() == [{"n": 50}]


def test_runs_only_the_chosen_steps(datasource: str, events: Events, engine: Engine) -> None:
    text = "CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT 2 AS x;"
    summary = run(text, datasource, events, steps=frozenset({1}))
    assert summary.outcomes == {1: Outcome.SUCCEEDED}
    with engine.session() as session:
        assert session.relation_kind(("a",)) is None


def test_the_history_knows_the_run(datasource: str, events: Events, context: RunContext) -> None:
    summary = run("CREATE TABLE a AS SELECT 1 AS x", datasource, events)
    assert context.history is not None
    assert context.history.finished("p")["create_a"].run_id == summary.run_id


def test_tells_how_a_process_ended_that_was_killed(datasource: str, events: Events) -> None:
    def kill_the_step() -> None:
        for process in multiprocessing.active_children():
            process.kill()

    events.on_note = kill_the_step
    summary = run(training("m", 100_000), datasource, events)
    (error,) = summary.errors.values()
    assert isinstance(error, TerminalError)
    assert "exit code -9" in error.message
    assert str(error.span) == "p.sql:1:1"


@pytest.mark.parametrize(
    "number", [pytest.param("0", id="zero"), pytest.param("many", id="a word")]
)
def test_refuses_a_limit_that_is_no_number_from_one(
    monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setenv(MAX_CONCURRENT_VARIABLE, number)
    with pytest.raises(TerminalError, match="must be a number from 1"):
        max_concurrent()


def test_takes_the_limit_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAX_CONCURRENT_VARIABLE, "3")
    assert max_concurrent() == 3


def test_runs_two_steps_at_once_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MAX_CONCURRENT_VARIABLE, raising=False)
    assert 2 <= max_concurrent() <= 4
    assert threads_per_step(10_000) == 1
