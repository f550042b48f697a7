"""The book's comparison of optimizers on images.

Four hidden layers of 100 units, ReLU, He's initial weights, mini-batches of 128, the library's default hyper-parameters
(K. Saito, "Deep Learning from Scratch", section 6.1.8). `fastdl compare` does the same once, and times it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.compare import HIDDEN
from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.surfaces import Numbers
from fastdl.nn import MLP
from fastdl.train import Trainer, evaluate
from fastdl.viz import plot_loss_curves, smooth_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW = 21  # steps that the loss is averaged over before it is said to be low
LAST = 100  # steps whose mean loss is the final loss


@dataclass(frozen=True)
class Run:
    """One optimizer's runs.

    Parameters
    ----------
    losses : ndarray (seeds, steps)
        Loss of each step, on its mini-batch, before its update.
    test_accuracies : ndarray (seeds,)
        Share of the test images, 0..1, that the trained network labels right.
    """

    losses: Numbers
    test_accuracies: Numbers

    def steps_to(self, loss: float) -> float:
        """Mean over the runs of the steps until the moving average is below a loss; all, for a run that never is."""
        curves = [smooth_curve(losses, WINDOW) for losses in self.losses]
        return float(np.mean([np.argmax(curve < loss) if (curve < loss).any() else curve.size for curve in curves]))


@dataclass(frozen=True)
class Optimizers:
    """The comparison.

    Parameters
    ----------
    runs : dict of str to Run
        By optimizer.
    settings : str
        Data, network, steps, batch.
    """

    runs: dict[str, Run]
    settings: str


def optimizers(
    data: Dataset,
    names: Sequence[str] = ("SGD", "Momentum", "AdaGrad", "Adam"),
    steps: int = 2000,
    batch_size: int = 128,
    seeds: int = 3,
    seed: int = 0,
    progress: Progress = silent,
) -> Optimizers:
    """Train the book's network with each optimizer, from the same weights and on the same mini-batches.

    Parameters
    ----------
    data : Dataset
    names : sequence of str
        Optimizers, with their default hyper-parameters.
    steps, batch_size : int >= 1
    seeds : int >= 1
        Runs of each optimizer.
    seed : int >= 0
        Of the first run's weights and shuffling.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    Optimizers

    Examples
    --------
    >>> from fastdl.data import load_digits
    >>> optimizers(load_digits(), ["Adam"], steps=20, seeds=1).runs["Adam"].losses.shape
    (1, 20)
    """
    sizes = (data.features, *HIDDEN, data.classes)
    runs = {}
    for number, name in enumerate(names):
        losses, accuracies = [], []
        for run in range(seeds):
            progress((number + run / seeds) / len(names), name)
            network = MLP(sizes, seed=seed + run)
            trainer = Trainer(network, optim.get(name), batch_size=batch_size, steps=steps, seed=seed + run)
            losses.append(trainer.fit(data.x_train, data.t_train, scale=data.scale).losses)
            accuracies.append(evaluate(network, data.x_test, data.t_test, scale=data.scale)[1])
        runs[name] = Run(np.array(losses), np.array(accuracies))
    settings = f"{data.name}: {'-'.join(map(str, sizes))}, batch {batch_size}"
    return Optimizers(runs, settings)


def check(result: Optimizers) -> list[Check]:
    """Hold the claim against the losses: SGD against the nearest of the others, and these against each other."""
    sgd = result.runs["SGD"]
    others = {name: run for name, run in result.runs.items() if name != "SGD"}
    count = len(sgd.losses)
    finals = {name: float(run.losses[:, -LAST:].mean()) for name, run in result.runs.items()}
    worst, best = (pick(others, key=lambda name: finals[name]) for pick in (max, min))
    checks = [
        compared(f"final loss, mean of {count} runs: SGD", finals["SGD"], ">", worst, finals[worst]),
        compared(
            f"close together, final loss: {worst} over {best}",
            finals[worst] / finals[best],
            "<",
            f"SGD over {worst}",
            finals["SGD"] / finals[worst],
        ),
    ]
    for loss in (0.3, 0.1):
        steps = {name: run.steps_to(loss) for name, run in result.runs.items()}
        slowest, quickest = (pick(others, key=lambda name: steps[name]) for pick in (max, min))
        checks += [
            compared(f"steps to a loss of {loss}: SGD", steps["SGD"], ">", slowest, steps[slowest], ".0f"),
            compared(
                f"close together, steps to {loss}: {slowest} over {quickest}", steps[slowest] / steps[quickest], "<",
                f"SGD over {slowest}", steps["SGD"] / steps[slowest],
            ),
        ]  # fmt: skip
    accuracies = [run.test_accuracies.mean() for run in others.values()]
    checks.append(compared("close together, test accuracies: spread", max(accuracies) - min(accuracies), "<", "", 0.01))
    return checks


def draw(result: Optimizers, ax: Axes | None = None) -> Axes:
    """Draw the mean loss of the runs against the steps."""
    runs = len(next(iter(result.runs.values())).losses)
    return plot_loss_curves(
        {name: run.losses.mean(axis=0) for name, run in result.runs.items()},
        ax=ax,
        title="Training loss with four optimizers",
        note=f"{result.settings} · mean of {runs} runs",
    )


EXPERIMENT = Experiment(
    optimizers,
    claim="With their defaults, SGD is the slowest; Momentum, AdaGrad and Adam are close together",
    seconds=8,
    check=check,
    draw=draw,
)
