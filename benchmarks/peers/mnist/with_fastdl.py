"""fastdl: its network and its training loop."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.peers.mnist import ADAM, BATCH, SIZES, load
from fastdl.nn import MLP
from fastdl.optim import Adam
from fastdl.optim.state_dtypes import StateDtype
from fastdl.train import Trainer, evaluate


def _trainer(seed: int, epochs: int, state_dtype: StateDtype | None = None) -> Trainer:
    network = MLP(SIZES, activation="relu", init="he", norm="batch", seed=seed)
    optimizer = Adam(**ADAM, convention="torch", state_dtype=state_dtype, seed=seed)
    return Trainer(network, optimizer, batch_size=BATCH, epochs=epochs, seed=seed)


def epoch(folder: str | None) -> Callable[[], float]:
    data, trainer = load(folder), _trainer(0, 1)
    return lambda: trainer.fit(data.x_train, data.t_train, scale=data.scale).losses[-1]


def accuracy(folder: str, seed: int, epochs: int, state_dtype: StateDtype | None = None) -> Callable[[], float]:
    data = load(folder)

    def train() -> float:
        trainer = _trainer(seed, epochs, state_dtype)
        trainer.fit(data.x_train, data.t_train, scale=data.scale)
        return evaluate(trainer.network, data.x_test, data.t_test, scale=data.scale)[1]

    return train
