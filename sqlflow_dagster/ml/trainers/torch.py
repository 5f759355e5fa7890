"""PyTorch: networks, from linear models to recurrent ones and those of the user's own.

Defaults differ from the original SQLFlow where its own made poor models: Adam with a learning rate
of 0.003 (not Adagrad), batches of 32 rows (not 1), 20 epochs (not 1), layers of 64 and 32 neurons.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import find, value_span
from sqlflow_dagster.ml.base import Plan, TrainedModel, TrainRequest
from sqlflow_dagster.ml.features.spec import Layout
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.ml.trainers.networks.attributes import Values, class_count, read_values
from sqlflow_dagster.ml.trainers.networks.estimators import ESTIMATORS, Estimator
from sqlflow_dagster.own_classes import is_allowed

if TYPE_CHECKING:
    from sqlflow_dagster.ml.trainers.networks.model import Architecture


class TorchTrainer:
    """Trains and loads networks."""

    def plan(
        self, estimator: str, attributes: tuple[Attribute, ...], label_type: LabelType | None
    ) -> Plan:
        """Check the attributes; the estimator's name says what the task is."""
        _require_torch(estimator)
        if _clusters(estimator):
            from sqlflow_dagster.ml.trainers.networks.clustering import read_settings

            read_settings(estimator, attributes)
            return Plan(task=Task.CLUSTERING, layout=Layout.SCALED, weighs=False)
        known = _find(estimator, label_type)
        read_values(estimator, known.schema, attributes)
        task = Task.REGRESSION
        if known.schema.classifies:
            several = label_type in ("texts", "numbers")
            task = Task.MULTILABEL if several else Task.CLASSIFICATION
        return Plan(
            task=task,
            layout=known.layout,
            class_count=class_count(known.schema, attributes),
            inputs=known.inputs,
            lists=True,
            label_separator=known.label_separator,
            goes_on=True,
        )

    def train(self, request: TrainRequest) -> TrainedModel:
        """Train for ``train.epoch`` epochs, or ``train.max_steps`` steps where that is less."""
        _require_torch(request.estimator)
        if _clusters(request.estimator):
            from sqlflow_dagster.ml.trainers.networks.clustering import find_clusters, read_settings

            return find_clusters(request, *read_settings(request.estimator, request.attributes))
        known = _find(request.estimator, request.label.type)
        values = read_values(request.estimator, known.schema, request.attributes)
        _check_width(request)
        return _train(request, values, known.architecture(request, values))

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> TrainedModel:
        """A network from its weights and its architecture, both data only."""
        _require_torch("this model")
        from sqlflow_dagster.ml.trainers.networks.clustering import KIND, ClusterModel
        from sqlflow_dagster.ml.trainers.networks.model import INFO, TorchModel

        try:
            info = json.loads(files[INFO])
            if info["kind"] == KIND:
                return ClusterModel.from_files(info, files, threads)
            return TorchModel.from_files(info, files, threads)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TerminalError(f"the files are no network: {error}") from error


def _clusters(estimator: str) -> bool:
    return estimator.rpartition(".")[2].lower() == "deepembeddingclustermodel"


def _find(estimator: str, label_type: LabelType | None) -> Estimator:
    """What a name stands for; of a class of the user's own also by the type of its label."""
    if not is_allowed(estimator):
        spelt = estimator.rpartition(".")[2].lower()
        return next(item for name, item in ESTIMATORS.items() if name.lower() == spelt)
    from sqlflow_dagster.ml.trainers.networks.own_modules import (
        own_module,
        own_schema,
        predicts_classes,
    )

    classifies = predicts_classes(estimator, label_type)
    return Estimator(
        schema=own_schema(estimator, classifies=classifies),
        architecture=own_module,
        layout=Layout.SCALED,
    )


def _require_torch(estimator: str) -> None:
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise PluginError(
            f"{estimator} needs PyTorch, which is not installed: {error}",
            hint="pip install 'sqlflow-dagster[torch]'",
        ) from error


def _check_width(request: TrainRequest) -> None:
    """Refuse a number of amounts that the label does not have."""
    declared = find(
        request.attributes, *(f"{prefix}{name}" for prefix in ("", "model.") for name in _WIDTHS)
    )
    found = len(request.label.means)
    if declared is not None and declared.value != found and not request.label.classes:
        raise TerminalError(
            f"{declared.name} is {declared.value}, but label {request.label.name!r} has {found} "
            + ("amount" if found == 1 else "amounts"),
            value_span(declared),
            f"write {declared.name}={found}, or leave it out",
        )


_WIDTHS = ("label_dimension", "n_out")


def _train(request: TrainRequest, values: Values, architecture: "Architecture") -> TrainedModel:
    from sqlflow_dagster.ml.trainers.networks import explanation, heads, loop, model
    from sqlflow_dagster.ml.trainers.networks.rows import Rows

    head = replace(heads.Head.of(request.label), outputs=architecture.outputs)
    settings = loop.Settings(
        optimizers=values.optimizers,
        batch_rows=values["train.batch_size"],
        epochs=request.rounds or values["train.epoch"],
        max_steps=values["train.max_steps"],
        patience=None if request.rounds else values["train.early_stopping_rounds"],
        clip_norm=values["train.clip_norm"],
        device=values["train.device"],
    )
    loss = heads.row_loss(head, values.loss, values.loss_options)
    base = _base_network(request, architecture)
    with loop.seeded(request.seed, request.threads, loop.find_device(settings.device)):
        network: Any = architecture.build()
        if base is not None:
            network.load_state_dict(base.state_dict())
        history = loop.fit(network, head, loss, settings, request)
        baseline = explanation.mean_points(network, Rows.of(request.training.features))
    return model.TorchModel(
        network=network,
        architecture=architecture,
        head=head,
        baseline=baseline,
        library=model.versions(),
        parameters=values.parameters(),
        history=history,
        threads=request.threads,
        best_rounds=loop.best_epoch(settings, history),
    )


def _base_network(request: TrainRequest, architecture: "Architecture") -> Any:
    """The network of USING; None without one."""
    from sqlflow_dagster.ml.trainers.networks.model import TorchModel

    match request.base:
        case None:
            return None
        case TorchModel(network=network, architecture=known) if known.same_shape(architecture):
            return network
        case TorchModel():
            raise TerminalError(
                f"{request.estimator} cannot go on from a model of another shape",
                hint="give both statements the same model.* attributes",
            )
        case other:
            raise TerminalError(
                f"{request.estimator} cannot go on from a model of {', '.join(other.library)}"
            )


trainer = TorchTrainer()
