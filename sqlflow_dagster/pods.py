"""The Kubernetes pod of a segment, as dagster-k8s wants to be told of it."""

from typing import Any

from sqlflow_dagster.graph.resources import Resources

TAG = "dagster-k8s/config"
_GPU = "nvidia.com/gpu"


def pod_tags(resources: Resources) -> dict[str, Any]:
    """The tags of an op that give its pod what its statements ask for; none where they ask for nothing.

    Memory is both what is kept free for the pod and what it may use. Processors are only kept free: without a
    limit, a training uses those that nobody else wants.

    Args:
        resources: What the statements ask for.
    """
    requests = {"cpu": resources.cpu, "memory": resources.memory}
    gpus = None if resources.gpu is None else str(resources.gpu)
    limits = {"memory": resources.memory, _GPU: gpus}
    container = {
        "image": resources.image,
        "resources": _given({"requests": _given(requests), "limits": _given(limits)}),
    }
    pod = {"node_selector": dict(resources.node_selector)}
    config = _given({"container_config": _given(container), "pod_spec_config": _given(pod)})
    return {TAG: config} if config else {}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
