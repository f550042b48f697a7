"""Smaller steps late train further.

Near the minimum the noise of mini-batches throws a constant step about as far as it comes; a smaller one comes nearer.
The network has no hidden layers but weight decay, so its least loss is known, and the noise does not vanish at the
minimum, as it would for a network that fits every image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastdl import optim
from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.softmax_regression import SoftmaxRegression
from fastdl.experiments.surfaces import Numbers
from fastdl.nn import MLP
from fastdl.optim import schedules
from fastdl.viz import plot_lines
from fastdl.viz.style import new_axes, panels, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Shares of the first learning rate that constant ones are tried with.
CONSTANTS = (1.0, 0.3, 0.1, 0.03)


def decaying(lr: float, steps: int) -> dict[str, schedules.Schedule]:
    """The schedules that are compared.

    Parameters
    ----------
    lr : float > 0
        First learning rate of all; with warm-up the greatest.
    steps : int >= 20

    Returns
    -------
    dict of str to Schedule

    Examples
    --------
    >>> decaying(1.0, 3000)["inverse time"](150)
    0.5
    """
    warm = steps // 20
    return {
        "step": schedules.StepDecay(lr, every=steps // 4, factor=0.3),
        "exponential": schedules.Exponential(lr, factor=0.02, period=steps),
        "inverse time": schedules.InverseTime(lr, period=steps / 20),
        "cosine": schedules.Cosine(lr, steps=steps),
        "warm-up, cosine": schedules.Warmup(warm, schedules.Cosine(lr, steps=steps - warm)),
    }


@dataclass(frozen=True)
class LearningRateDecay:
    """Courses of the learning rate and of the loss.

    Parameters
    ----------
    steps : ndarray (L,) of int
        Steps taken when the loss was looked at.
    rates : dict of str to ndarray (L,)
        Learning rate of the next step, by schedule; of the last one at the end.
    excess : dict of str to ndarray (seeds, L)
        Loss over all images, above the least possible.
    least : float
        The least possible.
    data : str
        Name of the data set.
    """

    steps: NDArray[np.int64]
    rates: dict[str, Numbers]
    excess: dict[str, Numbers]
    least: float
    data: str


def learning_rate_decay(
    data: Dataset,
    batch_size: int = 8,
    lr: float = 15.0,
    weight_decay: float = 0.003,
    steps: int = 3000,
    seeds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> LearningRateDecay:
    """Train by SGD with learning rates that decay, and with several that do not.

    Parameters
    ----------
    data : Dataset
        Its first 2,000 training images are taken.
    batch_size : int >= 1
    lr : float > 0
        First learning rate times the mean square of an image's length, so that it suits any images.
    weight_decay : float > 0
    steps : int >= 20
    seeds : int >= 1
        Runs of each schedule.
    seed : int >= 0
        Of the first run's weights and shuffling.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    LearningRateDecay
    """
    problem = SoftmaxRegression(data, weight_decay)
    first = lr / problem.square
    constant: dict[str, schedules.Schedule] = {
        "constant" if share == 1 else f"constant, × {share:g}": schedules.Constant(share * first) for share in CONSTANTS
    }
    plans = constant | decaying(first, steps)
    least = problem.least_loss()
    every = max(1, steps // 60)
    looks = list(range(0, steps + 1, every))
    excess = {}
    for number, (name, schedule) in enumerate(plans.items()):
        progress(number / len(plans), name)
        excess[name] = np.stack(
            [_excess(problem, schedule, batch_size, steps, every, seed + each) - least for each in range(seeds)]
        )
    rates = {
        name: np.array([schedule(min(int(step), steps - 1)) for step in looks]) for name, schedule in plans.items()
    }
    return LearningRateDecay(np.array(looks), rates, excess, least, data.name)


def _excess(
    problem: SoftmaxRegression, schedule: Callable[[int], float], batch_size: int, steps: int, every: int, seed: int
) -> Numbers:
    """Loss over all images at every so many steps."""
    losses = []

    def look(step: int, network: MLP) -> None:
        if step % every == 0:
            losses.append(network.loss(problem.x, problem.t))

    problem.descend(optim.SGD(lr=schedule), batch_size, steps, seed, look)
    return np.array(losses)


def check(result: LearningRateDecay) -> list[Check]:
    """Hold the claim against the ends of the runs."""
    ends = {name: excess[:, -1] for name, excess in result.excess.items()}
    constant = [name for name in ends if name.startswith("constant")]
    best = min(constant, key=lambda name: ends[name].mean())
    decaying = [name for name in ends if name not in constant]
    runs = len(ends[best])
    return [
        *(
            compared(
                f"loss above the least, mean of {runs} runs: {name}", ends[name].mean(), "<", best, ends[best].mean()
            )
            for name in decaying
        ),
        compared(
            "worst run with a decay", max(ends[name].max() for name in decaying), "<", "best run without",
            min(ends[name].min() for name in constant),
        ),
    ]  # fmt: skip


def draw(result: LearningRateDecay, ax: Axes | None = None) -> Axes:
    """Draw the learning rates, and the losses above the least."""
    ax = ax or new_axes("learning_rate_decay", 9.5, 4.4)
    ((left, right),) = panels(ax, 1, 2)
    shown = [name for name in result.rates if not name.startswith("constant, × 0.3")]
    plot_lines(
        {name: (result.steps, result.rates[name]) for name in shown},
        xlabel="step (mini-batches)", ylabel="learning rate", ax=left, legend=False,
    )  # fmt: skip
    plot_lines(
        {name: (result.steps, result.excess[name].mean(axis=0)) for name in shown},
        xlabel="step (mini-batches)", ylabel="loss above the least (nats)", yscale="log", ax=right,
        note=f"mean of {len(result.excess['cosine'])} runs",
    )  # fmt: skip
    set_titles(ax, f"Learning-rate decay: SGD on {result.data}", room=24)
    return ax


EXPERIMENT = Experiment(
    learning_rate_decay,
    claim="Smaller steps late train further: with decay SGD ends nearer to the least loss than at any constant rate",
    seconds=6,
    check=check,
    draw=draw,
)
