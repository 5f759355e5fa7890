"""What a training of a network costs beside a hand-written loop: the same table, network and optimizer.

80,000 rows of 16 numbers and 4 columns of 100 categories, each a vector of 8; hidden layers of 64 and 32, 5 epochs in
batches of 1,024. Both start from the Arrow table; the runs take turns, and the best of each counts.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from sqlflow_dagster.lang.clause_parser import parse_clause
from sqlflow_dagster.lang.statements import Query, TrainStatement
from sqlflow_dagster.ml.training.train import train_model
from sqlflow_dagster.source import Source

ROWS, NUMBERS, CATEGORIES, ROUNDS, THREADS = 80_000, 16, 4, 3, 2
TARGET = 1.3
CLAUSE = """TO TRAIN DNNClassifier
WITH model.hidden_units=[64, 32], train.batch_size=1024, train.epoch=5
COLUMN EMBEDDING(c0, 8), EMBEDDING(c1, 8), EMBEDDING(c2, 8), EMBEDDING(c3, 8)
LABEL y INTO m"""


class ByHand(nn.Module):
    """What one would write for this table alone."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(100, 8) for _ in range(CATEGORIES))
        for table in self.tables:
            nn.init.uniform_(table.weight, -0.05, 0.05)
        width = NUMBERS + 8 * CATEGORIES
        self.layers = nn.Sequential(
            nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def forward(self, numbers: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """The log-odds of rows."""
        vectors = [table(ids[:, index]) for index, table in enumerate(self.tables)]
        return self.layers(torch.cat([numbers, *vectors], dim=1))


def main() -> None:
    """Print the seconds of both, and their ratio; fail where it is over the target."""
    rows = made_up()
    statement = statement_of(CLAUSE)
    ours, hand = [], []
    for _ in range(ROUNDS):
        ours.append(
            seconds(lambda: train_model(statement=statement, training=rows, threads=THREADS))
        )
        hand.append(seconds(lambda: by_hand(rows)))
    ratio = min(ours) / min(hand)
    print(f"TO TRAIN DNNClassifier  {min(ours):.2f} s")
    print(f"by hand                 {min(hand):.2f} s")
    print(f"ratio                   {ratio:.2f}")
    if ratio > TARGET:
        sys.exit(f"over the target of {TARGET}")


def made_up() -> pa.Table:
    """Rows whose label follows from four of the numbers and from all categories."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(ROWS, NUMBERS)).astype(np.float32)
    codes = rng.integers(0, 100, (ROWS, CATEGORIES))
    odds = numbers[:, :4].sum(axis=1)
    for index in range(CATEGORIES):
        odds += rng.normal(size=100)[codes[:, index]]
    return pa.table(
        {
            **{f"x{index}": numbers[:, index] for index in range(NUMBERS)},
            **{f"c{i}": [f"v{code}" for code in codes[:, i]] for i in range(CATEGORIES)},
            "y": (rng.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(np.int64),
        }
    )


def by_hand(rows: pa.Table) -> None:
    """Encode and train without this package."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    matrix = np.column_stack([rows[f"x{index}"].to_numpy() for index in range(NUMBERS)])
    numbers = torch.from_numpy((matrix - matrix.mean(axis=0)) / matrix.std(axis=0))
    encoded = [
        rows[f"c{index}"].combine_chunks().dictionary_encode().indices.to_numpy()
        for index in range(CATEGORIES)
    ]
    ids = torch.from_numpy(np.column_stack(encoded).astype(np.int64))
    targets = torch.from_numpy(rows["y"].to_numpy().astype(np.float32))[:, None]
    network, loss_of = ByHand(), nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(5):
        for batch in torch.randperm(ROWS).split(1024):
            optimizer.zero_grad(set_to_none=True)
            loss_of(network(numbers[batch], ids[batch]), targets[batch]).backward()
            optimizer.step()


def statement_of(clause: str) -> TrainStatement:
    """The statement of a clause."""
    source = Source(text=f"SELECT * FROM t {clause}")
    start, end = source.text.index(clause), len(source.text)
    query = Query(sql="SELECT * FROM t", span=source.span(0, start - 1))
    statement = parse_clause(source, start, end, query, source.span(0, end))
    assert isinstance(statement, TrainStatement)
    return statement


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
