"""The experiment of `fastdl compare`: one network, several optimizers, and the same step in plain NumPy.

Every optimizer starts from the same weights and sees the same mini-batches, so the curves differ by the
optimizer alone. Its training step is timed against the same step in NumPy, by turns, on the same machine.
"""

from __future__ import annotations

import json
import math
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels, optim, timing
from fastdl._files import make_folder, write_atomically
from fastdl._version import __version__
from fastdl.data import Batches, Dataset
from fastdl.data.checks import integer
from fastdl.errors import HyperparameterError
from fastdl.nn import MLP
from fastdl.reference.network import ReferenceMLP, ReferenceOptimizer
from fastdl.train import EpochRecord, StepRecord, Trainer, evaluate
from fastdl.viz import plot_loss_curves
from fastdl.viz.style import to_png

HIDDEN = (100, 100, 100, 100)  # the network of the book's comparison of optimizers
LAST = 100  # steps whose mean loss is the final loss

Batch = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class OptimizerRun:
    """One optimizer's run.

    Parameters
    ----------
    optimizer : str
        Name in `fastdl.optim.OPTIMIZERS`.
    hyperparameters : dict of str to float
        The ones it ran with: the library's defaults.
    losses : tuple of float
        Loss of each step, on its mini-batch, before its update.
    test_accuracy : float
        Share of the test images, 0..1, that the trained network labels right.
    step_seconds, numpy_step_seconds : float
        Time of a training step, the images gathered: fastdl's, and plain NumPy's. The median of a turn's
        steps; of five turns the quickest, which other work on the machine has held up least.
    """

    optimizer: str
    hyperparameters: dict[str, float]
    losses: tuple[float, ...]
    test_accuracy: float
    step_seconds: float
    numpy_step_seconds: float

    @property
    def final_loss(self) -> float:
        """Mean loss of the last 100 steps, or of all if there are fewer."""
        return statistics.fmean(self.losses[-LAST:])

    @property
    def speedup(self) -> float:
        """NumPy's time for a step over fastdl's."""
        return self.numpy_step_seconds / self.step_seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of `compare`.

    Parameters
    ----------
    data : str
        Name of the data set.
    sizes : tuple of int
        Units of each layer, from the pixels to the classes.
    steps, batch_size, seed, threads : int
        As the experiment ran.
    environment : dict
        Versions, machine and build of the kernels.
    runs : tuple of OptimizerRun
        In the order asked for.
    """

    data: str
    sizes: tuple[int, ...]
    steps: int
    batch_size: int
    seed: int
    threads: int
    environment: dict[str, Any]
    runs: tuple[OptimizerRun, ...]


def compare(
    data: Dataset,
    optimizers: Sequence[str] = ("sgd", "momentum", "adagrad", "adam"),
    *,
    steps: int = 2000,
    batch_size: int = 128,
    seed: int = 0,
    progress: Callable[[str, StepRecord | EpochRecord], object] | None = None,
) -> Comparison:
    """Train the book's network with each optimizer, and time its step against plain NumPy.

    The network has four hidden layers of 100 units, ReLU and He's initial weights; the optimizers have the
    library's default hyper-parameters.

    Parameters
    ----------
    data : Dataset
        From `fastdl.data.load_digits` or `fastdl.data.load_mnist`.
    optimizers : sequence of str
        Names in `fastdl.optim.OPTIMIZERS`, each once.
    steps : int >= 1
        Training steps of each optimizer.
    batch_size : int >= 1
        Images in a mini-batch.
    seed : int >= 0
        Of the initial weights and of the shuffling.
    progress : callable, optional
        Given an optimizer's name and the record of a step or an epoch, as soon as there is one.

    Returns
    -------
    Comparison

    Raises
    ------
    HyperparameterError
        For an unknown or repeated optimizer or a number out of range, before anything is trained.

    Examples
    --------
    >>> from fastdl.data import load_digits
    >>> result = compare(load_digits(), ["adam"], steps=20)
    >>> [run.optimizer for run in result.runs], result.sizes
    (['adam'], (64, 100, 100, 100, 100, 10))
    """
    names = [name.lower() for name in optimizers]
    if not names or len(set(names)) < len(names):
        raise HyperparameterError(
            "each optimizer is run once", op="compare", arg="optimizers", got=", ".join(names) or "none"
        )
    integer(seed, op="compare", arg="seed", low=0)
    sizes = (data.features, *HIDDEN, data.classes)
    trainers = {
        name: Trainer(
            MLP(sizes, seed=seed),
            optim.get(name),
            batch_size=batch_size,
            steps=steps,
            seed=seed,
            progress=partial(progress, name) if progress else None,
        )
        for name in names
    }
    return Comparison(
        data=data.name,
        sizes=sizes,
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        threads=kernels.get_num_threads(),
        environment=environment(),
        runs=tuple(_run(name, trainer, data, sizes) for name, trainer in trainers.items()),
    )


def _run(name: str, trainer: Trainer, data: Dataset, sizes: Sequence[int]) -> OptimizerRun:
    hyperparameters = trainer.optimizer.hyperparameters
    history = trainer.fit(data.x_train, data.t_train, scale=data.scale)
    _, test_accuracy = evaluate(trainer.network, data.x_test, data.t_test, scale=data.scale)

    # Timed on networks of their own: a trained one may hold subnormal numbers, which cost time.
    network = MLP(sizes, seed=trainer.seed)
    twin = ReferenceMLP(network.params)
    step_seconds, numpy_step_seconds = timing.seconds_by_turns(
        [
            partial(network.train_step, optimizer=optim.get(name)),
            partial(twin.train_step, optimizer=ReferenceOptimizer(name, **hyperparameters)),
        ],
        few_batches(data, trainer.batch_size, trainer.seed),
    )
    return OptimizerRun(
        optimizer=name,
        hyperparameters=hyperparameters,
        losses=tuple(history.losses),
        test_accuracy=test_accuracy,
        step_seconds=step_seconds,
        numpy_step_seconds=numpy_step_seconds,
    )


def few_batches(data: Dataset, batch_size: int, seed: int | None) -> list[Batch]:
    """Eight mini-batches, or as many as an epoch has, that steps are timed on."""
    batches = Batches(data.x_train, data.t_train, batch_size, scale=data.scale, seed=seed)
    return [(x.copy(), t) for x, t in islice(batches, 8)]


def environment() -> dict[str, Any]:
    """Versions, machine and build of the kernels.

    Returns
    -------
    dict
    """
    return {
        "fastdl": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "kernels": kernels.build_info(),
    }


def summary(comparison: Comparison) -> str:
    """Text table of a comparison, at most 80 columns wide.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        A line of settings, the table, and what its columns mean.
    """
    rows = [("optimizer", "final loss", "test accuracy", "ms/step", "NumPy ms/step", "NumPy/fastdl")]
    rows += [
        (
            run.optimizer,
            f"{run.final_loss:.3g}",
            f"{run.test_accuracy:.1%}",
            f"{1e3 * run.step_seconds:.3f}",
            f"{1e3 * run.numpy_step_seconds:.3f}",
            f"{run.speedup:.1f}x",
        )
        for run in comparison.runs
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join([name.ljust(widths[0]), *map(str.rjust, numbers, widths[1:])]) for name, *numbers in rows]
    return "\n".join(
        [
            f"{comparison.data}: {_settings(comparison)}",
            "",
            table[0],
            "-" * len(table[0]),
            *table[1:],
            "",
            f"final loss: mean of the last {min(LAST, comparison.steps)} steps",
            f"ms/step: median of {timing.TURN_CALLS} steps, best of {timing.TURNS} turns; "
            f"threads: {comparison.threads}",
            "NumPy: the same step in plain NumPy, float32, timed by turns with fastdl",
        ]
    )


def _settings(comparison: Comparison) -> str:
    network = "-".join(map(str, comparison.sizes))
    return f"{network}, {comparison.steps} steps, batch {comparison.batch_size}, seed {comparison.seed}"


def as_json(comparison: Comparison) -> str:
    """Everything in a comparison as JSON; numbers that are not finite become null.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
    """
    content = asdict(comparison)
    for entry, run in zip(content["runs"], comparison.runs, strict=True):
        entry["final_loss"] = _finite(run.final_loss)
        entry["losses"] = [_finite(loss) for loss in run.losses]
        entry["speedup"] = run.speedup
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def as_png(comparison: Comparison) -> bytes:
    """Figure of the loss curves as a PNG image.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    bytes

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    ax = plot_loss_curves(
        {run.optimizer: run.losses for run in comparison.runs},
        title=f"Training loss on {comparison.data}",
        note=_settings(comparison),
    )
    return to_png(ax)


def write(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``compare.json`` and ``compare.png``, each whole or not at all.

    Parameters
    ----------
    comparison : Comparison
    folder : Path
        Created where it is missing.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        If the folder or a file cannot be written.
    MissingDependencyError
        If matplotlib is not installed; nothing is written then.
    """
    contents = {"compare.png": as_png(comparison), "compare.json": as_json(comparison).encode()}
    make_folder(folder)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]
