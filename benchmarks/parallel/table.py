"""The table of `docs/scaling.md`, from the results."""

from __future__ import annotations

from typing import Any

from benchmarks.parallel import fit
from benchmarks.parallel.cost import BACKWARD, LINKS

PARTS = ("gradient", "sum", "update", "step")


def measured(results: dict[str, Any]) -> list[list[str]]:
    """Return a row for each network and place: milliseconds of the parts and the step, and the model's.

    Examples
    --------
    >>> from benchmarks.parallel.table import example
    >>> measured(example())[2]
    ['toy', '2 x 1', '0.600', '0.300', '0.100', '1.000', '1.000 (1.00)']
    """
    modelled = {(check.model, check.place): check for check in fit.checks(results)}
    rows = []
    for model in results["models"]:
        for place, seconds in results["seconds"][model["name"]].items():
            check = modelled.get((model["name"], place))
            last = "" if check is None else f"{_ms(check.modelled)} ({check.modelled / check.measured:.2f})"
            parts = [_ms(seconds[part]) if part in seconds else "" for part in PARTS]
            rows.append([model["name"], place, *parts, last])
    return rows


def worth(results: dict[str, Any]) -> list[list[str]]:
    """Return a row for each network and link: on how many machines a step is quickest, and what more rows bring."""
    rows = []
    for model in results["models"]:
        step, alone = fit.machine_step(results, model), fit.alone(results, model)
        for name, link in LINKS.items():
            quickest = []
            for overlap in (0.0, BACKWARD):
                machines = step.quickest(link, overlap)
                times = alone / step.seconds(link, machines, overlap)
                quickest.append("1" if times <= 1 or machines == 1 else f"{machines}: {times:.2f}×")
            grown = [n * alone / step.grown(n).seconds(link, n) for n in (2, 8, 64)]
            rows.append([model["name"], name, *quickest, *(f"{times:.1f}×" for times in grown)])
    return rows


def example() -> dict[str, Any]:
    """Return results as of a measurement that the model explains."""
    one = {"step": 1.3e-3, "gradient": 1.2e-3, "update": 1e-4}
    return {
        "machine": {"cores": 2},
        "models": [{"name": "toy", "sizes": (9, 9), "rows": 128, "calls": 1, "parameters": 10**5}],
        "seconds": {
            "sum": {"2 x 1": {"1": 0.0, "1000000": 3e-3}},
            "toy": {
                "1 x 2": one | {"gradient": 6e-4},
                "1 x 1": one,
                "2 x 1": {"step": 1e-3, "gradient": 6e-4, "update": 1e-4, "sum": 3e-4},
            },
            "toy, half": {"1 x 2": {"gradient": 3e-4}, "1 x 1": {"gradient": 6e-4}},
        },
    }


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}" if seconds < 0.01 else f"{seconds * 1e3:.0f}"
