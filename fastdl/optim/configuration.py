"""The settings of an optimizer as numbers, strings and dicts."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdl.errors import HyperparameterError
from fastdl.optim.options import Options, defaults
from fastdl.optim.schedules import Schedule

if TYPE_CHECKING:
    from fastdl.optim.optimizer import Optimizer


def own_arguments(kind: type[Optimizer]) -> dict[str, Any]:
    """Return the arguments that an optimizer's class takes besides convention and options, and their defaults."""
    parameters = inspect.signature(kind).parameters
    return {name: each.default for name, each in parameters.items() if name not in ("convention", "options")}


def changed(optimizer: Optimizer) -> dict[str, Any]:
    """Return the settings that are not what their convention makes of them, hyper-parameters in any case.

    Parameters
    ----------
    optimizer : Optimizer
        Whose settings.

    Returns
    -------
    dict
    """
    own = own_arguments(type(optimizer))
    plain = own | defaults(optimizer.conventions[optimizer.convention])
    settings = {name: getattr(optimizer, name, None) for name in (*own, *Options.__annotations__)}
    return {
        name: value
        for name, value in settings.items()
        if value is not None and value is not plain[name] and value != plain[name]
    }


def as_config(value: Any, name: str, op: str) -> Any:
    """Return a setting in a form from which it can be made again.

    Parameters
    ----------
    value : object
        The setting.
    name, op : str
        What the error calls the setting and the optimizer.

    Returns
    -------
    object

    Raises
    ------
    HyperparameterError
        If it is a function, which has no such form.
    """
    if isinstance(value, Schedule):
        return value.get_config()
    if isinstance(value, np.generic | np.ndarray):
        return value.item()
    if isinstance(value, Mapping):
        return {key: as_config(each, name, op) for key, each in value.items()}
    if callable(value):
        raise HyperparameterError(
            "a function has no configuration", op=op, arg=name, expected="a number, string or schedule",
            got=repr(value), hint="Pass it to the optimizer that from_config returns",
        )  # fmt: skip
    return value


def arguments(kind: type[Optimizer], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for a class of optimizers that a configuration stands for.

    Parameters
    ----------
    kind : type
        The optimizer's class.
    config : mapping
        Arguments of the class; ``name`` is optional.

    Returns
    -------
    dict

    Raises
    ------
    HyperparameterError
        If one of them is unknown, or the name is that of another optimizer.
    """
    settings = dict(config)
    if settings.pop("name", kind.name) != kind.name:
        raise HyperparameterError(
            "another optimizer's", op=kind.name, arg="name", expected=kind.name, got=config["name"]
        )
    known = [*own_arguments(kind), "convention", *Options.__annotations__]
    for name in settings:
        if name not in known:
            raise unknown(kind.name, name, known)
    if isinstance(settings.get("groups"), Mapping):
        settings["groups"] = {pattern: _with_schedule(own) for pattern, own in settings["groups"].items()}
    result: dict[str, Any] = _with_schedule(settings)
    return result


def unknown(op: str, name: str, known: Iterable[str]) -> HyperparameterError:
    """Return the error for a setting that an optimizer does not have."""
    return HyperparameterError("unknown setting", op=op, arg=name, expected=f"one of {', '.join(known)}", got=name)


def _with_schedule(settings: Any) -> Any:
    """Settings whose learning rate is no longer a schedule's configuration."""
    if isinstance(settings, Mapping) and isinstance(settings.get("lr"), Mapping):
        return {**settings, "lr": Schedule.from_config(settings["lr"])}
    return settings
