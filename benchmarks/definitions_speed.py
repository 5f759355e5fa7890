"""How long it takes to load the definitions of programs with 1,000 assets in all.

What Dagster does at every load of the code location: compile the files, make the assets, resolve their
graph and their jobs. Imports are counted apart, for every code location pays them. Run it with
``python benchmarks/definitions_speed.py``; it exits with 1 where a load takes longer than its limit.
"""

import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = 20
TABLES = 49
LIMIT_SECONDS = 5.0


def program(number: int) -> str:
    """A chain of tables with a join now and then, and a model over the last of them."""
    lines = [f"CREATE TABLE p{number}_t0 AS SELECT * FROM source_{number};"]
    for index in range(1, TABLES):
        other = f" JOIN p{number}_t{index // 2} AS o USING (id)" if index % 5 == 0 else ""
        lines.append(
            f"CREATE TABLE p{number}_t{index} AS SELECT t.id, t.x + {index} AS x, t.y "
            f"FROM p{number}_t{index - 1} AS t{other};"
        )
    lines.append(
        f"SELECT x, y FROM p{number}_t{TABLES - 1} TO TRAIN xgboost.gbtree "
        f"WITH objective='reg:squarederror' LABEL y INTO model_{number};"
    )
    return "\n".join(lines)


def main() -> int:
    """Print the seconds; 1 where they are above the limit."""
    start = time.perf_counter()
    import dagster  # noqa: F401

    from sqlflow_dagster import definitions_from_sql

    imported = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PROGRAMS):
            Path(folder, f"p{number}.sql").write_text(program(number), encoding="utf-8")
        written = time.perf_counter()
        definitions = definitions_from_sql(
            f"{folder}/*.sql", datasource=f"duckdb:///{folder}/data.duckdb"
        )
        repository = definitions.get_repository_def()
        jobs = [repository.get_job(name) for name in repository.job_names]
        loaded = time.perf_counter()
    assets = sum(1 for node in repository.asset_graph.asset_nodes if node.is_materializable)
    seconds = loaded - written
    print(
        f"{assets} assets, {len(jobs)} jobs: loaded in {seconds:.2f} s (limit {LIMIT_SECONDS:.0f} s), "
        f"after {imported - start:.2f} s of imports"
    )
    return int(seconds > LIMIT_SECONDS or assets < 1_000)


if __name__ == "__main__":
    sys.exit(main())
