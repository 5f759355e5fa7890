"""How much longer a compile takes than parsing alone, for small and for larger statements.

Each round compiles a program of 1,000 statements and parses the same statements one by one with
``sqlglot.parse``; the median over the rounds of the ratio of the two is what counts, for a machine that
is busy slows both down. Times are those of the processor. Run it with ``python benchmarks/compile_speed.py``; it exits with 1 where a ratio
is above its limit.
"""

import statistics
import sys
import time
from collections.abc import Callable

import sqlglot

from sqlflow_dagster.compiler import compile_program

STATEMENTS = 1_000
ROUNDS = 9
LIMITS = {"small": 1.6, "large": 1.3}


def small(number: int) -> str:
    """A statement of a line over the table before it."""
    return f"CREATE TABLE t{number + 1} AS SELECT a, b + 1 AS b FROM t{number} WHERE a > {number}"


def large(number: int) -> str:
    """A report: common table expressions, joins, a subquery, groups and a window."""
    return f"""
INSERT INTO report_{number % 50}
WITH recent AS (
  SELECT o.id, o.customer, o.price * (1 - o.discount) AS amount, c.region
  FROM orders_{number % 20} AS o JOIN customers AS c ON o.customer = c.id
  WHERE o.day >= DATE '2026-01-01' AND o.status NOT IN ('void', 'test')
)
SELECT r.region, p.kind, count(*) AS n, sum(r.amount) AS total,
       rank() OVER (PARTITION BY r.region ORDER BY sum(r.amount) DESC) AS place,
       CASE WHEN sum(r.amount) > (SELECT avg(amount) FROM totals) THEN 'high' ELSE 'low' END AS level
FROM recent AS r LEFT JOIN products AS p ON p.id = r.id AND p.price BETWEEN 1 AND 100
WHERE EXISTS (SELECT 1 FROM campaigns AS k WHERE k.region = r.region AND k.year = {number})
GROUP BY r.region, p.kind HAVING count(*) > 3 ORDER BY total DESC LIMIT 100"""


def seconds(work: Callable[[], object]) -> float:
    """How long a call keeps the processor busy."""
    start = time.process_time()
    work()
    return time.process_time() - start


def median_ratio(statements: list[str]) -> tuple[float, float]:
    """The median ratio of compile to parse over the rounds, and the median compile in seconds."""
    program = ";\n".join(statements)

    def parse() -> None:
        for statement in statements:
            sqlglot.parse(statement, dialect="duckdb")

    pairs = [(seconds(lambda: compile_program(program)), seconds(parse)) for _ in range(ROUNDS)]
    ratio = statistics.median(compiled / parsed for compiled, parsed in pairs)
    return ratio, statistics.median(compiled for compiled, _ in pairs)


def main() -> int:
    """Print the ratios; 1 where one is above its limit."""
    failed = False
    for name, write in (("small", small), ("large", large)):
        ratio, compiled = median_ratio([write(number) for number in range(STATEMENTS)])
        failed |= ratio > LIMITS[name]
        print(
            f"{name}: compile / parse = {ratio:.2f} (limit {LIMITS[name]}), "
            f"{STATEMENTS / compiled:,.0f} statements a second"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
