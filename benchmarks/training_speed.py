"""Training and predicting against a script written by hand: duckdb and xgboost, nothing else.

One million rows of twenty numbers in a DuckDB file, 50 rounds. Both ways read the same rows, train the same
trees and write the same predictions, each in a process of its own, in turns; what counts is the best of three.
Ours also measures the features, judges the model on its rows, fingerprints them, and keeps the model in the
data source. Memory is what the process took at most, less what it had taken after its imports.

With ``--external`` 20 million rows are trained on with ``train.external_memory``: how much memory that takes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from memory import peak

ROWS = 1_000_000
EXTERNAL_ROWS = 20_000_000
COLUMNS = 20
ROUNDS = 50
TURNS = 3
MOST = {"train": 1.10, "predict": 1.25, "memory": 1.10}
MOST_EXTERNAL_MB = 2048
PARAMETERS = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.3}
NAMES = [f"x{index}" for index in range(COLUMNS)]


def main() -> None:
    """Print the ratios; fail where one is over its target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--external", action="store_true")
    parser.add_argument("--way", choices=("hand", "ours", "external"), help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        way = {"hand": by_hand, "ours": by_us, "external": from_a_file}[options.way]
        print(json.dumps(way(options.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "rows.duckdb"))
        if options.external:
            make_rows(file, EXTERNAL_ROWS if options.rows == ROWS else options.rows)
            external(file)
        else:
            make_rows(file, options.rows)
            compare(file)


def compare(file: str) -> None:
    """Both ways in turns."""
    found: dict[str, list[dict[str, float]]] = {"hand": [], "ours": []}
    for _ in range(TURNS):
        for way, measured in found.items():
            measured.append(process(way, file))
    best = {
        way: {name: min(item[name] for item in measured) for name in measured[0]}
        for way, measured in found.items()
    }
    over = []
    for name, unit in (("train", "s"), ("predict", "s"), ("memory", "MB")):
        hand, ours = best["hand"][name], best["ours"][name]
        print(
            f"{name:8} by hand {hand:8.2f} {unit:2}  ours {ours:8.2f} {unit:2}  {ours / hand:.2f}"
        )
        if ours / hand > MOST[name]:
            over.append(f"{name}: more than {MOST[name]}")
    cpu = best["ours"]["train_cpu"] / best["hand"]["train_cpu"]
    print(f"processor time of the training: {cpu:.2f}")
    if over:
        sys.exit("; ".join(over))


def external(file: str) -> None:
    """Rows that do not fit."""
    measured = process("external", file)
    print(f"{measured['train']:.0f} s, {measured['memory']:.0f} MB above the imports")
    if measured["memory"] > MOST_EXTERNAL_MB:
        sys.exit(f"more than {MOST_EXTERNAL_MB} MB")


def process(way: str, file: str) -> dict[str, float]:
    """What a way takes in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--file", file]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_rows(file: str, rows: int) -> None:
    """Numbers, and a label that follows from some of them."""
    import duckdb

    columns = ", ".join(f"random() AS {name}" for name in NAMES)
    with duckdb.connect(file) as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            f"CREATE TABLE rows AS SELECT *, CAST(x0 + x1 * x2 + 0.2 * x19 > 0.8 AS INTEGER) AS y "
            f"FROM (SELECT {columns} FROM range({rows}))"
        )


def by_hand(file: str) -> dict[str, float]:
    """The script that somebody would write."""
    import duckdb
    import numpy as np
    import pyarrow as pa
    import xgboost as xgb

    def matrix(connection: duckdb.DuckDBPyConnection, names: list[str]) -> np.ndarray:
        table = connection.sql(f"SELECT {', '.join(names)} FROM rows").to_arrow_table()
        found = np.empty((len(table), len(names)), dtype=np.float32)
        for index in range(len(names)):
            found[:, index] = table.column(index).to_numpy()
        return found

    def train() -> None:
        with duckdb.connect(file, read_only=True) as connection:
            rows = matrix(connection, [*NAMES, "y"])
        data = xgb.QuantileDMatrix(rows[:, :-1], rows[:, -1])
        booster = xgb.train(PARAMETERS, data, ROUNDS, evals=[(data, "train")], verbose_eval=False)
        booster.save_model(f"{file}.ubj")

    def predict() -> None:
        booster = xgb.Booster(model_file=f"{file}.ubj")
        with duckdb.connect(file) as connection:
            table = connection.sql("SELECT * FROM rows").to_arrow_table()
            rows = np.empty((len(table), COLUMNS), dtype=np.float32)
            for index, name in enumerate(NAMES):
                rows[:, index] = table.column(name).to_numpy()
            guess = booster.inplace_predict(rows) > 0.5
            answers = table.drop_columns(["y"]).append_column("y", pa.array(guess.astype(np.int64)))
            connection.execute("CREATE OR REPLACE TABLE hand AS SELECT * FROM answers")
            assert answers.num_rows

    return measured(train, predict)


def by_us(file: str) -> dict[str, float]:
    """The statements."""
    train, predict = statements(
        file,
        f"""
        SELECT * FROM rows TO TRAIN xgboost.gbtree
        WITH objective="binary:logistic", max_depth=6, eta=0.3, train.num_boost_round={ROUNDS}
        LABEL y INTO ours_model;
        SELECT * FROM rows TO PREDICT ours.y USING ours_model;
        """,
    )
    return measured(train, predict)


def from_a_file(file: str) -> dict[str, float]:
    """The statement that trains on rows that do not fit."""
    (train,) = statements(
        file,
        f"""
        SELECT * FROM rows TO TRAIN xgboost.gbtree
        WITH objective="binary:logistic", train.num_boost_round={ROUNDS // 5},
             train.external_memory=true
        LABEL y INTO big;
        """,
    )
    return measured(train, lambda: None)


def statements(file: str, program: str) -> list[Callable[[], object]]:
    """What runs the steps of a program, with everything imported."""
    from functools import partial

    import duckdb_sqlalchemy
    import xgboost

    import sqlflow_dagster.ml.trainers.xgboost
    from sqlflow_dagster import compile_program
    from sqlflow_dagster.runtime.context import open_context
    from sqlflow_dagster.runtime.execute import execute

    imported = (duckdb_sqlalchemy, xgboost, sqlflow_dagster.ml.trainers.xgboost)
    assert all(imported)
    context = open_context(f"duckdb:///{file}")
    return [partial(execute, step, context) for step in compile_program(program).steps]


def measured(train: Callable[[], object], predict: Callable[[], object]) -> dict[str, float]:
    """Seconds of both, and the most memory above that of now, in MB."""
    before = peak()
    started, cpu = time.perf_counter(), time.process_time()
    train()
    trained, trained_cpu = time.perf_counter(), time.process_time()
    predict()
    done = time.perf_counter()
    return {
        "train": trained - started,
        "train_cpu": trained_cpu - cpu,
        "predict": done - trained,
        "memory": peak() - before,
    }


if __name__ == "__main__":
    main()
