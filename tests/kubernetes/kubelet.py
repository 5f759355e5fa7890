"""Runs the container of a pod as a process of this machine, with the environment of its spec and no other."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from tests.kubernetes.objects import Object, Objects, UnknownCallError, now

# What an image of ours sets: where its programs are. Everything else must come from the pod's spec.
IMAGE_ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"}
_UNSUPPORTED = ("volumes", "initContainers", "imagePullSecrets")
_UNSUPPORTED_IN_CONTAINER = ("volumeMounts",)
_GRACE_SECONDS = 5.0


@dataclass(slots=True)
class Container:
    """A process that stands for a container.

    Attributes:
        process: The leader of its own process group.
        lines: What it has printed, with the time of each line.
    """

    process: subprocess.Popen[str]
    lines: list[tuple[str, str]] = field(default_factory=list)
    thread: Thread | None = None

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return  # It has ended by itself.

    def stop(self) -> None:
        """End it as Kubernetes does: politely, then not."""
        self.kill(signal.SIGTERM)
        assert self.thread is not None
        self.thread.join(_GRACE_SECONDS)
        self.kill(signal.SIGKILL)


@dataclass(slots=True, kw_only=True)
class Kubelet:
    """The processes of all pods.

    Attributes:
        objects: Where it tells of their states.
        directory: The working directory of every container.
        ended: Called with the name of each pod whose container has ended.
        secrets: The Secrets that containers may take their environment from, by name.
    """

    objects: Objects
    directory: Path
    ended: Callable[[str], None]
    containers: dict[str, Container] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)

    def start(self, pod: Object) -> None:
        """Start the one container of a pod.

        Raises:
            UnknownCallError: The pod asks for something that this kubelet knows nothing of.
        """
        spec, name = pod["spec"], pod["metadata"]["name"]
        unsupported = [part for part in _UNSUPPORTED if spec.get(part)]
        (described,) = spec["containers"]
        unsupported += [part for part in _UNSUPPORTED_IN_CONTAINER if described.get(part)]
        if unsupported:
            raise UnknownCallError(f"pod with {', '.join(unsupported)}")
        process = subprocess.Popen(
            [*described.get("command", ()), *described.get("args", ())],
            cwd=self.directory,
            env=IMAGE_ENVIRONMENT | self._environment(described),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        container = self.containers[name] = Container(process=process)
        self._tell(name, described["name"], "Running", {"running": {"startedAt": now()}})
        container.thread = Thread(target=self._watch, args=(name, described["name"], container))
        container.thread.start()

    def _environment(self, container: Object) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            if source.keys() != {"secretRef"}:
                raise UnknownCallError(f"environment from {source}")
            found |= self.secrets[source["secretRef"]["name"]]
        for item in container.get("env", ()):
            if "value" not in item:
                raise UnknownCallError(f"environment variable {item}")
            found[item["name"]] = item["value"]
        return found

    def _watch(self, pod: str, name: str, container: Container) -> None:
        assert container.process.stdout is not None
        for line in container.process.stdout:
            container.lines.append((datetime.now(tz=UTC).isoformat(), line))
        code = container.process.wait()
        container.process.stdout.close()
        container.kill(signal.SIGKILL)  # Nothing of a container outlives its first process.
        # A shell's way to tell of a signal, and Kubernetes'.
        code = 128 - code if code < 0 else code
        reason = "Completed" if code == 0 else "Error"
        state = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": now()}}
        self._tell(pod, name, "Succeeded" if code == 0 else "Failed", state)
        self.ended(pod)

    def _tell(self, pod: str, container: str, phase: str, state: dict[str, Any]) -> None:
        status = {
            "name": container,
            "image": "",
            "imageID": "",
            "ready": "running" in state,
            "restartCount": 0,
            "state": state,
        }
        self.objects.set_status("pods", pod, {"phase": phase, "containerStatuses": [status]})

    def log(self, pod: str, *, tail: int | None, timestamps: bool) -> str:
        """What the container of a pod has printed."""
        lines = self.containers[pod].lines[-tail if tail else None :]
        return "".join(f"{time} {line}" if timestamps else line for time, line in lines)

    def stop(self) -> None:
        """End everything that still runs."""
        for container in self.containers.values():
            if container.process.poll() is None:
                container.stop()
        for container in self.containers.values():
            assert container.thread is not None
            container.thread.join()
