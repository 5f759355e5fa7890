"""scikit-learn's estimators by name, and what each is good for."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.features.spec import Layout
from sqlflow_dagster.ml.tasks import LabelType, Task
from sqlflow_dagster.ml.trainers.sklearn_names import MODULE_OF
from sqlflow_dagster.ml.trainers.sklearn_parameters import constructed, read_parameters
from sqlflow_dagster.own_classes import is_allowed, load_class

_TEXTS = "it reads texts or other objects, no table of numbers"
_LABELS = "it encodes labels, which training does by itself"
_COMPOSES = "a statement has one estimator: what goes before it belongs into the SELECT and COLUMN"
_SEARCHES = "its parameters are lists to search through"
_TRANSDUCTIVE = "it arranges the rows that it is fitted on and tells nothing of other rows"
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "CountVectorizer",
            "DictVectorizer",
            "FeatureHasher",
            "HashingVectorizer",
            "PatchExtractor",
            "TfidfVectorizer",
        ),
        _TEXTS,
    ),
    **dict.fromkeys(("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"), _LABELS),
    **dict.fromkeys(("ColumnTransformer", "FeatureUnion", "Pipeline"), _COMPOSES),
    **dict.fromkeys(("GridSearchCV", "RandomizedSearchCV"), _SEARCHES),
    **dict.fromkeys(
        (
            "AgglomerativeClustering",
            "ClassicalMDS",
            "HDBSCAN",
            "MDS",
            "OPTICS",
            "SpectralBiclustering",
            "SpectralClustering",
            "SpectralCoclustering",
            "SpectralEmbedding",
            "TSNE",
        ),
        _TRANSDUCTIVE,
    ),
    "Birch": "its tree has no format but pickle, which could run code of its own",
    "FrozenEstimator": "it wants a model that is fitted already",
    "KernelCenterer": "it wants a matrix of similarities, no table",
    "NearestNeighbors": "it finds rows and predicts nothing",
    "SparseCoder": "it wants a dictionary that is fitted already",
}
"""Estimators that cannot be trained by a statement, and why."""

_INSTEAD = {
    _TRANSDUCTIVE: "KMeans, BisectingKMeans, MeanShift and DBSCAN cluster, PCA and Isomap embed",
    _TEXTS: "SPARSE, EMBEDDING and CATEGORY_HASH of COLUMN read texts and lists",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An estimator as a statement wants it.

    Attributes:
        name: The class name of one of scikit-learn's, the dotted name of the user's own.
        estimator: With the statement's parameters, not fitted.
        parameters: Those that the statement gives, JSON values.
    """

    name: str
    estimator: Any
    parameters: Mapping[str, Any]

    def task(self, label_type: LabelType | None) -> Task:
        """What it does, given what its label is."""
        tags = _tags(self.estimator)
        match tags.estimator_type:
            case "classifier" if label_type in ("texts", "numbers") and (
                tags.classifier_tags.multi_label or tags.target_tags.multi_output
            ):
                return Task.MULTILABEL
            case "classifier":
                return Task.CLASSIFICATION
            case "regressor":
                return Task.REGRESSION
            case "outlier_detector":
                return Task.OUTLIER_DETECTION
            case "clusterer" | "density_estimator" if self.clusters:
                return Task.CLUSTERING
            case _:
                return Task.DECOMPOSITION

    @property
    def clusters(self) -> bool:
        """Whether rows that training did not see can be put into its clusters."""
        return hasattr(type(self.estimator), "predict") or self.name == "DBSCAN"

    @property
    def lists(self) -> bool:
        """Whether a label may be a list."""
        tags = _tags(self.estimator)
        if tags.classifier_tags is not None and tags.classifier_tags.multi_label:
            return True
        return bool(tags.target_tags.multi_output)

    @property
    def only_lists(self) -> bool:
        """Whether a label must be a list."""
        return not _tags(self.estimator).target_tags.single_output

    def label_task(self, label_type: LabelType | None) -> Task | None:
        """What the label is to an estimator that learns from one and predicts something else."""
        wanted = _tags(self.estimator).target_tags.required or self.name in _SUPERVISED
        if not wanted or self.task(label_type).supervised:
            return None
        return Task.CLASSIFICATION if label_type in ("string", "bool") else Task.REGRESSION

    @property
    def layout(self) -> Layout:
        """How it wants its features."""
        codes = self.name.startswith("HistGradientBoosting") or self.name == "CategoricalNB"
        return Layout.TREES if codes else Layout.SCALED

    @property
    def positive(self) -> bool:
        """Whether it refuses numbers below 0."""
        return bool(_tags(self.estimator).input_tags.positive_only) or self.name in _POSITIVE


# They do not say so by their tags.
_POSITIVE = ("LatentDirichletAllocation", "SkewedChi2Sampler")
_SUPERVISED = (
    "PLSSVD",
    "SelectFromModel",
    "SelectKBest",
    "SelectPercentile",
    "SequentialFeatureSelector",
)


def choose(estimator: str, attributes: tuple[Attribute, ...]) -> Chosen:
    """The estimator of a statement with its parameters.

    Raises:
        TerminalError: The estimator cannot be trained, or a parameter is wrong.
        PluginError: The installed library has it not.
    """
    if is_allowed(estimator):
        name, class_ = estimator, load_class(estimator)
    else:
        name = library_name(estimator)
        class_ = library_class(name)
    given = read_parameters(estimator, class_, attributes)
    return Chosen(
        name=name,
        estimator=constructed(estimator, class_, given, named_class),
        parameters={item: value for item, (value, _) in given.items()},
    )


def library_name(estimator: str) -> str:
    """The class name of one of scikit-learn's estimators.

    Args:
        estimator: The name in any case, alone, as ``sklearn.Name`` or with its module.

    Raises:
        TerminalError: There is none, it has another module, or it is :data:`REFUSED`.
    """
    module, _, last = estimator.rpartition(".")
    name = {item.lower(): item for item in MODULE_OF}.get(last.lower())
    if name is None:
        raise TerminalError(f"scikit-learn has no estimator {last!r}")
    if module.lower() not in ("", "sklearn", MODULE_OF[name]):
        raise TerminalError(
            f"scikit-learn has no {estimator}", hint=f"write {MODULE_OF[name]}.{name}, or {name}"
        )
    if name in REFUSED:
        reason = REFUSED[name]
        raise TerminalError(
            f"{name} cannot be trained by a statement: {reason}", hint=_INSTEAD.get(reason)
        )
    return name


def library_class(name: str) -> type:
    """The class of a name that :func:`library_name` gave.

    Raises:
        PluginError: The installed library has it not.
    """
    import sklearn

    try:
        found: type = getattr(import_module(MODULE_OF[name]), name)
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"scikit-learn {sklearn.__version__} has no {name}",
            hint="install a newer scikit-learn",
        ) from error
    return found


def named_class(name: str) -> type:
    """The class of an estimator that is the parameter of another one."""
    return load_class(name) if is_allowed(name) else library_class(library_name(name))


def _tags(estimator: Any) -> Any:
    """What the library knows of an estimator; a class of the user's own may not say it."""
    from sklearn.utils import ClassifierTags, Tags, TargetTags, get_tags

    if hasattr(estimator, "__sklearn_tags__"):
        return get_tags(estimator)
    kind = getattr(estimator, "_estimator_type", None)
    if kind is None and hasattr(estimator, "predict"):
        kind = "classifier" if hasattr(estimator, "predict_proba") else "regressor"
    return Tags(
        estimator_type=kind,
        target_tags=TargetTags(required=kind in ("classifier", "regressor")),
        classifier_tags=ClassifierTags() if kind == "classifier" else None,
    )
