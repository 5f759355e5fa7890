"""What the models of a program learn from and want of a SELECT, as far as that is known before anything runs."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
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
from sqlflow_dagster.ml.features.treatments import Derived, Treatment
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.runtime.context import RunContext

Sources: TypeAlias = tuple[SourceColumn, ...]
FeaturesCallback: TypeAlias = Callable[["PlannedFeatures"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFeatures:
    """What a TRAIN statement will learn from.

    Attributes:
        statement: The statement.
        listed: The features that COLUMN names, as it writes them; columns, where it has a pattern. None of a model that goes on from
            another one, whose features it keeps.
        derived: The columns of its SELECT that become features of themselves.
    """

    statement: TrainStatement
    listed: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()

    @classmethod
    def of(cls, statement: TrainStatement, treatments: Sequence[Treatment]) -> "PlannedFeatures":
        """Of a statement whose columns have these treatments."""
        if statement.base_model is not None:
            return cls(statement=statement)
        texts = Counter((item.input, item.text) for item in treatments)

        def listed(item: Treatment) -> str:
            # A text with a pattern does not tell the columns.
            plain = isinstance(item.content, Derived) or texts[item.input, item.text] > 1
            return item.name if plain else item.text

        # Several inputs of a model may have the same features.
        return cls(
            statement=statement,
            listed=tuple(dict.fromkeys(listed(item) for item in treatments if item.listed)),
            derived=tuple(dict.fromkeys(item.name for item in treatments if not item.listed)),
        )


def tell_nobody(planned: PlannedFeatures) -> None:
    """Drop what a statement will learn from."""


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
