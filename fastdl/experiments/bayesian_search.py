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
from fastdl.viz import plot_best_so_far

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPACE = {
    "optimizer": "momentum",
    "lr": Range(1e-6, 1.0, log=True),
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
        For each sampler the best validation accuracy after each trial.
    mean : dict of str to ndarray (runs,)
        Mean accuracy of a search's trials; one that diverged counts as 0.
    """

    best: dict[str, Numbers]
    mean: dict[str, Numbers]


def bayesian_search(
    data: Dataset | None = None,
    *,
    trials: int = 40,
    epochs: int = 10,
    runs: int = 10,
    seed: int = 0,
    progress: Progress = silent,
) -> BayesianSearch:
    """Search eight hyper-parameters both ways, on the same images.

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
    mean: dict[str, list[float]] = {name: [] for name in NAMES}
    for run in range(runs):
        images = book_split(data, runs * seed + run)
        for place, name in enumerate(NAMES):
            found = search(
                SPACE,
                images,
                trials=trials,
                epochs=epochs,
                sampler=name,
                seed=runs * seed + run,
                storage=None,
                progress=part(progress, 2 * run + place, 2 * runs),
            )
            best[name].append(found.best_so_far)
            mean[name].append(float(np.mean([trial.value or 0.0 for trial in found.trials])))
    return BayesianSearch(
        {name: np.array(each) for name, each in best.items()}, {name: np.array(each) for name, each in mean.items()}
    )


def check(result: BayesianSearch) -> list[Check]:
    """Hold the claim against the differences within the runs."""
    ends = result.best["tpe"][:, -1] - result.best["random"][:, -1]
    error = ends.std(ddof=1) / np.sqrt(len(ends))
    trials = result.best["tpe"].shape[1]
    return [
        compared(
            f"best accuracy after {trials} trials, Bayesian less random", float(ends.mean()), ">",
            "two standard errors", float(2 * error), ".4f",
        ),
        compared(
            "mean accuracy of all trials, Bayesian", float(result.mean["tpe"].mean()), ">",
            "random", float(result.mean["random"].mean()),
        ),
    ]  # fmt: skip


def draw(result: BayesianSearch, ax: Axes | None = None) -> Axes:
    """Draw the best accuracy so far against the trials, of both kinds."""
    runs, _ = result.best["tpe"].shape
    return plot_best_so_far(
        {NAMES[name]: each for name, each in result.best.items()},
        ax=ax,
        title="Bayesian optimization against random search, as many trials",
        note=f"seven hyper-parameters · mean of {runs} searches ± its standard error",
        ylabel="best validation accuracy so far",
    )


EXPERIMENT = Experiment(
    bayesian_search,
    claim="with as many trials, Bayesian optimization finds better hyper-parameters than random search",
    seconds=25,
    check=check,
    draw=draw,
)
