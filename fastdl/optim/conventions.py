"""What one name means in one library: the rule, defaults, and where a state starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fastdl.errors import HyperparameterError

Decay = Literal["coupled", "decoupled", "rule"]


@dataclass(frozen=True)
class Convention:
    """What an optimizer's name means in one library.

    Parameters
    ----------
    rule : str
        The variant of the formula, one of :data:`fastdl.kernels.RULES`.
    defaults : mapping of str to float or None
        Hyper-parameters and ``weight_decay``; None where one must be given.
    start : mapping of str to float
        State arrays that do not start at 0.
    decay : {"coupled", "decoupled", "rule"}
        Where weight decay goes: added to the gradient, times the learning rate off the parameter, or into the formula.
    """

    rule: str
    defaults: Mapping[str, float | None]
    start: Mapping[str, float] = field(default_factory=dict)
    decay: Decay = "coupled"


def choose(conventions: Mapping[str, Convention], name: str | None, op: str) -> str:
    """Return the name of the convention to use: the first one where None is given.

    Parameters
    ----------
    conventions : mapping of str to Convention
        Those of an optimizer.
    name : str or None
        The one asked for.
    op : str
        What the error calls the optimizer.

    Returns
    -------
    str

    Raises
    ------
    HyperparameterError
        If the optimizer has no such convention.

    Examples
    --------
    >>> choose({"book": Convention("sgd", {"lr": 0.01})}, None, "sgd")
    'book'
    """
    if name is None:
        return next(iter(conventions))
    if name in conventions:
        return name
    raise HyperparameterError(
        "no such convention", op=op, arg="convention", expected=f"one of {', '.join(conventions)}", got=repr(name)
    )
