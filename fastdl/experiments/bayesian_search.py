"""Bayesian optimization against random search.

Tree-structured Parzen estimators learn from the trials before which values to try next (Bergstra et al., "Algorithms
for hyper-parameter optimization", 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl.data import Dataset, load_digits
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.searches import book_split, part
from fastdl.experiments.surfaces import Numbers
from fastdl.tune import Choice, Range, search
from fastdl.tune.space import Space
from fastdl.viz import plot_best_so_far

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPACE: Space = {
    "optimizer": "momentum",
    "lr": Range(1e-4, 1.0, log=True),
    "momentum": Range(0.0, 0.95),
    "weight_decay": Range(1e-8, 1e-1, log=True),
    "layers": Range(1, 6),
    "units": Range(5, 100, log=True),
    "activation": Choice("relu", "tanh", "sigmoid"),
    "init": Choice("he", "xavier", 0.01),
}
NAMES = {"random": "random search", "tpe": "Bayesian optimization (TPE)"}


@dataclass(frozen=True)
class BayesianSearch:
    """Searches of both kinds with the same number of trials.

    Parameters
    ----------
    best : dict of str to ndarray (runs, trials)
        For each sampler the least validation loss after each trial.
    median : dict of str to ndarray (runs,)
        Median loss of a search's trials.
    """

    best: dict[str, Numbers]
    median: dict[str, Numbers]


def bayesian_search(
    data: Dataset | None = None,
    *,
    trials: int = 40,
    epochs: int = 10,
    runs: int = 16,
    seed: int = 0,
    progress: Progress = silent,
) -> BayesianSearch:
    """Search seven hyper-parameters both ways, on the same images.

    They are compared by loss: with accuracy, all the choices that do not learn are equal, and TPE is not told which of
    them are nearer to learning.

    Parameters
    ----------
    data : Dataset, optional
        By default the digits.
    trials : int >= 1
        Of each search.
    epochs : int >= 1
    runs : int >= 2
        With other images and other choices.
    seed : int >= 0
    progress : callable
        Told the share done.

    Returns
    -------
    BayesianSearch
    """
    data = data or load_digits()
    best: dict[str, list[tuple[float, ...]]] = {name: [] for name in NAMES}
    median: dict[str, list[float]] = {name: [] for name in NAMES}
    for run in range(runs):
        images = book_split(data, runs * seed + run)
        for place, name in enumerate(NAMES):
            found = search(
                SPACE,
                images,
                trials=trials,
                epochs=epochs,
                metric="loss",
                sampler=name,
                seed=runs * seed + run,
                storage=None,
                progress=part(progress, 2 * run + place, 2 * runs),
            )
            best[name].append(found.best_so_far)
            values = [np.inf if trial.value is None else trial.value for trial in found.trials]
            median[name].append(float(np.median(values)))
    return BayesianSearch(
        {name: np.array(each) for name, each in best.items()}, {name: np.array(each) for name, each in median.items()}
    )


def check(result: BayesianSearch) -> list[Check]:
    """Hold the claim against the differences within the runs."""
    gains = result.best["random"][:, -1] - result.best["tpe"][:, -1]
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    trials = result.best["tpe"].shape[1]
    return [
        compared(
            f"least loss after {trials} trials, random less Bayesian", float(gains.mean()), ">",
            "two standard errors", float(2 * error), ".4f",
        ),
        compared(
            "median loss of the trials, Bayesian", float(result.median["tpe"].mean()), "<",
            "random", float(result.median["random"].mean()),
        ),
    ]  # fmt: skip


def draw(result: BayesianSearch, ax: Axes | None = None) -> Axes:
    """Draw the least loss so far against the trials, of both kinds."""
    runs, _ = result.best["tpe"].shape
    return plot_best_so_far(
        {NAMES[name]: each for name, each in result.best.items()},
        ax=ax,
        title="Bayesian optimization against random search, as many trials",
        note=f"seven hyper-parameters · mean of {runs} searches ± its standard error",
        ylabel="least validation loss so far (nats)",
    )


EXPERIMENT = Experiment(
    bayesian_search,
    claim="With as many trials, Bayesian optimization finds better hyper-parameters than random search",
    seconds=7,
    check=check,
    draw=draw,
)
