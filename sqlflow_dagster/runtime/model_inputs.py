"""What the models of a program want of a SELECT, as far as that is known before anything runs."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from sqlflow_dagster.graph.objects import ObjectRef, model_ref
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    PredictStatement,
    QualifiedName,
    TrainStatement,
)
from sqlflow_dagster.ml.features.feature import SourceColumn
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.runtime.context import RunContext

Sources: TypeAlias = tuple[SourceColumn, ...]


def used_model(step: Step) -> ModelReference | None:
    """The model that a statement uses; for TRAIN, the one that it goes on from."""
    match step.statement:
        case PredictStatement(model=model) | EvaluateStatement(model=model):
            return model
        case ExplainStatement(model=model) | TrainStatement(base_model=model):
            return model
        case _:
            return None


@dataclass(slots=True)
class ModelInputs:
    """The source columns of models, by name and version; None is the version that is read now."""

    sources: dict[tuple[ObjectRef, int | None], Sources]

    @classmethod
    def stored(cls, steps: Sequence[Step], context: RunContext) -> "ModelInputs":
        """What is known from the models in the store that these steps use."""
        found: dict[tuple[ObjectRef, int | None], Sources] = {}
        for model in filter(None, map(used_model, steps)):
            version = context.models.find(str(model.name), model.version)
            # A model of another format says so when it is loaded.
            with suppress(KeyError, TypeError, ValueError):
                if version is not None:
                    sources = Manifest.from_json(version.metadata).features.sources
                    found[model_ref(model.name.parts), model.version] = sources
        return cls(found)

    def of(self, model: ModelReference | None) -> Sources | None:
        """The source columns of a model; None where nobody knows them yet."""
        return self.sources.get((model_ref(model.name.parts), model.version)) if model else None

    def learn(self, name: QualifiedName, sources: Sources) -> None:
        """From now on, the name means a model that reads these columns."""
        self.sources[model_ref(name.parts), None] = sources

    def forget(self, models: Collection[ObjectRef]) -> None:
        """Nobody knows any more what these models want."""
        self.sources = {key: item for key, item in self.sources.items() if key[0] not in models}
