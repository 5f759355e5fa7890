"""What a plugin's author adds to have the whole conformance suite run on it: one factory.

The suites in this directory run once for every plugin that is registered; a registered plugin without a
factory here fails them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sqlflow_dagster.engines.base import Engine, engines, open_engine
from sqlflow_dagster.model_store.base import ModelStore, model_stores


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCase:
    """How to test an engine.

    Attributes:
        make_url: The URL of a new, empty database, from an empty directory.
        keeps_nan: Whether NaN is another value than NULL.
        keeps_types: Whether a CREATE TABLE … AS keeps the types of dates, decimals and booleans.
        float_type: Text that a float column's type contains.
    """

    make_url: Callable[[Path], str]
    keeps_nan: bool = True
    keeps_types: bool = True


ENGINES: dict[str, EngineCase] = {
    "duckdb": EngineCase(make_url=lambda path: f"duckdb:///{path / 'data.duckdb'}"),
    "sqlite": EngineCase(
        make_url=lambda path: f"sqlite:///{path / 'data.db'}", keeps_nan=False, keeps_types=False
    ),
}

MODEL_STORES: dict[str, Callable[[Engine, Path], ModelStore]] = {
    "database": lambda engine, _: model_stores.get("database")(engine),  # type: ignore[call-arg]
}


@pytest.fixture(params=engines.names())
def engine_case(request: pytest.FixtureRequest) -> EngineCase:
    name: str = request.param
    if name not in ENGINES:
        pytest.fail(f"add an EngineCase for {name!r} to tests/conformance/conftest.py")
    return ENGINES[name]


@pytest.fixture
def engine(engine_case: EngineCase, tmp_path: Path) -> Engine:
    return open_engine(engine_case.make_url(tmp_path))


@pytest.fixture(params=model_stores.names())
def store(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> ModelStore:
    name: str = request.param
    if name not in MODEL_STORES:
        pytest.fail(f"add a factory for {name!r} to MODEL_STORES in tests/conformance/conftest.py")
    return MODEL_STORES[name](engine, tmp_path)
