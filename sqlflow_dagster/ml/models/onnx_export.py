"""A model as an ONNX graph, for programs that know nothing of this package.

The graph has one input ``features``, float32 of shape (n, slots), the rows as
:func:`~sqlflow_dagster.ml.features.encode.encode` makes them, and one output ``answers``: probabilities of shape
(n, classes), or amounts of shape (n, 1). The encoding is not part of the graph; the metadata of the file say what stands in
each slot, and hold the feature specification.
"""

import json
import warnings
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.spec import EncodedTable
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.onnx_names import INPUT, OUTPUT
from sqlflow_dagster.ml.tasks import FloatArray

if TYPE_CHECKING:
    import onnx

_TOLERANCE = 1e-5
_HINT = "export it without --onnx: the bundle holds the whole model"


@runtime_checkable
class OnnxExportable(Protocol):
    """What a :class:`~sqlflow_dagster.ml.base.TrainedModel` has whose library can write ONNX."""

    def to_onnx(self, slots: int) -> "onnx.ModelProto":
        """The model as a graph from :data:`INPUT`, shape (n, slots), to :data:`OUTPUT`.

        Raises:
            TerminalError: This kind of model cannot be written.
            ImportError: A library of the extra ``onnx`` is missing.
        """


def export_onnx(model: Model) -> bytes:
    """A model as the bytes of an ONNX file, checked to answer as the model does.

    Raises:
        TerminalError: This kind of model cannot be written as ONNX, the libraries for it are not installed, or
            the graph would answer differently.
    """
    manifest = model.manifest
    if not isinstance(model.trained, OnnxExportable):
        raise TerminalError(f"{manifest.estimator} cannot be written as ONNX", hint=_HINT)
    if manifest.features.bag_slots:
        names = ", ".join(item.name for item in manifest.features.bag_slots)
        raise TerminalError(
            f"a model with embeddings cannot be written as ONNX; this one has {names}", hint=_HINT
        )
    features = encode(model.golden.rows, manifest.features)
    try:
        # The converters warn of their own use of NumPy and onnx.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = model.trained.to_onnx(len(features.slots))
            _describe(graph, model)
            data = bytes(graph.SerializeToString())
            answers = _answers(data, features)
    except ImportError as error:
        raise TerminalError(
            f"writing ONNX needs a library that is not installed: {error}",
            hint="pip install 'sqlflow-dagster[onnx]'",
        ) from error
    except TerminalError as error:
        raise TerminalError(error.message, hint=_HINT) from error
    # Each converter has errors of its own for what it cannot write, and onnxruntime for what it cannot run.
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TerminalError(
            f"{manifest.estimator} cannot be written as ONNX: {said}", hint=_HINT
        ) from error
    _check(answers, model.trained.predict(features), manifest.estimator)
    return data


def _describe(graph: "onnx.ModelProto", model: Model) -> None:
    manifest = model.manifest
    facts = {
        "estimator": manifest.estimator,
        "statement": manifest.statement or "",
        "label": manifest.label.column or "",
        "classes": json.dumps(manifest.label.classes),
        "slots": json.dumps([slot.name for slot in manifest.features.slots]),
        "feature_specification": json.dumps(manifest.features.to_json()),
    }
    graph.producer_name = "sqlflow-dagster"
    for name, fact in facts.items():
        graph.metadata_props.add(key=f"sqlflow.{name}", value=fact)


def _answers(data: bytes, features: EncodedTable) -> FloatArray:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([OUTPUT], {INPUT: features.matrix})[0])


def _check(found: FloatArray, wanted: FloatArray, estimator: str) -> None:
    """Refuse a graph that answers the golden rows differently."""
    wanted = wanted.reshape(len(wanted), -1)
    limit = _TOLERANCE * max(1.0, float(np.abs(wanted).max()))
    if found.shape != wanted.shape or not np.allclose(found, wanted, rtol=0, atol=limit):
        raise TerminalError(
            f"this {estimator} cannot be written as ONNX: the graph would answer differently",
            hint=_HINT,
        )
