"""Training steps that are recorded once and then run as a plan."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastdl.kernels import Plan
from fastdl.nn.layer import every_layer

if TYPE_CHECKING:
    from fastdl.nn.sequential import Sequential

Array = NDArray[Any]


class Planned:
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
        Inputs and targets of the step that is to be done.
    has_run : bool
        Whether it has been done already: the first step runs while it is recorded.
    """

    def __init__(
        self, network: Sequential, settings: list[object], shape: tuple[int, ...], inputs: tuple[Array, Array]
    ) -> None:
        self.settings = settings
        self.shape = shape
        self.inputs = inputs
        with Plan(*inputs) as self.plan:
            self._first_loss, self.grads = network.loss_and_gradient(*inputs)
        self.has_run = True

    @property
    def loss(self) -> float:
        """That of the last step."""
        return self.plan.loss if self.plan.can_run else self._first_loss

    def run(self) -> None:
        """Compute the gradients, if that has not been done."""
        if not self.has_run:
            self.plan.run(*self.inputs)
        self.has_run = False


class Plans:
    """The plans of a network: two, which are those of the full batches and of a last, smaller one."""

    def __init__(self) -> None:
        self._plans: dict[Any, Planned] = {}

    def find(self, network: Sequential, x: Array, t: Array) -> Planned | None:
        """Return the plan for a step, ready to run; None where it cannot be planned.

        Parameters
        ----------
        network : Sequential
            Whose plans these are.
        x, t : ndarray
            Inputs and targets.

        Returns
        -------
        Planned or None
        """
        parts = (network.loss_function, *every_layer(network.layers))
        if not all(getattr(part, "can_be_planned", False) for part in parts):
            return None
        settings = _settings(network)
        planned = self._plans.get(x.shape)
        is_new = planned is None or not _is_same(settings, planned.settings)
        shape = (len(x), *network.forward(x[:1]).shape[1:]) if planned is None or is_new else planned.shape
        inputs = np.ascontiguousarray(x), network.loss_function.targets(t, shape)
        if planned is not None and not is_new:
            planned.inputs = inputs
            return planned
        self._plans.pop(x.shape, None)
        while len(self._plans) > 1:
            del self._plans[next(iter(self._plans))]
        planned = Planned(network, settings, shape, inputs)
        if planned.plan.can_run:
            self._plans[x.shape] = planned
        return planned


def _is_same(settings: list[object], before: list[object]) -> bool:
    return len(settings) == len(before) and all(map(is_, settings, before))


def _settings(network: Sequential) -> list[object]:
    """What a plan was recorded with, and holds as long as it is the same."""
    settings: list[object] = [network.loss_function, network.loss_function._version, network.weight_decay]
    for layer in every_layer(network.layers):
        settings += layer, layer._version, *layer.params.values()
    return settings
