"""TO RUN: a program of the allow-list beside the data source."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import StepError, TerminalError, TransientError
from sqlflow_dagster.runtime.context import (
    EXTERNAL_PROGRAMS_VARIABLE,
    RunContext,
    SilentProgress,
    allowed_programs,
)
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.rehearsal import rehearse
from sqlflow_dagster.runtime.results import StepResult

COPY = """
import os, sys
from sqlflow_dagster import open_engine
print("arguments:", *sys.argv[1:])
with open_engine(os.environ["SQLFLOW_DATASOURCE"]).session() as session:
    for table in os.environ["SQLFLOW_TO_RUN_INTO"].split(","):
        session.create_table_as(table.split("."), os.environ["SQLFLOW_TO_RUN_SELECT"])
"""


@dataclass
class Notes(SilentProgress):
    """Remembers what a step says."""

    lines: list[str] = field(default_factory=list)

    def note(self, message: str) -> None:
        self.lines.append(message)


Run = Callable[..., StepResult]


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """Writes a Python program; its path."""

    def write(text: str) -> str:
        path = tmp_path / "tool.py"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def run(context: RunContext, notes: Notes) -> Run:
    """Runs one statement with these programs allowed."""

    def run_statement(sql: str, *allowed: str) -> StepResult:
        [step] = compile_program(sql).steps
        return execute(step, replace(context, external_programs=allowed, progress=notes))

    return run_statement


def test_it_gets_its_statement_and_its_tables_are_looked_at(
    run: Run, program: Callable[[str], str], notes: Notes
) -> None:
    sql = "SELECT * FROM numbers WHERE x < 3 TO RUN an/image:v1 CMD 'tool.py', '--n=1 $HOME; ls' INTO shop.a, b"
    result = run(sql, program(COPY))
    assert [(table.name, table.rows) for table in result.tables] == [
        (("shop", "a"), 3),
        (("b",), 3),
    ]
    assert notes.lines == ["running tool.py --n=1 $HOME; ls", "arguments: --n=1 $HOME; ls"]


def test_what_it_is_told(run: Run, program: Callable[[str], str], notes: Notes) -> None:
    told = "import os\nfor k in sorted(os.environ):\n  if k.startswith('SQLFLOW_TO'): print(k, os.environ[k])"
    run('SELECT * FROM numbers TO RUN hub.io/an/image:v1 CMD "tool.py"', program(told))
    assert notes.lines[1:] == [
        "SQLFLOW_TO_RUN_IMAGE hub.io/an/image:v1",
        "SQLFLOW_TO_RUN_INTO",
        "SQLFLOW_TO_RUN_SELECT SELECT * FROM numbers",
    ]


def test_what_stands_in_force_before_it_is_told_too(
    context: RunContext, program: Callable[[str], str], notes: Notes
) -> None:
    path = program("import os; print(os.environ['SQLFLOW_TO_RUN_SESSION'])")
    sql = 'USE shop; SELECT * FROM orders TO RUN img CMD "tool.py"'
    [step] = compile_program(sql).steps
    execute(step, replace(context, external_programs=(path,), progress=notes))
    assert notes.lines[1:] == ["USE shop"]


def test_a_module_and_a_program_on_path(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: Notes
) -> None:
    (tmp_path / "a_module.py").write_text("print('a module')")
    tool = tmp_path / "a-tool"
    tool.write_text("#!/bin/sh\necho a program: $1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    allowed = ("a_module.py", "a-tool")
    run('SELECT * FROM numbers TO RUN img CMD "a_module.py"', *allowed)
    run('SELECT * FROM numbers TO RUN img CMD "a-tool", "yes"', *allowed)
    assert [line for line in notes.lines if not line.startswith("running")] == [
        *("a module", "a program: yes"),
    ]


REFUSED = {
    "nothing is allowed": ('CMD "tool.py"', (), "the program 'tool.py' may not be run here"),
    "another one is allowed": (
        *('CMD "tool.py"', ("tools.py",)),
        "the program 'tool.py' may not be run here",
    ),
    "by a path that was not allowed": (
        *('CMD "/bin/sh", "-c", "true"', ("bin/sh", "sh")),
        "the program '/bin/sh' may not be run here",
    ),
    "no program is named": ("", ("tool.py",), "TO RUN has no CMD"),
}


@pytest.mark.parametrize(("command", "allowed", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_allowed_is_refused_before_anything_runs(
    command: str, allowed: Sequence[str], message: str, context: RunContext
) -> None:
    context = replace(context, external_programs=allowed)
    statement = f"SELECT * FROM numbers TO RUN img {command} INTO r"
    compiled = compile_program(f"CREATE TABLE a AS SELECT * FROM numbers; {statement}")
    [problem] = rehearse(compiled, context)
    assert problem.message.startswith(message)
    assert problem.span is not None
    assert problem.span.text == statement
    with pytest.raises(TerminalError, match=message):
        execute(compiled.steps[1], context)


FAILED = {
    "a code": (
        *("import sys; print('no such day'); sys.exit(3)", TerminalError),
        "ended with code 3\nno such day",
    ),
    "a code that is worth another attempt": (
        *("import sys; sys.exit(75)", TransientError),
        "ended with code 75\nit wrote nothing",
    ),
    "a signal": (
        *("import os; os.kill(os.getpid(), 9)", TerminalError),
        "was ended by SIGKILL\nit wrote nothing",
    ),
    "a traceback": ("int('x')", TerminalError, "ValueError: invalid literal"),
    "no table": ("print('done')", TerminalError, "tool.py ended well and did not write r"),
}


@pytest.mark.parametrize(("text", "kind", "message"), FAILED.values(), ids=FAILED.keys())
def test_how_it_fails(
    text: str,
    kind: type[StepError],
    message: str,
    run: Run,
    program: Callable[[str], str],
) -> None:
    with pytest.raises(kind) as caught:
        run('SELECT * FROM numbers TO RUN img CMD "tool.py" INTO r', program(text))
    assert type(caught.value) is kind
    assert message in caught.value.message


def test_only_its_last_lines_are_in_the_error_and_no_password(
    context: RunContext, program: Callable[[str], str], notes: Notes
) -> None:
    path = program(
        "import os; [print(n, os.environ['SQLFLOW_DATASOURCE']) for n in range(99)]; 1/0"
    )
    [step] = compile_program('SELECT * FROM numbers TO RUN img CMD "tool.py" INTO r').steps
    secret = replace(
        *(context,),
        datasource="postgresql://me:hush@host/db",
        external_programs=(path,),
        progress=notes,
    )
    with pytest.raises(TerminalError) as caught:
        execute(step, secret)
    assert "97 postgresql://me:***@host/db" in caught.value.message
    assert "\n80 " not in caught.value.message
    assert "0 postgresql://me:***@host/db" in notes.lines
    assert "hush" not in "".join([caught.value.message, repr(secret), *notes.lines])


def test_a_program_that_is_not_there(run: Run) -> None:
    with pytest.raises(TerminalError, match="is allowed and not there"):
        run('SELECT * FROM numbers TO RUN img CMD "no-such-tool"', "no-such-tool")


def test_the_allow_list_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EXTERNAL_PROGRAMS_VARIABLE, raising=False)
    assert allowed_programs() == ()
    monkeypatch.setenv(EXTERNAL_PROGRAMS_VARIABLE, "a.py::/opt/b")
    assert allowed_programs() == ("a.py", "/opt/b")


STEP = """
import sys
from dataclasses import replace
from sqlflow_dagster import compile_program, execute, open_context
[step] = compile_program("SELECT * FROM numbers TO RUN img CMD 'tool.py'").steps
execute(step, replace(open_context(sys.argv[1]), external_programs=(sys.argv[2],)))
"""


def test_what_ends_the_step_ends_the_program(
    datasource: str, program: Callable[[str], str], tmp_path: Path
) -> None:
    started = tmp_path / "started"
    path = program(
        f"import os, time, pathlib\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", STEP, datasource, path]) as process:
        deadline = time.monotonic() + 60
        while not (started.exists() and started.read_text()) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
