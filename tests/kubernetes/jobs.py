"""The controller of Jobs: it makes their pods, and new ones for those that fail, as often as allowed."""

import uuid
from dataclasses import dataclass, field
from threading import Lock

from tests.kubernetes.objects import Object, Objects, now


@dataclass(slots=True, kw_only=True)
class JobController:
    """Makes pods of Jobs and tells of their progress.

    Attributes:
        objects: Where Jobs and pods are kept.
    """

    objects: Objects
    _lock: Lock = field(default_factory=Lock)

    def new_pod(self, job: Object) -> Object:
        """A pod of a Job, not yet stored."""
        name = job["metadata"]["name"]
        template = job["spec"]["template"]
        metadata = dict(template.get("metadata") or {})
        labels = {"job-name": name, "batch.kubernetes.io/job-name": name}
        metadata["name"] = f"{name}-{uuid.uuid4().hex[:5]}"
        metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
        metadata["ownerReferences"] = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
        ]
        return {"metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"}}

    def update(self, job: Object) -> bool:
        """Bring the status of a Job up to date; whether it wants another pod."""
        name = job["metadata"]["name"]
        with self._lock:
            pods = self.objects.list("pods", labels=f"job-name={name}")
            phases = [pod["status"]["phase"] for pod in pods]
            failed, succeeded = phases.count("Failed"), phases.count("Succeeded")
            active = len(phases) - failed - succeeded
            retry = not active and 0 < failed <= job["spec"].get("backoffLimit", 6)
            status = {
                "startTime": (job.get("status") or {}).get("startTime") or now(),
                "active": active,
                "failed": failed,
                "succeeded": succeeded,
            }
            if succeeded:
                status |= {"completionTime": now(), "conditions": [_condition("Complete")]}
            elif failed and not active and not retry:
                status["conditions"] = [_condition("Failed")]
            self.objects.set_status("jobs", name, status)
        return retry and not succeeded


def _condition(kind: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "lastTransitionTime": now()}
