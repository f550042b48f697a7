"""What all optimizers share: settings, binding to parameters, stepping, saving."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.errors import ArrayError, HyperparameterError, KeyMismatchError
from fastdl.optim import conventions, groups, saved, trees
from fastdl.optim.conventions import Convention
from fastdl.optim.hyperparameters import checked
from fastdl.optim.schedules import Schedule

Array = NDArray[Any]
LearningRate = float | Callable[[int], float]
DecayFilter = Literal["all", "matrices"] | Callable[[Hashable, Array], bool]


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


class _State(NamedTuple):
    """What an optimizer keeps for its parameters, all in the order of `keys`."""

    keys: tuple[Hashable, ...]
    key_set: frozenset[Hashable]
    arrays: list[list[Array]]  # for each of the rule's state arrays
    steps: NDArray[np.int64]
    averages: list[Array] | None
    groups: dict[Hashable, dict[str, Any]]  # as they were
    own: list[dict[str, Any]]  # each parameter's settings from them


class Optimizer:
    """The base of all optimizers: ``update(params, grads)`` changes the parameters in place.

    Hyper-parameters and settings are plain attributes, which may be set between two steps. The state is made at the
    first step, for the parameters that it gets; a parameter keeps its state by its key, also when another array of the
    same shape takes its place. Each optimizer has these settings besides its hyper-parameters, by keyword:

    Parameters
    ----------
    convention : {"book", "paper", "torch", "keras", "optax"}, optional
        Whose defaults and variant of the formula; each optimizer lists its own, the default first. Arguments that are
        given win over a convention's defaults.
    weight_decay : float
        λ >= 0: pulls parameters towards 0.
    decoupled : bool
        Whether weight decay multiplies the parameter by ``1 - lr λ`` before the step, rather than adding ``λ p`` to the
        gradient after clipping; by default as the convention has it.
    decay_filter : {"all", "matrices"} or callable
        Which parameters are decayed: all, those of two dimensions or more (which leaves out biases and the parameters
        of batch normalization), or those for which ``filter(key, array)`` is true.
    clip_norm : float, optional
        Gradients are scaled so that the norm of all of them together is at most this.
    clip_value : float, optional
        Then each element is brought within plus and minus this.
    nonfinite : {"propagate", "raise", "skip"}
        What a gradient with an infinity or a NaN does: it is used like any other; ArrayError; or the step is left out.
        Both of the latter change nothing.
    groups : mapping, optional
        From a parameter's key, or a pattern with ``*`` and ``?``, to hyper-parameters or weight_decay of its own. Where
        several match, the later one wins.
    ema : float, optional
        Keep moving averages of the parameters in ``averages``: ``ema * average + (1 - ema) * parameter`` after each
        step.

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

    name: ClassVar[str]
    conventions: ClassVar[Mapping[str, Convention]]
    lr: LearningRate
    weight_decay: float

    def __init__(
        self, hyperparameters: Mapping[str, Any], convention: str | None, options: Options | None = None
    ) -> None:
        options = options or {}
        self.convention = conventions.choose(self.conventions, convention, self.name)
        meant = self.conventions[self.convention]
        self.rule = self._choose_rule(meant)
        self.spec = self.rule if isinstance(self.rule, kernels.CompiledRule) else kernels.RULES[self.rule]
        given = {name: value for name, value in (*hyperparameters.items(), *options.items()) if value is not None}
        for option in options:
            if option not in Options.__annotations__:
                raise _unknown(self.name, option, list(Options.__annotations__))
        for name in dict.fromkeys((*self.spec.hyper, "weight_decay")):
            value = given.get(name, meant.defaults.get(name, 0.0))
            if value is None:
                raise HyperparameterError(
                    "missing", op=self.name, arg=name, expected="a value: this convention has no default", got="None"
                )
            setattr(self, name, value)
        for name, value in hyperparameters.items():
            if value is not None and not hasattr(self, name):
                raise HyperparameterError(
                    "not used",
                    op=self.name,
                    arg=name,
                    expected=f"None with convention {self.convention!r}",
                    got=repr(value),
                )
        self.decoupled = given.get("decoupled", meant.decay == "decoupled")
        self.decay_filter: DecayFilter = given.get("decay_filter", "all")
        self.clip_norm: float | None = given.get("clip_norm")
        self.clip_value: float | None = given.get("clip_value")
        self.nonfinite: str = given.get("nonfinite", "propagate")
        self.groups: groups.Groups = given.get("groups", {})
        self.ema: float | None = given.get("ema")
        self._check_settings()
        self._bound: _State | None = None
        self._lock = threading.Lock()

    def _choose_rule(self, convention: Convention) -> str | kernels.CompiledRule:
        """The variant of the formula; an optimizer with variants of its own chooses among them."""
        return convention.rule

    def _check_settings(self) -> None:
        if not callable(self.lr):
            checked("lr", self.lr, self.name)
        for name in (*self.spec.hyper, "weight_decay", "clip_norm", "clip_value", "ema"):
            if name != "lr" and getattr(self, name) is not None:
                checked(name, getattr(self, name), self.name)
        for name, choices in (("nonfinite", ("propagate", "raise", "skip")), ("decay_filter", ("all", "matrices"))):
            if getattr(self, name) not in choices and not (name == "decay_filter" and callable(self.decay_filter)):
                raise HyperparameterError(
                    "unknown choice",
                    op=self.name,
                    arg=name,
                    expected=f"one of {choices}",
                    got=repr(getattr(self, name)),
                )
        groups.check(self.groups, (*self.spec.hyper, "weight_decay"), self.name)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The hyper-parameters by name, in the rule's order."""
        return {name: getattr(self, name) for name in self.spec.hyper}

    @property
    def state(self) -> dict[str, dict[Hashable, Array]]:
        """The state arrays by name and key of the parameter; empty before the first step."""
        if self._bound is None:
            return {}
        rows = zip(self.spec.state, self._bound.arrays, strict=True)
        return {name: dict(zip(self._bound.keys, row, strict=True)) for name, row in rows}

    @property
    def averages(self) -> dict[Hashable, Array]:
        """The moving averages by key of the parameter; empty before the first step, and without ``ema``."""
        if self._bound is None or self._bound.averages is None:
            return {}
        return dict(zip(self._bound.keys, self._bound.averages, strict=True))

    @property
    def steps(self) -> int:
        """The number of steps taken; a parameter whose gradient was None has had fewer."""
        return 0 if self._bound is None else int(self._bound.steps.max(initial=0))

    def update(self, params: Any, grads: Any) -> None:
        """Take one step. Several threads may call it: one step then comes after the other.

        Parameters
        ----------
        params : dict of ndarrays, or a list, or dicts, lists and tuples within each other
            The parameters: float32 or float64, changed in place. A Python float is replaced in its dict or list
            instead, as in the book's small examples.
        grads : of the same form
            Their gradients: the same shapes, float32 or float64, any layout; None leaves a parameter out.

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

    def _update(self, tree: Any, grads: Any) -> None:
        params = trees.flatten(tree, self.name, "params")
        grads = trees.flatten(grads, self.name, "grads")
        if params.keys() != grads.keys():
            raise _keys_differ(self.name, "grads", params, grads)
        before = self._bound
        bound = self._bind(params)
        values = [params[key] for key in bound.keys]
        gradients = [grads[key] for key in bound.keys]
        numbers: dict[Hashable, Array] = {}
        if set(map(type, values)) != {np.ndarray}:
            values, gradients = list(map(_as_array, values)), list(map(_as_array, gradients))
            numbers = {key: value for key, value in zip(bound.keys, values, strict=True) if params[key] is not value}
        places = trees.places(tree, numbers, self.name) if numbers else {}
        hyper, treatment = self._settings(bound, values)
        self._bound = bound
        try:
            is_taken = kernels.update(
                self.rule, values, gradients, bound.arrays, bound.steps, hyper, bound.keys, **treatment
            )
        except Exception:  # an interrupt comes before or after the step, never within it
            self._bound = before
            raise
        if not is_taken:
            self._bound = before
            if self.nonfinite == "raise":
                raise _not_finite(self.name, bound.keys, values, gradients)
            return
        for key, (container, place) in places.items():
            container[place] = float(numbers[key])

    def _learning_rate(self, lr: Any) -> float:
        return checked("lr", lr(self.steps) if callable(lr) else lr, self.name)

    def _settings(self, bound: _State, values: list[Any]) -> tuple[list[float] | NDArray[np.float64], dict[str, Any]]:
        """What the kernel gets: hyper-parameters, one row or one per parameter, and what is done besides the rule."""
        decays = self._decays(bound, values)
        rates = [self._learning_rate(self.lr)] * len(bound.keys)
        if self.groups:
            asked: dict[int, float] = {}  # a schedule is asked once a step, however many parameters have it
            for i, lr in ((i, own["lr"]) for i, own in enumerate(bound.own) if "lr" in own):
                if id(lr) not in asked:
                    asked[id(lr)] = rates[i] if lr is self.lr else self._learning_rate(lr)
                rates[i] = asked[id(lr)]
        return self._hyper(bound, rates, decays), self._treatment(bound, rates, decays)

    def _decays(self, bound: _State, values: list[Any]) -> list[float] | None:
        """Each parameter's weight decay; None if there is none at all."""
        usual = checked("weight_decay", self.weight_decay, self.name)
        if usual == 0 and not self.groups:
            return None
        if self.decay_filter == "all" and not self.groups:
            return [usual] * len(values)
        decays = [
            checked("weight_decay", own["weight_decay"], self.name) if "weight_decay" in own else usual
            for own in bound.own
        ]
        pairs = zip(bound.keys, values, decays, strict=True)
        return [decay if self._is_decayed(key, value) else 0.0 for key, value, decay in pairs]

    def _hyper(
        self, bound: _State, rates: list[float], decays: list[float] | None
    ) -> list[float] | NDArray[np.float64]:
        names = self.spec.hyper
        in_rule = "weight_decay" in names and decays is not None
        if not self.groups and not in_rule:
            rate = rates[0] if rates else 0.0
            return [rate if name == "lr" else checked(name, getattr(self, name), self.name) for name in names]
        rows = np.empty((len(bound.keys), len(names)))
        for i, name in enumerate(names):
            if name == "lr":
                rows[:, i] = rates
            elif name == "weight_decay" and in_rule:
                rows[:, i] = 0 if self.decoupled else decays
            else:
                usual = checked(name, getattr(self, name), self.name)
                rows[:, i] = [checked(name, own[name], self.name) if name in own else usual for own in bound.own]
        return rows

    def _treatment(self, bound: _State, rates: list[float], decays: list[float] | None) -> dict[str, Any]:
        treatment: dict[str, Any] = {}
        if decays is not None and self.decoupled:
            treatment["shrink"] = [1 - rate * decay for rate, decay in zip(rates, decays, strict=True)]
        elif decays is not None and "weight_decay" not in self.spec.hyper:
            treatment["decay"] = decays
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                treatment[name] = checked(name, getattr(self, name), self.name)
        if self.nonfinite != "propagate":
            treatment["needs_finite"] = True
        if self.ema is not None:
            treatment |= {"averages": bound.averages, "average_decay": checked("ema", self.ema, self.name)}
        return treatment

    def _bind(self, params: Mapping[Hashable, Any]) -> _State:
        """The state for these parameters: the one there is, brought up to date with the settings, or a new one."""
        names, bound = self.spec.state, self._bound
        if bound is not None and params.keys() != bound.key_set:
            if names or self.ema is not None:
                raise _keys_differ(self.name, "params", dict.fromkeys(bound.keys), params)
            bound = None
        has_averages = self.ema is not None
        if bound is not None and bound.groups == self.groups and (bound.averages is not None) == has_averages:
            return bound
        keys = tuple(params) if bound is None else bound.keys
        values = [_as_array(params[key]) for key in keys]
        groups.check(self.groups, (*self.spec.hyper, "weight_decay"), self.name)
        own = groups.settings_of(self.groups, keys, self.name)
        averages = bound.averages if bound is not None else None
        if has_averages != (averages is not None):
            averages = [_copy(value) for value in values] if has_averages else None
        return _State(
            keys=keys,
            key_set=frozenset(keys),
            arrays=[[self._start(name, *each) for each in zip(values, own, strict=True)] for name in names]
            if bound is None
            else bound.arrays,
            steps=np.zeros(len(keys), np.int64) if bound is None else bound.steps,
            averages=averages,
            groups={pattern: dict(settings) for pattern, settings in self.groups.items()},
            own=own,
        )

    def _start(self, name: str, value: Any, own: Mapping[str, Any]) -> Array:
        """Where a state array starts. A parameter that is no array gets an empty one, and is refused by the step."""
        if not isinstance(value, np.ndarray):
            return np.zeros(0)
        return np.full(value.shape, self.conventions[self.convention].start.get(name, 0.0), value.dtype)

    def _is_decayed(self, key: Hashable, value: Any) -> bool:
        if callable(self.decay_filter):
            return bool(self.decay_filter(key, value))
        return self.decay_filter == "all" or np.ndim(value) >= 2

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a later :meth:`load_state_dict` needs to go on as if nothing had happened.

        Returns
        -------
        dict
            ``rule``, ``hyperparameters`` (without a learning rate that is a schedule), ``steps`` (by key), ``state``
            (by name and key) and ``averages`` (by key): copies of the arrays. And ``schedule``, what a schedule with a
            memory keeps.

        Examples
        --------
        >>> from fastdl.optim import Adam
        >>> Adam(lr=0.01).state_dict()["hyperparameters"]["lr"]
        0.01
        """
        with self._lock:
            steps = {} if self._bound is None else dict(zip(self._bound.keys, self._bound.steps.tolist(), strict=True))
            return {
                "rule": self.spec.name,
                "hyperparameters": {name: value for name, value in self.hyperparameters.items() if not callable(value)},
                "steps": steps,
                "state": {name: {key: array.copy() for key, array in row.items()} for name, row in self.state.items()},
                "averages": {key: array.copy() for key, array in self.averages.items()},
                "schedule": self.lr.state_dict() if isinstance(self.lr, Schedule) else {},
            }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned, with copies of its arrays.

        A learning rate that is a schedule or a function stays, whatever was saved.

        Parameters
        ----------
        state_dict : dict
            Of the same kind of optimizer.

        Raises
        ------
        CheckpointError
            If anything in it is missing, unknown or does not fit together; the optimizer has not changed then. Whether
            its arrays fit the parameters shows at the next step.

        Examples
        --------
        >>> from fastdl.optim import Adam
        >>> optimizer = Adam()
        >>> optimizer.load_state_dict(Adam(lr=0.01).state_dict())
        >>> optimizer.lr
        0.01
        """
        checkpoint = saved.validate(state_dict, self.spec, self.ema is not None)
        with self._lock:
            if isinstance(self.lr, Schedule):
                self.lr.load_state_dict(state_dict["schedule"])
            for name, value in checkpoint.hyperparameters.items():
                if not callable(getattr(self, name)):
                    setattr(self, name, value)
            self._bound = None
            if checkpoint.steps:
                self._bound = _State(
                    keys=tuple(checkpoint.steps),
                    key_set=frozenset(checkpoint.steps),
                    arrays=[list(row.values()) for row in checkpoint.state.values()],
                    steps=np.array(list(checkpoint.steps.values()), np.int64),
                    averages=None if self.ema is None else list(checkpoint.averages.values()),
                    groups={},
                    own=[{} for _ in checkpoint.steps],
                )

    def get_config(self) -> dict[str, Any]:
        """Return the settings as numbers, strings and dicts, from which :meth:`from_config` makes the same optimizer.

        Returns
        -------
        dict

        Raises
        ------
        HyperparameterError
            If a setting is a function, which has no such form; a schedule has one.

        Examples
        --------
        >>> from fastdl.optim import SGD
        >>> SGD(lr=0.5, clip_norm=1.0).get_config()
        {'name': 'sgd', 'convention': 'book', 'lr': 0.5, 'clip_norm': 1.0}
        """
        meant = self.conventions[self.convention]
        plain: dict[str, Any] = {
            "weight_decay": meant.defaults.get("weight_decay", 0.0),
            "decoupled": meant.decay == "decoupled",
            "decay_filter": "all",
            "nonfinite": "propagate",
            "groups": {},
        }
        own = [name for name in inspect.signature(type(self)).parameters if name not in ("convention", "options")]
        settings = {name: getattr(self, name, None) for name in (*own, *Options.__annotations__)}
        return {"name": self.name, "convention": self.convention} | {
            name: self._as_config(name, value)
            for name, value in settings.items()
            if value is not None and (name not in plain or value != plain[name])
        }

    def _as_config(self, name: str, value: Any) -> Any:
        if isinstance(value, Schedule):
            return value.get_config()
        if isinstance(value, np.generic | np.ndarray):
            return value.item()
        if isinstance(value, Mapping):
            return {key: self._as_config(name, each) for key, each in value.items()}
        if callable(value):
            raise HyperparameterError(
                "a function has no configuration", op=self.name, arg=name, expected="a number, string or schedule",
                got=repr(value), hint="Pass it to the optimizer that from_config returns",
            )  # fmt: skip
        return value

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return an optimizer with the settings that :meth:`get_config` returned, or some of them.

        Parameters
        ----------
        config : mapping
            Arguments of the class; ``name`` is optional.

        Returns
        -------
        Optimizer

        Raises
        ------
        HyperparameterError
            If one of them is unknown or out of range, or the name is that of another optimizer.

        Examples
        --------
        >>> from fastdl.optim import SGD
        >>> SGD.from_config({"lr": 0.5})
        SGD(lr=0.5)
        """
        arguments = dict(config)
        if arguments.pop("name", cls.name) != cls.name:
            raise HyperparameterError(
                "another optimizer's", op=cls.name, arg="name", expected=cls.name, got=config["name"]
            )
        known = [name for name in inspect.signature(cls).parameters if name != "options"]
        for name in arguments:
            if name not in (*known, *Options.__annotations__):
                raise _unknown(cls.name, name, [*known, *Options.__annotations__])
        if isinstance(arguments.get("groups"), Mapping):
            arguments["groups"] = {pattern: _with_schedule(own) for pattern, own in arguments["groups"].items()}
        return cls(**_with_schedule(arguments))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.hyperparameters.items())
        return f"{type(self).__name__}({arguments})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes, _lock=threading.Lock())


def _with_schedule(settings: Any) -> Any:
    """Settings whose learning rate is no longer a schedule's configuration."""
    if isinstance(settings, Mapping) and isinstance(settings.get("lr"), Mapping):
        return {**settings, "lr": Schedule.from_config(settings["lr"])}
    return settings


def _as_array(value: Any) -> Any:
    """A Python number as an array of its own; anything else as it is."""
    return np.array(float(value)) if isinstance(value, float | int) and not isinstance(value, bool) else value


def _copy(value: Any) -> Array:
    return np.array(value, order="C", copy=True) if isinstance(value, np.ndarray) else np.zeros(0)


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


def _unknown(op: str, name: str, known: list[str]) -> HyperparameterError:
    return HyperparameterError("unknown setting", op=op, arg=name, expected=f"one of {', '.join(known)}", got=name)


def _not_finite(op: str, keys: tuple[Hashable, ...], params: list[Array], gradients: list[Array | None]) -> ArrayError:
    """The first of them that is not finite in its parameter's dtype."""
    for key, p, gradient in zip(keys, params, gradients, strict=True):
        if gradient is None:
            continue
        with np.errstate(over="ignore"):
            is_finite = np.isfinite(gradient.astype(p.dtype, copy=False))
        if not is_finite.all():
            number = int(np.argmin(is_finite))
            return ArrayError(
                "not finite", op=op, arg="grads", key=key, expected="finite numbers",
                got=f"{gradient.flat[number]} at element {number}", hint='nonfinite="skip" leaves such a step out',
            )  # fmt: skip
    return ArrayError("not finite", op=op, arg="grads")
