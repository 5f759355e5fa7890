"""TO RUN, TO MAXIMIZE and TO MINIMIZE compile; that they cannot be run is said before anything runs."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.rehearsal import rehearse

STATEMENTS = pytest.mark.parametrize(
    ("clause", "verb"),
    [
        pytest.param('TO RUN my/image CMD "a.py" INTO r', "RUN", id="run"),
        pytest.param('TO MAXIMIZE x WITH variables = "x" INTO r', "MAXIMIZE", id="maximize"),
        pytest.param('TO MINIMIZE x WITH variables = "x" INTO r', "MINIMIZE", id="minimize"),
    ],
)


@STATEMENTS
def test_the_rehearsal_tells(clause: str, verb: str, context: RunContext) -> None:
    sql = f"CREATE TABLE a AS SELECT * FROM numbers; SELECT * FROM numbers {clause};"
    program = compile_program(sql)
    assert program.diagnostics == ()
    [problem] = rehearse(program, context)
    assert problem.message == f"TO {verb} cannot be run by this version"
    assert problem.span is not None
    assert problem.span.text == f"SELECT * FROM numbers {clause}"
    assert problem.hint


@STATEMENTS
def test_the_step_tells(clause: str, verb: str, context: RunContext) -> None:
    [step] = compile_program(f"SELECT * FROM numbers {clause}").steps
    with pytest.raises(TerminalError, match=f"TO {verb} cannot be run") as caught:
        execute(step, context)
    assert caught.value.span is not None
    assert caught.value.span.line == 1
