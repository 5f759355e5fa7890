"""The demo of the README: data, two trained models, their evaluation, and how to see it all in the browser.

Run by ``make demo``. Where PyTorch is not installed, the program without the neural network is used.
"""

import argparse
import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
JOB = "iris"
PAGE = f"http://127.0.0.1:3000/locations/sqlflow_dagster.definitions/asset-groups/{JOB}/lineage"


def settings(folder: Path) -> dict[str, str]:
    """What the demo's commands are told; nothing of the reader's own settings counts."""
    examples = ROOT / "examples"
    iris = examples / "iris.sql"
    if importlib.util.find_spec("torch") is None:
        iris = examples / "no_torch" / "iris.sql"
    return {
        "DAGSTER_HOME": str(folder / ".dagster"),
        "SQLFLOW_DATASOURCE": f"duckdb:///{database(folder)}",
        "SQLFLOW_PROGRAMS": os.pathsep.join(map(str, (iris, examples / "housing.sql"))),
    }


def database(folder: Path) -> Path:
    """The file of the demo's data."""
    return folder / "sqlflow.duckdb"


def run(*command: str, environment: dict[str, str]) -> None:
    """Run a command of this environment in the checkout; its failure ends the demo."""
    print(f"\n$ {shlex.join(command)}", flush=True)
    inherited = {name: value for name, value in os.environ.items() if name[:8] != "SQLFLOW_"}
    full = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(full, cwd=ROOT, env={**inherited, **environment}, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def accuracy(folder: Path) -> float:
    """Print the evaluation table; its accuracy."""
    import duckdb

    with duckdb.connect(str(database(folder)), read_only=True) as connection:
        table = connection.sql("SELECT * FROM iris.evaluation")
        print(f"\niris.evaluation\n{table}")
        return float(connection.sql("SELECT accuracy_score FROM iris.evaluation").fetchall()[0][0])


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description="Load data, train, evaluate, name the page.")
    parser.add_argument(
        "--folder", type=Path, default=ROOT, help="holds .dagster and the data; the checkout"
    )
    parser.add_argument(
        "--lowest-accuracy", type=float, default=0.9, help="the demo fails below it; 0.9"
    )
    arguments = parser.parse_args()
    environment = settings(arguments.folder.resolve())
    if "no_torch" in environment["SQLFLOW_PROGRAMS"]:
        print("PyTorch is not installed (its CPU build is pinned for Python 3.11 only):")
        print("the demo runs examples/no_torch/iris.sql, without the DNNClassifier.")
    run("sqlflow", "demo-data", environment=environment)
    run(
        *("dagster", "job", "execute", "-m", "sqlflow_dagster.definitions", "-j", JOB),
        *("-c", "deploy/local/quiet.yaml"),
        environment=environment,
    )
    reached = accuracy(arguments.folder)
    if reached < arguments.lowest_accuracy:
        sys.exit(f"the accuracy is {reached:.3f}, below {arguments.lowest_accuracy}")
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    command = f"cd {shlex.quote(str(ROOT))} && {variables} .venv/bin/dagster dev -w workspace.yaml"
    print(f"\nAccuracy {reached:.3f}. To see the tables and models as assets, run\n\n  {command}")
    print(f"\nand open {PAGE}")


if __name__ == "__main__":
    main()
