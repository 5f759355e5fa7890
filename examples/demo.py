"""The demo of the README: data, two trained models, their evaluation, and how to see it all in the browser.

Run by ``make demo``. Where PyTorch is not installed, the program without the neural network is used.
"""

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
DATABASE = ROOT / "sqlflow.duckdb"
LOWEST_ACCURACY = 0.9
JOB = "iris"
PAGE = f"http://127.0.0.1:3000/locations/sqlflow_dagster.definitions/asset-groups/{JOB}/lineage"


def settings() -> dict[str, str]:
    """The environment of the demo's commands, where it differs from the reader's own."""
    chosen = {"DAGSTER_HOME": str(ROOT / ".dagster")}
    if importlib.util.find_spec("torch") is None:
        folder = ROOT / "examples"
        programs = [folder / "no_torch" / "iris.sql", folder / "housing.sql"]
        chosen["SQLFLOW_PROGRAMS"] = os.pathsep.join(map(str, programs))
    return chosen


def run(*command: str, environment: dict[str, str]) -> None:
    """Run a command of this environment in the checkout; its failure ends the demo."""
    print(f"\n$ {shlex.join(command)}", flush=True)
    full = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(full, cwd=ROOT, env={**os.environ, **environment}, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def accuracy() -> float:
    """Print the evaluation table; its accuracy."""
    import duckdb

    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        table = connection.sql("SELECT * FROM iris.evaluation")
        print(f"\niris.evaluation\n{table}")
        return float(connection.sql("SELECT accuracy_score FROM iris.evaluation").fetchall()[0][0])


def main() -> None:
    """Run the demo."""
    environment = settings()
    if "SQLFLOW_PROGRAMS" in environment:
        print("PyTorch is not installed (its CPU build is pinned for Python 3.11 only):")
        print("the demo runs examples/no_torch/iris.sql, without the DNNClassifier.")
    environment["SQLFLOW_DATASOURCE"] = f"duckdb:///{DATABASE}"
    run("sqlflow", "demo-data", environment=environment)
    run(
        *("dagster", "job", "execute", "-m", "sqlflow_dagster.definitions", "-j", JOB),
        *("-c", "deploy/local/quiet.yaml"),
        environment=environment,
    )
    reached = accuracy()
    if reached < LOWEST_ACCURACY:
        sys.exit(f"the accuracy is {reached:.3f}, below {LOWEST_ACCURACY}")
    shown = {name: value for name, value in environment.items() if name != "SQLFLOW_DATASOURCE"}
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in shown.items())
    command = f"cd {shlex.quote(str(ROOT))} && {variables} .venv/bin/dagster dev -w workspace.yaml"
    print(f"\nAccuracy {reached:.3f}. To see the tables and models as assets, run\n\n  {command}")
    print(f"\nand open {PAGE}")


if __name__ == "__main__":
    main()
