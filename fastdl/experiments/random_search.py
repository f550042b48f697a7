"""The book's random search.

500 images, learning rate and weight decay drawn on a log scale, 100 trials (K. Saito, "Deep Learning from Scratch",
section 6.5.3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fastdl.data import Dataset, load_digits
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.searches import SPACE, book_split, part
from fastdl.experiments.surfaces import Numbers
from fastdl.tune import search
from fastdl.viz import plot_small_multiples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEST = 20


@dataclass(frozen=True)
class RandomSearch:
    """The trials of some searches, in each the best first.

    Parameters
    ----------
    lr, weight_decay : ndarray (runs, trials)
        As drawn.
    accuracy : ndarray (runs, trials)
        Of the validation data, after the last epoch.
    validation, training : ndarray (20, epochs)
        Accuracies after each epoch of the first search's best.
    """

    lr: Numbers
    weight_decay: Numbers
    accuracy: Numbers
    validation: Numbers
    training: Numbers


def random_search(
    data: Dataset | None = None,
    *,
    trials: int = 100,
    epochs: int = 50,
    runs: int = 2,
    seed: int = 0,
    progress: Progress = silent,
) -> RandomSearch:
    """Search as the book does.

    Parameters
    ----------
    data : Dataset, optional
        By default the digits.
    trials : int >= 20
    epochs : int >= 1
    runs : int >= 1
        With other images and other choices.
    seed : int >= 0
    progress : callable
        Told the share done.

    Returns
    -------
    RandomSearch
    """
    data = data or load_digits()
    splits = [book_split(data, runs * seed + run) for run in range(runs)]
    results = [
        search(
            SPACE,
            each,
            trials=trials,
            epochs=epochs,
            seed=runs * seed + run,
            storage=None,
            progress=part(progress, run, runs),
        )
        for run, each in enumerate(splits)
    ]
    ranked = [result.top(trials) for result in results]
    on_training = replace(splits[0], validation=splits[0].train)
    again = [results[0].train_again(on_training, trial.params).history.epochs for trial in ranked[0][:BEST]]
    return RandomSearch(
        lr=np.array([[trial.params["lr"] for trial in each] for each in ranked]),
        weight_decay=np.array([[trial.params["weight_decay"] for trial in each] for each in ranked]),
        accuracy=np.array([[trial.value for trial in each] for each in ranked], np.float64),
        validation=np.array([trial.curve for trial in ranked[0][:BEST]]),
        training=np.array([[epoch.validation_accuracy for epoch in epochs] for epochs in again], np.float64),
    )


def check(result: RandomSearch) -> list[Check]:
    """Hold the claim against the best 20 of each search."""
    lr, decay = (_shares(name, getattr(result, name)[:, :BEST]) for name in SPACE)
    return [
        compared("smallest learning rate of the best 20", float(result.lr[:, :BEST].min()), ">", "", 1e-3),
        compared("share of its range that their learning rate spans", float(lr.max()), "<", "", 0.5),
        compared(
            "share of its range that their weight decay spans", float(decay.min()), ">",
            "", 0.5,
        ),
        compared(
            "accuracy of the best", float(result.accuracy[:, 0].min()), ">",
            "of the median trial", float(np.median(result.accuracy, axis=1).max()),
        ),
    ]  # fmt: skip


def _shares(name: str, values: Numbers) -> Numbers:
    """Share of a hyper-parameter's range, in powers of ten, that the values of each row span."""
    return np.asarray(np.ptp(np.log10(values), axis=1) / SPACE[name].width)


def draw(result: RandomSearch, ax: Axes | None = None) -> Axes:
    """Draw accuracies of the best 20 against the epochs, in 4 × 5 panels."""
    panels = {
        f"lr {lr:.1e}, λ {decay:.1e}": {"validation": validation, "training": training}
        for lr, decay, validation, training in zip(
            result.lr[0], result.weight_decay[0], result.validation, result.training, strict=False
        )
    }
    return plot_small_multiples(
        panels,
        limits=(0, 1),
        ax=ax,
        title=f"Random search: the best {BEST} of {result.lr.shape[1]} trials",
        note="λ: weight decay · accuracy after each epoch",
        ylabel="accuracy",
    )


EXPERIMENT = Experiment(
    random_search,
    claim="Random search on a log scale shows which learning rates train well; weight decay matters little here",
    seconds=9,
    check=check,
    draw=draw,
)
