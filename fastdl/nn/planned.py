"""Training steps and evaluation that are recorded once and then run as plans."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastdl.kernels import Plan, gather, row_numbers
from fastdl.nn.snapshot import Snapshot

if TYPE_CHECKING:
    from fastdl.nn.sequential import Sequential

Array = NDArray[Any]

# Rows that are evaluated at a time: their activations stay in the cache, and opening a region for them costs little.
BLOCK = 768

# Plans that are kept: of training the full batches' and that of a last, smaller one.
STEPS = 2
FORWARDS = 4


class Batch:
    """The inputs of a training step as they are given.

    Attributes
    ----------
    arrays : tuple of ndarrays
        What a plan is given anew for every step.
    kind : hashable
        Equal for batches that the same plan can work on.
    """

    def __init__(self, x: Array) -> None:
        self.arrays: tuple[Array, ...] = (np.ascontiguousarray(x),)
        self.kind: Hashable = x.shape

    def make(self) -> Array:
        """Return the inputs of the first layer, which kernels alone make from ``arrays``.

        Returns
        -------
        ndarray
        """
        return self.arrays[0]


class Rows(Batch):
    """Rows of a data set, which the step gathers."""

    def __init__(self, data: Array, rows: Array, scale: float, dtype: np.dtype[Any]) -> None:
        self.rows = row_numbers(rows, len(data))
        self.arrays = (np.ascontiguousarray(data), self.rows)
        self.kind = (data.shape, data.dtype, len(self.rows), scale)
        self._scale, self._dtype = scale, dtype

    def make(self) -> Array:
        return gather(self.arrays[0], self.rows, self._scale, self._dtype)


def _references(array: Array) -> int:
    """How many arrays, lists and variables have the memory that an array of a plan lies in."""
    return sys.getrefcount(array.base)


def _references_unlent() -> int:
    """As many as there are where only the plan has the memory, and one array lies in it."""
    memory = [np.empty(1, np.uint8)]
    return _references(memory[0].view())


_UNLENT = _references_unlent()


class PlannedStep:
    """A training step's plan, up to the gradients, for batches of one shape.

    Attributes
    ----------
    plan : Plan
        What it does.
    shape : tuple of int
        Of the network's output.
    grads : dict of str to ndarray
        Where it leaves the gradients.
    inputs : tuple of ndarrays
        The batch's arrays and the targets of the step that is to be done.
    has_run : bool
        Whether it has been done already: the first step runs while it is recorded.
    """

    def __init__(self, network: Sequential, shape: tuple[int, ...], batch: Batch, t: Array) -> None:
        self.shape = shape
        self.inputs = (*batch.arrays, t)
        with Plan(*self.inputs) as self.plan:
            self._first_loss, self.grads = network.loss_and_gradient(batch.make(), t)
        self.has_run = True
        self._lent: list[Array] = []

    @property
    def loss(self) -> float:
        """That of the last step."""
        return self.plan.loss if self.plan.can_run else self._first_loss

    def run(self) -> None:
        """Compute the gradients, if that has not been done."""
        if not self.has_run:
            self.plan.run(*self.inputs)
        self.has_run = False

    def lend(self) -> dict[str, Array]:
        """Return the gradients for the caller to keep: until they are given back, this plan is not to run.

        Returns
        -------
        dict of str to ndarray
            Views of the plan's arrays; copies of those that do not lie in its own memory.
        """
        mine = {key: _is_in_plan(array) for key, array in self.grads.items()}
        self._lent = [array for key, array in self.grads.items() if mine[key]]
        return {key: array.view() if mine[key] else array.copy() for key, array in self.grads.items()}

    def is_lent(self) -> bool:
        """Return whether somebody still has one of the lent arrays, or a view of one.

        Returns
        -------
        bool
        """
        if any(_references(array) > _UNLENT for array in self._lent):
            return True
        self._lent = []
        return False


def _is_in_plan(array: Array) -> bool:
    return isinstance(array.base, np.ndarray) and array.base.dtype == np.uint8


class PlannedForward:
    """The plan of evaluating inputs of one shape.

    Attributes
    ----------
    plan : Plan
        What it does.
    y : ndarray
        Where it leaves the network's output; at first that of the inputs it was recorded with.
    can_run : bool
        Whether it can be run again.
    """

    def __init__(self, network: Sequential, x: Array) -> None:
        with Plan(x) as self.plan:
            self.y = network.forward_layers(x)
        self.can_run = self.plan.can_run and not np.may_share_memory(x, self.y)


class Plans:
    """The plans of a network."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._steps: dict[Hashable, list[PlannedStep]] = {}  # of each shape the last two
        self._forwards: dict[Hashable, PlannedForward] = {}

    def step(self, network: Sequential, batch: Batch, t: Array) -> PlannedStep | None:
        """Return the plan for a training step, ready to run; None where it cannot be planned.

        Parameters
        ----------
        network : Sequential
            Whose plans these are.
        batch : Batch
            Inputs.
        t : ndarray
            Targets.

        Returns
        -------
        PlannedStep or None
        """
        if not self._current(network).can_train:
            return None
        recorded = self._steps.get(batch.kind, [])
        planned = next((each for each in recorded if not each.is_lent()), None)
        shape = recorded[0].shape if recorded else _shape_of_output(network, batch)
        t = network.loss_function.targets(t, shape, network.dtype)
        # An autoencoder's targets are its inputs: a plan could not tell which of the two to exchange.
        t = t.copy() if np.may_share_memory(batch.arrays[0], t) else t
        if planned is not None:
            planned.inputs = (*batch.arrays, t)
            return planned
        planned = PlannedStep(network, shape, batch, t)
        if planned.plan.can_run:
            self._steps.pop(batch.kind, None)
            _keep(self._steps, batch.kind, [*recorded[-1:], planned], STEPS)
        return planned

    def forward(self, network: Sequential, x: Array) -> Array | None:
        """Return the network's output in evaluation, a new array; None where it is for the layers one by one.

        Parameters
        ----------
        network : Sequential
            Whose plans these are.
        x : ndarray
            Inputs.

        Returns
        -------
        ndarray or None
        """
        if not self._current(network).can_infer or Plan.is_recording():
            return None
        if len(x) <= BLOCK:
            return self._evaluate(network, x).copy()
        first = self._evaluate(network, x[:BLOCK])
        y = np.empty((len(x), *first.shape[1:]), first.dtype)
        y[:BLOCK] = first
        for start in range(BLOCK, len(x), BLOCK):
            y[start : start + BLOCK] = self._evaluate(network, x[start : start + BLOCK])
        return y

    def _evaluate(self, network: Sequential, x: Array) -> Array:
        """The network's output, in memory that the next call uses again."""
        x = np.ascontiguousarray(x)
        planned = self._forwards.get(x.shape)
        if planned is not None:
            planned.plan.run(x)
            return planned.y
        planned = PlannedForward(network, x)
        if planned.can_run:
            _keep(self._forwards, x.shape, planned, FORWARDS)
        return planned.y

    def _current(self, network: Sequential) -> Snapshot:
        """What the network is. Plans that were recorded when it was another one are forgotten."""
        if self._snapshot is None or not self._snapshot.holds(network):
            self._snapshot = Snapshot(network)
            self._steps.clear()
            self._forwards.clear()
        return self._snapshot


def _shape_of_output(network: Sequential, batch: Batch) -> tuple[int, ...]:
    x = batch.make()
    return (len(x), *network.forward_layers(x[:1]).shape[1:])


P = TypeVar("P")


def _keep(plans: dict[Hashable, P], shape: Hashable, planned: P, most: int) -> None:
    """Keep a plan and the newest of the others."""
    while len(plans) >= most:
        del plans[next(iter(plans))]
    plans[shape] = planned
