"""How long calls take, next to each other, on the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice
from typing import Any

TURNS = 5  # of each call
TURN_CALLS = 20  # timed calls in a turn
WARM_CALLS = 3  # calls before them that are not timed


def seconds_by_turns(calls: Sequence[Callable[..., object]], arguments: Iterable[Sequence[Any]]) -> list[float]:
    """Time of each call: the median of a turn's; of some turns the quickest, which other work has held up least.

    Parameters
    ----------
    calls : sequence of callables
        What is timed. They take turns, so that a slow spell of the machine meets all of them.
    arguments : iterable of sequences
        The arguments of each call; again from the first after the last.

    Returns
    -------
    list of float
        Seconds, one of each call.

    Examples
    --------
    >>> one, thousand = seconds_by_turns([range, lambda n: sum(range(n))], [(1000,)])
    >>> one < thousand
    True
    """
    turn = list(islice(cycle(arguments), WARM_CALLS + TURN_CALLS))
    medians: list[list[float]] = [[] for _ in calls]
    for _ in range(TURNS):
        for call, measured in zip(calls, medians, strict=True):
            seconds = []
            for each in turn:
                begin = time.perf_counter()
                call(*each)
                seconds.append(time.perf_counter() - begin)
            measured.append(statistics.median(seconds[WARM_CALLS:]))
    return [min(measured) for measured in medians]
