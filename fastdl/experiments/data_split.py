"""Why the test data must not choose the hyper-parameters.

The best of many scores is high also by luck. On the data that chose it the luck counts, on other data it does not (K.
Saito, "Deep Learning from Scratch", section 6.5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdl import optim
from fastdl.data import Dataset, load_digits
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.searches import part
from fastdl.experiments.surfaces import Numbers
from fastdl.nn import MLP
from fastdl.train import evaluate
from fastdl.tune import BuildMLP, Range, Split, search
from fastdl.viz import plot_best_so_far

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPACE = {"lr": Range(5e-2, 1.0, log=True), "layers": Range(1, 3), "units": Range(20, 100)}
TRAIN, HELD_OUT = 300, 100  # images


@dataclass(frozen=True)
class DataSplit:
    """Accuracies of the best network among the first 1, 2, ... trials.

    Parameters
    ----------
    chosen_by : ndarray (runs, trials)
        On the 100 images by which it was chosen.
    untouched : ndarray (runs, trials)
        On 100 others: test data that is used once.
    new : ndarray (runs, trials)
        On all the remaining images: what it is worth.
    """

    chosen_by: Numbers
    untouched: Numbers
    new: Numbers


@dataclass(frozen=True)
class _Keep:
    """Makes the networks of a search, and keeps them."""

    build: BuildMLP
    networks: list[MLP]

    def __call__(self, params: Mapping[str, Any]) -> tuple[MLP, optim.Optimizer]:
        network, optimizer = self.build(params)
        self.networks.append(network)
        return network, optimizer


def data_split(
    data: Dataset | None = None,
    *,
    trials: int = 40,
    epochs: int = 30,
    runs: int = 36,
    seed: int = 0,
    progress: Progress = silent,
) -> DataSplit:
    """Search at random, and score each choice on the data that made it, on test data and on new data.

    Parameters
    ----------
    data : Dataset, optional
        By default the digits. All of its images are dealt out anew in each run.
    trials : int >= 1
    epochs : int >= 1
    runs : int >= 2
        With other images and other choices.
    seed : int >= 0
    progress : callable
        Told the share done.

    Returns
    -------
    DataSplit
    """
    data = data or load_digits()
    x, t = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.t_train, data.t_test])
    scores = np.empty((3, runs, trials))
    for run in range(runs):
        order = np.random.default_rng([seed, run]).permutation(len(x))[: TRAIN + 2 * HELD_OUT + 2000]
        train, *others = np.split(order, [TRAIN, TRAIN + HELD_OUT, TRAIN + 2 * HELD_OUT])
        keep = _Keep(BuildMLP(data.features, data.classes, run), [])
        parts = Split((x[train], t[train]), (x[others[0]], t[others[0]]), scale=data.scale)
        search(
            SPACE,
            parts,
            build=keep,
            trials=trials,
            epochs=epochs,
            seed=1000 * seed + run,
            storage=None,
            progress=part(progress, run, runs),
        )
        for place, rows in enumerate(others):
            scores[place, run] = [evaluate(net, x[rows], t[rows], scale=data.scale)[1] for net in keep.networks]
    chosen = np.array([[int(np.argmax(each[: n + 1])) for n in range(trials)] for each in scores[0]])
    return DataSplit(*np.take_along_axis(scores, chosen[None], axis=2))


def check(result: DataSplit) -> list[Check]:
    """Hold the claim against the means over the runs."""
    flattery = result.chosen_by - result.new
    honest = result.untouched - result.new
    error = _error(flattery[:, -1])
    trials = flattery.shape[1]
    return [
        compared(
            f"after {trials} trials, score on the data tuned on less that on new data",
            flattery[:, -1].mean(), ">", "two standard errors", 2 * error, ".4f",
        ),
        compared(
            f"the same after {trials} trials", flattery[:, -1].mean(), ">", "after the first", flattery[:, 0].mean(),
            ".4f",
        ),
        compared(
            "score on test data used once less that on new data, without its sign", abs(honest[:, -1].mean()), "<",
            "two standard errors", 2 * _error(honest[:, -1]), ".4f",
        ),
    ]  # fmt: skip


def _error(values: Numbers) -> float:
    """Standard error of the mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def draw(result: DataSplit, ax: Axes | None = None) -> Axes:
    """Draw the three scores of the best network so far against the trials."""
    runs = len(result.new)
    return plot_best_so_far(
        {
            "on the data tuned on": result.chosen_by,
            "on test data used once": result.untouched,
            "on new data": result.new,
        },
        ax=ax,
        title="The score flatters itself on the data that chose",
        note=f"{TRAIN} training and {HELD_OUT} other images, mean of {runs} searches ± its standard error",
        ylabel="accuracy of the best trial so far",
    )


EXPERIMENT = Experiment(
    data_split,
    claim="A score on the data by which hyper-parameters were chosen is too high, one on test data used once is not",
    seconds=15,
    check=check,
    draw=draw,
)
