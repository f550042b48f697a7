"""Networks with dropout and batch normalization, trained by one process or by several ranks.

``mpiexec -n 3 python tests/on_ranks/exact.py FILE`` trains all scenarios on three ranks, checks that the ranks agree to
the bit, and saves what they came to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fastdl import nn, optim
from fastdl.parallel import DataParallel, world

ROWS, FEATURES, CLASSES, EPOCHS = 83, 5, 4, 3


def mlp(**settings: Any) -> nn.Sequential:
    return nn.MLP([FEATURES, 7, 6, CLASSES], dtype="float64", seed=3, **settings)


def weighted(**settings: Any) -> nn.Sequential:
    """With a loss in which rows count differently, and some for nothing."""
    network = mlp(**settings)
    network.loss_function = nn.SoftmaxCrossEntropy(
        label_smoothing=0.1, class_weights=np.array([0.5, 2.0, 1.0, 3.0]), ignore_index=1
    )
    return network


def layer(width: int, **settings: Any) -> nn.BatchNorm:
    return nn.BatchNorm(np.linspace(0.5, 1.5, width), np.linspace(-1, 1, width), **settings)


def affine(inputs: int, outputs: int, stream: int) -> nn.Affine:
    return nn.Affine(nn.initializers.he((inputs, outputs), 1, stream, "float64"), np.zeros(outputs))


def residual() -> nn.Sequential:
    """Blocks within a block, a projection that is normalized, and settings that are not the defaults."""
    inner = nn.Residual([affine(8, 8, 2), layer(8, activation="tanh", ddof=1, momentum=0.7), nn.Dropout(0.3, 5)])
    projection = nn.Residual([layer(FEATURES, eps=1e-3)])
    block = nn.Residual([affine(FEATURES, FEATURES, 1), layer(FEATURES, activation="relu")], projection, "tanh")
    layers = [block, affine(FEATURES, 8, 3), inner, affine(8, CLASSES, 4)]
    return nn.Sequential(layers, weight_decay=0.01, dtype="float64")


class Images(nn.Layer):
    """Features as pixels of two channels, and back: (B, D) is (B, 2, D / 2, 1)."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x, train=False):
        self.before = x.shape
        return x.reshape(len(x), *self.shape)

    def backward(self, dout):
        return dout.reshape(self.before)


def images() -> nn.Sequential:
    layers = [
        affine(FEATURES, 12, 1), Images(2, 3, 2), layer(2, activation="sigmoid"), nn.Dropout(0.2, 9, stream=1),
        layer(12, flatten=True), Images(12), affine(12, CLASSES, 2),
    ]  # fmt: skip
    return nn.Sequential(layers, dtype="float64")


# The network, and the size of its batches; of 83 rows the last one has 1, 11, 3, 3, 2, 3 and 2.
SCENARIOS: dict[str, tuple[Callable[[], nn.Sequential], int]] = {
    "dropout": (lambda: mlp(dropout=0.2), 41),
    "dropout of unequal shares": (lambda: mlp(dropout=0.5), 12),
    "batch norm": (lambda: mlp(norm="batch", weight_decay=0.1), 20),
    "all": (lambda: weighted(norm="batch", dropout=0.2, weight_decay=0.1), 10),
    "gelu": (lambda: weighted(norm="batch", activation="gelu"), 9),
    "residual": (residual, 40),
    "images": (images, 27),
}


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, FEATURES)) + 3
    t = rng.integers(0, CLASSES, ROWS)
    t[:5] = 1  # the first share of one batch counts for nothing
    return x, t


def train(network: Any, batch: int) -> dict[str, np.ndarray]:
    """Three epochs in a fixed order, by rows and by slices: losses, parameters, running statistics, dropouts' steps."""
    (x, t), optimizer, losses = data(), optim.Momentum(lr=0.05), []
    for epoch in range(EPOCHS):
        order = np.arange(ROWS) if epoch == 0 else np.random.default_rng(epoch).permutation(ROWS)
        for start in range(0, ROWS, batch):
            rows = order[start : start + batch]
            if epoch == 1:
                losses.append(network.train_step(x[rows], t[rows], optimizer))
            else:
                losses.append(network.train_step(x, t, optimizer, rows=rows))
    plain = network.network if isinstance(network, DataParallel) else network
    state = plain.state_dict()
    steps = [each["step"] for each in state["dropouts"].values()]
    return {"losses": np.array(losses), "steps": np.array(steps), **state["params"], **state["buffers"]}


def main() -> None:
    comm, results = world(), {}
    for name, (make, batch) in SCENARIOS.items():
        result = train(DataParallel(make()), batch)
        assert (
            comm.allgather({key: array.tobytes() for key, array in result.items()})
            == [{key: array.tobytes() for key, array in result.items()}] * comm.size
        ), name
        results |= {f"{name}/{key}": array for key, array in result.items()}
    if comm.rank == 0:
        np.savez(sys.argv[1], **results)


if __name__ == "__main__":
    main()
