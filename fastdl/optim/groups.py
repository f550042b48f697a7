"""Parameter groups: settings of their own for the parameters whose keys match a pattern."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from fastdl.errors import HyperparameterError, KeyMismatchError
from fastdl.optim.hyperparameters import checked

Groups = Mapping[Hashable, Mapping[str, Any]]


def check(groups: Any, known: Iterable[str], op: str) -> None:
    """Check the groups, but for whether they match parameters.

    Parameters
    ----------
    groups : mapping
        From a key, or a pattern with ``*`` and ``?``, to settings.
    known : iterable of str
        Names that settings may have.
    op : str
        What the error calls the optimizer.

    Raises
    ------
    HyperparameterError
        If it is not of this form, or a value is out of range.
    """
    names = set(known)
    if not isinstance(groups, Mapping) or not all(isinstance(each, Mapping) for each in groups.values()):
        raise HyperparameterError(
            "not a mapping", op=op, arg="groups", expected="pattern to settings", got=repr(groups)
        )
    for pattern, settings in groups.items():
        for name, value in settings.items():
            if name not in names:
                raise HyperparameterError(
                    "unknown setting",
                    op=op,
                    arg="groups",
                    key=pattern,
                    expected=f"one of {sorted(names)}",
                    got=repr(name),
                )
            if not (name == "lr" and callable(value)):
                checked(name, value, op)


def settings_of(groups: Groups, keys: Iterable[Hashable], op: str) -> list[dict[str, Any]]:
    """Return each key's own settings; where several patterns match, the later one wins.

    Parameters
    ----------
    groups : mapping
        From a key or pattern to settings.
    keys : iterable
        The parameters' keys.
    op : str
        What the error calls the optimizer.

    Returns
    -------
    list of dict

    Raises
    ------
    KeyMismatchError
        If a pattern matches no key.

    Examples
    --------
    >>> settings_of({"b*": {"lr": 0.1}}, ["W1", "b1"], "sgd")
    [{}, {'lr': 0.1}]
    """
    keys = list(keys)
    own: list[dict[str, Any]] = [{} for _ in keys]
    for pattern, settings in groups.items():
        matches = [i for i, key in enumerate(keys) if _matches(pattern, key)]
        if not matches:
            raise KeyMismatchError("matches no parameter", op=op, arg="groups", key=pattern, expected=f"one of {keys}")
        for i in matches:
            own[i] |= settings
    return own


def rates_of(lr: Any, own: Sequence[Mapping[str, Any]], number: Callable[[Any], float]) -> list[float]:
    """Return each parameter's learning rate.

    Parameters
    ----------
    lr : float, schedule or callable
        That of parameters that have none of their own.
    own : sequence of mapping
        Each parameter's settings, as :func:`settings_of` returns them.
    number : callable
        Returns what a learning rate is in this step. A schedule is asked once, however many parameters have it.

    Returns
    -------
    list of float

    Examples
    --------
    >>> rates_of(0.1, [{}, {"lr": 0.5}], float)
    [0.1, 0.5]
    """
    usual = number(lr)
    rates, asked = [usual] * len(own), {id(lr): usual}
    for i, settings in enumerate(own):
        if "lr" in settings:
            rate = settings["lr"]
            if id(rate) not in asked:
                asked[id(rate)] = number(rate)
            rates[i] = asked[id(rate)]
    return rates


def _matches(pattern: Hashable, key: Hashable) -> bool:
    return key == pattern or (isinstance(pattern, str) and fnmatchcase(str(key), pattern))
