"""Ranks of which one fails in the middle of a step, and running statistics of each rank's share.

``mpiexec -n 3 python tests/on_ranks/failed_steps.py`` runs all checks; it ends badly if one does not hold, or hangs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastdl import nn, optim
from fastdl.errors import ArrayError, FastdlError, HyperparameterError, ParallelError
from fastdl.parallel import DataParallel, world

FEATURES, CLASSES, ROWS = 5, 3, 16


class Fails(nn.Layer):
    """The identity, which raises where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.where = ""

    def forward(self, x, train=False):
        if train and self.where == "forward":
            raise ValueError("planned")
        return x

    def backward(self, dout):
        if self.where == "backward":
            raise ValueError("planned")
        return dout


def network(place: int) -> tuple[nn.Sequential, Fails]:
    fails = Fails()
    plain = nn.MLP([FEATURES, 6, 6, CLASSES], norm="batch", dropout=0.25, dtype="float64", seed=1)
    return nn.Sequential([*plain.layers[:place], fails, *plain.layers[place:]], dtype="float64"), fails


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((ROWS, FEATURES)), rng.integers(0, CLASSES, ROWS)


def bits(network: nn.Sequential) -> tuple[Any, ...]:
    state = network.state_dict()
    return (
        {key: array.tobytes() for part in ("params", "buffers") for key, array in state[part].items()},
        state["dropouts"],
    )


def refused(call: Callable[[], Any]) -> Exception:
    try:
        call()
    except (FastdlError, ValueError, IndexError) as error:
        return error
    raise AssertionError("nothing was raised")


def check_a_failure(batch_norm: str, where: str, place: int, rank: int, rows: int) -> None:
    """All ranks raise, nothing has changed on any, and the next steps are those of a run without the failure."""
    comm, (x, t) = world(), data()
    made, fails = network(place)
    trained, optimizer = DataParallel(made, batch_norm=batch_norm), optim.Adam()
    undisturbed, other = DataParallel(network(place)[0], batch_norm=batch_norm), optim.Adam()
    for each, rule in ((trained, optimizer), (undisturbed, other)):
        each.train_step(x, t, rule)
    before = bits(made)
    fails.where = where if comm.rank == rank else ""
    error = refused(lambda: trained.train_step(x[:rows], t[:rows], optimizer))
    assert type(error) is (ValueError if comm.rank == rank else ParallelError), error
    assert bits(made) == before
    fails.where = ""
    for _ in range(2):
        assert trained.train_step(x, t, optimizer) == undisturbed.train_step(x, t, other)
    assert bits(made) == bits(undisturbed.network)
    assert comm.allgather(bits(made)) == [bits(made)] * comm.size


def check_bad_batches() -> None:
    """Data that does not fit, on one rank or on all, found before the first exchange or after it."""
    comm, (x, t) = world(), data()
    made, _ = network(1)
    trained, optimizer, rows = DataParallel(made), optim.SGD(), np.arange(ROWS)
    before = bits(made)
    wrong = t.copy()
    wrong[-1] = CLASSES
    assert isinstance(refused(lambda: trained.train_step(x, wrong, optimizer)), FastdlError)
    mine = x[:, :4] if comm.rank == 1 else x
    assert isinstance(refused(lambda: trained.train_step(mine, t, optimizer)), FastdlError)
    mine = rows.astype(float) if comm.rank == 1 else rows
    assert isinstance(refused(lambda: trained.train_step(x, t, optimizer, rows=mine)), FastdlError | IndexError)
    other = t[::-1].copy() if comm.rank == 1 else t
    assert isinstance(refused(lambda: trained.train_step(x, other, optimizer)), ParallelError)
    assert isinstance(refused(lambda: trained.train_step(x[:1], t[:1], optimizer)), ArrayError)
    assert bits(made) == before
    trained.train_step(x, t, optimizer)
    assert comm.allgather(bits(made)) == [bits(made)] * comm.size


def check_statistics_per_rank() -> None:
    """Running statistics are the ranks' mean, weighted by rows; a share of one row is refused."""
    comm, (x, t) = world(), data()
    made = nn.Sequential([nn.BatchNorm(np.ones(FEATURES), np.zeros(FEATURES), momentum=0.75)], dtype="float64")
    trained = DataParallel(made, batch_norm="per_rank")
    targets = t % FEATURES
    trained.train_step(x, targets, optim.SGD(lr=1e-3))
    shares = np.array_split(x, comm.size)
    weights = [len(each) / len(x) for each in shares]
    mean = 0.25 * sum(w * each.mean(axis=0) for w, each in zip(weights, shares, strict=True))
    variance = 0.75 + 0.25 * sum(w * each.var(axis=0) for w, each in zip(weights, shares, strict=True))
    buffers = made.layers[0].buffers
    np.testing.assert_allclose(buffers["running_mean"], mean, rtol=0, atol=1e-14)
    np.testing.assert_allclose(buffers["running_var"], variance, rtol=0, atol=1e-14)
    before = bits(made)
    rows = 2 * comm.size - 1  # the last rank has one
    error = refused(lambda: trained.train_step(x[:rows], targets[:rows], optim.SGD()))
    assert type(error) is (ArrayError if comm.rank == comm.size - 1 else ParallelError)
    assert bits(made) == before
    assert comm.allgather(before) == [before] * comm.size


class Odd(nn.BatchNorm):
    """What a user derived."""


def check_networks() -> None:
    """The network that is trained stays what it was; what cannot be synchronised is refused."""
    made, _ = network(1)
    layers = list(made.layers)
    DataParallel(made).train_step(*data(), optim.SGD())
    assert made.layers == layers
    assert all(type(each) is not nn.Dropout or each.first_row == 0 for each in layers)
    odd = nn.Sequential([Odd(np.ones(3), np.zeros(3))], dtype="float64")
    assert isinstance(refused(lambda: DataParallel(odd)), HyperparameterError)
    DataParallel(odd, batch_norm="per_rank")
    assert isinstance(refused(lambda: DataParallel(made, batch_norm="all")), HyperparameterError)


def main() -> None:
    for batch_norm in ("synchronised", "per_rank"):
        for where in ("forward", "backward"):
            for place in (1, 2, 4, 6, 7):
                check_a_failure(batch_norm, where, place, rank=1, rows=ROWS)
    check_a_failure("synchronised", "forward", 4, rank=0, rows=2)  # the last ranks have no rows
    check_bad_batches()
    check_statistics_per_rank()
    check_networks()


if __name__ == "__main__":
    main()
