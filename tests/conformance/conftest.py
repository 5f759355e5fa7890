"""What a plugin's author adds to have the whole conformance suite run on it: one factory.

The suites in this directory run once for every plugin that is registered; a registered plugin without a
factory here fails them.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sqlflow_dagster.engines.base import Engine, engines, open_engine
from sqlflow_dagster.graph.sqlglot_parser import SqlglotParser
from sqlflow_dagster.lang.expressions import Value
from sqlflow_dagster.lang.parsers import ExternalParser, open_parser, parsers
from sqlflow_dagster.lang.remote_parser_server import start_parser_server
from sqlflow_dagster.model_store.base import ModelStore, model_stores
from tests.engines import mariadb_server, postgresql_server, spark_server


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCase:
    """How to test an engine.

    Attributes:
        make_url: The URL of a new, empty database, from an empty directory.
        keeps_nan: Whether NaN is another value than NULL.
        escapes: Whether a backslash escapes what follows in a text.
        finds_any_case: Whether a table is found by its name in another case.
        tidies: A statement that no transaction takes.
        fails: A SELECT whose rows no column of whole numbers that are NOT NULL takes.
        date: A date that a column of dates takes.
        makes_temporary: The words that begin the statement for a temporary table or view.
        counts_changes: Whether a statement tells how many rows it has changed.
        any_table_name: Whether a table may have other characters in its name than letters, digits and underscores.
        widened: The types of numbers for which it has no column, and those of the columns they are written to.
        comment: A query whose last column holds the comment of table ``t``; None where tables have none.
        comment_pattern: What finds the comment there.
    """

    make_url: Callable[[Path], str]
    keeps_nan: bool = True
    escapes: bool = False
    finds_any_case: bool = True
    tidies: str = "VACUUM"
    fails: str = "SELECT NULL"
    date: str = "'2024-02-29'"
    makes_temporary: str = "CREATE TEMPORARY TABLE"
    counts_changes: bool = True
    any_table_name: bool = True
    widened: Mapping[str, str] = field(default_factory=dict)
    comment: str | None = None
    comment_pattern: str = "(.*)"


_SIGNED = {
    "uint8": "int16",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "decimal128(20, 0)",
}
_OF_64_BITS = {
    **dict.fromkeys(["int8", "int16", "int32", "uint8", "uint16", "uint32"], "int64"),
    "float": "double",
}

ENGINES: dict[str, EngineCase] = {
    "duckdb": EngineCase(
        make_url=lambda path: f"duckdb:///{path / 'data.duckdb'}",
        comment="SELECT comment FROM duckdb_tables() WHERE table_name = 't'",
    ),
    "hive": EngineCase(
        make_url=lambda _: spark_server.new_database(),
        escapes=True,
        tidies="ANALYZE TABLE t COMPUTE STATISTICS",
        fails="SELECT CAST('a' AS INTEGER)",
        date="DATE '2024-02-29'",
        makes_temporary="CREATE TEMPORARY VIEW",
        counts_changes=False,
        any_table_name=False,
        # It is no property to Spark, which takes it for one when it is set.
        comment="SHOW TABLE EXTENDED LIKE 't'",
        comment_pattern=r"\nComment: (.*)\n",
        widened=_SIGNED,
    ),
    "mysql": EngineCase(
        make_url=lambda _: mariadb_server.new_database(),
        keeps_nan=False,
        escapes=True,
        finds_any_case=False,
        tidies="OPTIMIZE TABLE t",
        comment="SELECT table_comment FROM information_schema.tables WHERE table_name = 't'",
    ),
    "postgresql": EngineCase(
        make_url=lambda _: postgresql_server.new_database(),
        widened={**_SIGNED, "int8": "int16"},
        comment="SELECT obj_description('t'::regclass, 'pg_class')",
    ),
    "sqlite": EngineCase(
        make_url=lambda path: f"sqlite:///{path / 'data.db'}",
        keeps_nan=False,
        widened={**_SIGNED, **_OF_64_BITS},
    ),
}

WITHOUT_SERVER = frozenset({"bigquery", "maxcompute", "snowflake", "trino"})
"""Whose servers cannot be had for tests: those of ``tests/engines`` see to what is sent to them."""

MODEL_STORES: dict[str, dict[str, Callable[[Path], str]]] = {
    "database": {
        name: case.make_url for name, case in ENGINES.items() if engines.get(name).changes_rows
    },
    "files": {
        "disk": lambda path: str(path / "models"),
        "object store": lambda _: f"memory://{uuid.uuid4().hex}/models",
    },
}
"""By plugin, the kinds of places that it is tested with: each a new, empty one, from an empty directory."""


FAMILIES: dict[str, tuple[str, ...]] = {
    # They want one column of times instead of these features: tests/ml/test_arima.py.
    "ARIMA": (),
    "ARIMAWithSTLDecomposition": (),
    "lightgbm.*": ("LGBMClassifier", "lightgbm.LGBMRegressor"),
    "sklearn.*": (
        "sklearn.HistGradientBoostingClassifier",
        "sklearn.linear_model.LogisticRegression",
        "Ridge",
        "KMeans",
        "IsolationForest",
        "PCA",
    ),
    "xgboost.*": ("XGBClassifier", "xgboost.XGBRFRegressor"),
    # Other names of estimators that are registered without the prefix.
    "sqlflow_models.ARIMAWithSTLDecomposition": (),
    "sqlflow_models.AutoClassifier": (),
    "sqlflow_models.AutoRegressor": (),
    "sqlflow_models.ScoreCard": (),
    "sqlflow_models.*": (
        "DNNClassifier",
        "DNNRegressor",
        "LinearClassifier",
        "sqlflow_models.LinearRegressor",
        "DNNLinearCombinedClassifier",
        "DNNLinearCombinedRegressor",
    ),
}
"""The estimators that stand for a registered ``family.*``."""


ATTRIBUTES: dict[str, dict[str, Value]] = {
    "AutoClassifier": {"search.trials": 2},
    "AutoRegressor": {"search.trials": 2},
}
"""What statements say to an estimator that would take long otherwise."""

EXPLAINERS: dict[str, str] = {
    "GradientExplainer": "LinearClassifier",
    "KernelExplainer": "KNeighborsClassifier",
    "LinearExplainer": "LogisticRegression",
    "PermutationExplainer": "GaussianNB",
    "TreeExplainer": "XGBClassifier",
    "XGBoostExplainer": "XGBClassifier",
}
"""An estimator whose models each explains."""


@contextmanager
def _served_parser() -> Iterator[str]:
    """The address of the built-in parser behind a socket."""
    server, port = start_parser_server(SqlglotParser(), "127.0.0.1:0")
    yield f"grpc://127.0.0.1:{port}"
    server.stop(None).wait()


PARSERS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "engine": lambda path: nullcontext(f"engine:duckdb:///{path / 'data.duckdb'}"),
    "grpc": lambda _: _served_parser(),
    "sqlglot": lambda _: nullcontext("sqlglot"),
}
"""What each is opened by, while the context lasts."""


@pytest.fixture(params=parsers.names())
def parser(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ExternalParser]:
    name: str = request.param
    if name not in PARSERS:
        pytest.fail(f"add an entry for {name!r} to PARSERS in tests/conformance/conftest.py")
    with PARSERS[name](tmp_path) as spec, closing(open_parser(spec)) as opened:
        yield opened


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """An engine whose rows stay as they are has no part in the tests of what changes them."""
    left_out = [item for item in items if item.get_closest_marker("changes_rows") and _stays(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _stays(item: pytest.Item) -> bool:
    name = item.callspec.params.get("engine_case")  # type: ignore[attr-defined]  # of a pytest.Function
    return name is not None and not engines.get(name).changes_rows


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.hive if name == "hive" else ())
        for name in sorted({*engines.names()} - WITHOUT_SERVER)
    ]
)
def engine_case(request: pytest.FixtureRequest) -> EngineCase:
    name: str = request.param
    if name not in ENGINES:
        pytest.fail(f"add an EngineCase for {name!r} to tests/conformance/conftest.py")
    return ENGINES[name]


@pytest.fixture
def engine(engine_case: EngineCase, tmp_path: Path) -> Engine:
    return open_engine(engine_case.make_url(tmp_path))


@pytest.fixture(
    params=[
        (name, place) for name in model_stores.names() for place in MODEL_STORES.get(name, [""])
    ],
    ids="-".join,
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ModelStore:
    name, place = request.param
    if name not in MODEL_STORES:
        pytest.fail(f"add places for {name!r} to MODEL_STORES in tests/conformance/conftest.py")
    unused = open_engine(f"duckdb:///{tmp_path / 'no.duckdb'}")
    return model_stores.get(name).open(unused, MODEL_STORES[name][place](tmp_path))
