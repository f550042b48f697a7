"""The settings that every optimizer takes besides its hyper-parameters: names, defaults, checks."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from numpy.typing import NDArray

from fastdl.errors import HyperparameterError
from fastdl.optim import groups, state_dtypes
from fastdl.optim.conventions import Convention
from fastdl.optim.hyperparameters import checked
from fastdl.optim.state_dtypes import StateDtype

if TYPE_CHECKING:
    from fastdl.optim.optimizer import Optimizer

# The types of settings that change only by being set. The only dict, the groups, is looked at in every step.
_UNCHANGING = {float, int, bool, str, type(None), dict}

LearningRate = float | Callable[[int], float]
DecayFilter = Literal["all", "matrices"] | Callable[[Hashable, NDArray[Any]], bool]


class Options(TypedDict, total=False):
    """Settings that every optimizer takes, by keyword; see :class:`Optimizer`."""

    weight_decay: float
    decoupled: bool
    decay_filter: DecayFilter
    clip_norm: float
    clip_value: float
    nonfinite: Literal["propagate", "raise", "skip"]
    groups: groups.Groups
    ema: float
    state_dtype: StateDtype
    seed: int


def defaults(convention: Convention) -> dict[str, Any]:
    """Return what the options are where they are not given.

    Parameters
    ----------
    convention : Convention
        The optimizer's.

    Returns
    -------
    dict
    """
    return {
        "weight_decay": convention.defaults.get("weight_decay", 0.0),
        "decoupled": convention.decay == "decoupled",
        "decay_filter": "all",
        "clip_norm": None,
        "clip_value": None,
        "nonfinite": "propagate",
        "groups": {},
        "ema": None,
        "state_dtype": None,
        "seed": 0,
    }


def check_settings(optimizer: Optimizer) -> None:
    """Check all settings of an optimizer, hyper-parameters among them.

    Parameters
    ----------
    optimizer : Optimizer
        Whose settings.

    Raises
    ------
    HyperparameterError
        If one of them is out of range or unknown.
    """
    op, hyper = optimizer.name, optimizer.spec.hyper
    if not callable(optimizer.lr):
        checked("lr", optimizer.lr, op)
    for name in (*hyper, "weight_decay", "clip_norm", "clip_value", "ema"):
        if name != "lr" and getattr(optimizer, name) is not None:
            checked(name, getattr(optimizer, name), op)
    _check_choice("nonfinite", optimizer.nonfinite, ("propagate", "raise", "skip"), op)
    if not callable(optimizer.decay_filter):
        _check_choice("decay_filter", optimizer.decay_filter, ("all", "matrices"), op)
    groups.check(optimizer.groups, (*hyper, "weight_decay"), op)
    state_dtypes.check(optimizer.state_dtype, optimizer.seed, optimizer.spec.name, op)


def is_settled(optimizer: Optimizer) -> bool:
    """Return whether what a step makes of the settings is right until one of them is set.

    Parameters
    ----------
    optimizer : Optimizer
        Whose settings.

    Returns
    -------
    bool
    """
    names = (*optimizer.spec.hyper, *Options.__annotations__)
    if optimizer.groups or not {type(getattr(optimizer, name)) for name in names} <= _UNCHANGING:
        return False
    # The arrays of a rule without state may change their number of dimensions, and so whether they are decayed.
    return bool(optimizer.spec.state) or optimizer.weight_decay == 0


def _check_choice(name: str, value: Any, choices: tuple[str, ...], op: str) -> None:
    if value not in choices:
        raise HyperparameterError("unknown choice", op=op, arg=name, expected=f"one of {choices}", got=repr(value))
