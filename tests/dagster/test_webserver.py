"""What a real ``dagster dev`` shows of programs and does with them, asked as its page asks: by GraphQL."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.dagster.home import Home, wait_for
from tests.dagster.iris import EXAMPLES, load_iris_tables

LOCATION = "sqlflow_dagster.definitions"
APPENDS = """
CREATE TABLE t AS SELECT 1 AS n;
CREATE TABLE u AS SELECT count(*) AS n FROM t;
INSERT INTO t VALUES (2);
"""
NODES = """{ assetNodes {
    assetKey { path } dependencyKeys { path } groupName kinds description jobNames isExecutable
    hasAssetChecks metadataEntries { label }
} }"""
MADE = """query Made($path: [String!]!) { assetOrError(assetKey: {path: $path}) { ... on Asset {
    assetMaterializations { runId metadataEntries { label
        ... on IntMetadataEntry { intValue } ... on FloatMetadataEntry { floatValue }
        ... on MarkdownMetadataEntry { mdStr } ... on TextMetadataEntry { text }
    } }
} } }"""
LAUNCH = """mutation Launch($params: [ExecutionParams!]!) {
    launchMultipleRuns(executionParamsList: $params) { ... on LaunchMultipleRunsResult {
        launchMultipleRunsResult { __typename
            ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
            ... on RunConfigValidationInvalid { errors { message } } }
    } }
}"""
RERUN = """mutation Rerun($params: ExecutionParams!) {
    launchRunReexecution(executionParams: $params) { __typename
        ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""
RUN = """query Run($id: ID!) { runOrError(runId: $id) { ... on Run {
    status stepStats { stepKey status }
    eventConnection { events { __typename
        ... on ExecutionStepFailureEvent { stepKey errorSource failureMetadata { description } }
    } }
} } }"""
RELOAD = """mutation Reload($name: String!) {
    reloadRepositoryLocation(repositoryLocationName: $name) { __typename }
}"""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running ``dagster dev``."""

    url: str
    home: Home

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        answer = requests.post(f"{self.url}/graphql", json=body, timeout=120).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def assets(self) -> dict[str, dict[str, Any]]:
        nodes = self.ask(NODES)["assetNodes"]
        return {"/".join(node["assetKey"]["path"]): node for node in nodes}

    def materializations(self, key: str) -> list[dict[str, Any]]:
        """What is known of each materialization of an asset, the newest first."""
        found = self.ask(MADE, path=key.split("/"))["assetOrError"]["assetMaterializations"]
        return [
            {
                entry["label"]: next((v for k, v in entry.items() if k != "label"), None)
                for entry in made["metadataEntries"]
            }
            for made in found
        ]

    def materialize(self, *keys: str) -> dict[str, Any]:
        """The ended run of what the button of the page launches."""
        nodes = self.assets()
        selector = {
            "repositoryLocationName": LOCATION,
            "repositoryName": "__repository__",
            "jobName": "__ASSET_JOB",
            "assetSelection": [{"path": key.split("/")} for key in keys],
            "assetCheckSelection": [],
        }
        assert all(nodes[key]["isExecutable"] for key in keys)
        params = {"mode": "default", "runConfigData": "{}", "selector": selector}
        answer = self.ask(LAUNCH, params=[params])
        (launched,) = answer["launchMultipleRuns"]["launchMultipleRunsResult"]
        return self.ended(launched)

    def ended(self, launched: dict[str, Any]) -> dict[str, Any]:
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]

        def ended() -> dict[str, Any] | None:
            run: dict[str, Any] = self.ask(RUN, id=run_id)["runOrError"]
            return {**run, "id": run_id} if run["status"] in ENDED else None

        return wait_for(ended, what="the end of the run")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page, while ``dagster job execute`` runs a program beside it."""
    programs = {
        "appends.sql": APPENDS,
        "broken.sql": "SELECT 1;\nSELECT * FROM iris.raw TO TRAIN",
        "iris.sql": (EXAMPLES / "no_torch" / "iris.sql").read_text(),
    }
    home = Home.create(tmp_path_factory.mktemp("page") / "home", programs)
    load_iris_tables(home.engine)
    (home.root / "workspace.yaml").write_text(f"load_from:\n  - python_module: {LOCATION}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = ("dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port))

    def answers() -> bool:
        try:
            return requests.get(f"{url}/server_info", timeout=10).ok
        except requests.ConnectionError:
            return False

    with home.start(*command) as process:
        executed = home.execute("iris")
        assert executed.returncode == 0, executed.stdout
        wait_for(answers, what="the page", process=process)
        yield Server(url=url, home=home)


def test_all_assets_are_there_with_their_edges(server: Server) -> None:
    nodes = server.assets()
    assert {
        key: {"/".join(dep["path"]) for dep in node["dependencyKeys"]}
        for key, node in nodes.items()
    } == {
        "iris/raw": set(),
        "iris/species": set(),
        "iris/train": {"iris/raw"},
        "iris/test": {"iris/raw", "iris/species"},
        "sqlflow_temporary_train_iris_xgb": {"iris/train", "iris/species"},
        "model/iris_xgb": {"sqlflow_temporary_train_iris_xgb", "iris/test"},
        "iris/predict": {"iris/test", "model/iris_xgb"},
        "iris/evaluation": {"iris/test", "model/iris_xgb"},
        "iris/explanation": {"iris/test", "model/iris_xgb"},
        "t__v1": set(),
        "u": {"t__v1"},
        "t": {"t__v1", "u"},
        "broken/compile_error": set(),
    }


def test_an_asset_says_what_it_is(server: Server) -> None:
    model = server.assets()["model/iris_xgb"]
    assert model["groupName"] == "iris"
    assert set(model["kinds"]) == {"sqlflow", "model", "xgboost"}
    assert "iris" in model["jobNames"]
    assert "TO TRAIN xgboost.gbtree" in model["description"]
    labels = {entry["label"] for entry in model["metadataEntries"]}
    assert {"dagster/code_references", "sqlflow/model"} <= labels
    assert server.assets()["iris/predict"]["hasAssetChecks"]


def test_a_run_of_the_command_line_is_shown(server: Server) -> None:
    (made,) = server.materializations("iris/test")
    assert made["dagster/row_count"] == 30
    assert "CREATE TABLE iris.test" in made["sql"]
    (explained,) = server.materializations("iris/explanation")
    assert explained["explanation"].startswith("![explanation](data:image/png;base64,")


def test_the_button_makes_the_next_version_of_a_model(server: Server) -> None:
    before = server.materializations("model/iris_xgb")
    run = server.materialize("model/iris_xgb")
    assert run["status"] == "SUCCESS"
    after = server.materializations("model/iris_xgb")
    assert len(after) == len(before) + 1
    assert after[0]["model version"] == before[0]["model version"] + 1
    assert after[0]["validation accuracy_score"] > 0.9


def test_a_broken_program_shows_its_error(server: Server) -> None:
    node = server.assets()["broken/compile_error"]
    assert not node["isExecutable"]
    assert node["groupName"] == "broken"
    assert set(node["kinds"]) == {"sqlflow", "error"}
    assert "broken.sql:2:32: error: expected the name of an estimator" in node["description"]


def test_a_step_that_appends_is_not_run_again_alone(server: Server) -> None:
    run = server.materialize("t__v1", "u", "t")
    assert run["status"] == "SUCCESS"
    parent = {"rootRunId": run["id"], "parentRunId": run["id"]}
    selector = {
        "repositoryLocationName": LOCATION,
        "repositoryName": "__repository__",
        "jobName": "__ASSET_JOB",
        "assetSelection": [{"path": [key]} for key in ("t__v1", "u", "t")],
    }
    params = {
        "mode": "default",
        "runConfigData": "{}",
        "selector": selector,
        "stepKeys": ["appends__insert_t"],
        "executionMetadata": parent,
    }
    again = server.ended(server.ask(RERUN, params=params)["launchRunReexecution"])
    assert again["status"] == "FAILURE"
    (failure,) = [
        event["failureMetadata"]["description"]
        for event in again["eventConnection"]["events"]
        if event.get("failureMetadata")
    ]
    assert "run alone, it would leave other data than the whole program" in failure
    with server.home.engine.session() as session:
        assert session.count("FROM t") == 2


def test_a_program_that_is_mended_loads(server: Server) -> None:
    (server.home.programs / "broken.sql").write_text("CREATE TABLE mended AS SELECT 1 AS n")
    reloaded = server.ask(RELOAD, name=LOCATION)["reloadRepositoryLocation"]
    assert reloaded["__typename"] == "WorkspaceLocationEntry"
    nodes = server.assets()
    assert "mended" in nodes
    assert "broken/compile_error" not in nodes


def test_the_workspace_is_valid_with_a_broken_program(server: Server) -> None:
    (server.home.programs / "worse.sql").write_text("SELECT * FROM iris.raw TO EXPLAIN")
    done = server.home.run("dagster", "definitions", "validate", "-w", "workspace.yaml")
    assert done.returncode == 0, done.stdout
    assert "worse.sql:1:34: error: expected the name of a model" in done.stdout
