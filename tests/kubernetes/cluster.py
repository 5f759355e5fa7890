"""A Kubernetes API on loopback, as much of it as dagster-k8s calls; its pods are processes of this machine.

No image is pulled and no node is chosen: what a pod asks for is stored, not enforced. A call that is not
known is answered with 501 and kept in :attr:`Cluster.unknown_calls`, for the test to fail.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.kubernetes.jobs import JobController
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.objects import (
    KINDS,
    Object,
    Objects,
    RefusedCallError,
    UnknownCallError,
    now,
)

_ROOTS = {"batch": "/apis/batch/v1/namespaces/default/", "core": "/api/v1/namespaces/default/"}
_PARAMETERS = {"labelSelector", "fieldSelector", "container", "tailLines", "timestamps"}


@dataclass(slots=True)
class Cluster:
    """A running API with its controllers.

    Attributes:
        objects: What is stored.
        kubelet: The processes of the pods.
        jobs: The controller of Jobs.
        created: Every Job that was ever created, by name.
        deleted: The kinds and names of what was deleted.
        unknown_calls: The calls that were answered with 501.
        used: The rights that the calls needed, as verb and resource.
    """

    directory: Path
    objects: Objects = field(default_factory=Objects)
    kubelet: Kubelet = field(init=False)
    jobs: JobController = field(init=False)
    created: dict[str, Object] = field(default_factory=dict)
    deleted: list[tuple[str, str]] = field(default_factory=list)
    unknown_calls: list[str] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)
    url: str = ""

    def __post_init__(self) -> None:
        self.kubelet = Kubelet(
            objects=self.objects, directory=self.directory, ended=self._pod_ended
        )
        self.jobs = JobController(objects=self.objects)

    @property
    def kubeconfig(self) -> Path:
        """A file that tells clients where this cluster is."""
        path = self.directory / "kubeconfig"
        named = {"name": "test", "cluster": {"server": self.url}}
        context = {"name": "test", "context": {"cluster": "test", "user": "test"}}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [named],
            "users": [{"name": "test", "user": {}}],
            "contexts": [context],
            "current-context": "test",
        }
        path.write_text(json.dumps(config))
        return path

    def steps(self) -> dict[str, Object]:
        """The Jobs of steps, by the step's key."""
        label = "dagster/op"
        labels = {name: job["metadata"]["labels"] for name, job in self.created.items()}
        return {of[label]: self.created[name] for name, of in labels.items() if of.get(label)}

    def create(self, kind: str, body: Object) -> Object:
        """Create an object, and what a controller makes of it."""
        if kind == "pods":
            new = self.objects.create("pods", body)
            self.kubelet.start(new)
            return new
        new = self.objects.create(kind, body)
        if kind == "jobs":
            self.created[new["metadata"]["name"]] = new
            self._add_pod(new)
        return new

    def _add_pod(self, job: Object) -> None:
        pod = self.create("pods", self.jobs.new_pod(job))
        self.jobs.update(job)
        name = job["metadata"]["name"]
        event = {
            "metadata": {"name": f"{pod['metadata']['name']}.created"},
            "involvedObject": {"kind": "Job", "name": name},
            "reason": "SuccessfulCreate",
            "message": f"Created pod: {pod['metadata']['name']}",
            "lastTimestamp": now(),
        }
        self.objects.create("events", event)

    def _pod_ended(self, name: str) -> None:
        pod = self.objects.find("pods", name)
        owners = (pod or {"metadata": {}})["metadata"].get("ownerReferences", ())
        for owner in owners:
            job = self.objects.find("jobs", owner["name"])
            if job is not None and self.jobs.update(job):
                self._add_pod(job)

    def delete(self, kind: str, name: str) -> Object:
        """Delete an object; the container of a pod ends, the pods of a Job stay."""
        gone = self.objects.delete(kind, name)
        self.deleted.append((kind, name))
        container = self.kubelet.containers.get(name) if kind == "pods" else None
        if container is not None and container.process.poll() is None:
            Thread(target=container.stop).start()
        return gone

    def call(self, method: str, target: str, body: Object) -> Object | str:
        """Answer one call."""
        url = urlsplit(target)
        given = dict(parse_qsl(url.query))
        group = next((name for name, root in _ROOTS.items() if url.path.startswith(root)), None)
        if group is None or not given.keys() <= _PARAMETERS or "propagationPolicy" in body:
            raise UnknownCallError
        kind, *rest = url.path.removeprefix(_ROOTS[group]).split("/")
        if (kind == "jobs") != (group == "batch") or kind not in KINDS:
            raise UnknownCallError
        self.used.add(_right(method, kind, rest))
        match method, rest:
            case "POST", []:
                return self.create(kind, body)
            case "GET", []:
                selectors = (given.get("labelSelector", ""), given.get("fieldSelector", ""))
                items = self.objects.list(kind, labels=selectors[0], fields=selectors[1])
                api_version, word = KINDS[kind]
                return {"apiVersion": api_version, "kind": f"{word}List", "items": items}
            case "GET", [name] | [name, "status"]:
                return self.objects.get(kind, name)
            case "GET", [name, "log"] if kind == "pods":
                self.objects.get("pods", name)
                tail = int(given["tailLines"]) if "tailLines" in given else None
                stamped = given.get("timestamps", "").lower() == "true"
                return self.kubelet.log(name, tail=tail, timestamps=stamped)
            case "DELETE", [name]:
                return self.delete(kind, name)
            case _:
                raise UnknownCallError


def _right(method: str, kind: str, rest: list[str]) -> tuple[str, str]:
    """The verb and the resource by which a Role allows a call."""
    verbs = {"POST": "create", "DELETE": "delete", "GET": "get" if rest else "list"}
    return verbs.get(method, method), "/".join([kind, *rest[1:]])


@contextmanager
def running_cluster(directory: Path) -> Iterator[Cluster]:
    """A cluster that listens until the block ends; nothing of its pods outlives it."""
    cluster = Cluster(directory=directory)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            try:
                self._write(200, cluster.call(self.command, self.path, body))
            except RefusedCallError as error:
                self._write(error.code, _failure(error.code, error.reason))
            except UnknownCallError as error:
                cluster.unknown_calls.append(f"{self.command} {self.path} {error}".rstrip())
                self._write(501, _failure(501, "NotImplemented"))

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = answer  # noqa: N815

        def _write(self, code: int, answer: Object | str) -> None:
            text = answer if isinstance(answer, str) else json.dumps(answer)
            data = text.encode()
            self.send_response(code)
            kind = "text/plain" if answer is text else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the tests' output to themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    cluster.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield cluster
    finally:
        cluster.kubelet.stop()
        server.shutdown()
        thread.join()
        server.server_close()


def _failure(code: int, reason: str) -> Object:
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason}
