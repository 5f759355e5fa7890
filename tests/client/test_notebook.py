"""``%%sqlflow`` in real notebooks: a kernel in a process of its own."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from sqlflow_dagster.client.notebook import CellError, Cells
from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.runtime.context import open_context
from tests.dagster.iris import load_iris_tables
from tests.parsers.servers import dead

PNG = b"\x89PNG\r\n\x1a\n"
LOAD = "%load_ext sqlflow_dagster"
PREPARE = """\
%%sqlflow --datasource duckdb:///data.duckdb
CREATE TABLE flowers AS
SELECT r.sepal_length, r.petal_width, s.class
FROM iris.raw AS r JOIN iris.species AS s ON r.species = s.name;
SELECT * FROM flowers
TO TRAIN xgboost.gbtree
WITH objective = "multi:softprob", num_class = 3, train.num_boost_round = 5
LABEL class INTO flower_model;
"""
USE = """\
%%sqlflow --variable ROWS=2
SELECT count(*) AS flowers FROM flowers;
SELECT * FROM flowers TO EXPLAIN flower_model WITH summary.plot_type = "bar";
SELECT petal_width FROM flowers LIMIT ${ROWS};
"""


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels without the settings of whoever runs the tests."""
    (tmp_path / "settings").mkdir()
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "settings" / name.lower()))
    monkeypatch.delenv("SQLFLOW_DATASOURCE", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the DuckDB file ``data.duckdb`` that holds the iris tables."""
    load_iris_tables(open_engine(f"duckdb:///{tmp_path / 'data.duckdb'}"))
    return tmp_path


def executed(folder: Path, *cells: str, errors: bool = False) -> list[Any]:
    """The outputs of the cells of a notebook, by cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        notebook,
        timeout=120,
        allow_errors=errors,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return [cell.outputs for cell in notebook.cells]


def text_of(outputs: list[Any]) -> str:
    """What was printed."""
    return "".join(item.text for item in outputs if item.output_type == "stream")


def data_of(outputs: list[Any], media_type: str) -> list[str]:
    """What was displayed in a format."""
    shown = [item for item in outputs if item.output_type in {"display_data", "execute_result"}]
    return [item.data[media_type] for item in shown if media_type in item.data]


def test_cells_run_statements_and_show_what_they_make(folder: Path) -> None:
    _, prepared, used, value = executed(folder, LOAD, PREPARE, USE, "_.shape")

    said = text_of(prepared)
    assert said.startswith(
        "start running statement 1 of 2: CREATE flowers …\nfinished, flowers: 150 rows, "
    )
    assert "start running statement 2 of 2: TRAIN flower_model …\n" in said
    assert "stored flower_model version 1\n" in said
    assert data_of(prepared, "text/plain")[0].startswith("5 of 5: train-mlogloss ")
    assert "<td>0.333333</td>" in data_of(prepared, "text/html")[0]
    counted, _, rows = data_of(used, "text/html")
    assert "<td>150</td>" in counted
    assert rows.count("<tr") == 3
    (plot,) = data_of(used, "image/png")
    assert base64.b64decode(plot).startswith(PNG)
    assert used[-1].output_type == "execute_result"
    assert data_of(value, "text/plain") == ["(2, 1)"]


def test_errors_show_the_place_and_no_traceback(folder: Path) -> None:
    outputs = executed(
        folder,
        LOAD,
        "%%sqlflow\nSELECT 1",
        "%sqlflow --datasource duckdb:///data.duckdb",
        "%%sqlflow\n\nSELECT 1 TO TRAIN nothing LABEL x INTO m",
        "%%sqlflow\nSELECT 1;\nSELECT nothing FROM iris.raw",
        "%%sqlflow\nSELECT 1;\nSELECT error('no more') FROM iris.raw;\nSELECT 2",
        "%%sqlflow --colour blue\nSELECT 1",
        errors=True,
    )

    shown = ["\n".join(item.traceback) for cell in outputs for item in cell[-1:] if "ename" in item]
    assert shown[0] == (
        "error: no data source is given\n"
        "hint: write %%sqlflow --datasource duckdb:///data.duckdb, or set SQLFLOW_DATASOURCE"
    )
    assert shown[1].startswith(
        "<cell>:3:19: error: unknown estimator 'nothing' [unknown-estimator]\n"
        "3 | SELECT 1 TO TRAIN nothing LABEL x INTO m\n"
        "                      ^^^^^^^\n"
    )
    assert shown[2].startswith('<cell>:3:8: error: Binder Error: Referenced column "nothing"')
    assert text_of(outputs[4]) == ""
    assert shown[3].startswith("<cell>:3:1: error: Invalid Input Error: no more\n")
    assert "running statement 3" not in text_of(outputs[5])
    assert shown[4] == "error: %%sqlflow: No such option '--colour'."


def test_a_parser_is_remembered_for_the_cells_that_follow(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    cells = Cells()
    cells.run("--datasource duckdb:///data.duckdb --parser sqlglot")
    with pytest.raises(CellError, match="<cell>:2:26: error: refused by the parser: unexpected"):
        cells.run("", "SELECT * FROM iris.raw x y\n")
    place = dead()
    with pytest.raises(CellError, match=f"the parser at {place} cannot be reached\nhint: start it"):
        cells.run(f"--parser grpc://{place}", "SELECT 1")
    with pytest.raises(CellError, match="error: unknown parser 'calcite'"):
        cells.run("--parser calcite", "SELECT 1")
    monkeypatch.setenv("SQLFLOW_PARSER", "engine")
    with pytest.raises(CellError, match="refused by the parser: Parser Error: syntax error"):
        Cells().run("--datasource duckdb:///data.duckdb", "SELEC 1")


def test_cells_name_data_sources_and_targets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "pyproject.toml").write_text(
        "[tool.sqlflow_dagster.targets.prod]\n"
        'default = "duckdb:///data.duckdb"\n'
        'archive = "sqlite:///prod.db"\n'
    )
    cell = "-- sqlflow: datasource=archive\nCREATE TABLE t AS SELECT 1 AS x;"
    cells = Cells()
    with pytest.raises(CellError, match="unknown engine 'sqlight'"):
        cells.run("--datasource duckdb:///data.duckdb --datasource archive=sqlight:///dev.db")
    cells.run("--datasource duckdb:///data.duckdb")
    cells.run("--datasource archive=sqlite:///dev.db", cell)
    assert tables_of(folder, "dev.db") == [("main", "t")]
    with pytest.raises(CellError, match="there is no target 'prd'\nhint: did you mean 'prod'"):
        cells.run("--target prd", cell)
    # What an earlier cell named is not what a target says.
    cells.run("--target prod")
    cells.run("", cell)
    assert tables_of(folder, "prod.db") == [("main", "t")]


def tables_of(folder: Path, file: str) -> list[tuple[str, ...]]:
    with open_engine(f"sqlite:///{folder / file}").session() as session:
        return session.tables()


def test_notebook_stops_at_a_failed_cell(folder: Path) -> None:
    failing = "%%sqlflow --datasource duckdb:///data.duckdb\nSELECT nothing FROM iris.raw"

    with pytest.raises(CellExecutionError, match="Referenced column"):
        executed(folder, LOAD, failing, "1 / 0")


@pytest.fixture
def kernel(folder: Path) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """A kernel and somebody who talks to it."""
    manager, client = start_new_kernel(cwd=str(folder), env=dict(os.environ))
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_interrupt_ends_the_statement_and_nothing_else(
    kernel: tuple[KernelManager, BlockingKernelClient], folder: Path
) -> None:
    manager, client = kernel
    client.execute_interactive(LOAD, timeout=60, output_hook=lambda message: None)
    request = client.execute(
        "%%sqlflow --datasource duckdb:///data.duckdb\n"
        "CREATE TABLE kept AS SELECT 1 AS x;\n"
        "SELECT id, sepal_length FROM iris.raw TO TRAIN xgboost.gbtree\n"
        "WITH train.num_boost_round = 10000000 LABEL sepal_length INTO endless"
    )
    while "of 10000000" not in str(client.get_iopub_msg(timeout=60)["content"]):
        pass

    manager.interrupt_kernel()

    reply = client.get_shell_msg(timeout=60)
    assert reply["parent_header"]["msg_id"] == request
    assert reply["content"]["status"] == "error"
    assert reply["content"]["traceback"] == ["interrupted; what finished before is kept"]
    status = "aborted"
    while status == "aborted":  # A kernel drops what comes right behind an error.
        after = client.execute_interactive(
            "%%sqlflow\nSELECT x FROM kept", timeout=60, output_hook=lambda message: None
        )
        status = after["content"]["status"]
    assert status == "ok"
    assert open_context(f"duckdb:///{folder / 'data.duckdb'}").models.names() == []
