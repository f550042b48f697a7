"""Narrowing the range of a random search, stage by stage.

The range of the best trials becomes the next range, until it is small (K. Saito, "Deep Learning from Scratch", section
6.5.2). A range never grows again: where the best values lie at its end, as the learning rate's do here, it ends below
them, and the best trial of the last stage need not be better than that of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl.data import Dataset, load_digits
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.searches import SHOWN, SPACE, book_split, part
from fastdl.experiments.surfaces import Numbers
from fastdl.tune import narrow
from fastdl.viz import plot_ranges

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Narrowed:
    """The stages of some searches.

    Parameters
    ----------
    ranges : dict of str to ndarray (runs, stages + 1, 2)
        For each hyper-parameter the ends of each stage's range, and of the one after the last stage.
    best : dict of str to ndarray (runs, stages, keep)
        The values of the trials that made the next range.
    accuracy : ndarray (runs, stages, trials)
        Of the validation data.
    """

    ranges: dict[str, Numbers]
    best: dict[str, Numbers]
    accuracy: Numbers


def narrowing(
    data: Dataset | None = None,
    *,
    stages: int = 4,
    trials: int = 25,
    keep: int = 5,
    epochs: int = 50,
    runs: int = 3,
    seed: int = 0,
    progress: Progress = silent,
) -> Narrowed:
    """Search in stages as the book says.

    Parameters
    ----------
    data : Dataset, optional
        By default the digits.
    stages : int >= 2
    trials : int
        Of each stage.
    keep : int >= 2
        The trials that make the next range.
    epochs : int >= 1
    runs : int >= 1
        With other images and other choices.
    seed : int >= 0
    progress : callable
        Told the share done.

    Returns
    -------
    Narrowed
    """
    data = data or load_digits()
    found = []
    for run in range(runs):
        told = part(progress, run, runs)
        found.append(
            narrow(
                SPACE,
                book_split(data, runs * seed + run),
                stages=stages,
                trials=trials,
                keep=keep,
                small=0.0,
                epochs=epochs,
                seed=runs * seed + run,
                storage=None,
                progress=lambda share, text, told=told: told(0.0, text),
            )
        )
    return Narrowed(
        ranges={name: np.stack([each.ranges[name] for each in found]) for name in SPACE},
        best={
            name: np.array([[[trial.params[name] for trial in r.top(keep)] for r in each.results] for each in found])
            for name in SPACE
        },
        accuracy=np.array([[[trial.value for trial in r.trials] for r in each.results] for each in found], np.float64),
    )


def check(result: Narrowed) -> list[Check]:
    """Hold the claim against all searches."""
    lr = np.log10(result.ranges["lr"])
    width = lr[:, :, 1] - lr[:, :, 0]
    means = result.accuracy.mean(axis=(0, 2))
    best = result.accuracy.max(axis=2).mean(axis=0)
    runs, last, _ = result.accuracy.shape
    mean = f"mean of {runs} runs"
    return [
        compared(
            "share of the learning rate's range that is left, in powers of ten",
            float((width[:, -1] / width[:, 0]).max()), "<", "", 0.1,
        ),
        compared(
            f"{mean}, mean accuracy of the trials of stage {last}", float(means[-1]), ">",
            "of stage 1", float(means[0]),
        ),
        compared(f"{mean}, best accuracy of stage {last}", float(best[-1]), ">=", "of stage 1", float(best[0])),
    ]  # fmt: skip


def draw(result: Narrowed, ax: Axes | None = None) -> Axes:
    """Draw the first search's ranges, and the trials that made them."""
    mean = ", ".join(f"{each:.2f}" for each in result.accuracy[0].mean(axis=1))
    return plot_ranges(
        {SHOWN[name]: ends[0] for name, ends in result.ranges.items()},
        points={SHOWN[name]: list(values[0]) for name, values in result.best.items()},
        log=list(SHOWN.values()),
        ax=ax,
        title="The range of the best trials becomes the next range",
        note=f"one of {len(result.accuracy)} searches · dots: the best {result.best['lr'].shape[2]} of a stage · "
        f"mean accuracy of each stage: {mean}",
    )


EXPERIMENT = Experiment(
    narrowing,
    claim="Taking the range of the best trials for the next range leads to ranges that are small and train well",
    seconds=12,
    check=check,
    draw=draw,
)
