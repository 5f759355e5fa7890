"""The code location of a server that holds SQL programs: found, reloaded, its jobs launched."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlflow_dagster.client.errors import ServerError
from sqlflow_dagster.client.server import Server, cause, refusal

DEFAULT_LOCATION = "sqlflow_dagster.definitions"
"""What Dagster calls the location that our ``workspace.yaml`` names."""
_POLL_SECONDS = 0.3

_LOCATIONS = """
query {
  workspaceOrError {
    __typename
    ... on Error { message }
    ... on Workspace { locationEntries {
      name loadStatus
      locationOrLoadError {
        __typename
        ... on PythonError { message causes { message } }
        ... on RepositoryLocation { repositories { name jobs { name } } }
      }
    } }
  }
}
"""
_KINDS = "query { assetNodes { kinds repository { location { name } } } }"
_RELOAD = """
mutation ($location: String!) {
  reloadRepositoryLocation(repositoryLocationName: $location) {
    __typename
    ... on Error { message }
    ... on ReloadNotSupported { message }
  }
}
"""
_JOB_ASSETS = """
query ($job: PipelineSelector!) { assetNodes(pipeline: $job) { opVersion } }
"""
_GROUP_ASSETS = """
query ($group: AssetGroupSelector!) { assetNodes(group: $group) { kinds description } }
"""
_LAUNCH = """
mutation ($execution: ExecutionParams!) {
  launchRun(executionParams: $execution) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A code location as it is loaded now.

    Attributes:
        server: Where.
        name: Of the location.
        repository: Of the repository in it that has the programs.
        jobs: The names of its jobs.
        error: Why it could not be loaded; None where it was.
    """

    server: Server
    name: str
    repository: str
    jobs: frozenset[str]
    error: str | None = None

    def code_versions(self, job: str) -> frozenset[str]:
        """The code versions of the assets that a job makes; none where there is no such job."""
        assets = self.server.ask(_JOB_ASSETS, job={"pipelineName": job, **self._selector()})
        return frozenset(
            node["opVersion"] for node in assets["assetNodes"] if node["opVersion"] is not None
        )

    def compile_error(self, group: str) -> str | None:
        """What the location says of a program that it could not load; None where it says nothing."""
        nodes = self.server.ask(_GROUP_ASSETS, group={"groupName": group, **self._selector()})
        texts = [node["description"] for node in nodes["assetNodes"] if "error" in node["kinds"]]
        return texts[0] if texts else None

    def launch(self, job: str) -> str:
        """Start a job; the ID of its run.

        Raises:
            ServerError: The server does not start it.
        """
        selector = {"jobName": job, **self._selector()}
        answer = self.server.ask_one(
            _LAUNCH, execution={"selector": selector, "runConfigData": "{}"}
        )
        if answer["__typename"] != "LaunchRunSuccess":
            raise ServerError(f"the server did not start the job {job!r}: {refusal(answer)}")
        run_id: str = answer["run"]["runId"]
        return run_id

    def reloaded(self) -> "Location":
        """The location after the server has read its programs again.

        Raises:
            ServerError: The location cannot be loaded; the message is what its code says.
        """
        answer = self.server.ask_one(_RELOAD, location=self.name)
        if answer["__typename"] != "WorkspaceLocationEntry":
            raise ServerError(
                f"the code location {self.name!r} was not reloaded: {refusal(answer)}"
            )
        location = _loaded(self.server, self.name)
        if location is None:
            raise ServerError(
                f"the code location {self.name!r} is gone from {self.server.display_url}"
            )
        if location.error is not None:
            raise ServerError(f"the code location {self.name!r} cannot be loaded\n{location.error}")
        return location

    def _selector(self) -> dict[str, str]:
        return {"repositoryName": self.repository, "repositoryLocationName": self.name}


def find_location(server: Server, name: str | None = None) -> Location:
    """The code location that has the SQL programs.

    Args:
        server: Where to look.
        name: Of the location; None for ``sqlflow_dagster.definitions``, else for the only location with
            assets of SQL programs.

    Raises:
        ServerError: There is none, there are several, or it cannot be loaded.
    """
    entries = _entries(server)
    chosen = name or DEFAULT_LOCATION
    if chosen not in entries and name is None:
        nodes = server.ask(_KINDS)["assetNodes"]
        ours = {n["repository"]["location"]["name"] for n in nodes if "sqlflow" in n["kinds"]}
        if len(ours) > 1:
            raise ServerError(
                f"the server has several code locations with SQL programs: {', '.join(sorted(ours))}",
                hint="say which with --location",
            )
        chosen = next(iter(ours), chosen)
    location = _loaded(server, chosen)
    if location is None:
        what = (
            "no code location with SQL programs" if name is None else f"no code location {name!r}"
        )
        known = ", ".join(sorted(entries)) or "none at all"
        raise ServerError(
            f"the Dagster at {server.display_url} has {what}; it has: {known}",
            hint=f"load {DEFAULT_LOCATION} in its workspace.yaml, or name another with --location",
        )
    # What stood against it when it was loaded last may be gone.
    return location if location.error is None else location.reloaded()


def _entries(server: Server) -> dict[str, Mapping[str, Any]]:
    workspace = server.ask_one(_LOCATIONS)
    if workspace["__typename"] != "Workspace":
        raise ServerError(f"the server cannot load its workspace: {refusal(workspace)}")
    return {entry["name"]: entry for entry in workspace["locationEntries"]}


def _loaded(server: Server, name: str) -> Location | None:
    """The location, once the server has loaded it; None where there is none."""
    while True:
        entry = _entries(server).get(name)
        if entry is None:
            return None
        content = entry["locationOrLoadError"]
        if entry["loadStatus"] == "LOADED" and content is not None:
            return _location(server, name, content)
        time.sleep(_POLL_SECONDS)


def _location(server: Server, name: str, content: Mapping[str, Any]) -> Location:
    if content["__typename"] != "RepositoryLocation":
        return Location(
            server=server, name=name, repository="", jobs=frozenset(), error=cause(content)
        )
    repository = content["repositories"][0]
    return Location(
        server=server,
        name=name,
        repository=repository["name"],
        jobs=frozenset(job["name"] for job in repository["jobs"]),
    )
