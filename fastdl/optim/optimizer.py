"""What all optimizers share: settings, binding to parameters, stepping, saving."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from fastdl import kernels
from fastdl.errors import ArrayError, HyperparameterError
from fastdl.kernels._arrays import leaves
from fastdl.kernels.placement import empty_state
from fastdl.optim import configuration, conventions, groups, saved, state_dtypes, trees
from fastdl.optim.binding import Array, Binding, Origin, averages_of, bind, keys_differ, with_groups
from fastdl.optim.call import call_of
from fastdl.optim.conventions import Convention
from fastdl.optim.hyperparameters import checked
from fastdl.optim.options import DecayFilter, LearningRate, Options, check_settings, defaults, is_settled
from fastdl.optim.state_dtypes import StateDtype


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
    state_dtype : {"float32", "bfloat16", "uint8"}, optional
        How the state is stored, for parameters that are not float64: 4, 2 or 1.004 bytes for each of its elements. In
        bfloat16 and uint8 it is rounded at random, so that it is right on average; :func:`fastdl.kernels.encode_state`
        says how. By default as the parameter. It stays what it was at the first step.
    seed : int
        From 0 to 2**64 - 1: of the random bits for that rounding, which depend besides on a parameter's number and step
        alone.

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
    decoupled: bool
    decay_filter: DecayFilter
    clip_norm: float | None
    clip_value: float | None
    nonfinite: str
    groups: groups.Groups
    ema: float | None
    state_dtype: StateDtype | None
    seed: int
    _version: int  # of the settings

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
                raise configuration.unknown(self.name, option, Options.__annotations__)
        for name in self.spec.hyper:
            value = given.get(name, meant.defaults.get(name, 0.0))
            if value is None:
                raise HyperparameterError(
                    "missing", op=self.name, arg=name, expected="a value: this convention has no default", got="None"
                )
            setattr(self, name, value)
        for name, usual in defaults(meant).items():
            setattr(self, name, given.get(name, usual))
        for name, value in hyperparameters.items():
            if value is not None and not hasattr(self, name):
                raise HyperparameterError(
                    "not used",
                    op=self.name,
                    arg=name,
                    expected=f"None with convention {self.convention!r}",
                    got=repr(value),
                )
        check_settings(self)
        self._bound: Binding | None = None
        self._lock = threading.Lock()

    def _choose_rule(self, convention: Convention) -> str | kernels.CompiledRule:
        """The variant of the formula; an optimizer with variants of its own chooses among them."""
        return convention.rule

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The hyper-parameters by name, in the rule's order."""
        return {name: getattr(self, name) for name in self.spec.hyper}

    @property
    def state(self) -> dict[str, dict[Hashable, Array]]:
        """The state arrays by name and key of the parameter; empty before the first step.

        Where they are stored in bfloat16 or uint8 these are copies in float32.
        """
        bound = self._bound
        if bound is None or bound.state_dtype not in state_dtypes.REDUCED:
            return self._stored_state()
        shapes = bound.by_key(bound.shapes)
        return {
            name: {
                key: kernels.decode_state(array, shapes[key], name in self.spec.squares) for key, array in row.items()
            }
            for name, row in self._stored_state().items()
        }

    def _stored_state(self) -> dict[str, dict[Hashable, Array]]:
        return {} if self._bound is None else self._bound.stored_state(self.spec.state)

    @property
    def averages(self) -> dict[Hashable, Array]:
        """The moving averages by key of the parameter; empty before the first step, and without ``ema``."""
        if self._bound is None or self._bound.averages is None:
            return {}
        return self._bound.by_key(self._bound.averages)

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

    def update_after(self, plan: kernels.Plan, inputs: tuple[Array, ...], params: Any, grads: Any) -> None:
        """Run a plan, then take one step, both in one parallel region.

        Parameters
        ----------
        plan : Plan
            What makes the gradients.
        inputs : tuple of ndarrays
            The plan's.
        params, grads
            As in :meth:`update`.

        Raises
        ------
        FastdlError
            As :meth:`update`. Whatever is raised, the plan has not been run.
        """
        if getattr(self.update, "__func__", None) is not Optimizer.update:  # a user's own comes after the plan
            plan.run(*inputs)
            self.update(params, grads)
            return
        with self._lock:
            self._update(params, grads, {"plan": plan, "inputs": inputs})

    def update_pieces(
        self,
        params: Mapping[Hashable, Array],
        grads: Mapping[Hashable, Array | None],
        origins: Mapping[Hashable, Origin],
    ) -> None:
        """Take one step on pieces of parameters: what :meth:`update` of the whole ones would do to these elements.

        The norm of all gradients is not known here: ``clip_norm`` is not looked at.

        Parameters
        ----------
        params, grads : dict of ndarrays
            The pieces, of one dimension, and their gradients. A parameter of which there are none has an empty one.
        origins : dict of Origin
            What the pieces are of, under the same keys.

        Raises
        ------
        ArrayError
            If the rule is of whole parameters, as LAMB's is, and a piece is of a part of one.
        FastdlError
            As by :meth:`update`.

        Examples
        --------
        >>> import numpy as np
        >>> from fastdl.optim import SGD
        >>> W = np.ones((2, 300))
        >>> piece = {"W": W.reshape(-1)[256:]}
        >>> optimizer = SGD(lr=0.5, weight_decay=1.0, decay_filter="matrices")
        >>> optimizer.update_pieces(piece, {"W": np.zeros(344)}, {"W": Origin(W, 256)})
        >>> float(W[0, 0]), float(W[1, 299])
        (1.0, 0.5)
        """
        for key, piece in params.items() if self.spec.whole else ():
            whole = origins[key].whole
            if 0 < piece.size < whole.size:
                raise ArrayError(
                    "a part of a parameter", op=self.name, arg="params", key=key, expected=f"all {whole.size} elements",
                    got=str(piece.size), hint="The norm of all of it is in the step",
                )  # fmt: skip
        with self._lock:
            self._update(params, grads, {"clip_norm": math.inf}, origins)

    def _update(
        self,
        tree: Any,
        grads: Any,
        first: Mapping[str, Any] = MappingProxyType({}),
        origins: Mapping[Hashable, Origin] | None = None,
    ) -> None:
        before = self._bound
        arrays = None if before is None else leaves(tree, grads, before.keys)
        numbers: dict[Hashable, Array] = {}
        if before is None or arrays is None:
            bound, values, gradients, numbers = self._flatten(tree, grads)
        else:
            bound, (values, gradients) = before, arrays
        places = trees.places(tree, numbers, self.name) if numbers else {}
        wholes = values
        if origins is not None:
            wholes = [origins[key].whole for key in bound.keys]
            first = {**first, "firsts": [origins[key].first for key in bound.keys]}
        bound = self._prepared(bound, values, wholes)
        if bound is not before:
            self._bound = bound
        try:
            is_taken = kernels.update(
                self.rule, values, gradients, bound.arrays, bound.steps, bound.call.hyper, bound.keys,
                **{**bound.call.treatment, **first},
            )  # fmt: skip
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

    def _flatten(self, tree: Any, grads: Any) -> tuple[Binding, list[Any], list[Any], dict[Hashable, Array]]:
        """The state for these parameters, parameters and gradients in its order, and those that were numbers."""
        values, gradients, numbers = trees.flatten_both(tree, grads, self.name)
        bound = self._bound
        is_known = bound is not None and values.keys() == set(bound.keys)
        if bound is None or not bound.keys or not (is_known or self.spec.state or bound.averages):
            bound = self._with_groups(bind(values, self.steps))
            rows = list(zip(values, values.values(), bound.own, strict=True))
            bound = bound._replace(
                arrays=[[self._stored_start(name, *row) for row in rows] for name in self.spec.state],
                state_dtype=self.state_dtype,
                shapes=tuple(np.shape(value) for value in values.values()),
            )
        elif not is_known:
            raise keys_differ(self.name, "params", dict.fromkeys(bound.keys), values)
        return (
            bound,
            [values[key] for key in bound.keys],
            [trees.as_array(gradients[key]) for key in bound.keys],
            numbers,
        )

    def _with_groups(self, bound: Binding) -> Binding:
        groups.check(self.groups, (*self.spec.hyper, "weight_decay"), self.name)
        return with_groups(bound, self.groups, self.name)

    def _stored_start(self, name: str, key: Hashable, value: Any, own: Mapping[str, Any]) -> Array:
        """Where a state array starts, as it is stored."""
        start = self._start(name, value, own)
        if self.state_dtype is None or not isinstance(value, np.ndarray):
            return start
        number, is_squares = self.spec.state.index(name), name in self.spec.squares
        return state_dtypes.stored(start, self.state_dtype, self.seed, number, is_squares, self.name, key)

    def _start(self, name: str, value: Any, own: Mapping[str, Any]) -> Array:
        """Where a state array starts. A parameter that is no array gets an empty one, and is refused by the step."""
        if not isinstance(value, np.ndarray):
            return np.zeros(0)
        start = empty_state(value.shape, value.dtype, self.spec.state.index(name))
        start.fill(self.conventions[self.convention].start.get(name, 0.0))
        return start

    def _prepared(self, bound: Binding, values: list[Any], wholes: list[Any]) -> Binding:
        """The state with what the kernel gets besides arrays, which is kept while no setting changes."""
        version = self._version
        if bound.version == version and not self.groups:
            return bound
        if self.spec.state and bound.state_dtype != self.state_dtype:
            raise state_dtypes.changed(self.name, bound.state_dtype, self.state_dtype)
        if bound.groups != self.groups:
            bound = self._with_groups(bound)
        if (bound.averages is not None) != (self.ema is not None):
            bound = bound._replace(averages=None if self.ema is None else averages_of(values))
        call = call_of(self, bound, groups.rates_of(self.lr, bound.own, self._learning_rate), wholes)
        return bound._replace(call=call, version=version if is_settled(self) else -1)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_"):
            self.__dict__["_version"] = self.__dict__.get("_version", 0) + 1

    def _learning_rate(self, lr: Any) -> float:
        return checked("lr", lr(self.steps) if callable(lr) else lr, self.name)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a later :meth:`load_state_dict` needs to go on as if nothing had happened.

        Returns
        -------
        dict
            ``rule``; ``hyperparameters``, weight_decay among them, without a learning rate that is a schedule;
            ``steps`` (by key), ``state`` (by name and key) and ``averages`` (by key): copies of the arrays. And
            ``schedules``: what the schedules of ``lr`` and of ``groups`` (by pattern) remember. A state that is
            stored in bfloat16 or uint8 is here as it is stored, and there is ``rounding``: ``state_dtype``, ``seed``,
            and the parameters' ``shapes`` (by key).

        Examples
        --------
        >>> from fastdl.optim import Adam
        >>> Adam(lr=0.01).state_dict()["hyperparameters"]["lr"]
        0.01
        """
        with self._lock:
            return saved.collected(self, self._bound)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned, with copies of its arrays.

        A learning rate that is a schedule or a function stays, whatever was saved, and takes over what its like
        remembered. A state that is stored in bfloat16 or uint8 brings its seed along, and is for an optimizer of the
        same ``state_dtype`` only. Other settings are not saved here: see :meth:`get_config`.

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
        with self._lock:
            checkpoint = saved.validate(state_dict, self.spec, self.ema is not None, self.state_dtype, self.name)
            saved.load_schedules(checkpoint.schedules, self.lr, self.groups, self.name)
            for name, value in checkpoint.hyperparameters.items():
                if not callable(getattr(self, name)):
                    setattr(self, name, value)
            if checkpoint.seed is not None:
                self.seed = checkpoint.seed
            self._bound = checkpoint.bound

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
        settings = configuration.changed(self)
        return {"name": self.name, "convention": self.convention} | {
            name: configuration.as_config(value, name, self.name) for name, value in settings.items()
        }

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
        return cls(**configuration.arguments(cls, config))

    def __repr__(self) -> str:
        settings = configuration.changed(self)
        if self.convention != next(iter(self.conventions)):
            settings["convention"] = self.convention
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in settings.items())})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes, _lock=threading.Lock())


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
