"""Optimizers racing down surfaces that are hard.

A long valley, the same valley turned, a saddle point and Beale's function. So that no learning rate is anybody's
advantage, each optimizer runs with 26 of them, from 0.001 to 100, and races with its best one. It has arrived where f
is less than 0.001 above its least value and stays so; who leaves the surface that is drawn has fallen out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.races import Race, film
from fastdl.experiments.surfaces import BEALE, LONG_VALLEY, SADDLE, TURNED_VALLEY, Numbers, Surface, descend
from fastdl.viz import Scene, plot_scenes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastdl.viz.descent import Limits

OPTIMIZERS = ("SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adadelta", "Adam")
WITH_VELOCITY = ("Momentum", "Nesterov", "Adam")
RATES = tuple(10.0 ** (power / 5) for power in range(-15, 11))  # 0.001 to 100
CLOSE = 0.001  # above the least value of f

SURFACES: dict[str, tuple[Surface, Limits]] = {
    "long valley": (LONG_VALLEY, ((-10.0, 3.0), (-2.0, 2.0))),
    "turned valley": (TURNED_VALLEY, ((-10.0, 3.0), (-6.0, 3.0))),
    "saddle point": (SADDLE, ((-2.0, 2.0), (-1.0, 3.5))),
    "Beale's function": (BEALE, ((-1.0, 4.5), (-1.5, 2.0))),
}


@dataclass(frozen=True)
class Runner:
    """How an optimizer did on a surface.

    Parameters
    ----------
    lr : float
        The learning rate with which it arrived first, or else came lowest without falling out.
    path : ndarray (steps + 1, 2)
        With that rate.
    arrival : int or None
        Steps until it had arrived with that rate.
    arrived, fell_out : int
        With how many of the rates it did.
    """

    lr: float
    path: Numbers
    arrival: int | None
    arrived: int
    fell_out: int


@dataclass(frozen=True)
class HardSurfaces:
    """The races.

    Parameters
    ----------
    races : dict of str to dict of str to Runner
        By surface and by optimizer.
    steps, rates : int
        Steps of a race, and learning rates that each optimizer had to choose from.
    """

    races: dict[str, dict[str, Runner]]
    steps: int
    rates: int


def hard_surfaces(
    steps: int = 200,
    rates: Sequence[float] = RATES,
    progress: Progress = silent,
) -> HardSurfaces:
    """Race seven optimizers on four surfaces, each with its best learning rate there.

    Parameters
    ----------
    steps : int >= 1
        Of a race.
    rates : sequence of float > 0
        Learning rates to choose from.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    HardSurfaces

    Examples
    --------
    >>> result = hard_surfaces(rates=[0.1, 0.4])
    >>> result.races["saddle point"]["Momentum"].arrival
    77
    """
    races: dict[str, dict[str, Runner]] = {}
    for place, (name, (surface, limits)) in enumerate(SURFACES.items()):
        races[name] = {}
        for number, optimizer in enumerate(OPTIMIZERS):
            progress((place + number / len(OPTIMIZERS)) / len(SURFACES), f"{optimizer}, {name}")
            races[name][optimizer] = _best(surface, limits, optimizer, rates, steps)
    return HardSurfaces(races, steps, len(rates))


def _best(surface: Surface, limits: Limits, optimizer: str, rates: Sequence[float], steps: int) -> Runner:
    """Run with every rate and keep the best path."""
    arrived = fell_out = 0
    best: tuple[float, float] = (np.inf, np.inf)  # steps until it had arrived, f at the end
    lr, kept = rates[0], np.array([surface.start])
    for rate in rates:
        with np.errstate(all="ignore"):  # who falls out may reach infinity
            path = descend(surface, optim.get(optimizer, lr=rate), steps)
            above = surface.height(*path.T) - surface.height(*surface.minimum or surface.start)
        if not all(np.all((low < each) & (each < high)) for each, (low, high) in zip(path.T, limits, strict=True)):
            fell_out += 1
            continue
        far = np.flatnonzero(above >= CLOSE)
        arrival = far[-1] + 1 if far.size else 0
        arrived += int(arrival <= steps)
        score = (arrival if arrival <= steps else np.inf, above[-1])
        if score < best:
            best, lr, kept = score, rate, path
    return Runner(lr, kept, int(best[0]) if np.isfinite(best[0]) else None, arrived, fell_out)


def check(result: HardSurfaces) -> list[Check]:
    """Hold the claim against the races."""
    valley, turned, saddle, beale = (result.races[name] for name in SURFACES)
    others = OPTIMIZERS[1:]
    adaptive = [name for name in OPTIMIZERS if name not in ("SGD", "Momentum", "Nesterov")]
    never = result.steps + 1
    arrivals = {name: runner.arrival or never for name, runner in saddle.items()}
    slowest = max(others, key=lambda name: arrivals[name])
    without = [name for name in OPTIMIZERS if name not in WITH_VELOCITY]

    def some(where: str, race: dict[str, Runner], names: Sequence[str]) -> Check:
        name = min(names, key=lambda name: race[name].arrived)
        text = f"{where}, fewest rates with which one arrives: {name}"
        return compared(text, race[name].arrived, ">", "", 0, ".0f")

    most = max(without, key=lambda name: turned[name].arrived)
    fewest = min(("SGD", "Momentum", "Nesterov"), key=lambda name: beale[name].fell_out)
    worst = max(adaptive, key=lambda name: beale[name].fell_out)
    return [
        compared("long valley, rates with which SGD arrives", valley["SGD"].arrived, "<=", "", 0, ".0f"),
        some("long valley, the others", valley, others),
        compared("saddle point, steps to escape: SGD", arrivals["SGD"], ">", slowest, arrivals[slowest], ".0f"),
        compared("Beale's function, rates with which SGD arrives", beale["SGD"].arrived, "<=", "", 0, ".0f"),
        some("Beale's function, the others", beale, others),
        compared(
            f"Beale's function, rates that throw it out: {fewest}", beale[fewest].fell_out, ">", worst,
            beale[worst].fell_out, ".0f",
        ),
        compared(
            "turned valley, rates with which one without velocity arrives: at most", turned[most].arrived, "<=", "", 0,
            ".0f",
        ),
        some("turned valley, those with velocity", turned, WITH_VELOCITY),
    ]  # fmt: skip


def draw(result: HardSurfaces, ax: Axes | None = None) -> Axes:
    """Draw the paths from above, a panel a surface."""
    scenes = {}
    for name, (surface, limits) in SURFACES.items():
        stuck = [optimizer for optimizer, runner in result.races[name].items() if runner.arrival is None]
        outcome = f"not arrived: {', '.join(stuck)}" if stuck else f"last to arrive: {_last(result.races[name])}"
        paths = {optimizer: runner.path for optimizer, runner in result.races[name].items()}
        scenes[_title(name)] = Scene(surface.height, paths, surface.minimum, limits, outcome)
    return plot_scenes(
        scenes,
        ax=ax,
        title="Optimizers on hard surfaces",
        note=f"{result.steps} steps, each optimizer with the best of {result.rates} learning rates",
    )


def _title(name: str) -> str:
    return f"{name[0].upper()}{name[1:]}"


def _last(race: dict[str, Runner]) -> str:
    name = max(race, key=lambda name: race[name].arrival or 0)
    return f"{name}, after {race[name].arrival} steps"


def races(result: HardSurfaces) -> list[Race]:
    """What films show of the races.

    Parameters
    ----------
    result : HardSurfaces

    Returns
    -------
    list of Race
        One a surface.
    """
    return [
        Race(
            name,
            surface,
            limits,
            paths={optimizer: runner.path for optimizer, runner in result.races[name].items()},
            arrivals={optimizer: runner.arrival for optimizer, runner in result.races[name].items()},
        )
        for name, (surface, limits) in SURFACES.items()
    ]


def films(result: HardSurfaces) -> dict[str, bytes]:
    """Film the races, each on its surface in space and from above.

    Parameters
    ----------
    result : HardSurfaces

    Returns
    -------
    dict of str to bytes
        A GIF for each surface, by the end of its file's name.
    """
    return {f"-{race.slug}.gif": film(race) for race in races(result)}


EXPERIMENT = Experiment(
    hard_surfaces,
    claim="SGD is stuck in a long valley and last at a saddle point; only velocity helps where the valley is turned",
    seconds=1.4,
    check=check,
    draw=draw,
    extra_files=films,
    races=races,
)
