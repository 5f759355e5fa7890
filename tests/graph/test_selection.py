import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.graph.selection import select_from, select_steps

PROGRAM = compile_program(
    """
    CREATE TABLE s.a AS SELECT * FROM raw;
    CREATE TABLE s.b AS SELECT * FROM s.a;
    CREATE TABLE s.c AS SELECT * FROM s.b;
    CREATE TABLE other AS SELECT * FROM raw;
    SELECT * FROM s.b TO TRAIN xgboost.gbtree WITH objective="reg:squarederror" LABEL y INTO m;
    """
)
GROWING = compile_program(
    """
    CREATE TABLE t AS SELECT 1 AS x;
    CREATE TABLE seen AS SELECT * FROM t;
    INSERT INTO t SELECT 2;
    """
)


def chosen(*selectors: str) -> set[str]:
    return {PROGRAM.steps[index].name for index in select_steps(PROGRAM, selectors)}


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        pytest.param(["s.b"], {"create_s_b"}, id="a table"),
        pytest.param(["m"], {"train_m"}, id="a model"),
        pytest.param(["create_other"], {"create_other"}, id="a step"),
        pytest.param(
            ["+s.c"], {"create_s_a", "create_s_b", "create_s_c"}, id="what it is made from"
        ),
        pytest.param(["s.b+"], {"create_s_b", "create_s_c", "train_m"}, id="what is made from it"),
        pytest.param(
            ["+s.b+"], {"create_s_a", "create_s_b", "create_s_c", "train_m"}, id="both directions"
        ),
        pytest.param(["s.a", "other"], {"create_s_a", "create_other"}, id="several"),
    ],
)
def test_selects(selectors: list[str], names: set[str]) -> None:
    assert chosen(*selectors) == names


@pytest.mark.parametrize(
    ("selector", "steps"),
    [
        # Alone, it would add its rows to those that it has added before.
        pytest.param("t", {0, 2}, id="what adds to a table brings along what makes it"),
        # Alone, it would take back what was added.
        pytest.param("t__v1", {0, 2}, id="what makes a table brings along what adds to it"),
        # Alone, it would see the rows that were added after it.
        pytest.param("seen", {0, 1, 2}, id="the reader of an earlier version brings all versions"),
    ],
)
def test_the_versions_of_a_table_are_made_together(selector: str, steps: set[int]) -> None:
    assert select_steps(GROWING, [selector]) == steps


def test_an_unknown_name_is_an_error_that_knows_better() -> None:
    with pytest.raises(CompileError) as caught:
        select_steps(PROGRAM, ["s.cc", "+modell"])
    first, second = caught.value.diagnostics
    assert first.message == "nothing of the program is called 's.cc'"
    assert first.hint == "did you mean 's.c'?"
    assert second.message == "nothing of the program is called 'modell'"
    assert second.hint is not None
    assert second.hint.startswith("known: create_other, create_s_a")


def test_a_name_of_one_of_several_programs_selects_nothing_of_the_others() -> None:
    assert select_from([PROGRAM, GROWING], ["m", "t"]) == [frozenset({4}), frozenset({0, 2})]


def test_a_name_of_none_of_several_programs_is_an_error() -> None:
    with pytest.raises(CompileError, match="nothing of the programs is called 'nowhere'"):
        select_from([PROGRAM, GROWING], ["nowhere"])


def test_a_long_chain_is_walked_to_its_start() -> None:
    lines = ["CREATE TABLE t0 AS SELECT 1 AS x;"]
    lines += [f"CREATE TABLE t{i} AS SELECT * FROM t{i - 1};" for i in range(1, 1500)]
    program = compile_program("\n".join(lines))
    assert select_steps(program, ["+t1499"]) == frozenset(range(1500))
