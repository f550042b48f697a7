"""The numbers of the model, from what was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, log2
from typing import Any

from benchmarks.parallel.cost import Link, Step

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Check:
    """A step that was measured, and what the model makes of it."""

    model: str
    place: str
    measured: float
    modelled: float


def link(sums: dict[str, float], machines: int) -> Link:
    """Return the link that explains the shortest sum and the longest.

    Examples
    --------
    >>> link({"1": 2e-5, "1000000": 4e-3 + 2e-5}, machines=2)
    Link(latency=1e-05, bandwidth=1000000000)
    """
    (_, least), *_, (elements, most) = ((int(n), seconds) for n, seconds in sums.items())
    moved = 2 * (machines - 1) / machines * elements * FLOAT
    return Link(least / (2 * ceil(log2(machines))), round(moved / (most - least)))


def step(results: dict[str, Any], model: dict[str, Any], place: str, update: float) -> Step:
    """Return the step of a model on a machine that is like a place of one rank: a row's cost is that of half of them.

    Parameters
    ----------
    results, model : dict
        Of ``results/parallel.json``, and one of its models.
    place : str
        Such as "1 x 2".
    update : float
        Seconds.
    """
    seconds, rows = results["seconds"], model["rows"]
    whole = seconds[model["name"]][place]["gradient"]
    half = seconds[f"{model['name']}, half"][place]["gradient"]
    fixed = max(0.0, 2 * half - whole)
    return Step(rows, fixed, (whole - fixed) / rows, update, FLOAT * model["parameters"])


def machine_step(results: dict[str, Any], model: dict[str, Any]) -> Step:
    """Return the step of a model where each machine is a whole one like that of the results."""
    seconds = results["seconds"][model["name"]]
    packing = seconds["2 x 1"]["update"] - seconds["1 x 1"]["update"]
    return step(results, model, "1 x 2", seconds["1 x 2"]["update"] + packing)


def alone(results: dict[str, Any], model: dict[str, Any]) -> float:
    """Return the seconds of a step on one machine, which packs and sends nothing."""
    seconds: dict[str, float] = results["seconds"][model["name"]]["1 x 2"]
    return seconds["gradient"] + seconds["update"]


def checks(results: dict[str, Any]) -> list[Check]:
    """Return what the model says of every step on two and more ranks, from one rank's gradient and the link alone."""
    found = []
    cores = results["machine"]["cores"]
    for model in results["models"]:
        of_model = results["seconds"][model["name"]]
        for place, sums in results["seconds"]["sum"].items():
            ranks = int(place.partition(" ")[0])
            waiting = max(1, ranks // cores)  # ranks that take turns on a core
            alone = step(results, model, "1 x 1", of_model["2 x 1"]["update"])
            taking_turns = replace(
                alone, fixed=waiting * alone.fixed, row=waiting * alone.row, update=waiting * alone.update
            )
            modelled = taking_turns.seconds(link(sums, ranks), ranks)
            found.append(Check(model["name"], place, of_model[place]["step"], modelled))
    return found
