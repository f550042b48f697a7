"""The book's method: search a wide range, take the range of the best trials for the next one, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.data.checks import integer
from fastdl.errors import HyperparameterError
from fastdl.tune.result import SearchResult
from fastdl.tune.search import search
from fastdl.tune.space import Choice, Range, Space, checked
from fastdl.tune.split import Split
from fastdl.tune.trial import TrialRecord


@dataclass(frozen=True)
class Narrowing:
    """The stages of a search that narrowed its ranges.

    Parameters
    ----------
    spaces : tuple of dict
        The space of each stage, and after them the one that the next stage would have had.
    results : tuple of SearchResult
        Of each stage.
    """

    spaces: tuple[dict[str, Any], ...]
    results: tuple[SearchResult, ...]

    @property
    def best(self) -> SearchResult:
        """The stage with the best trial; of equal ones the last, whose range is the smallest."""
        sign = 1 if self.results[0].metric == "accuracy" else -1
        return max(reversed(self.results), key=lambda result: sign * (result.best.value or 0.0))

    @property
    def ranges(self) -> dict[str, NDArray[np.float64]]:
        """For each hyper-parameter with a range its (stages + 1, 2) ends, stage by stage."""
        names = [name for name, values in self.spaces[0].items() if isinstance(values, Range)]
        return {name: np.array([(s[name].low, s[name].high) for s in self.spaces], np.float64) for name in names}


def next_space(space: Space, best: Sequence[TrialRecord]) -> dict[str, Any]:
    """Return the space that just holds some trials.

    Parameters
    ----------
    space : mapping
        They were chosen from it.
    best : sequence of TrialRecord
        At least one.

    Returns
    -------
    dict
        Each range from the least to the largest of their values, each choice with the values that are among them.

    Examples
    --------
    >>> trials = [TrialRecord(n, {"lr": lr}, "complete", 0.9, (), (), 1.0) for n, lr in enumerate([0.02, 0.5, 0.1])]
    >>> next_space({"lr": Range(1e-4, 1.0, log=True)}, trials)
    {'lr': Range(low=0.02, high=0.5, log=True)}
    """
    narrowed = dict(space)
    for name, values in space.items():
        found = [trial.params[name] for trial in best]
        if isinstance(values, Range):
            narrowed[name] = Range(min(found), max(found), log=values.log)
        elif isinstance(values, Choice):
            narrowed[name] = Choice(*(each for each in values.values if each in found))
    return narrowed


def narrow(
    space: Space,
    data: Split,
    *,
    stages: int = 4,
    keep: int = 5,
    small: float = 0.05,
    trials: int = 25,
    study: str = "narrow",
    **options: Any,
) -> Narrowing:
    """Search in stages: the range of the best trials of one is the range of the next.

    Parameters
    ----------
    space : mapping of str to Range, Choice or a value
        Of the first stage.
    data : Split
        As of `search`.
    stages : int >= 1
        At most so many.
    keep : int >= 2
        How many of a stage's trials make the next range.
    small : float in [0, 1)
        It ends when every range is at most this share of what it was; on a logarithmic one, in powers of ten.
    trials : int >= keep
        Of each stage.
    study : str
        The stages' names in the storage are this one with -1, -2, ...
    **options
        The others of `search`.

    Returns
    -------
    Narrowing

    Raises
    ------
    HyperparameterError
        If a setting is out of range; or if no trial of a stage was trained to the end.
    """
    stages = integer(stages, op="narrow", arg="stages", low=1)
    keep = integer(keep, op="narrow", arg="keep", low=2)
    trials = integer(trials, op="narrow", arg="trials", low=keep)
    if not 0 <= small < 1:
        raise HyperparameterError("out of range", op="narrow", arg="small", expected="[0, 1)", got=repr(small))
    spaces, results = [checked(space, "narrow")], []
    for stage in range(1, stages + 1):
        found = search(spaces[-1], data, trials=trials, study=f"{study}-{stage}", **options)
        results.append(found)
        found.best  # noqa: B018 - raises where there is none
        spaces.append(next_space(spaces[-1], found.top(keep)))
        if _is_small(spaces[0], spaces[-1], small):
            break
    return Narrowing(tuple(spaces), tuple(results))


def _is_small(first: Space, last: Space, small: float) -> bool:
    return all(
        values.width <= small * before.width
        for before, values in zip(first.values(), last.values(), strict=True)
        if isinstance(before, Range) and isinstance(values, Range)
    )
