"""States that take less memory than torch's: a group's settings ``state_dtype`` and ``seed``."""

from __future__ import annotations

import math
from typing import Any

import torch

from fastdl import kernels
from fastdl.interop.torch.formulas import Formula, Group
from fastdl.interop.torch.memory import PLAIN, order_of, view
from fastdl.optim import state_dtypes

DTYPES = {"bfloat16": torch.bfloat16, "uint8": torch.uint8}

# torch's names of the states that are never negative.
SQUARES = {"exp_avg_sq", "max_exp_avg_sq", "square_avg", "acc_delta", "sum", "exp_inf"}


def with_state_dtype(formula: Formula, group: Group, number: int, op: str) -> Formula:
    """Return the formula with the ``state_dtype`` and the seed of the group, which has this number.

    Raises
    ------
    HyperparameterError, DtypeError
        If the rule or a parameter does not stand the ``state_dtype``.
    """
    state_dtype, seed = group.get("state_dtype"), group.get("seed", 0)
    if state_dtype is None or not formula.states:
        return formula
    state_dtypes.check(state_dtype, seed, formula.rule, op)
    if state_dtype not in DTYPES:
        return formula
    for key, param in enumerate(group["params"]):
        if param.dtype is torch.float64:
            raise state_dtypes.not_for_float64(state_dtype, op, key)
    return formula._replace(state_dtype=state_dtype, seed=(int(seed) + number) % 2**64, counts=True)


def store(param: torch.Tensor, state: dict[str, Any], formula: Formula) -> None:
    """Bring states that torch has made, or a checkpoint has brought, into the form in which the kernels store them."""
    assert formula.state_dtype is not None
    for name in formula.states:
        tensor: Any = state.get(name)
        if type(tensor) not in PLAIN or tensor.dtype is DTYPES[formula.state_dtype]:
            continue
        if tensor.shape == (_length_of_bytes(param),) != param.shape:  # bytes that load_state_dict has made floats
            tensor = tensor.to(torch.uint8)
        state[name] = tensor
        if formula.state_dtype != "uint8" or tensor.dtype is not torch.uint8:
            numbers = torch.empty_like(param, dtype=torch.float32, requires_grad=False)
            state[name] = _encoded(numbers.copy_(_decoded(tensor, param, name)), formula, name, _steps(state))
    if formula.states[0] in state:
        state.setdefault("step", torch.zeros(()))  # what is random depends on it; torch's SGD does not count


def restore(param: torch.Tensor, state: dict[str, Any]) -> None:
    """Bring stored states back into torch's form, for torch to take the step."""
    for name, tensor in state.items():
        if type(tensor) in PLAIN and tensor.dtype in DTYPES.values() and tensor.dtype is not param.dtype:
            state[name] = _decoded(tensor, param, name).to(param.dtype)


def _encoded(numbers: torch.Tensor, formula: Formula, name: str, step: int) -> torch.Tensor:
    """The stored form of a state's numbers, float32 and laid out as the parameter is."""
    assert formula.state_dtype is not None
    assert formula.seed is not None
    array = view(numbers, order_of(numbers))
    number = formula.states.index(name)
    code = kernels.encode_state(
        array, formula.state_dtype, formula.seed, step=step, number=number, is_squares=name in SQUARES
    )
    if formula.state_dtype == "uint8":
        return torch.from_numpy(code)
    return _in_order_of(numbers, torch.from_numpy(code).view(torch.bfloat16))


def _decoded(tensor: torch.Tensor, param: torch.Tensor, name: str) -> torch.Tensor:
    """The numbers of a state."""
    if tensor.dtype is not torch.uint8:
        return tensor.to(torch.float32)
    order = order_of(param) or range(param.ndim)
    shape = tuple(param.shape[axis] for axis in order)
    return _in_order_of(param, torch.from_numpy(kernels.decode_state(tensor.numpy(), shape, name in SQUARES)))


def _in_order_of(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The other tensor, whose axes are in the order of this one's memory, with the axes of this one."""
    order = order_of(tensor)
    return other if order is None else other.permute([order.index(axis) for axis in range(tensor.ndim)])


def _steps(state: dict[str, Any]) -> int:
    return int(state.get("step", 0)) % 2**32


def _length_of_bytes(param: torch.Tensor) -> int:
    return math.prod(state_dtypes.stored_kind("uint8", tuple(param.shape))[0])
