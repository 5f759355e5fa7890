"""How fast programs are split, in every dialect, and whether twice the statements take twice the time.

Run it with ``python benchmarks/scan_speed.py``; it exits with 1 where a dialect is below the limit or the
time grows faster than the text. Times are those of the processor, the best of the rounds:
other work on the machine only adds.
"""

import sys
import time

from sqlflow_dagster.lang.dialects import LEXIS
from sqlflow_dagster.lang.scanner import scan
from sqlflow_dagster.source import Source

STATEMENTS = 2_000
ROUNDS = 7
LEAST = 8.0
"""Megabytes a second."""
MOST = 3.0
"""The time of twice the statements, in times of the first. Quadratic would be 4."""


def report(number: int) -> str:
    """A report of the size of TPC-H's queries."""
    return f"""
-- report {number}; one of many
INSERT INTO report_{number % 50}
WITH recent AS (
  SELECT o.id, o.customer, o.price * (1 - o.discount) / 2 AS amount, c.region
  FROM orders_{number % 20} AS o JOIN customers AS c ON o.customer = c.id
  WHERE o.day >= DATE '2026-01-01' AND o.status NOT IN ('void', 'te;st', 'it''s')
)
SELECT r.region, p.kind, count(*) AS n, sum(r.amount) AS total, /* by; place */
       rank() OVER (PARTITION BY r.region ORDER BY sum(r.amount) DESC) AS place
FROM recent AS r LEFT JOIN products AS p ON p.id = r.id AND p.price BETWEEN 1 AND 100
GROUP BY r.region, p.kind HAVING count(*) > {number} ORDER BY total DESC LIMIT 100"""


def training(number: int) -> str:
    """A training on the rows of a SELECT."""
    return f"""
SELECT a, b, 'x;y' AS c, label FROM prepared_{number} WHERE a > {number}
TO TRAIN xgboost.gbtree WITH objective = "binary:logistic", train.num_boost_round = 30
COLUMN a, b LABEL label INTO model_{number}"""


def procedure(number: int) -> str:
    """A procedure with a body."""
    return f"""
CREATE PROCEDURE p{number}() BEGIN
  UPDATE t SET a = CASE WHEN b > {number} THEN 'x;' ELSE 'y' END; DELETE FROM u WHERE a IS NULL;
END"""


KINDS = {"report": report, "training": training, "procedure": procedure}


def best(text: str, dialect: str) -> float:
    """The shortest time of a scan in seconds."""
    source, times = Source(text=text), []
    for _ in range(ROUNDS):
        start = time.process_time()
        pieces, problems = scan(source, dialect)
        times.append(time.process_time() - start)
        assert not problems
        assert len(pieces) >= STATEMENTS
    return min(times)


def main() -> int:
    """Print MB/s and the ratio for each dialect; 1 where a limit is missed."""
    failed = False
    for kind, write in KINDS.items():
        end = "\n/\n" if kind == "procedure" else ";\n"
        for dialect in LEXIS:
            separator = end if LEXIS[dialect].slash_lines else ";\n"
            statements = [write(number) for number in range(2 * STATEMENTS)]
            once, twice = separator.join(statements[:STATEMENTS]), separator.join(statements)
            seconds = best(once, dialect)
            speed, ratio = len(once) / seconds / 1e6, best(twice, dialect) / seconds
            missed = ratio > MOST or speed < LEAST
            failed |= missed
            print(
                f"{kind:9} {dialect:10} {speed:6.1f} MB/s, "
                f"twice the statements: {ratio:.2f} x the time{'  MISSED' if missed else ''}"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
