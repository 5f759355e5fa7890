"""Using a trained model: the face of machine learning to the runtime, beside training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import PluginError, StepError, TerminalError
from sqlflow_dagster.ml.base import Metrics, TrainedModel
from sqlflow_dagster.ml.estimators import find_trainer
from sqlflow_dagster.ml.explanation.base import (
    Explainer,
    ExplainRequest,
    Explanation,
    Subject,
    explained,
)
from sqlflow_dagster.ml.explanation.contributions import best
from sqlflow_dagster.ml.features.arrow_types import Columns, column_index, fits
from sqlflow_dagster.ml.features.encode import encode, wrong_type
from sqlflow_dagster.ml.features.feature import SourceColumn
from sqlflow_dagster.ml.features.labels import decode
from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.models.bundle import Bundle, GoldenRows, pack, unpack
from sqlflow_dagster.ml.models.evaluation import evaluate
from sqlflow_dagster.ml.tasks import FloatArray, Task
from sqlflow_dagster.source import Span

_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model with all that PREDICT, EVALUATE and EXPLAIN need.

    Attributes:
        manifest: What is known of it.
        trained: The library's own model.
        golden: Training rows with the answers given when it was trained.
    """

    manifest: Manifest
    trained: TrainedModel
    golden: GoldenRows

    def source_columns(self) -> tuple[SourceColumn, ...]:
        """The columns that a SELECT must give, each with its name and type."""
        return self.manifest.features.sources

    def predict(self, rows: pa.Table) -> pa.Array:
        """A prediction for each row.

        Args:
            rows: With the feature columns, in any order; other columns do not matter.

        Returns:
            See :func:`~sqlflow_dagster.ml.features.labels.decode`.

        Raises:
            TerminalError: A feature column is missing or has another kind of type.
        """
        return decode(self.answers(rows), self.manifest.label)

    def probabilities(self, rows: pa.Table) -> FloatArray | None:
        """Class probabilities, shape (n, classes), in the order of ``manifest.label.classes``.

        None for a model that predicts no classes.
        """
        return self.answers(rows) if self.manifest.task.predicts_classes else None

    def evaluate(
        self,
        rows: pa.Table,
        *,
        label: str | None = None,
        metrics: Sequence[str] = (),
        average: str | None = None,
    ) -> Metrics:
        """Compare predictions with a label; see :func:`~sqlflow_dagster.ml.models.evaluation.evaluate`."""
        return evaluate(
            self.manifest, self.trained, rows, label=label, metrics=metrics, average=average
        )

    def explain(
        self,
        rows: pa.Table | None,
        request: ExplainRequest | None = None,
        explainer: Explainer = best,
    ) -> Explanation:
        """Tell why it predicts what it predicts.

        Args:
            rows: With the feature columns, in any order; None for an explainer that reads none.
            request: How to explain.
            explainer: What explains; by default what each source column added to each prediction,
                in the best way that the model has.

        Raises:
            TerminalError: The explainer does not know such models, or a column is missing.
        """
        subject = Subject(
            manifest=self.manifest,
            trained=self.trained,
            background=self.golden.rows,
            rows=rows,
        )
        return explained(explainer, subject, request or ExplainRequest())

    def to_bundle(self) -> bytes:
        """The model as one file, to be read by :meth:`from_bundle`."""
        return pack(Bundle(manifest=self.manifest, files=self.trained.files(), golden=self.golden))

    @classmethod
    def from_bundle(cls, data: bytes, *, threads: int = 1) -> "Model":
        """A model from :meth:`to_bundle`, checked to answer as it did when it was trained.

        Args:
            data: The bundle; no code of it is run.
            threads: How many threads predictions may use.

        Raises:
            TerminalError: The bundle is damaged or of an unknown format, its library is missing, or
                the model answers differently here.
        """
        bundle = unpack(data)
        try:
            trained = find_trainer(bundle.manifest.estimator, None).load(
                bundle.files, threads=threads
            )
            model = cls(manifest=bundle.manifest, trained=trained, golden=bundle.golden)
            _check_golden(model)
            # A label's type may not take its classes, which else only a prediction would tell.
            decode(bundle.golden.answers, bundle.manifest.label)
        except StepError:
            raise
        except PluginError as error:
            raise TerminalError(error.message, hint=error.hint) from error
        # A manifest of unknown origin may say anything of the files, and libraries believe it.
        except Exception as error:
            raise TerminalError(
                f"the model bundle contradicts itself: {error}", hint="train the model again"
            ) from error
        return model

    def answers(self, rows: pa.Table) -> FloatArray:
        """What the library's model predicts, see :class:`~sqlflow_dagster.ml.tasks.Task`.

        Args:
            rows: With the feature columns.

        Raises:
            TerminalError: A feature column is missing or has another kind of type.
        """
        features = encode(rows, self.manifest.features)
        if not len(features):
            # Libraries differ in what they make of no rows, down to a warning.
            return np.empty(_no_answers(self.manifest.label))
        return self.trained.predict(features)


def _no_answers(label: LabelSpec) -> tuple[int, ...]:
    """The shape of what is predicted for no rows."""
    if label.task.predicts_classes:
        return (0, len(label.classes))
    if label.task is Task.DECOMPOSITION:
        return (0, 1)
    return (0, len(label.means)) if label.is_list else (0,)


def check_inputs(
    sources: Sequence[SourceColumn],
    columns: Columns,
    *,
    span: Span | None = None,
    label: str | None = None,
) -> None:
    """Refuse a SELECT that lacks columns of a model, before any row is read.

    Args:
        sources: What the model wants.
        columns: Names and types that the SELECT gives.
        span: Where the SELECT stands.
        label: A label column that must be there too.

    Raises:
        TerminalError: Naming every missing column, or the first of a wrong type.
    """
    names = [name for name, _ in columns]
    folded = {name.lower() for name in names}
    wanted = dict.fromkeys([*(item.column for item in sources), *([label] if label else [])])
    missing = [name for name in wanted if name.lower() not in folded]
    if missing:
        raise TerminalError(
            f"the model needs {'column' if len(missing) == 1 else 'columns'} "
            f"{', '.join(map(repr, missing))}, which the SELECT does not give",
            span,
            f"it gives: {', '.join(names)}",
        )
    for source in sources:
        _, type_ = columns[column_index(source.column, names, span, "the model")]
        if not fits(source, type_):
            raise wrong_type(source, type_).at(span)


def _check_golden(model: Model) -> None:
    """Refuse a model whose library now answers differently: no prediction of it can be trusted."""
    now, then = model.answers(model.golden.rows), model.golden.answers
    if now.shape == then.shape and np.allclose(
        now, then, rtol=0, atol=_TOLERANCE * float(np.abs(then).max(initial=0.0))
    ):
        return
    trained_with = ", ".join(f"{name} {item}" for name, item in model.manifest.libraries.items())
    raise TerminalError(
        f"the model answers differently than when it was trained with {trained_with}; "
        f"here are {_versions_here(model)}",
        hint="train the model again, or install the versions it was trained with",
    )


def _versions_here(model: Model) -> str:
    from importlib.metadata import packages_distributions, version

    owners = packages_distributions()
    found = [
        f"{name} {version(owners[name][0])}" for name in model.manifest.libraries if name in owners
    ]
    return ", ".join(found) or "none of them"
