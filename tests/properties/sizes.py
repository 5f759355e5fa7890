"""On how many random inputs a property is tried: few with the other tests, many by `make properties`."""

import os

_FULL = os.environ.get("SQLFLOW_PROPERTIES") == "full"

PROGRAMS = 10_000 if _FULL else 300
INPUTS = 100_000 if _FULL else 2_000
