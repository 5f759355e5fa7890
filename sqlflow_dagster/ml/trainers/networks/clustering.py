"""Clusters in what an autoencoder makes of rows.

Deep embedded clustering (Xie, Girshick, Farhadi: Unsupervised Deep Embedding for Clustering Analysis, 2016): an
autoencoder learns a code of few numbers; k-means finds the first centres among the codes; then encoder
and centres are trained together to make the assignments that are likely already likelier.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import Attribute
from sqlflow_dagster.ml.attributes import Declaration, read
from sqlflow_dagster.ml.base import TrainRequest
from sqlflow_dagster.ml.features.spec import EncodedTable
from sqlflow_dagster.ml.tasks import FloatArray
from sqlflow_dagster.ml.trainers.networks.loop import PREDICT_ROWS, at_most, find_device, seeded
from sqlflow_dagster.ml.trainers.networks.model import INFO, WEIGHTS, read_tensors, versions

KIND = "clusters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How clusters are found.

    Attributes:
        clusters: How many there are.
        dims: The widths of the encoder's layers, at least one; the last is that of the code.
        kmeans_init: From how many random centres k-means starts; the best result counts.
        pretrain_epochs: Passes of the autoencoder over the rows; 0 leaves the encoder random.
        pretrain_batch_rows: Rows in a step of it.
        pretrain_rate: Its learning rate.
        max_iterations: The most steps of training encoder and centres together.
        update_interval: Steps between two looks at all assignments.
        batch_rows: Rows in a step.
        rate: The learning rate.
        tolerance: Training ends when a smaller share of rows has changed its cluster between two looks.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    clusters: int
    dims: tuple[int, ...]
    kmeans_init: int
    pretrain_epochs: int
    pretrain_batch_rows: int
    pretrain_rate: float
    max_iterations: int
    update_interval: int
    batch_rows: int
    rate: float
    tolerance: float
    device: str


DECLARATIONS = (
    Declaration(name="model.n_clusters", kind="int", default=10, minimum=2),
    Declaration(name="model.kmeans_init", kind="int", default=20, minimum=1),
    Declaration(name="model.run_pretrain", kind="bool", default=True),
    Declaration(name="model.pretrain_dims", kind="ints", default=(100, 100, 10), minimum=1),
    Declaration(name="model.pretrain_epochs", kind="int", default=30, minimum=0),
    Declaration(name="model.pretrain_batch_size", kind="int", default=256, minimum=1),
    Declaration(name="model.pretrain_lr", kind="float", default=0.001, minimum=0.0),
    Declaration(name="model.train_max_iters", kind="int", default=2000, minimum=0),
    Declaration(name="model.update_interval", kind="int", default=100, minimum=1),
    Declaration(name="model.train_lr", kind="float", default=0.001, minimum=0.0),
    Declaration(name="model.tol", kind="float", default=0.001, minimum=0.0),
    Declaration(name="train.batch_size", kind="int", default=256, minimum=1),
    Declaration(name="train.device", kind="text", default="auto", choices=("auto", "cpu", "cuda")),
)


def read_settings(
    estimator: str, attributes: tuple[Attribute, ...]
) -> tuple[Settings, dict[str, Any]]:
    """The settings of a statement, and all values as JSON by the names of the attributes.

    Raises:
        TerminalError: An attribute is unknown, given twice, or has a wrong value.
    """
    values = read(attributes, DECLARATIONS, estimator=estimator)
    if not values["model.pretrain_dims"]:
        raise TerminalError(
            f"{estimator} wants a layer for its codes, but model.pretrain_dims is empty",
            hint="write model.pretrain_dims=[100, 10]",
        )
    settings = Settings(
        clusters=values["model.n_clusters"],
        dims=tuple(values["model.pretrain_dims"]),
        kmeans_init=values["model.kmeans_init"],
        pretrain_epochs=values["model.pretrain_epochs"] if values["model.run_pretrain"] else 0,
        pretrain_batch_rows=values["model.pretrain_batch_size"],
        pretrain_rate=values["model.pretrain_lr"],
        max_iterations=values["model.train_max_iters"],
        update_interval=values["model.update_interval"],
        batch_rows=values["train.batch_size"],
        rate=values["model.train_lr"],
        tolerance=values["model.tol"],
        device=values["train.device"],
    )
    return settings, {**values, "model.pretrain_dims": list(settings.dims)}


class ClusterNetwork(nn.Module):
    """An encoder and the centres of the clusters among its codes."""

    def __init__(self, slots: int, dims: tuple[int, ...], clusters: int) -> None:
        super().__init__()
        self.dims = dims
        self.encoder = _stack((slots, *dims))
        self.centres = nn.Parameter(torch.zeros(clusters, dims[-1]))

    def forward(self, matrix: Tensor) -> Tensor:
        """How likely each row is in each cluster, shape (n, clusters): Student's t of the distances."""
        codes = self.encoder(matrix)
        distances = (codes[:, None] - self.centres).square().sum(dim=2)
        nearness = 1 / (1 + distances)
        likely: Tensor = nearness / nearness.sum(dim=1, keepdim=True)
        return likely


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterModel:
    """A trained network that tells clusters.

    Attributes:
        network: In evaluation mode, on the CPU.
        slots: How many numbers a row has.
        library: The libraries at training.
        parameters: In force, defaults included.
        history: The loss of each epoch of the autoencoder, and of each look at the clusters.
        threads: How many threads a prediction may use.
    """

    network: ClusterNetwork
    slots: int
    library: Mapping[str, str]
    parameters: Mapping[str, Any]
    history: Mapping[str, list[float]]
    threads: int

    def predict(self, features: EncodedTable) -> FloatArray:
        """The number of the cluster of each row, shape (n,)."""
        with at_most(self.threads):
            return (
                _likely(self.network, torch.from_numpy(features.matrix)).argmax(1).double().numpy()
            )

    def contributions(self, features: EncodedTable) -> None:
        """None: clusters are not explained."""

    def files(self) -> dict[str, bytes]:
        """Weights as safetensors, the rest as JSON."""
        info = {
            "kind": KIND,
            "slots": self.slots,
            "dims": list(self.network.dims),
            "clusters": len(self.network.centres),
            "library": dict(self.library),
            "parameters": dict(self.parameters),
            "history": dict(self.history),
        }
        return {WEIGHTS: save(self.network.state_dict()), INFO: json.dumps(info).encode()}

    @classmethod
    def from_files(
        cls, info: dict[str, Any], files: Mapping[str, bytes], threads: int
    ) -> "ClusterModel":
        """A model from its files, ``info`` being the JSON of one of them.

        Raises:
            KeyError: A file or a field is missing.
            RuntimeError: The weights do not fit.
            TypeError: There is another field.
            ValueError: The weights are no safetensors.
        """
        del info["kind"]
        dims, clusters = tuple(info.pop("dims")), info.pop("clusters")
        with torch.device("meta"):  # no memory for weights that are about to be replaced
            network = ClusterNetwork(info["slots"], dims, clusters)
        network.load_state_dict(read_tensors(files[WEIGHTS]), assign=True)
        return cls(network=network.eval(), threads=threads, **info)


def find_clusters(
    request: TrainRequest, settings: Settings, parameters: Mapping[str, Any]
) -> ClusterModel:
    """Find the clusters of the training rows.

    Raises:
        TerminalError: There are fewer rows than clusters, or the device is not there.
    """
    rows = len(request.training.features)
    if rows < settings.clusters:
        raise TerminalError(
            f"{request.estimator} looks for {settings.clusters} clusters, but there are {rows} rows",
            hint="lower model.n_clusters",
        )
    device = find_device(settings.device)
    with seeded(request.seed, request.threads, device):
        matrix = torch.from_numpy(request.training.features.matrix).to(device)
        slots = matrix.shape[1]
        network = ClusterNetwork(slots, settings.dims, settings.clusters).to(device)
        decoder = _stack((*settings.dims[::-1], slots)).to(device)
        rounds = settings.max_iterations // settings.update_interval
        total = settings.pretrain_epochs + rounds
        history: dict[str, list[float]] = {}

        def tell(name: str, loss: float, done: int) -> None:
            history.setdefault(name, []).append(loss)
            request.progress(done, total, f"{name} {loss:.6g}")

        pretraining = _pretrained(network.encoder, decoder, matrix, settings)
        for done, loss in enumerate(pretraining, start=1):
            tell("reconstruction-loss", loss, done)
        _place_centres(network, matrix, settings, request.seed)
        for done, loss in enumerate(_sharpened(network, matrix, settings), start=1):
            tell("cluster-loss", loss, settings.pretrain_epochs + done)
        network.to(torch.device("cpu")).eval()
    return ClusterModel(
        network=network,
        slots=slots,
        library=versions(),
        parameters=dict(parameters),
        history=history,
        threads=request.threads,
    )


def _stack(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with a ReLU between two of them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _pretrained(
    encoder: nn.Module, decoder: nn.Module, matrix: Tensor, settings: Settings
) -> Iterator[float]:
    """Train the autoencoder; the loss of each epoch."""
    optimizer = torch.optim.Adam(
        [*encoder.parameters(), *decoder.parameters()], lr=settings.pretrain_rate
    )
    for _ in range(settings.pretrain_epochs):
        total = torch.zeros((), device=matrix.device)
        for index in torch.split(torch.randperm(len(matrix)), settings.pretrain_batch_rows):
            rows = matrix[index.to(matrix.device)]
            loss = (decoder(encoder(rows)) - rows).square().mean()
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.detach() * len(rows)
        yield float(total) / len(matrix)


def _place_centres(network: ClusterNetwork, matrix: Tensor, settings: Settings, seed: int) -> None:
    """Put the centres where k-means finds them among the codes."""
    from sklearn.cluster import KMeans

    with torch.inference_mode():
        parts = [network.encoder(part) for part in torch.split(matrix, PREDICT_ROWS)]
    codes = torch.cat(parts).cpu().numpy()
    found = KMeans(
        n_clusters=settings.clusters, n_init=settings.kmeans_init, random_state=seed
    ).fit(codes)
    with torch.no_grad():
        network.centres.copy_(torch.from_numpy(found.cluster_centers_.astype(np.float32)))


def _sharpened(network: ClusterNetwork, matrix: Tensor, settings: Settings) -> Iterator[float]:
    """Train encoder and centres together; the mean loss between two looks at all assignments."""
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.rate)
    before: Tensor | None = None
    order = torch.randperm(0)
    for _ in range(settings.max_iterations // settings.update_interval):
        likely = _likely(network, matrix)
        chosen = likely.argmax(dim=1)
        if before is not None and float((chosen != before).float().mean()) < settings.tolerance:
            return
        before, wanted, total = chosen, _sharper(likely), 0.0
        for _ in range(settings.update_interval):
            if not len(order):
                order = torch.randperm(len(matrix))
            taken, order = order[: settings.batch_rows], order[settings.batch_rows :]
            index = taken.to(matrix.device)
            loss = nn.functional.kl_div(
                network(matrix[index]).log(), wanted[index], reduction="batchmean"
            )
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            total += float(loss.detach())
        yield total / settings.update_interval


def _sharper(likely: Tensor) -> Tensor:
    """Assignments as they shall be: what is likely likelier, and no cluster with all the rows."""
    weights = likely.square() / likely.sum(dim=0)
    return weights / weights.sum(dim=1, keepdim=True)


def _likely(network: ClusterNetwork, matrix: Tensor) -> Tensor:
    with torch.inference_mode():
        # A clone may be used in training, which tensors of inference may not.
        parts = [network(part) for part in torch.split(matrix, PREDICT_ROWS)]
    return torch.cat(parts).clone()
