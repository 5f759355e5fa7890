"""Run the property tests at full size and record the result in RESULTS.md.

10,000 random programs on each engine for each property of the order of steps, and 100,000 fuzzed inputs of
the compiler, where the tests of every day run 300 and 2,000. ``make properties`` runs it; give a seed to
repeat a run: ``python benchmarks/properties.py 12345``.
"""

import datetime
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from results_page import record

ROOT = Path(__file__).parent.parent


def run(seed: int, report: Path) -> int:
    """Run the tests; pytest's exit code."""
    command = [
        *(sys.executable, "-m", "pytest", "tests/properties", "--quiet", "--timeout=0"),
        *(
            "--numprocesses=auto",
            "--dist=load",
            f"--hypothesis-seed={seed}",
            f"--junitxml={report}",
        ),
    ]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "SQLFLOW_PROPERTIES": "full"}, check=False
    ).returncode


def table(report: Path) -> str:
    """A row for each test: how it ended and how long it took."""
    rows = []
    for case in ET.parse(report).getroot().iter("testcase"):
        failed = case.find("failure") is not None or case.find("error") is not None
        result = "failed" if failed else "passed"
        rows.append(f"| `{case.get('name')}` | {result} | {float(case.get('time', 0)):.0f} s |")
    return "\n".join(["| test | result | time |", "|---|---|---|", *sorted(rows)])


def main() -> int:
    """Run, record, and end as pytest ended."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(2**32)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        code = run(seed, report)
        found = table(report)
    minutes = (time.monotonic() - start) / 60
    day = datetime.datetime.now(datetime.UTC).date()
    record(
        "Properties",
        f"`make properties`, {day}, seed {seed}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {minutes:.0f} minutes: 10,000 random programs on each engine for each "
        f"property, 100,000 fuzzed inputs.\n\n{found}",
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
