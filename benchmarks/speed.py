"""Run every benchmark of speed and memory and record what it printed in RESULTS.md.

``make bench`` runs it; a script that misses its target ends it, and nothing is recorded.
"""

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

from results_page import record

FOLDER = Path(__file__).parent
SCRIPTS: tuple[tuple[str, ...], ...] = (
    ("compile_speed.py",),
    ("lineage_speed.py",),
    ("scan_speed.py",),
    ("definitions_speed.py",),
    ("step_cost.py",),
    ("network_speed.py",),
    ("training_speed.py",),
    ("training_speed.py", "--external"),
    ("engine_speed.py",),
)


def printed(script: tuple[str, ...]) -> str:
    """What a script prints, shown as it comes."""
    print(f"== {' '.join(script)}", flush=True)
    command = [sys.executable, str(FOLDER / script[0]), *script[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        sys.exit(process.returncode)
    return "".join(lines)


def main() -> None:
    """Run all, then record."""
    found = "\n".join(
        f"### {' '.join(script)}\n\n```\n{printed(script)}```\n" for script in SCRIPTS
    )
    day = datetime.datetime.now(datetime.UTC).date()
    record(
        "Speed and memory",
        f"`make bench`, {day}, {os.cpu_count()} cores, Python {platform.python_version()}. "
        f"Ratios are of times within one run; docstrings of the scripts say what is compared.\n\n{found}",
    )


if __name__ == "__main__":
    main()
