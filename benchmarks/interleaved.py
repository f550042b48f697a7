"""Medians and ratios of contenders that take turns, so that all of them see the machine in the same state.

A contender is a function that works for about so many seconds and returns the median seconds of one call.
One round is one block of every contender; a ratio is taken within a round, then the median over the rounds.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SAMPLE = 1e-4  # seconds a timed sample lasts at least, against which the timer's 0.1 µs is nothing
WARM_UP = 0.02  # seconds a block runs untimed first: threads wake, caches fill
Block = Callable[[float], float]


class Spread(NamedTuple):
    """A median with its quartiles."""

    median: float
    q1: float
    q3: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, q1, q3)


def block(call: Callable[[], Any], seconds: float) -> float:
    """Call for about ``seconds`` after a warm-up and return the median seconds of one call."""
    clock = time.perf_counter
    gc_was_on = gc.isenabled()
    gc.disable()
    try:
        start, calls = clock(), 0
        while calls == 0 or clock() - start < WARM_UP:
            call()
            calls += 1
        per_sample = max(1, round(SAMPLE * calls / (clock() - start)))
        samples: list[float] = []
        end = clock() + seconds
        while len(samples) < 3 or clock() < end:
            start = clock()
            for _ in range(per_sample):
                call()
            samples.append((clock() - start) / per_sample)
    finally:
        if gc_was_on:
            gc.enable()
    return statistics.median(samples)


def interleave(
    blocks: Mapping[str, Block], *, rounds: int, seconds: float
) -> tuple[dict[str, Spread], dict[str, Spread]]:
    """Run the contenders in turn, ``rounds`` times a block of ``seconds`` each.

    Returns
    -------
    times : dict of Spread
        Seconds of one call, of each contender.
    ratios : dict of Spread
        How many times as long each of the others takes as the first contender.
    """
    times = {name: [] for name in blocks}
    for _ in range(rounds):
        for name, run in blocks.items():
            times[name].append(run(seconds))
    first, *others = times
    ratios = {
        name: Spread.of([other / base for other, base in zip(times[name], times[first], strict=True)])
        for name in others
    }
    return {name: Spread.of(values) for name, values in times.items()}, ratios
