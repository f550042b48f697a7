"""Parameters and their states as arrays, and whether they still are what they were when they were bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

import numpy as np
import torch

from fastdl.interop.torch.memory import PLAIN, Array, is_plain, order_of, view

STEP = "step"  # torch's name of the number of steps that a parameter has had

State = dict[str, Any]


class Slot:
    """A parameter with its state as arrays, in the order of its axes in memory, and the facts that they rest on."""

    __slots__ = ("address", "array", "counter", "dtype", "order", "param", "shape", "state", "states", "strides", "tensors")

    def __init__(self, param: torch.Tensor, state: State, names: Sequence[str]) -> None:
        self.param, self.state, self.dtype = param, state, param.dtype
        self.address, self.shape, self.strides = param.data_ptr(), param.shape, param.stride()
        self.order = order_of(param)
        self.array = view(param, self.order)
        self.states = [view(state[name], self.order) for name in names]
        self.counter: Array | None = state[STEP].numpy() if STEP in state else None
        kept = (*names, STEP) if STEP in state else names
        self.tensors = [(name, state[name], state[name].data_ptr()) for name in kept]

    def is_sound(self) -> bool:
        """Whether all elements lie one behind the other, and the states' as the parameter's; and the count is one."""
        return (
            all(array.flags.c_contiguous for array in (self.array, *self.states))
            and all(array.shape == self.array.shape for array in self.states)
            and (self.counter is None or (self.counter.ndim == 0 and self.counter.item() % 1 == 0))
        )

    def holds(self, states: Mapping[torch.Tensor, State]) -> bool:
        """Whether parameter and state are still these tensors, in this memory."""
        param, state = self.param, self.state
        if (
            param.data_ptr() != self.address
            or states.get(param) is not state
            or param.stride() != self.strides
            or param.shape != self.shape
        ):
            return False
        for name, tensor, address in self.tensors:  # noqa: SIM110: a generator takes twice as long
            if state.get(name) is not tensor or tensor.data_ptr() != address:
                return False
        return True

    def gradient(self, grad: torch.Tensor) -> Array | None:
        """Return the gradient as an array; None where the kernels cannot read it."""
        if type(grad) not in PLAIN or grad.dtype is not self.dtype:
            return None
        try:
            array: Array = grad.numpy()
        except (RuntimeError, TypeError):  # not dense, elsewhere, part of a graph, or yet to be negated
            return None
        return array if self.order is None else array.transpose(self.order)


def bind(param: torch.Tensor, state: State | None, names: Sequence[str]) -> Slot | None:
    """Return the parameter and its states of these names as arrays; None where the kernels cannot work on them.

    Parameters
    ----------
    param : Tensor
        A parameter.
    state : dict or None
        torch's state of it, None where there is none yet.
    names : sequence of str
        The tensors of the state that the rule changes, in its order.

    Returns
    -------
    Slot or None
    """
    state = {} if state is None else state
    tensors = [state.get(name) for name in names]
    if not all(is_plain(each) and each.dtype is param.dtype for each in (param, *tensors)):
        return None
    if STEP in state and not is_plain(state[STEP]):
        return None
    slot = Slot(param, state, names)
    return slot if slot.is_sound() else None


class Batch:
    """The parameters of a group that one call of the kernels steps, and the others."""

    def __init__(self, params: Sequence[torch.Tensor], states: Mapping[torch.Tensor, State], names: Sequence[str]) -> None:
        self._all, self._names = list(params), names
        found = [(param, bind(param, states.get(param), names)) for param in params]
        self.unbound = [param for param, slot in found if slot is None]
        self.slots = [slot for _, slot in found if slot is not None]
        self.params = [slot.array for slot in self.slots]
        self.states = [[slot.states[k] for slot in self.slots] for k in range(len(names))]
        self.steps = np.zeros(len(self.slots), dtype=np.int64)
        self._counters = [slot.counter for slot in self.slots if slot.counter is not None]
        self._changed = [[slot.param, *(tensor for _, tensor, _ in slot.tensors)] for slot in self.slots]

    def holds(self, params: Sequence[torch.Tensor], states: Mapping[torch.Tensor, State], names: Sequence[str]) -> bool:
        """Whether these are still the parameters and states, as far as a step changes them."""
        if names != self._names or len(params) != len(self._all) or not all(map(is_, params, self._all)):
            return False
        for slot in self.slots:
            if slot.param.grad is not None and not slot.holds(states):
                return False
        return not any(
            param.grad is not None and bind(param, states.get(param), names) is not None for param in self.unbound
        )

    def gradients(self) -> tuple[list[Array | None], list[torch.Tensor]]:
        """Return the gradients as arrays, and the parameters that have one but cannot be stepped by the kernels."""
        left = [param for param in self.unbound if param.grad is not None]
        found = []
        for slot in self.slots:
            grad = slot.param.grad
            array = None if grad is None else slot.gradient(grad)
            if array is None and grad is not None:
                left.append(slot.param)
            found.append(array)
        return found, left

    def read_steps(self) -> None:
        """Take over how many steps each parameter has had by torch's count."""
        if self._counters:
            self.steps[:] = [counter.item() for counter in self._counters]

    def write_steps(self) -> None:
        """Write the counts back."""
        for counter, taken in zip(self._counters, self.steps.tolist(), strict=False):
            counter.fill(taken)

    def mark_changed(self, gradients: Sequence[Array | None]) -> None:
        """Let autograd know of what a step with these gradients has changed."""
        changed = [
            tensor
            for tensors, gradient in zip(self._changed, gradients, strict=True)
            if gradient is not None
            for tensor in tensors
        ]
        torch.autograd.graph.increment_version(changed)
