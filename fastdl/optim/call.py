"""What the kernel gets besides arrays, worked out from an optimizer's settings."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl.optim.hyperparameters import checked
from fastdl.optim.state_dtypes import REDUCED

if TYPE_CHECKING:
    from fastdl.optim.binding import Binding
    from fastdl.optim.optimizer import Optimizer

Array = NDArray[Any]


class Call(NamedTuple):
    """What the kernel gets besides arrays."""

    hyper: list[float] | Array  # one row, or one for each parameter
    treatment: dict[str, Any]  # what is done besides the rule


def call_of(optimizer: Optimizer, bound: Binding, rates: list[float], wholes: list[Any]) -> Call:
    """Return what the kernel gets besides arrays.

    Parameters
    ----------
    optimizer : Optimizer
        Whose settings count.
    bound : Binding
        What it keeps for its parameters.
    rates : list of float
        Each parameter's learning rate.
    wholes : list of ndarray
        The parameters, whole where the step is on pieces of them.

    Returns
    -------
    Call

    Raises
    ------
    HyperparameterError
        If a setting is out of range.
    """
    decays = _decays(optimizer, bound, wholes)
    return Call(_hyper(optimizer, bound, rates, decays), _treatment(optimizer, bound, rates, decays))


def _decays(optimizer: Optimizer, bound: Binding, wholes: list[Any]) -> list[float] | None:
    """Each parameter's weight decay; None if there is none at all."""
    if not optimizer.groups and checked("weight_decay", optimizer.weight_decay, optimizer.name) == 0:
        return None
    decays = _each(optimizer, bound, "weight_decay")
    if optimizer.decay_filter == "all":
        return decays
    is_decayed = optimizer.decay_filter if callable(optimizer.decay_filter) else _is_matrix
    rows = zip(bound.keys, wholes, decays, strict=True)
    return [decay if is_decayed(key, whole) else 0.0 for key, whole, decay in rows]


def _is_matrix(key: Hashable, value: Any) -> bool:
    return np.ndim(value) >= 2


def _each(optimizer: Optimizer, bound: Binding, name: str) -> list[float]:
    """Each parameter's value of a setting: that of its groups, or else the usual one."""
    usual = checked(name, getattr(optimizer, name), optimizer.name)
    if not optimizer.groups:
        return [usual] * len(bound.keys)
    return [checked(name, own[name], optimizer.name) if name in own else usual for own in bound.own]


def _hyper(optimizer: Optimizer, bound: Binding, rates: list[float], decays: list[float] | None) -> list[float] | Array:
    names = optimizer.spec.hyper
    in_rule = "weight_decay" in names and decays is not None
    if not optimizer.groups and not in_rule:
        rate = rates[0] if rates else 0.0
        return [rate if name == "lr" else checked(name, getattr(optimizer, name), optimizer.name) for name in names]
    rows = np.empty((len(bound.keys), len(names)))
    for i, name in enumerate(names):
        if name == "lr":
            rows[:, i] = rates
        elif name == "weight_decay" and in_rule:
            rows[:, i] = 0 if optimizer.decoupled else decays
        else:
            rows[:, i] = _each(optimizer, bound, name)
    return rows


def _treatment(optimizer: Optimizer, bound: Binding, rates: list[float], decays: list[float] | None) -> dict[str, Any]:
    treatment: dict[str, Any] = {"op": optimizer.name}
    if decays is not None and optimizer.decoupled:
        treatment["shrink"] = [rate * decay for rate, decay in zip(rates, decays, strict=True)]
    elif decays is not None and "weight_decay" not in optimizer.spec.hyper:
        treatment["decay"] = decays
    for name in ("clip_norm", "clip_value"):
        if getattr(optimizer, name) is not None:
            treatment[name] = checked(name, getattr(optimizer, name), optimizer.name)
    if optimizer.nonfinite != "propagate":
        treatment["needs_finite"] = True
    if optimizer.state_dtype in REDUCED:
        treatment["seed"] = optimizer.seed
    if optimizer.ema is not None:
        treatment |= {"averages": bound.averages, "average_decay": checked("ema", optimizer.ema, optimizer.name)}
    return treatment
