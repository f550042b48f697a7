"""Weight decay against overfitting.

λ/2 ‖W‖² is added to the loss, so that large weights cost something (K. Saito, "Deep Learning from Scratch", section
6.4.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.remedies import Remedy, compare, smaller_gap
from fastdl.viz import plot_accuracy_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECAY = 0.1


def weight_decay(
    data: Dataset, decay: float = DECAY, epochs: int = 201, seeds: int = 5, seed: int = 0, progress: Progress = silent
) -> Remedy:
    """Train on 300 images without and with weight decay.

    Parameters
    ----------
    data : Dataset
    decay : float >= 0
        λ.
    epochs : int >= 1
    seeds : int >= 1
        Networks of each kind.
    seed : int >= 0
        Of the first.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    Remedy
    """
    given = {"weight_decay": decay}
    return compare(given, data, label="weight decay", epochs=epochs, seeds=range(seed, seed + seeds), progress=progress)


def check(result: Remedy) -> list[Check]:
    """Hold the claim against the last epoch."""
    training = float(result.treated.training[:, -1].max())
    return [
        smaller_gap(result, "weight decay"),
        compared("training accuracy with weight decay, best of the seeds", training, "<", "", 0.99, ".3f"),
    ]


def draw(result: Remedy, ax: Axes | None = None) -> Axes:
    """Draw accuracy on training and test images against epochs, without and with weight decay."""
    runs = {"no decay": result.without, f"λ = {DECAY}": result.treated}
    return plot_accuracy_curves(
        {name: (found.training, found.test) for name, found in runs.items()},
        ax=ax,
        title="Weight decay narrows the gap between training and test",
        note=f"{result.data}, 300 images · SGD, η = 0.01 · means and ranges of {len(result.without.gaps)} seeds",
    )


EXPERIMENT = Experiment(
    weight_decay,
    claim="weight decay narrows the gap between training and test accuracy, and training accuracy stays below 1",
    seconds=8,
    check=check,
    draw=draw,
)
