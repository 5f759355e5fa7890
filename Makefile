# Every target sets up what it needs; what is already there costs nothing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SPARK  := .spark
# PyTorch has no CPU-only build to pin for Python 3.12 and later.
TORCH  := $(shell $(PYTHON) -c 'import sys; print("torch" if sys.version_info[:2] == (3, 11) else "")')

export DAGSTER_HOME := $(CURDIR)/.dagster

.DEFAULT_GOAL := help
.PHONY: help setup browser servers demo check test hive golden bench properties tpc clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) .dagster/dagster.yaml  ## Install into .venv all that the other targets need

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev$(if $(TORCH),$(comma)$(TORCH))]'
	touch $@

comma := ,

# Debian's packages that the tests need. Without the right to install them, say which.
browser:
	@command -v chromium >/dev/null || { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium; } \
	  || { echo 'the tests of the page need the package chromium; install it and call make again' >&2; exit 1; }

# Their tests start servers of their own, as another user than root, and skip what is not there.
servers:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
	  || { apt-get -qq update && apt-get -qq install -y --no-install-recommends postgresql; } \
	  || { echo 'the tests of PostgreSQL need the package postgresql; install it and call make again' >&2; exit 1; }
	@command -v mariadbd >/dev/null || test -x /usr/sbin/mariadbd \
	  || { apt-get -qq update && apt-get -qq install -y --no-install-recommends mariadb-server; } \
	  || { echo 'the tests of MySQL need the package mariadb-server; install it and call make again' >&2; exit 1; }

.dagster/dagster.yaml: deploy/local/dagster.yaml
	mkdir -p .dagster
	cp $< $@

demo: setup  ## Load data, train and evaluate models through Dagster, say how to open the page
	$(BIN)/python examples/demo.py

check: setup  ## Formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup browser servers  ## The tests with branch coverage
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n auto --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage xml --quiet

hive: setup $(SPARK)/.installed  ## The tests of Hive on Spark's thrift server: 500 MB, Java, some minutes
	SPARK_HOME=$(CURDIR)/$(SPARK)/pyspark $(BIN)/pytest -q -m hive tests

$(SPARK)/.installed:
	@command -v java >/dev/null || { echo 'Spark needs Java 17; install it and call make again' >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(SPARK) pyspark==4.3.0
	touch $@

golden: setup browser servers  ## Rewrite the expected outputs under tests/; read the difference before you commit it
	SQLFLOW_UPDATE_GOLDEN=1 $(BIN)/pytest -q tests

bench: setup  ## Speed and memory, as ratios within one run, recorded in benchmarks/RESULTS.md
	$(BIN)/python benchmarks/speed.py

properties: setup  ## 10,000 random programs and 100,000 fuzzed inputs, recorded in benchmarks/RESULTS.md
	$(BIN)/python benchmarks/properties.py

tpc: setup  ## The tables of all queries of TPC-H and TPC-DS, recorded in benchmarks/RESULTS.md
	$(BIN)/python benchmarks/tpc_lineage.py

clean:  ## Remove the environment and everything that was made
	rm -rf $(VENV) $(SPARK) .dagster .coverage .coverage.* coverage.xml .pytest_cache .mypy_cache .ruff_cache sqlflow.duckdb*
