"""Ctrl-C while a program of TO RUN works."""

import os
import signal
import subprocess
import time

from sqlflow_dagster.runtime.context import EXTERNAL_PROGRAMS_VARIABLE
from tests.cli.command import Sqlflow

# A module of the directory that the command runs in, with a process of its own.
ENDLESS = """
import subprocess
child = subprocess.Popen(["sleep", "600"])
print("waiting for", child.pid)
child.wait()
"""


def test_ctrl_c_ends_the_program_and_all_that_it_started(sqlflow: Sqlflow) -> None:
    sqlflow.write("endless.py", ENDLESS)
    sqlflow.write("p.sql", 'SELECT * FROM numbers TO RUN img CMD "endless.py"')
    process = sqlflow.start("run", "p.sql", environment={EXTERNAL_PROGRAMS_VARIABLE: "endless.py"})
    assert process.stderr is not None
    seen = ""
    while "waiting for" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    child = int(seen.split()[-1])
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    deadline = time.monotonic() + 20
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(process: int) -> bool:
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()[:1] not in {"", "Z"}
