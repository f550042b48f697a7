"""Why initial weights must differ.

Units that start equal get equal gradients, and stay equal (K. Saito, "Deep Learning from Scratch", section 6.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.training import BATCH
from fastdl.nn import MLP
from fastdl.nn.initializers import Initializer, constant
from fastdl.optim import SGD
from fastdl.train import StepRecord, Trainer, evaluate
from fastdl.viz import plot_loss_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INITS: dict[str, str | Initializer] = {"all 0": "zeros", "all 0.01": constant(0.01), "He": "he"}


@dataclass(frozen=True)
class ZeroWeights:
    """What networks with equal and with random initial weights have learned.

    Parameters
    ----------
    losses : dict of str to list of float
        For each kind of initial weights the loss of each step.
    accuracies : dict of str to float
        Test accuracy after the last step, 0..1.
    differences : dict of str to float
        The largest difference between the weights of two units of one hidden layer after the last step.
    most_frequent : float
        Share of the most frequent class among the test images.
    """

    losses: dict[str, list[float]]
    accuracies: dict[str, float]
    differences: dict[str, float]
    most_frequent: float


def zero_weights(data: Dataset, steps: int = 500, seed: int = 0, progress: Progress = silent) -> ZeroWeights:
    """Train networks of two hidden layers whose weights start as all 0, all 0.01, and random (He).

    Parameters
    ----------
    data : Dataset
    steps : int >= 1
        With SGD, η = 0.1, in batches of 100.
    seed : int >= 0
        Of random weights and shuffling.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    ZeroWeights
    """
    losses, accuracies, differences = {}, {}, {}
    for number, (name, init) in enumerate(INITS.items()):
        network = MLP([data.features, 100, 100, data.classes], init=init, seed=seed)

        def report(record: object, name: str = name, done: int = number * steps) -> None:
            if isinstance(record, StepRecord):
                progress((done + record.step) / (len(INITS) * steps), name)

        trainer = Trainer(network, SGD(lr=0.1), batch_size=BATCH, steps=steps, seed=seed, callbacks=[report])
        losses[name] = trainer.fit(data.x_train, data.t_train, scale=data.scale).losses
        accuracies[name] = evaluate(network, data.x_test, data.t_test, scale=data.scale)[1]
        differences[name] = max(float(np.ptp(network.params[key], axis=1).max()) for key in ("W1", "W2"))
    most_frequent = float(np.bincount(data.t_test).max() / len(data.t_test))
    return ZeroWeights(losses, accuracies, differences, most_frequent)


def check(result: ZeroWeights) -> list[Check]:
    """Hold the claim against the weights and accuracies after the last step."""
    checks = [
        compared(f"largest difference between units, {name}", result.differences[name], "<=", "", 0.0)
        for name in ("all 0", "all 0.01")
    ]
    zero, equal, random = (result.accuracies[name] for name in INITS)
    return [
        *checks,
        compared("test accuracy, all 0", zero, "<=", "of always the most frequent class", result.most_frequent, ".3f"),
        compared("test accuracy, all 0.01", equal, "<", "half of He's", random / 2, ".3f"),
        compared("test accuracy, He", random, ">", "", 0.9, ".3f"),
    ]


def draw(result: ZeroWeights, ax: Axes | None = None) -> Axes:
    """Draw the losses."""
    ax = plot_loss_curves(
        result.losses,
        ax=ax,
        title="Weights that start equal stay equal",
        note="two hidden layers of 100, ReLU · SGD, η = 0.1, batches of 100",
    )
    ax.legend(frameon=False, loc="lower left")  # the upper right is taken by those that do not learn
    return ax


EXPERIMENT = Experiment(
    zero_weights,
    claim="with weights all 0, or all equal, the units of a layer stay equal, and the network learns next to nothing",
    seconds=1,
    check=check,
    draw=draw,
)
