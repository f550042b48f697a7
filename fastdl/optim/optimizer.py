"""What all optimizers share: binding to parameters, stepping, saving."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, MutableMapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.errors import HyperparameterError, KeyMismatchError
from fastdl.optim import saved
from fastdl.optim.hyperparameters import checked


class _State(NamedTuple):
    """The state arrays of an optimizer, in the order of `keys`, and how many steps each parameter has had."""

    keys: tuple[Hashable, ...]
    arrays: list[list[NDArray[Any]]]
    steps: NDArray[np.int64]


class Optimizer:
    """The base of all optimizers: ``update(params, grads)`` changes the parameters in place.

    Hyper-parameters are plain attributes, which may be set between two steps. The state is made at the first step,
    for the parameters that it gets; a parameter keeps its state by its key, also when another array of the same shape
    takes its place.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Momentum
    >>> params = {"W": np.array([1.0, 2.0])}
    >>> optimizer = Momentum(lr=0.1)
    >>> optimizer.update(params, {"W": np.array([10.0, 10.0])})
    >>> params["W"]
    array([0., 1.])
    """

    rule: ClassVar[str]
    lr: float

    def __init__(self, **hyperparameters: float) -> None:
        for name, value in hyperparameters.items():
            checked(name, value, self.rule)
            setattr(self, name, value)
        self._bound: _State | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_hyperparameters(cls, hyperparameters: Mapping[str, float]) -> Self:
        """Return an optimizer with these hyper-parameters and defaults for the others.

        Parameters
        ----------
        hyperparameters : mapping of str to float
            As :meth:`hyperparameters` returns them, or some of them.

        Returns
        -------
        Optimizer

        Raises
        ------
        HyperparameterError
            If one of them is unknown or out of range.

        Examples
        --------
        >>> from fastdl.optim import SGD
        >>> SGD.from_hyperparameters({"lr": 0.5})
        SGD(lr=0.5)
        """
        known = kernels.RULES[cls.rule].hyper
        for name, value in hyperparameters.items():
            if name not in known:
                raise HyperparameterError(
                    "unknown hyper-parameter",
                    op=cls.rule,
                    arg=name,
                    expected=f"one of {', '.join(known)}",
                    got=repr(value),
                )
        return cls(**hyperparameters)

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The hyper-parameters by name, in the rule's order."""
        return {name: getattr(self, name) for name in kernels.RULES[self.rule].hyper}

    @property
    def state(self) -> dict[str, dict[Hashable, NDArray[Any]]]:
        """The state arrays by name and key of the parameter; empty before the first step."""
        if self._bound is None:
            return {}
        names = kernels.RULES[self.rule].state
        return {
            name: dict(zip(self._bound.keys, row, strict=True))
            for name, row in zip(names, self._bound.arrays, strict=True)
        }

    @property
    def steps(self) -> int:
        """The number of steps taken; a parameter whose gradient was None has had fewer."""
        return 0 if self._bound is None else int(self._bound.steps.max(initial=0))

    def update(self, params: MutableMapping[Any, Any], grads: Mapping[Any, Any]) -> None:
        """Take one step.

        Parameters
        ----------
        params : dict of ndarrays
            The parameters: float32 or float64, changed in place. A Python float is replaced in the dict instead, as
            in the book's small examples.
        grads : dict of ndarrays
            Their gradients under the same keys: the same shapes, float32 or float64, any layout; None leaves a
            parameter out.

        Raises
        ------
        KeyMismatchError
            If the keys differ, or are not those of the steps before.
        DtypeError, ArrayError, AliasError, HyperparameterError
            If something does not fit. Whatever is raised, nothing has changed.

        Examples
        --------
        >>> from fastdl.optim import SGD
        >>> params = {"x": -7.0}
        >>> SGD(lr=0.5).update(params, {"x": 1.0})
        >>> params
        {'x': -7.5}
        """
        with self._lock:
            self._update(params, grads)

    def _update(self, params: MutableMapping[Any, Any], grads: Mapping[Any, Any]) -> None:
        hyper = [checked(name, getattr(self, name), self.rule) for name in kernels.RULES[self.rule].hyper]
        if params.keys() != grads.keys():
            raise _keys_differ(self.rule, "grads", params, grads)
        before, bound = self._bound, self._bind(params)
        values = [params[key] for key in bound.keys]
        gradients = [grads[key] for key in bound.keys]
        has_numbers = set(map(type, values)) != {np.ndarray}
        if has_numbers:
            values, gradients = list(map(_as_array, values)), list(map(_as_array, gradients))
        self._bound = bound
        try:
            kernels.update(self.rule, values, gradients, bound.arrays, bound.steps, hyper, bound.keys)
        except Exception:  # an interrupt comes before or after the step, never within it
            self._bound = before
            raise
        if has_numbers:
            for key, value in zip(bound.keys, values, strict=True):
                if params[key] is not value:
                    params[key] = float(value)

    def _bind(self, params: Mapping[Any, Any]) -> _State:
        """The state for these parameters: the one there is, or a new one of zeros."""
        names = kernels.RULES[self.rule].state
        if self._bound is not None:
            if params.keys() == set(self._bound.keys):
                return self._bound
            if names:
                raise _keys_differ(self.rule, "params", dict.fromkeys(self._bound.keys), params)
        arrays = [[_zeros_like(value) for value in params.values()] for _ in names]
        return _State(tuple(params), arrays, np.zeros(len(params), np.int64))

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a later :meth:`load_state_dict` needs to go on as if nothing had happened.

        Returns
        -------
        dict
            ``rule``, ``hyperparameters``, ``steps`` (by key) and ``state`` (by name and key; copies of the arrays).

        Examples
        --------
        >>> from fastdl.optim import Adam
        >>> Adam(lr=0.01).state_dict()["hyperparameters"]["lr"]
        0.01
        """
        steps = {} if self._bound is None else dict(zip(self._bound.keys, self._bound.steps.tolist(), strict=True))
        state = {name: {key: array.copy() for key, array in row.items()} for name, row in self.state.items()}
        return {"rule": self.rule, "hyperparameters": self.hyperparameters, "steps": steps, "state": state}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned, with copies of its arrays.

        Parameters
        ----------
        state_dict : dict
            Of the same kind of optimizer.

        Raises
        ------
        CheckpointError
            If anything in it is missing, unknown or does not fit together; the optimizer has not changed then.
            Whether its arrays fit the parameters shows at the next step.

        Examples
        --------
        >>> from fastdl.optim import Adam
        >>> optimizer = Adam()
        >>> optimizer.load_state_dict(Adam(lr=0.01).state_dict())
        >>> optimizer.lr
        0.01
        """
        hyperparameters, bound = saved.validate(state_dict, kernels.RULES[self.rule])
        for name, value in hyperparameters.items():
            setattr(self, name, value)
        self._bound = None if bound is None else _State(*bound)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.hyperparameters.items())
        return f"{type(self).__name__}({arguments})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes, _lock=threading.Lock())


def _as_array(value: Any) -> Any:
    """A Python number as an array of its own; anything else as it is."""
    return np.array(float(value)) if isinstance(value, float | int) and not isinstance(value, bool) else value


def _zeros_like(value: Any) -> NDArray[Any]:
    """A state array for a parameter; a value that is none gets an empty one, and is refused by the step."""
    value = _as_array(value)
    return np.zeros(value.shape, value.dtype) if isinstance(value, np.ndarray) else np.zeros(0)


def _keys_differ(op: str, arg: str, expected: Mapping[Any, Any], got: Mapping[Any, Any]) -> KeyMismatchError:
    missing = [key for key in expected if key not in got]
    extra = [key for key in got if key not in expected]
    parts = [f"{word} {keys}" for word, keys in (("missing", missing), ("unknown", extra)) if keys]
    hint = (
        "An optimizer keeps its state by key: use a new one for other parameters"
        if arg == "params"
        else "Pass a gradient for every parameter; None leaves one out of the step"
    )
    return KeyMismatchError(
        "keys differ", op=op, arg=arg, expected=str(list(expected)), got="; ".join(parts), hint=hint
    )
