"""How much longer the lineage of all columns takes than parsing alone.

For each kind of program the median over the rounds of two ratios is printed: the lineage of the columns of a
compiled program to ``sqlglot.parse`` of its statements, and compile and lineage together to the same. Run it
with ``python benchmarks/lineage_speed.py``; it exits with 1 where the second is above its limit.
"""

import statistics
import sys
import time

import sqlglot
from compile_speed import STATEMENTS, large, small

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.program_lineage import program_lineage

ROUNDS = 5
LIMIT = 4.0


def timed(statements: list[str]) -> tuple[float, float, float]:
    """The seconds of a parse, of a compile and of the lineage of the same statements."""
    start = time.process_time()
    for statement in statements:
        sqlglot.parse(statement, dialect="duckdb")
    parsed = time.process_time()
    program = compile_program(";\n".join(statements))
    compiled = time.process_time()
    program_lineage(program)
    return parsed - start, compiled - parsed, time.process_time() - compiled


def main() -> int:
    """Print the ratios; 1 where one is above the limit."""
    failed = False
    for name, write in (("small", small), ("large", large)):
        statements = [write(number) for number in range(STATEMENTS)]
        rounds = [timed(statements) for _ in range(ROUNDS)]
        alone = statistics.median(lineage / parse for parse, _, lineage in rounds)
        both = statistics.median(
            (compiled + lineage) / parse for parse, compiled, lineage in rounds
        )
        failed |= both > LIMIT
        print(f"{name}: lineage / parse = {alone:.2f}, with the compile {both:.2f} (limit {LIMIT})")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
