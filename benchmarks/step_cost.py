"""What a step of a run costs beside its own work: our default executor against Dagster's default.

A chain of ten statements that take milliseconds each is run by ``dagster job execute``, once with the executor
of ``definitions_from_sql`` and once with Dagster's own, which starts a fresh interpreter for each step.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = 10
TARGET = 0.6
DEFINITIONS = """\
import os
import dagster as dg
from sqlflow_dagster import definitions_from_sql

kind = os.environ["EXECUTOR"] or None
defs = dg.Definitions.merge(
    definitions_from_sql("chain.sql", datasource="duckdb:///chain.duckdb", executor_kind=kind),
    dg.Definitions(executor=None if kind else dg.multiprocess_executor),
)
"""


def main() -> None:
    """Print the seconds a step of both, and their ratio; fail where ours is over the target."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        statements = [f"CREATE TABLE t{n} AS SELECT * FROM t{n - 1};" for n in range(1, STEPS)]
        program = "\n".join(["CREATE TABLE t0 AS SELECT 1 AS n;", *statements])
        (directory / "chain.sql").write_text(program, encoding="utf-8")
        (directory / "definitions.py").write_text(DEFINITIONS, encoding="utf-8")
        ours = cost(directory, "multiprocess")
        default = cost(directory, "")
    print(f"sqlflow_dagster  {ours:.2f} s a step")
    print(f"Dagster's spawn  {default:.2f} s a step")
    print(f"ratio            {default / ours:.1f}")
    if ours > TARGET:
        sys.exit(f"more than {TARGET} s a step")


def cost(directory: Path, executor: str) -> float:
    """The seconds of a step of a run, without those that its statement took."""
    import dagster as dg

    home = directory / f"home_{executor or 'default'}"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    command = [Path(sys.executable).with_name("dagster"), "job", "execute"]
    subprocess.run(
        [*command, "-f", "definitions.py", "-j", "chain"],
        cwd=directory,
        env={**os.environ, "DAGSTER_HOME": str(home), "EXECUTOR": executor},
        check=True,
        capture_output=True,
    )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (record,) = instance.get_run_records()
        made = [
            event.event_log_entry.asset_materialization
            for event in instance.get_records_for_run(record.dagster_run.run_id).records
            if event.event_log_entry.asset_materialization
        ]
    assert len(made) == STEPS
    assert record.start_time is not None
    assert record.end_time is not None
    working = sum(item.metadata["seconds"].value for item in made)
    return (record.end_time - record.start_time - working) / STEPS


if __name__ == "__main__":
    main()
