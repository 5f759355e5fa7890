import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.errors import Severity
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.plan import plan, taken_over
from tests.runtime.conftest import Execute

CHAIN = """
CREATE TABLE a AS SELECT * FROM numbers;
CREATE TABLE b AS SELECT x FROM a;
CREATE TABLE c AS SELECT y FROM numbers;
SELECT count(*) FROM b;
"""


def stale(text: str, context: RunContext, *, changed: str | None = None) -> dict[str, str]:
    """The reasons of the steps that have to run, by step name."""
    refs = frozenset({ObjectRef(ObjectKind.TABLE, changed)} if changed else ())
    planned = plan(compile_program(text), context, changed=refs)
    return {item.step.name: item.reason for item in planned if item.stale}


def test_everything_runs_the_first_time(context: RunContext) -> None:
    assert stale(CHAIN, context) == dict.fromkeys(
        ["create_a", "create_b", "create_c", "select_b"], "never ran"
    )


def test_nothing_runs_twice(context: RunContext, run: Execute) -> None:
    run(CHAIN)
    planned = plan(compile_program(CHAIN), context)
    assert [item.stale for item in planned] == [False] * 4
    assert all(item.reason.startswith("up to date since 20") for item in planned)


def test_comments_and_blanks_are_no_change(context: RunContext, run: Execute) -> None:
    run(CHAIN)
    same = "-- the same\n" + CHAIN.replace("SELECT x FROM a", "SELECT x  -- one\n    FROM a")
    assert stale(same, context) == {}


def test_a_changed_statement_runs_with_all_that_waits_for_it(
    context: RunContext, run: Execute
) -> None:
    run(CHAIN)
    changed = CHAIN.replace("SELECT x FROM a", "SELECT x + 1 AS x FROM a")
    assert stale(changed, context) == {
        "create_b": "its text has changed",
        "select_b": "create_b runs again",
    }


def test_a_dropped_table_is_made_again(context: RunContext, run: Execute, engine: Engine) -> None:
    run(CHAIN)
    with engine.session() as session:
        session.drop(("b",))
    assert stale(CHAIN, context) == {"create_b": "b is missing", "select_b": "create_b runs again"}


def test_what_ran_before_its_input_did_runs_again(context: RunContext, run: Execute) -> None:
    run(CHAIN)
    run(CHAIN, "create_a")
    assert stale(CHAIN, context) == {
        "create_b": "create_a has run since",
        "select_b": "create_b runs again",
    }


def test_a_table_that_another_program_makes_anew_counts(context: RunContext, run: Execute) -> None:
    run(CHAIN)
    assert stale(CHAIN, context, changed="a") == {
        "create_b": "a is made anew",
        "select_b": "create_b runs again",
    }


def test_a_lost_model_is_trained_again(context: RunContext, run: Execute) -> None:
    program = (
        "SELECT x, y FROM numbers TO TRAIN xgboost.gbtree "
        'WITH objective="reg:squarederror", train.num_boost_round=1 LABEL y INTO m'
    )
    run(program)
    assert stale(program, context) == {}
    context.models.delete("m")
    assert stale(program, context) == {"train_m": "model m is missing"}


SCRATCH = """
CREATE TABLE scratch AS SELECT * FROM numbers;
CREATE TABLE kept AS SELECT x FROM scratch;
DROP TABLE scratch;
"""


def test_a_table_that_the_program_drops_is_not_missed(context: RunContext, run: Execute) -> None:
    run(SCRATCH)
    assert stale(SCRATCH, context) == {}


def test_a_dropped_table_is_made_again_for_a_reader_that_runs(
    context: RunContext, run: Execute
) -> None:
    run(SCRATCH)
    changed = SCRATCH.replace("SELECT x FROM", "SELECT y FROM")
    assert stale(changed, context) == {
        "create_scratch": "create_kept needs scratch again",
        "create_kept": "its text has changed",
        "drop_scratch": "create_kept runs again",
    }


GROWN = """
CREATE TABLE t AS SELECT 1 AS x;
INSERT INTO t SELECT 2;
CREATE TABLE seen AS SELECT * FROM t;
INSERT INTO t SELECT 3;
"""


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(("SELECT 2", "SELECT 20"), id="the insert"),
        pytest.param(("SELECT 3", "SELECT 30"), id="an insert after a reader"),
        pytest.param(
            ("SELECT * FROM t", "SELECT x AS y FROM t"), id="a reader of an earlier state"
        ),
    ],
)
def test_a_table_that_grows_is_made_from_its_beginning(
    context: RunContext, run: Execute, engine: Engine, edit: tuple[str, str]
) -> None:
    run(GROWN)
    changed = GROWN.replace(*edit)
    planned = plan(compile_program(changed), context)
    run(changed, *(item.step.name for item in planned if item.stale))
    first, second, third = (20 if "20" in changed else 2), 1, (30 if "30" in changed else 3)
    with engine.session() as session:
        assert sorted(session.read("SELECT x FROM t").read_all()["x"].to_pylist()) == sorted(
            [first, second, third]
        )
        seen = session.read("SELECT * FROM seen").read_all()
        assert sorted(seen.columns[0].to_pylist()) == sorted([first, second])
    assert stale(changed, context) == {}


def test_after_a_failure_only_the_rest_runs(context: RunContext, run: Execute) -> None:
    run(CHAIN, "create_a", "create_c")
    assert stale(CHAIN, context) == {"create_b": "never ran", "select_b": "never ran"}


def test_a_table_of_somebody_else_is_named(context: RunContext, run: Execute) -> None:
    replaces = "CREATE TABLE numbers AS SELECT 1 AS x; INSERT INTO numbers SELECT 2;"
    assert stale(replaces, context) == {
        "create_numbers": "never ran; replaces numbers, which is not its own",
        "insert_numbers": "never ran",
    }
    run(replaces, "create_numbers")
    assert stale(replaces, context) == {
        "create_numbers": "insert_numbers runs again",
        "insert_numbers": "never ran",
    }


def test_a_run_says_which_table_it_takes_over(context: RunContext, run: Execute) -> None:
    program = compile_program(
        "CREATE TABLE numbers AS SELECT 1 AS x; CREATE TABLE other AS SELECT 2 AS x;"
    )
    [warning] = taken_over(program, context, frozenset({0, 1}))
    assert warning.message == "this replaces numbers, which no run of this program has made"
    assert warning.severity is Severity.WARNING
    made = frozenset({ObjectRef(ObjectKind.TABLE, "numbers")})
    assert taken_over(program, context, frozenset({0, 1}), made=made) == []
    assert taken_over(program, context, frozenset({1})) == []
    run(program.source.text)
    assert taken_over(program, context, frozenset({0, 1})) == []


@pytest.mark.parametrize(
    ("annotation", "reasons"),
    [
        ("", {"create_a": "RANDOM() gives something else in each run"}),
        ("-- sqlflow: stable\n", {}),
    ],
    ids=["as it is", "declared stable"],
)
def test_a_statement_whose_result_changes_by_itself_is_never_up_to_date(
    context: RunContext, run: Execute, annotation: str, reasons: dict[str, str]
) -> None:
    text = f"{annotation}CREATE TABLE a AS SELECT random() AS r;"
    run(text)
    assert stale(text, context) == reasons
