"""Initial weights and how fast a network learns.

0.01, Xavier and He on images, with ReLU (K. Saito, "Deep Learning from Scratch", section 6.2.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.training import Numbers
from fastdl.nn import MLP
from fastdl.optim import SGD
from fastdl.train import StepRecord, Trainer, evaluate
from fastdl.viz import plot_loss_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INITS: dict[str, str | float] = {"std 0.01": 0.01, "Xavier": "xavier", "He": "he"}
LAST = 50  # steps at the end whose mean loss is compared


@dataclass(frozen=True)
class InitialWeights:
    """The course of training from several initial weights.

    Parameters
    ----------
    losses : dict of str to ndarray (seeds, steps)
        Loss of each step.
    accuracies : dict of str to ndarray (seeds,)
        Test accuracy after the last step, 0..1.
    data : str
        Name of the images.
    """

    losses: dict[str, Numbers]
    accuracies: dict[str, Numbers]
    data: str

    @property
    def means(self) -> dict[str, Numbers]:
        """For each seed the mean loss over all steps: the smaller, the faster it was learned."""
        return {name: losses.mean(axis=1) for name, losses in self.losses.items()}


def initial_weights(
    data: Dataset, steps: int = 2000, seeds: int = 3, seed: int = 0, progress: Progress = silent
) -> InitialWeights:
    """Train four hidden layers of 100 with ReLU, with SGD, η = 0.01, in batches of 128.

    Parameters
    ----------
    data : Dataset
    steps : int >= 1
    seeds : int >= 1
        Networks of each kind.
    seed : int >= 0
        Of the first.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    InitialWeights
    """
    losses = {name: np.empty((seeds, steps)) for name in INITS}
    accuracies = {name: np.empty(seeds) for name in INITS}
    done = 0
    for name, init in INITS.items():
        for row in range(seeds):
            network = MLP([data.features, 100, 100, 100, 100, data.classes], init=init, seed=seed + row)

            def report(record: object, name: str = name, done: int = done) -> None:
                if isinstance(record, StepRecord):
                    progress((done + record.step) / (len(INITS) * seeds * steps), name)

            trainer = Trainer(network, SGD(lr=0.01), batch_size=128, steps=steps, seed=seed + row, callbacks=[report])
            losses[name][row] = trainer.fit(data.x_train, data.t_train, scale=data.scale).losses
            accuracies[name][row] = evaluate(network, data.x_test, data.t_test, scale=data.scale)[1]
            done += steps
    return InitialWeights(losses, accuracies, data.name)


def check(result: InitialWeights) -> list[Check]:
    """Hold the claim against the losses: the worst seed of the better against the best seed of the other."""
    last = {name: losses[:, -LAST:].mean(axis=1) for name, losses in result.losses.items()}
    small, xavier, he = INITS
    no_better = np.log(10) - 0.05
    return [
        compared(f"last loss, {small}, least of seeds", float(last[small].min()), ">", "log 10 - 0.05 =", no_better),
        compared(f"last loss, {xavier}, largest of the seeds", float(last[xavier].max()), "<", "", 0.5),
        compared(
            f"mean loss over all steps, {he}, largest of the seeds", float(result.means[he].max()), "<",
            f"{xavier}, least", float(result.means[xavier].min()),
        ),
    ]  # fmt: skip


def draw(result: InitialWeights, ax: Axes | None = None) -> Axes:
    """Draw the losses of the first seed."""
    ax = plot_loss_curves(
        {name: losses[0] for name, losses in result.losses.items()},
        ax=ax,
        title="Initial weights decide whether it learns",
        note=f"{result.data} · four hidden layers of 100, ReLU · SGD, η = 0.01, batches of 128",
    )
    ax.legend(frameon=False, loc="lower left")  # the upper right is taken by those that do not learn
    return ax


EXPERIMENT = Experiment(
    initial_weights,
    claim="with ReLU, weights of standard deviation 0.01 do not learn, Xavier's do, He's fastest",
    seconds=4,
    check=check,
    draw=draw,
)
