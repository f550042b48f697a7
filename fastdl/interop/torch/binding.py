"""Parameters and their states as arrays, and whether they still are what they were when they were bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import is_
from typing import Any, TypeAlias

import numpy as np
import torch

from fastdl.interop.torch.formulas import Formula
from fastdl.interop.torch.memory import FLOATS, PLAIN, Array, is_plain, order_of, to_array, view
from fastdl.interop.torch.reduced import DTYPES, store

STEP = "step"  # torch's name of the number of steps that a parameter has had

State: TypeAlias = dict[str, Any]
States: TypeAlias = Mapping[torch.Tensor, State]

_END = object()
_address, _size, _is_in_order = torch.Tensor.data_ptr, torch.Tensor.numel, torch.Tensor.is_contiguous
_is_none = partial(is_, None)


def _layout(tensor: torch.Tensor) -> tuple[Sequence[int], ...]:
    return tensor.shape, tensor.stride()


class Slot:
    """A parameter with its state as arrays, in the order of its axes in memory."""

    __slots__ = ("array", "counter", "dtype", "order", "param", "state", "states")

    def __init__(self, param: torch.Tensor, state: State, formula: Formula) -> None:
        self.param, self.state, self.dtype = param, state, param.dtype
        self.order = order_of(param)
        self.array = view(param, self.order)
        order = None if formula.state_dtype == "uint8" else self.order
        self.states = [view(state[name], order) for name in formula.states]
        self.counter: Array | None = view(state[STEP], None) if formula.counts else None

    def is_sound(self) -> bool:
        """Whether all elements lie one behind the other, and the states' as the parameter's; and the count is one."""
        return (
            all(array.flags.c_contiguous for array in (self.array, *self.states))
            and all(array.shape == self.array.shape or array.dtype == np.uint8 for array in self.states)
            and (self.counter is None or (self.counter.ndim == 0 and self.counter.item() % 1 == 0))
        )

    def gradient(self, grad: torch.Tensor) -> Array | None:
        """Return the gradient as an array; None where the kernels cannot read it."""
        if type(grad) not in PLAIN or grad.dtype is not self.dtype:
            return None
        try:
            array = to_array(grad)
        except (RuntimeError, TypeError):
            return None
        return array if self.order is None else array.transpose(self.order)


def bind(param: torch.Tensor, state: State | None, formula: Formula) -> Slot | None:
    """Return the parameter and its states that the formula changes as arrays; None where the kernels cannot.

    So it is before torch's first step, which makes the states.
    """
    if not is_plain(param) or param.dtype not in FLOATS:
        return None
    state, dtype = {} if state is None else state, param.dtype
    if formula.state_dtype is not None:
        store(param, state, formula)
        dtype = DTYPES[formula.state_dtype]
    if not all(is_plain(each) and each.dtype is dtype for each in map(state.get, formula.states)):
        return None
    if formula.counts and not is_plain(state.get(STEP)):
        return None
    slot = Slot(param, state, formula)
    return slot if slot.is_sound() else None


class Batch:
    """The parameters of a group that one call of the kernels steps, and the others."""

    def __init__(self, params: Sequence[torch.Tensor], states: States, formula: Formula) -> None:
        found = [(param, bind(param, states.get(param), formula)) for param in params]
        self.unbound = [param for param, slot in found if slot is None]
        self.slots = [slot for _, slot in found if slot is not None]
        self.params = [slot.array for slot in self.slots]
        self.states = [[slot.states[k] for slot in self.slots] for k in range(len(formula.states))]
        self.steps = np.zeros(len(self.slots), dtype=np.int64)
        self._counters = [slot.counter for slot in self.slots if slot.counter is not None]
        self._group, self._rule = list(params), (formula.rule, formula.state_dtype)
        self._bound = [slot.param for slot in self.slots]
        # What the arrays rest on. A rule without states asks for no dict, which torch may make or leave out.
        has_state = bool(formula.states) or formula.counts
        self._dicts = [slot.state for slot in self.slots] if has_state else []
        self._values = [*self._find_values(), _END]
        self._kept = [[value for value in slot.state.values() if type(value) in PLAIN] for slot in self.slots]
        self._changed = [*self._bound, *chain.from_iterable(self._kept)]
        self._addresses = list(map(_address, self._changed))
        self._sizes = list(map(_size, self._bound))
        self._in_order = [slot.param for slot in self.slots if slot.order is None]
        self._others = [slot.param for slot in self.slots if slot.order is not None]
        self._layouts = list(map(_layout, self._others))

    def _find_values(self) -> Iterable[Any]:
        """All that the states hold, parameter by parameter."""
        return chain.from_iterable(map(dict.values, self._dicts))

    def holds(self, params: Sequence[torch.Tensor], states: States, formula: Formula) -> bool:
        """Whether these are still the parameters and states, in the same memory, and no other can be bound."""
        return (
            (formula.rule, formula.state_dtype) == self._rule
            and len(params) == len(self._group)
            and all(map(is_, params, self._group))
            and all(map(is_, map(states.get, self._bound), self._dicts))
            and all(map(is_, chain(self._find_values(), (_END,)), self._values))
            and list(map(_address, self._changed)) == self._addresses
            and list(map(_size, self._bound)) == self._sizes
            and all(map(_is_in_order, self._in_order))
            and (not self._others or list(map(_layout, self._others)) == self._layouts)
            and not any(
                param.grad is not None and bind(param, states.get(param), formula) is not None for param in self.unbound
            )
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
        if self._counters:
            for counter, taken in zip(self._counters, self.steps.tolist(), strict=True):
                counter.fill(taken)

    def mark_changed(self, gradients: Sequence[Array | None]) -> None:
        """Let autograd know of what a step with these gradients has changed."""
        changed = self._changed
        if any(map(_is_none, gradients)):
            changed = [
                tensor
                for param, kept, gradient in zip(self._bound, self._kept, gradients, strict=True)
                if gradient is not None
                for tensor in (param, *kept)
            ]
        torch.autograd.graph.increment_version(changed)
