"""The base of all schedules: checked settings, saving."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, get_type_hints

from fastdl.errors import CheckpointError, HyperparameterError


class Schedule(ABC):
    """The base of all schedules: ``schedule(step)`` returns the learning rate.

    To write another one, derive a frozen dataclass and define ``__call__``; any other function of the step does as well
    where a learning rate is taken.

    Examples
    --------
    >>> from fastdl.optim import schedules
    >>> schedule = schedules.Warmup(2, then=schedules.Exponential(0.9, factor=0.5))
    >>> [round(schedule(step), 3) for step in range(5)]
    [0.3, 0.6, 0.9, 0.45, 0.225]
    """

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the learning rate of a step.

        Parameters
        ----------
        step : int
            How many steps have been taken before it, >= 0.

        Returns
        -------
        float
        """

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            for kind in getattr(hint, "__metadata__", ()):
                value = getattr(self, name)
                try:
                    converted = kind.convert(value)
                    fits = kind.holds(converted, self)
                except (TypeError, ValueError, OverflowError):
                    fits = False
                if not fits:
                    raise self._error("out of range", name, kind.expected, repr(value))
                object.__setattr__(self, name, converted)

    def get_config(self) -> dict[str, Any]:
        """Return the settings as numbers, strings, lists and dicts, ready for JSON.

        Returns
        -------
        dict
            ``schedule``, the name of the class, and its settings.

        Examples
        --------
        >>> from fastdl.optim import schedules
        >>> schedules.Exponential(0.1, factor=0.96, period=100).get_config()
        {'schedule': 'Exponential', 'lr': 0.1, 'factor': 0.96, 'period': 100.0}
        """
        config: dict[str, Any] = {"schedule": type(self).__name__}
        for name in _settings(type(self)):
            value = getattr(self, name)
            if isinstance(value, Schedule):
                value = value.get_config()
            config[name] = list(value) if isinstance(value, tuple) else value
        return config

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> Schedule:
        """Return the schedule whose :meth:`get_config` returned this.

        Parameters
        ----------
        config : mapping
            ``schedule``, a key of :data:`SCHEDULES`, and its settings; those with a default may be left out.

        Returns
        -------
        Schedule

        Raises
        ------
        HyperparameterError
            If there is no such schedule, or a setting is missing, unknown or out of range.

        Examples
        --------
        >>> from fastdl.optim.schedules import Schedule
        >>> Schedule.from_config({"schedule": "Cosine", "lr": 0.1, "steps": 50})
        Cosine(lr=0.1, steps=50, minimum=0.0)
        """
        from fastdl.optim.schedules import SCHEDULES  # the derived classes, whose files import this one

        name = config.get("schedule") if isinstance(config, Mapping) else None
        kind = SCHEDULES.get(name) if isinstance(name, str) else None
        if kind is None:
            raise HyperparameterError(
                "unknown schedule",
                op="Schedule.from_config",
                arg="config",
                expected=f"a dict whose 'schedule' is one of {', '.join(SCHEDULES)}",
                got=repr(config if name is None else name),
            )
        settings = {key: value for key, value in config.items() if key != "schedule"}
        known = _settings(kind)
        missing = [key for key, has_default in known.items() if not has_default and key not in settings]
        unknown = [key for key in settings if key not in known]
        if missing or unknown:
            raise HyperparameterError(
                "missing setting" if missing else "unknown setting",
                op=kind.__name__,
                arg=str((missing or unknown)[0]),
                expected=f"the settings {', '.join(known)}",
                got=", ".join(map(str, settings)) or "none",
            )
        if isinstance(settings.get("then"), Mapping):
            settings["then"] = Schedule.from_config(settings["then"])
        return kind(**settings)

    def state_dict(self) -> dict[str, Any]:
        """Return what the schedule remembers between calls: nothing, except of :class:`ReduceOnPlateau`.

        Returns
        -------
        dict
            Empty where nothing is remembered.
        """
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Parameters
        ----------
        state_dict : dict
            Of a schedule of the same class.

        Raises
        ------
        CheckpointError
            If it does not fit; nothing has changed then.
        """
        if state_dict != {}:
            raise self._misfit("state_dict", "an empty dict", repr(state_dict))

    def _error(self, problem: str, arg: str, expected: str, got: str) -> HyperparameterError:
        return HyperparameterError(problem, op=type(self).__name__, arg=arg, expected=expected, got=got)

    def _misfit(self, arg: str, expected: str, got: str) -> CheckpointError:
        return CheckpointError("does not fit", op=type(self).__name__, arg=arg, expected=expected, got=got)


def _settings(kind: type[Schedule]) -> dict[str, bool]:
    """The names of the settings, and whether each has a default."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # every schedule is a dataclass, its base is not
    return {each.name: each.default is not dataclasses.MISSING for each in fields if each.init}
