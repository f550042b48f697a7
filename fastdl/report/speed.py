"""How many times faster than plain NumPy fastdl does each technique's work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastdl import kernels, optim, reference
from fastdl.compare import Batch, few_batches
from fastdl.data import Dataset
from fastdl.nn import MLP
from fastdl.reference.network import ReferenceMLP, ReferenceOptimizer
from fastdl.timing import seconds_by_turns

Calls = tuple[Sequence[Callable[..., object]], Sequence[Sequence[Any]]]
"""The call of fastdl and that of NumPy, and the arguments that both are given."""

UNITS = 100  # of a layer that is timed by itself


@dataclass(frozen=True)
class Speed:
    """Two times for the same work.

    Parameters
    ----------
    work : str
        What is done: a key of `WORK`.
    settings : mapping of str to object
        With what: sizes, optimizer.
    seconds, numpy_seconds : float
        Of one call.
    """

    work: str
    settings: Mapping[str, object]
    seconds: float
    numpy_seconds: float

    @property
    def ratio(self) -> float:
        """NumPy's time over fastdl's."""
        return self.numpy_seconds / self.seconds


@dataclass(frozen=True)
class Contest:
    """The work that is timed for an experiment.

    Parameters
    ----------
    work : str
        A key of `WORK`.
    hidden : tuple of int
        Units of the hidden layers.
    batch : int
        Images.
    optimizer : str
        Name in `fastdl.optim.OPTIMIZERS`.
    weight_decay : float
        Of the network.
    """

    work: str = "step"
    hidden: tuple[int, ...] = (100, 100, 100, 100)
    batch: int = 128
    optimizer: str = "sgd"
    weight_decay: float = 0.0

    def networks(self, data: Dataset) -> tuple[MLP, ReferenceMLP]:
        """One network for each side, with the same weights."""
        network = MLP((data.features, *self.hidden, data.classes), weight_decay=self.weight_decay, seed=0)
        return network, ReferenceMLP(network.params, weight_decay=self.weight_decay)

    def batches(self, data: Dataset) -> list[Batch]:
        """Some mini-batches."""
        return few_batches(data, self.batch, seed=0)


def _step(contest: Contest, data: Dataset) -> Calls:
    network, twin = contest.networks(data)
    optimizer = optim.get(contest.optimizer)
    numpy_optimizer = ReferenceOptimizer(str(optimizer.rule), **optimizer.hyperparameters)
    calls = [
        partial(network.train_step, optimizer=optimizer),
        partial(twin.train_step, optimizer=numpy_optimizer),
    ]
    return calls, contest.batches(data)


def _gradient(contest: Contest, data: Dataset) -> Calls:
    network, twin = contest.networks(data)
    return [network.gradient, twin.gradient], contest.batches(data)


def _forward(contest: Contest, data: Dataset) -> Calls:
    network, twin = contest.networks(data)
    return [network.forward, twin.forward], [(x,) for x, _ in contest.batches(data)]


def _outputs(contest: Contest) -> tuple[Any, Any]:
    """What a layer puts out, and a gradient by it."""
    values = np.random.default_rng(0).standard_normal((2, contest.batch, UNITS), dtype=np.float32)
    return values[0], values[1]


def _batch_norm(contest: Contest, data: Dataset) -> Calls:
    x, dout = _outputs(contest)
    gamma, beta = np.ones(UNITS, np.float32), np.zeros(UNITS, np.float32)

    def there_and_back(operations: Any) -> None:
        _, statistics = operations.batch_norm_forward(x, gamma, beta)
        operations.batch_norm_backward(dout, x, gamma, statistics)

    return [partial(there_and_back, kernels), partial(there_and_back, reference)], [()]


def _dropout(contest: Contest, data: Dataset) -> Calls:
    x, dout = _outputs(contest)
    ratio, rng = 0.2, np.random.default_rng(0)

    def compiled() -> None:
        kernels.dropout_forward(x, ratio, seed=0)
        kernels.dropout_backward(dout, ratio, seed=0)

    def plain() -> None:
        mask = rng.random(x.shape, dtype=np.float32) > ratio
        np.multiply(x, mask)  # as the book has it: the scale is left to testing
        np.multiply(dout, mask)

    return [compiled, plain], [()]


WORK: Mapping[str, Callable[[Contest, Dataset], Calls]] = {
    "step": _step,
    "gradient": _gradient,
    "forward": _forward,
    "batch_norm": _batch_norm,
    "dropout": _dropout,
}

_DEEP = (100,) * 6  # the network of the chapter's sections on overfitting and on hyper-parameters
_SEARCH = Contest(hidden=_DEEP, batch=100, weight_decay=1e-4)

#: What is timed for each experiment: its own work where it has some, else a training step of the chapter's network.
CONTESTS: Mapping[str, Contest] = {
    "gradient_descent": Contest(),
    "anisotropy": Contest(),
    "momentum": Contest(optimizer="momentum"),
    "nesterov": Contest(optimizer="nesterov"),
    "adagrad": Contest(optimizer="adagrad"),
    "rmsprop": Contest(optimizer="rmsprop"),
    "adam": Contest(optimizer="adam"),
    "family": Contest(optimizer="nadam"),
    "learning_rate_decay": Contest(),
    "hard_surfaces": Contest(optimizer="adam"),
    "optimizers": Contest(optimizer="adam"),
    "zero_weights": Contest("gradient"),
    "activations": Contest("forward", hidden=(100,) * 5, batch=1000),
    "initial_weights": Contest(),
    "vanishing_gradients": Contest("gradient", hidden=(100,) * 5),
    "batch_norm": Contest("batch_norm", batch=100),
    "gradient_check": Contest("gradient"),
    "overfitting": Contest(hidden=_DEEP, batch=100),
    "weight_decay": Contest(hidden=_DEEP, batch=100, weight_decay=0.1),
    "dropout": Contest("dropout", batch=100),
    "ensemble": Contest("forward", hidden=_DEEP, batch=100),
    "data_split": _SEARCH,
    "random_search": _SEARCH,
    "narrowing": _SEARCH,
    "bayesian_search": _SEARCH,
}


def measure(contest: Contest, data: Dataset) -> Speed:
    """Time fastdl and plain NumPy at the same work, by turns; less than a second.

    Parameters
    ----------
    contest : Contest
    data : Dataset
        The images.

    Returns
    -------
    Speed
    """
    calls, arguments = WORK[contest.work](contest, data)
    seconds, numpy_seconds = seconds_by_turns(calls, arguments)
    settings = {
        "network": "-".join(map(str, (data.features, *contest.hidden, data.classes))),
        "optimizer": optim.OPTIMIZERS[contest.optimizer].__name__,
        "batch": contest.batch,
        "units": UNITS,
    }
    return Speed(contest.work, settings, seconds, numpy_seconds)
