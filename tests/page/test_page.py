"""What a reader sees and does on Dagster's page, in a real browser."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dagster.home import Home
from tests.end_to_end.tables import iris_tables
from tests.golden import UPDATE
from tests.page.conftest import EXAMPLES, Server, until

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
GROUP = "/locations/sqlflow_dagster.definitions/asset-groups/iris/lineage"
MODEL = "/assets/model/iris_xgb"
WAIT = 90_000  # milliseconds; the machine may be busy

EDGES = {
    ("iris/raw", "iris/train"),
    ("iris/raw", "iris/test"),
    ("iris/species", "iris/test"),
    ("iris/train", "sqlflow_temporary_train_iris_xgb"),
    ("iris/species", "sqlflow_temporary_train_iris_xgb"),
    ("sqlflow_temporary_train_iris_xgb", "model/iris_xgb"),
    ("iris/test", "model/iris_xgb"),
    ("sqlflow_temporary_train_iris_xgb", "model/iris_dnn"),
    ("iris/test", "iris/predict"),
    ("model/iris_dnn", "iris/predict"),
    ("iris/test", "iris/evaluation"),
    ("model/iris_dnn", "iris/evaluation"),
    ("iris/test", "iris/explanation"),
    ("model/iris_xgb", "iris/explanation"),
}

LINEAGE = "{ assetNodes { assetKey { path } dependencyKeys { path } } }"
MATERIALIZATIONS = """
query ($path: [String!]!) {
  assetOrError(assetKey: {path: $path}) {
    ... on Asset { assetMaterializations {
      metadataEntries { label ... on IntMetadataEntry { intValue } }
    } }
  }
}
"""


ROWS = """
query ($path: [String!]!) {
  assetOrError(assetKey: {path: $path}) { ... on Asset { assetMaterializations { runId } } }
}
"""


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A new window; a console error or a request to another host fails the test."""
    page = browser.new_page(viewport={"width": 1700, "height": 1100})
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(
                (server.url, "data:", "blob:", server.url.replace("http", "ws"))
            )
            else complaints.append(f"a request to {request.url}")
        ),
    )
    yield page
    page.close()
    assert complaints == []


def versions(server: Server, *path: str) -> list[int]:
    """The model versions of the materializations of an asset, newest first."""
    asset = server.ask(MATERIALIZATIONS, path=list(path))["assetOrError"]
    return [
        entry["intValue"]
        for materialization in asset.get("assetMaterializations", [])
        for entry in materialization["metadataEntries"]
        if entry["label"] == "model version"
    ]


def newest_is(version: int, server: Server) -> bool:
    return versions(server, "model", "iris_xgb")[:1] == [version]


def picture(page: Page, name: str) -> None:
    """Keep a screenshot for the documentation when the expected outputs are rewritten."""
    if os.environ.get(UPDATE) == "1":
        page.screenshot(path=IMAGES / name)


def materialize(page: Page, button: str) -> None:
    # The accessible name of a button starts with that of its icon.
    page.locator("button", has_text=button).first.click(timeout=WAIT)
    expect(
        page.get_by_text("Launched run").or_(page.get_by_text("Starting run")).first
    ).to_be_visible(timeout=WAIT)


def test_the_lineage_is_that_of_the_program(server: Server) -> None:
    nodes = server.ask(LINEAGE)["assetNodes"]
    edges = {
        ("/".join(upstream["path"]), "/".join(node["assetKey"]["path"]))
        for node in nodes
        for upstream in node["dependencyKeys"]
    }
    assert edges == EDGES


def test_a_model_is_made_and_made_again_from_its_page(page: Page, server: Server) -> None:
    run = server.home.run(
        *("dagster", "asset", "materialize", "-m", "sqlflow_dagster.definitions"),
        *("--select", '+key:"model/iris_xgb"'),
    )
    assert run.returncode == 0, run.stdout
    page.goto(server.url + MODEL)
    for version in (2, 3):
        materialize(page, "Materialize")
        until(partial(newest_is, version, server), what=f"version {version} of the model")
    page.goto(server.url + MODEL)
    for text in ("TO TRAIN xgboost.gbtree", "validation accuracy_score", "model version"):
        expect(page.get_by_text(text).first).to_be_visible(timeout=WAIT)
    picture(page, "model.png")


def test_a_table_shows_columns_rows_and_sql(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/assets/iris/test")
    materialize(page, "Materialize")
    until(
        lambda: server.ask(ROWS, path=["iris", "test"])["assetOrError"]["assetMaterializations"],
        what="the materialization of iris.test",
    )
    page.goto(f"{server.url}/assets/iris/test")
    shown = page.locator("body")
    for text in (
        "Row count",
        "30",
        "sepal_length",
        "DOUBLE",
        "species",
        "VARCHAR",
        "iris.species.class",
    ):
        expect(shown).to_contain_text(text, timeout=WAIT)
    expect(shown).to_contain_text("CREATE TABLE iris.test", timeout=WAIT)
    picture(page, "table.png")


def test_the_group_shows_every_asset(page: Page, server: Server) -> None:
    if os.environ.get(UPDATE) == "1":
        assert server.home.execute("iris").returncode == 0
    page.goto(server.url + GROUP)
    for node in {name.rsplit("/", 1)[-1] for edge in EDGES for name in edge}:
        shown = node if len(node) < 30 else node[:21]
        expect(page.get_by_text(shown).first).to_be_visible(timeout=WAIT)
    picture(page, "lineage.png")


RUNS = "{ runsOrError(limit: 1) { ... on Runs { results { runId jobName status } } } }"


@pytest.mark.torch
def test_the_button_leaves_the_tables_of_the_command(
    page: Page, server: Server, tmp_path: Path
) -> None:
    before = newest_run(server)
    page.goto(server.url + GROUP)
    materialize(page, "Materialize all")
    until(lambda: newest_run(server)["runId"] != before["runId"], what="a run")
    until(lambda: newest_run(server)["status"] in {"SUCCESS", "FAILURE"}, what="the end of the run")
    assert newest_run(server)["status"] == "SUCCESS"

    home = Home.create(tmp_path / "home", {"iris.sql": (EXAMPLES / "iris.sql").read_text()})
    for command in (("demo-data",), ("run", str(home.programs / "iris.sql"))):
        done = home.run("sqlflow", *command)
        assert done.returncode == 0, done.stdout
    assert iris_tables(server.home.engine) == iris_tables(home.engine)


def newest_run(server: Server) -> dict[str, str]:
    (run,) = server.ask(RUNS)["runsOrError"]["results"]
    found: dict[str, str] = run
    return found
