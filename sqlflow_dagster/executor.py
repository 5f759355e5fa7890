"""How the steps of a run are started: in processes of this machine, in this process, or as Kubernetes Jobs."""

from enum import StrEnum
from functools import cache

import dagster as dg
from dagster import InitExecutorContext, multiple_process_executor_requirements

from sqlflow_dagster.runtime.local import max_concurrent

PRELOAD_MODULE = "sqlflow_dagster.preload"


class ExecutorKind(StrEnum):
    """The values of SQLFLOW_EXECUTOR."""

    MULTIPROCESS = "multiprocess"
    IN_PROCESS = "in_process"
    K8S = "k8s"

    @classmethod
    def _missing_(cls, value: object) -> "ExecutorKind":
        known = ", ".join(cls)
        raise ValueError(f"unknown executor {value!r} (SQLFLOW_EXECUTOR); known: {known}")


def executor(kind: ExecutorKind | str = ExecutorKind.MULTIPROCESS) -> dg.ExecutorDefinition:
    """The executor of a kind.

    The multiprocess one forks its steps from a server that has everything imported: 0.4 s a step, where
    Dagster's default of a fresh interpreter takes over 2 s.

    Raises:
        ValueError: There is no such kind.
    """
    return _executor(ExecutorKind(kind), max_concurrent())


def steps_at_once(kind: ExecutorKind) -> int:
    """The most steps that share a machine under an executor; a Kubernetes pod runs one."""
    return max_concurrent() if kind is ExecutorKind.MULTIPROCESS else 1


# Definitions can be merged only where they share one executor object.
@cache
def _executor(kind: ExecutorKind, concurrent: int) -> dg.ExecutorDefinition:
    match kind:
        case ExecutorKind.IN_PROCESS:
            return dg.in_process_executor
        case ExecutorKind.K8S:
            return _k8s_executor()
        case ExecutorKind.MULTIPROCESS:
            configured: dg.ExecutorDefinition = dg.multiprocess_executor.configured(
                {
                    "max_concurrent": concurrent,
                    "start_method": {"forkserver": {"preload_modules": [PRELOAD_MODULE]}},
                }
            )
            return configured


def _k8s_executor() -> dg.ExecutorDefinition:
    from dagster_k8s import K8sRunLauncher, k8s_job_executor

    @dg.executor(
        name="k8s",
        config_schema=k8s_job_executor.config_schema.as_field(),
        requirements=multiple_process_executor_requirements(),
    )
    def sqlflow_k8s_executor(init_context: InitExecutorContext) -> dg.Executor:
        launcher = init_context.instance.run_launcher
        if not isinstance(launcher, K8sRunLauncher):
            raise dg.DagsterInvariantViolationError(
                "SQLFLOW_EXECUTOR=k8s needs the K8sRunLauncher, but this instance has "
                f"{type(launcher).__name__}; set run_launcher in dagster.yaml"
            )
        create = k8s_job_executor.executor_creation_fn
        assert create is not None
        return create(init_context)

    return sqlflow_k8s_executor
