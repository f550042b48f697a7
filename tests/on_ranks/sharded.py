"""What test_parallel_sharded.py runs on several ranks: the check that is named, or all of them.

Every rank takes the plain optimizer's steps as well, and compares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastdl import nn, optim
from fastdl.errors import ArrayError, CheckpointError, FastdlError, HyperparameterError, ParallelError
from fastdl.optim.schedules import Cosine
from fastdl.parallel import DataParallel, Sharded, world
from fastdl.train import load_checkpoint, save_checkpoint
from tests.compare import assert_close, assert_same_bits, digest, unchanged

CHECKS: dict[str, Callable[[], None]] = {}
SHAPES = {"W1": (700, 3), "b1": (3,), "empty": (0, 2), "W2": (41, 63), "b2": (1,), "cube": (2, 30, 20)}
comm = world()


def check(function: Callable[[], None]) -> Callable[[], None]:
    CHECKS[function.__name__] = function
    return function


def made(dtype: str = "float32", seed: int = 0) -> dict[str, np.ndarray]:
    """Parameters, or gradients; W2 in Fortran's order, and the cube not contiguous at all."""
    rng = np.random.default_rng(seed)
    arrays = {key: rng.standard_normal(shape).astype(dtype) for key, shape in SHAPES.items()}
    return arrays | {"W2": np.asfortranarray(arrays["W2"]), "cube": np.repeat(arrays["cube"], 2, axis=1)[:, ::2]}


def assert_same(actual: dict[Any, np.ndarray], desired: dict[Any, np.ndarray]) -> None:
    assert actual.keys() == desired.keys()
    for key in desired:
        assert_same_bits(actual[key], desired[key])


def assert_same_steps(
    make: Callable[[], optim.Optimizer],
    dtype: str = "float32",
    steps: int = 2,
    gradient: Callable[[int], dict[str, Any]] | None = None,
) -> Sharded:
    """The steps of the sharded optimizer have the bits of the plain one's, and so have its states."""
    gradient = gradient or (lambda step: made(dtype, step))
    plain, sharded = make(), Sharded(make())
    expected, params = made(dtype), made(dtype)
    for step in range(1, steps + 1):
        plain.update(expected, gradient(step))
        sharded.update(params, gradient(step))
        assert_same(params, expected)
    assert sharded.steps == plain.steps == steps
    assert digest(sharded.state_dict()) == digest(plain.state_dict())
    assert_same(sharded.averages, plain.averages)
    return sharded


@check
def every_rule() -> None:
    for kind in optim.OPTIMIZERS.values():
        for convention in kind.conventions:
            assert_same_steps(lambda: kind(lr=0.01, convention=convention))  # noqa: B023  # called at once
        assert_same_steps(lambda: kind(lr=0.01), "float64")  # noqa: B023
    assert_same_steps(optim.Adam, steps=9)  # one more than that in which subnormal states become 0
    for settings in ({"centered": True, "momentum": 0.9}, {"momentum": 0.9}):
        assert_same_steps(lambda: optim.RMSprop(lr=0.01, **settings))  # noqa: B023
    assert_same_steps(lambda: optim.Adam(amsgrad=True))


@check
def user_rule() -> None:
    @optim.rule(state=("v",), lr=0.01, momentum=0.9)
    def heavy_ball(p, g, v, *, lr, momentum):
        v = momentum * v - lr * g
        return p + v, v

    assert_same_steps(heavy_ball)


@check
def decay() -> None:
    """Which parameters are decayed depends on the whole ones."""
    filters = ("all", "matrices", lambda key, array: array.shape[0] == 41 or key == "b2")
    for kind in (optim.SGD, optim.Adam, optim.AdamW, optim.LAMB):
        for each in filters:
            for decoupled in (False, True):
                settings = {"lr": 0.1, "weight_decay": 0.3, "decoupled": decoupled, "decay_filter": each}
                assert_same_steps(lambda: kind(**settings))  # noqa: B023


@check
def settings() -> None:
    groups = {"b*": {"lr": 0.5, "weight_decay": 0.0}, "W2": {"beta1": 0.5}, "cube": {"lr": Cosine(0.1, 9)}}
    assert_same_steps(lambda: optim.AdamW(lr=0.1, groups=groups, decay_filter="matrices"))
    assert_same_steps(lambda: optim.Adam(lr=Cosine(0.1, 9), clip_value=0.5, ema=0.9))
    assert_same_steps(lambda: optim.Adam(ema=0.9), "float64")
    optimizer = Sharded(optim.SGD(lr=0.1))
    optimizer.optimizer.lr = 0.5
    params = made()
    optimizer.update(params, made(seed=1))
    assert_same_bits(params["W1"], made()["W1"] - np.float32(0.5) * made(seed=1)["W1"])


@check
def gradients() -> None:
    """Some are None, which leaves a parameter out, and some of another dtype and layout."""

    def some(step: int) -> dict[str, Any]:
        return {key: None if (step + i) % 3 == 0 else array for i, (key, array) in enumerate(made(seed=step).items())}

    # A parameter's first gradient is another step than the others': those of one of them only are no step at all.
    plain, sharded = optim.Adam(), Sharded(optim.Adam())
    expected, params = made(), made()
    for step in range(5):
        plain.update(expected, some(step))
        sharded.update(params, some(step))
        assert_same(params, expected)
    assert sharded.state_dict()["steps"] == plain.state_dict()["steps"]
    assert_same_steps(optim.Adam, gradient=lambda step: made("float64", step))


@check
def reduced_states() -> None:
    """Their blocks are never cut, and their random bits are those of the whole parameter's elements."""
    for state_dtype in ("float32", "bfloat16", "uint8"):
        for kind in (optim.Momentum, optim.Adam, optim.LAMB):
            assert_same_steps(lambda: kind(state_dtype=state_dtype, seed=7))  # noqa: B023
    with pytest.raises(FastdlError, match="float64"):
        Sharded(optim.Adam(state_dtype="uint8")).update(made("float64"), made("float64", 1))


@check
def clipping_by_norm() -> None:
    """The norm is that of all ranks' gradients; it is added up in another order, in double precision."""
    for norm in (0.5, 30.0, 1e6):
        plain, sharded = optim.Momentum(clip_norm=norm), Sharded(optim.Momentum(clip_norm=norm))
        expected, params = made(), made()
        for step in range(1, 4):
            plain.update(expected, made(seed=step))
            sharded.update(params, made(seed=step))
        for key in (key for key in expected if key != "empty"):
            moved, wanted = params[key] - made()[key], expected[key] - made()[key]
            assert_close(moved, wanted, 1e-5)  # the difference of two float32 of about 1, moved by some 0.01
    with unchanged(expected):
        params = {key: np.zeros_like(array) for key, array in made().items()}
        Sharded(optim.SGD(lr=1.0, clip_norm=1e-3)).update(params, made(seed=1))
        assert_close(np.sqrt(sum((array.astype(float) ** 2).sum() for array in params.values())), 1e-3, 1e-6)


@check
def not_finite() -> None:
    """One bad element stops, or skips, the step of all ranks, whoever has it."""
    for key, element in (("W1", 0), ("cube", -1)):
        bad = made(seed=2)
        bad[key].reshape(-1)[element] = np.nan
        if key == "cube":  # which is not contiguous: that was a copy
            bad[key][-1, -1, -1] = np.inf
        for choice in ("raise", "skip"):
            params, optimizer = made(), Sharded(optim.Adam(nonfinite=choice, clip_norm=1.0))
            optimizer.update(params, made(seed=1))
            with unchanged(params, optimizer.state_dict()):
                before = optimizer.state_dict()
                if choice == "raise":
                    with pytest.raises(ArrayError, match=f"not finite .* on 1 of {comm.size} ranks"):
                        optimizer.update(params, bad)
                else:
                    optimizer.update(params, bad)
                assert digest(optimizer.state_dict()) == digest(before)
            optimizer.update(params, made(seed=3))
            assert optimizer.steps == 2
    assert_same_steps(lambda: optim.SGD(clip_norm=1.0), steps=1, gradient=lambda step: bad)  # an infinite norm


@check
def few_elements() -> None:
    """Fewer than there are ranks, or none."""
    for size in (0, 1, 2, 257):
        expected, params = {"p": np.ones(size)}, {"p": np.ones(size)}
        plain, sharded = optim.Adam(), Sharded(optim.Adam())
        for _ in range(2):
            plain.update(expected, {"p": np.full(size, 0.5)})
            sharded.update(params, {"p": np.full(size, 0.5)})
        assert_same(params, expected)
        assert digest(sharded.state_dict()) == digest(plain.state_dict())
    Sharded(optim.SGD()).update({}, {})


@check
def memory() -> None:
    """A rank's share of the states and averages is that of its slice."""
    params = made()
    optimizer = Sharded(optim.Adam(ema=0.9))
    optimizer.update(params, made(seed=1))
    elements = sum(array.size for array in params.values())
    for table in (*optimizer.optimizer.state.values(), optimizer.optimizer.averages):
        mine = sum(array.size for array in table.values())
        assert abs(mine - elements / comm.size) <= 256
        assert comm.allreduce(mine) == elements


@check
def loading() -> None:
    """A plain optimizer's state, at any time; one that does not fit changes nothing."""
    for make in (lambda: optim.Adam(ema=0.5), lambda: optim.Adam(state_dtype="uint8"), optim.LAMB, optim.SGD):
        plain, sharded = make(), Sharded(make())
        expected, params = made(), made()
        sharded.update(made(), made(seed=9))  # a state of its own, which goes
        for step in range(1, 4):
            plain.update(expected, made(seed=step))
        sharded.load_state_dict(plain.state_dict())
        assert digest(sharded.state_dict()) == digest(plain.state_dict())
        for key in params:
            params[key][...] = expected[key]
        for step in range(4, 7):
            plain.update(expected, made(seed=step))
            sharded.update(params, made(seed=step))
        assert_same(params, expected)
        assert digest(sharded.state_dict()) == digest(plain.state_dict())
        state = sharded.state_dict()
        with pytest.raises(CheckpointError):
            sharded.load_state_dict(state | {"rule": "lion"})
        assert digest(sharded.state_dict()) == digest(state)
        if comm.rank:  # rank 0 has it already
            sharded.load_state_dict(state)
        assert digest(sharded.state_dict()) == digest(state)
    trained = optim.Adam()  # before it is sharded
    trained.update(expected, made(seed=1))
    wrapped = Sharded(trained)
    wrapped.update(expected, made(seed=2))
    assert wrapped.steps == 2
    other = Sharded(optim.Adam())
    other.load_state_dict(wrapped.state_dict())
    params = {key: array[:1].copy() for key, array in made().items()}
    with unchanged(params), pytest.raises(ArrayError, match="wrong shape"):
        other.update(params, params)
    used = Sharded(optim.Adam())
    used.update(params, params)
    used.load_state_dict(wrapped.state_dict())
    with unchanged(params), pytest.raises(ArrayError, match="wrong shape"):
        used.update(params, params)


@check
def refusals() -> None:
    for wrong in (None, Sharded(optim.SGD()), type("Own", (optim.SGD,), {"update": lambda *_: None})()):
        with pytest.raises(HyperparameterError, match="cannot be cut"):
            Sharded(wrong)
    params, grads = made(), made(seed=1)
    optimizer = Sharded(optim.Adam())
    optimizer.update(params, grads)
    before = digest(optimizer.state_dict())
    frozen = params | {"b1": params["b1"].copy()}
    frozen["b1"].flags.writeable = False
    cases = (
        (frozen, grads, "read-only"),
        (params, grads | {"b1": grads["W1"]}, "wrong shape"),
        (params, grads | {"b1": None, "b2": 1.0}, "dtype"),
        (params, {"W1": grads["W1"]}, "keys differ"),
        (params | {"b1": params["b1"].astype("float64")}, grads, "float64"),
        (params | {"b1": 1.0}, grads, "dtype"),
        ({"b1": params["b1"]}, {"b1": grads["b1"]}, "other parameters"),
    )
    for wrong, wrong_grads, message in cases:
        with unchanged(params, wrong), pytest.raises(FastdlError, match=message):
            optimizer.update(wrong, wrong_grads)
        assert digest(optimizer.state_dict()) == before
    optimizer.optimizer.lr = -1
    with unchanged(params), pytest.raises(HyperparameterError):
        optimizer.update(params, grads)
    optimizer.optimizer.lr = 0.001
    assert digest(optimizer.state_dict()) == before


def network() -> nn.MLP:
    return nn.MLP([20, 64, 10], seed=3)


X = np.random.default_rng(1).standard_normal((97, 20)).astype("float32")
T = np.abs(X[:, :10]).argmax(axis=1)


@check
def training() -> None:
    """A network on all ranks: as with the optimizer that is not sharded, to the rounding of the gradients' sum."""
    for make in (lambda: optim.Adam(lr=0.01, ema=0.9), lambda: optim.LAMB(lr=0.01), lambda: optim.SGD(clip_norm=0.1)):
        plain, sharded = DataParallel(network()), DataParallel(network())
        optimizers = make(), Sharded(make())
        for step in range(10):
            rows = np.random.default_rng(step).permutation(97)[: 50 - step]
            losses = [
                each.train_step(X, T, optimizer, rows=rows)
                for each, optimizer in zip((plain, sharded), optimizers, strict=True)
            ]
            assert_close(losses[0], losses[1], 1e-6)
        for key, array in plain.params.items():
            assert_close(sharded.params[key], array, 1e-5)
        assert len(set(comm.allgather(digest(sharded.params, optimizers[1].state_dict())))) == 1
        if comm.size == 2:  # a sum of two has one order
            assert isinstance(optimizers[0], optim.SGD) or digest(sharded.params) == digest(plain.params)


@check
def failures() -> None:
    """One rank's failure is that of all, and changes nothing."""
    parallel, optimizer = DataParallel(network()), Sharded(optim.Adam(lr=0.01))
    parallel.train_step(X, T, optimizer)
    before = digest(parallel.params, optimizer.state_dict())
    whole = parallel.network.train_gradient
    if comm.rank == 1:
        parallel.network.train_gradient = failing
    with pytest.raises(ZeroDivisionError if comm.rank == 1 else ParallelError):
        parallel.train_step(X, T, optimizer)
    assert digest(parallel.params, optimizer.state_dict()) == before
    parallel.network.train_gradient = whole
    with pytest.raises(ParallelError, match="different batches"):
        parallel.train_step(X, T if comm.rank else T[::-1], optimizer)
    assert digest(parallel.params, optimizer.state_dict()) == before
    parallel.train_step(X, T, optimizer)
    assert optimizer.steps == 2

    optimizer.optimizer.lr = failing if comm.rank == 1 else 0.1  # not the same program on all ranks
    with unchanged(parallel.params), pytest.raises(ZeroDivisionError if comm.rank == 1 else ParallelError):
        parallel.train_step(X, T, optimizer)
    own = comm.Split(comm.rank)
    with unchanged(parallel.params), pytest.raises(ParallelError, match="other ranks"):
        parallel.train_step(X, T, Sharded(optim.Adam(), own))
    own.Free()


def failing(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError


@check
def other_loops() -> None:
    """Every rank computes the whole batch: the gradients are the same on all of them."""
    plain, sharded = network(), network()
    optimizers = optim.Adam(lr=0.01), Sharded(optim.Adam(lr=0.01))
    for _ in range(3):
        plain.train_step(X, T, optimizers[0])
        sharded.train_step(X, T, optimizers[1])
    assert_same(sharded.params, plain.params)


def go_on(path: str, begin: int) -> None:
    """Three more steps of a run that is saved between them; see `assert_as_if_never_saved`."""
    mlp, optimizer = network(), Sharded(optim.Adam(lr=Cosine(0.1, 20), ema=0.5, state_dtype="bfloat16", seed=3))
    if begin:
        load_checkpoint(path).restore(mlp, optimizer)
    comm.Barrier()  # all have read it
    for step in range(begin, begin + 3):
        optimizer.update(mlp.params, {key: np.cos(array + step) for key, array in mlp.params.items()})
    state = optimizer.state_dict()
    if comm.rank == 0:
        save_checkpoint(path, mlp, HasStates(state))


class HasStates:
    """What a checkpoint asks of the optimizer, on the one rank that writes it."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state_dict = lambda: state


def main(name: str = "", *arguments: str) -> None:
    if name == "go_on":
        go_on(arguments[0], int(arguments[1]))
        return
    for each, function in CHECKS.items():
        if name in ("", each):
            function()
            comm.Barrier()
            if comm.rank == 0:
                print(each, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
