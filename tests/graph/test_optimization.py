"""What is read from a statement that optimises."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.optimization import DOMAINS, Optimization, read_optimization
from sqlflow_dagster.lang.statements import OptimizeStatement


def read(clause: str, attributes: str) -> Optimization:
    [step] = compile_program(f"SELECT * FROM t TO {clause} WITH {attributes} INTO r").steps
    assert isinstance(step.statement, OptimizeStatement)
    return read_optimization(step.statement)


@pytest.mark.parametrize(
    ("variables", "keys", "column"),
    [
        pytest.param('"x(a, b)"', ("a", "b"), "x", id="a name of its own"),
        pytest.param("x(a, b)", ("a", "b"), "x", id="without quotes"),
        pytest.param('"x"', ("x",), "x_value", id="a key that is the variable"),
        pytest.param('"x(t.X)"', ("X",), "x_value", id="of another case, with its table"),
        pytest.param('"x(x, x_VALUE)"', ("x", "x_VALUE"), "x_value_1", id="both names are taken"),
    ],
)
def test_the_columns_of_the_solution(variables: str, keys: tuple[str, ...], column: str) -> None:
    found = read("MAXIMIZE SUM(x)", f"variables = {variables}, var_type = Binary")
    assert (found.keys, found.result_column) == (keys, column)


@pytest.mark.parametrize("name", [domain.name for domain in DOMAINS.values()])
def test_types_are_those_of_pyomo(name: str) -> None:
    import pyomo.environ as pyo

    found = read("MINIMIZE SUM(x)", f'variables = "x", var_type = "{name.upper()}"').domain
    theirs = getattr(pyo, name)
    lower, upper = theirs.bounds()
    infinity = float("inf")
    assert found.name == name
    assert found.integer == theirs.get_interval()[2] if name != "Boolean" else found.integer
    assert (found.lower, found.upper) == (
        -infinity if lower is None else lower,
        infinity if upper is None else upper,
    )
