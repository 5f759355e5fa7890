"""Estimators as files that hold data only: the format of skops, with an explicit list of types.

skops rebuilds an object from the names of its types, and refuses names that nobody trusts. It trusts
scikit-learn's public estimators by itself; :data:`TRUSTED` adds the containers of data inside them.
"""

import io
import json
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.own_classes import is_allowed

_KERNELS = (
    "CompoundKernel",
    "ConstantKernel",
    "DotProduct",
    "ExpSineSquared",
    "Exponentiation",
    "Matern",
    "PairwiseKernel",
    "Product",
    "RBF",
    "RationalQuadratic",
    "Sum",
    "WhiteKernel",
)
_DISTANCES = (
    "Chebyshev",
    "Euclidean",
    "Manhattan",
    "Minkowski",
    "SEuclidean",
)
TRUSTED: tuple[str, ...] = (
    # What it calls must be trusted itself: histogram trees check categories so.
    "functools.partial",
    "numpy.dtype",
    "numpy.mean",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "scipy.interpolate._bsplines._BSpline",
    "scipy.sparse._csc.csc_matrix",
    "scipy.sparse._csr.csr_matrix",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.cluster._bisect_k_means._BisectingTree",
    "sklearn.cluster._kmeans._kmeans_single_elkan",
    "sklearn.cluster._kmeans._kmeans_single_lloyd",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    *(f"sklearn.gaussian_process.kernels.{name}" for name in _KERNELS),
    *(
        f"sklearn.metrics._dist_metrics.{name}Distance{bits}"
        for name in _DISTANCES
        for bits in (32, 64)
    ),
    "sklearn.metrics._classification.balanced_accuracy_score",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
    "sklearn.utils.validation.check_array",
)
"""Types, and functions that parameters name, all of the library itself: none of them runs code that a file brings."""

# The places in the state of a search tree that count calls.
_COUNTS = range(7, 11)
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def to_bytes(estimator: Any) -> bytes:
    """A fitted estimator as a file; the same estimator gives the same bytes.

    Raises:
        TerminalError: It holds something that has no such format.
    """
    from skops.io import dumps, get_untrusted_types
    from skops.io.exceptions import UnsupportedTypeException

    _forget_calls(estimator)
    try:
        data = dumps(estimator)
    except (UnsupportedTypeException, TypeError) as error:
        raise TerminalError(f"the model cannot be stored without pickle: {error}") from error
    unknown = [name for name in get_untrusted_types(data=data) if not _is_trusted(name)]
    if unknown:
        raise TerminalError(
            f"the model holds objects that are not trusted: {', '.join(unknown)}",
            hint="classes of your own must be in SQLFLOW_TRAINERS",
        )
    return _renumbered(data)


def from_bytes(data: bytes) -> Any:
    """An estimator from what :func:`to_bytes` gave.

    Raises:
        TerminalError: The file is none of that kind, or it names types that nobody trusts.
    """
    from skops.io import get_untrusted_types, loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        with ZipFile(io.BytesIO(data)) as file:
            # Stored as they are, members cannot be larger than the file.
            if any(item.compress_type != ZIP_STORED for item in file.infolist()):
                raise TerminalError("the file is no model of scikit-learn: it has packed members")
        found = get_untrusted_types(data=data)
        unknown = [name for name in found if not _is_trusted(name)]
        if unknown:
            raise TerminalError(
                f"the model wants to be made of types that are not trusted: {', '.join(unknown)}"
            )
        return loads(data, trusted=found)
    except (
        BadZipFile,
        UntrustedTypesFoundException,
        ArithmeticError,
        AttributeError,
        ImportError,
        LookupError,
        NotImplementedError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise TerminalError(f"the file is no model of scikit-learn: {error}") from error


def _forget_calls(estimator: Any) -> None:
    """Search trees count how often they are asked: a prediction would change the model."""
    inner = getattr(estimator, "nbrs_", estimator)
    for name in ("_tree", "tree_"):
        tree: Any = getattr(inner, name, None)
        if type(tree).__name__ in ("KDTree", "BallTree"):
            state = tree.__getstate__()
            tree.__setstate__(
                (*state[: _COUNTS.start], *(0 for _ in _COUNTS), *state[_COUNTS.stop :])
            )


def _is_trusted(name: str) -> bool:
    return name in TRUSTED or is_allowed(name)


def _renumbered(data: bytes) -> bytes:
    """The file without what differs from one process to the next: addresses of objects and times."""
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}

    def visit(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                visit(item)
        if not isinstance(node, dict):
            return
        if "__id__" in node:
            # Not from 0: the library takes that for no number at all.
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if isinstance(node.get("file"), str):
            name = node["file"]
            node["file"] = files.setdefault(name, f"{len(files)}.{name.rpartition('.')[2]}")
        for item in node.values():
            visit(item)

    into = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as former, ZipFile(into, "w") as file:
        schema = json.loads(former.read(_SCHEMA))
        visit(schema)
        for name, new in files.items():
            file.writestr(ZipInfo(new, _EPOCH), former.read(name))
        file.writestr(ZipInfo(_SCHEMA, _EPOCH), json.dumps(schema, separators=(",", ":")))
    return into.getvalue()
