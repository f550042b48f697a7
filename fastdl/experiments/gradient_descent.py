"""Gradient descent on all images at once, and on mini-batches.

The gradient of a mini-batch is that of all images with noise on it: a step costs a fraction, the path trembles
(K. Saito, "Deep Learning from Scratch", sections 4.2.3 and 6.1.2; H. Robbins and S. Monro, 1951).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.softmax_regression import SoftmaxRegression, flat
from fastdl.experiments.surfaces import Numbers
from fastdl.nn import MLP
from fastdl.viz import plot_descent, plot_lines
from fastdl.viz.style import new_axes, panels, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastdl.viz.descent import Limits

GRID = 33  # points along each side of the plane that losses are computed on


@dataclass(frozen=True)
class Descent:
    """Descent with one size of batch.

    Parameters
    ----------
    images : int
        In a batch.
    losses : ndarray (seeds, steps + 1)
        Loss over all images before the first step and after each.
    detours : ndarray (seeds,)
        Length of the path in the space of all weights, over the distance from its start to its end.
    step_seconds : float
        Median time of a step.
    path : ndarray (steps + 1, 2)
        The first seed's, seen in the plane in which the paths spread most.
    """

    images: int
    losses: Numbers
    detours: Numbers
    step_seconds: float
    path: Numbers

    @property
    def rises(self) -> float:
        """Share of the steps, 0..1, that raise the loss over all images."""
        return float(np.mean(np.diff(self.losses) > 0))


@dataclass(frozen=True)
class GradientDescent:
    """Descents with batches of several sizes from the same weights.

    Parameters
    ----------
    descents : dict of str to Descent
        The whole batch, mini-batches, single images.
    heights : ndarray (33, 33)
        Loss over all images on the plane of the paths.
    limits : ((float, float), (float, float))
        Of the plane.
    data : str
        Name of the data set.
    """

    descents: dict[str, Descent]
    heights: Numbers
    limits: Limits
    data: str


def gradient_descent(
    data: Dataset,
    batch_size: int = 32,
    lr: float = 4.5,
    steps: int = 100,
    seeds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> GradientDescent:
    """Train a network without hidden layers by SGD on all images, on mini-batches, and on one image at a time.

    Parameters
    ----------
    data : Dataset
        Its first 2,000 training images are taken.
    batch_size : int >= 1
        Images in a mini-batch.
    lr : float > 0
        Learning rate times the mean square of an image's length, so that it suits any images.
    steps : int >= 1
    seeds : int >= 1
        Runs of each.
    seed : int >= 0
        Of the first run's weights and shuffling.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    GradientDescent

    Examples
    --------
    >>> from fastdl.data import load_digits
    >>> result = gradient_descent(load_digits(), steps=3, seeds=1)
    >>> [descent.images for descent in result.descents.values()]
    [1437, 32, 1]
    """
    problem = SoftmaxRegression(data)
    sizes = {"all images": len(problem.x), f"mini-batches of {batch_size}": batch_size, "one image at a time": 1}
    runs = {}
    for number, (name, size) in enumerate(sizes.items()):
        progress(number / (len(sizes) + 1), name)
        runs[name] = [_run(problem, size, lr / problem.square, steps, seed + each) for each in range(seeds)]
    progress(len(sizes) / (len(sizes) + 1), "loss on the plane of the paths")
    paths = {name: each[0][1] for name, each in runs.items()}
    flattened, heights, limits = _plane(problem, paths)
    descents = {
        name: Descent(
            images=sizes[name],
            losses=np.stack([losses for losses, _, _ in each]),
            detours=np.array([_detour(path) for _, path, _ in each]),
            step_seconds=float(np.median(np.concatenate([seconds for _, _, seconds in each]))),
            path=flattened[name],
        )
        for name, each in runs.items()
    }
    return GradientDescent(descents, heights, limits, data.name)


def _run(
    problem: SoftmaxRegression, batch_size: int, lr: float, steps: int, seed: int
) -> tuple[Numbers, Numbers, Numbers]:
    """Losses, points in the space of all weights, and seconds that each step took."""
    losses, points, times = [], [], []

    def look(step: int, network: MLP) -> None:
        end = time.perf_counter()
        losses.append(network.loss(problem.x, problem.t))
        points.append(flat(network))
        times.append((end, time.perf_counter()))

    problem.descend(optim.SGD(lr=lr), batch_size, steps, seed, look)
    seconds = [end - begin for (_, begin), (end, _) in pairwise(times)]
    return np.array(losses), np.stack(points), np.array(seconds)


def _detour(path: Numbers) -> float:
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum() / np.linalg.norm(path[-1] - path[0]))


def _plane(problem: SoftmaxRegression, paths: dict[str, Numbers]) -> tuple[dict[str, Numbers], Numbers, Limits]:
    """The paths on the plane of their two principal components, the loss on a grid of it, and its limits."""
    everything = np.concatenate(list(paths.values()))
    centre = everything.mean(axis=0)
    axes = np.linalg.svd(everything - centre, full_matrices=False)[2][:2]
    flattened = {name: (path - centre) @ axes.T for name, path in paths.items()}
    points = np.concatenate(list(flattened.values()))
    margin = 0.1 * np.ptp(points, axis=0)
    (left, bottom), (right, top) = points.min(axis=0) - margin, points.max(axis=0) + margin
    limits = ((float(left), float(right)), (float(bottom), float(top)))
    network = problem.network(0)
    heights = np.empty((GRID, GRID))
    for row, y in enumerate(np.linspace(bottom, top, GRID)):
        for column, x in enumerate(np.linspace(left, right, GRID)):
            point = centre + x * axes[0] + y * axes[1]
            for param in network.params.values():
                param[...] = point[: param.size].reshape(param.shape)
                point = point[param.size :]
            heights[row, column] = network.loss(problem.x, problem.t)
    return flattened, heights, limits


def check(result: GradientDescent) -> list[Check]:
    """Hold the claim against the descents."""
    (whole_name, whole), (mini_name, mini), (single_name, single) = result.descents.items()
    steps, seeds = mini.losses.shape[1] - 1, len(mini.losses)
    return [
        compared(f"µs a step: {whole_name}", 1e6 * whole.step_seconds, ">", mini_name, 1e6 * mini.step_seconds),
        compared(
            f"loss after {steps} steps, mean of {seeds} runs: {mini_name}", mini.losses[:, -1].mean(), "<",
            f"{whole_name} after half as many", whole.losses[:, steps // 2].mean(),
        ),
        compared(f"share of steps that raise the loss: {whole_name}", whole.rises, "<=", "", 0.0),
        compared(f"share of steps that raise the loss: {single_name}", single.rises, ">", mini_name, mini.rises),
        compared(
            f"path over distance, mean of {seeds} runs: {mini_name}", mini.detours.mean(), ">", whole_name,
            whole.detours.mean(),
        ),
        compared(
            f"path over distance, mean of {seeds} runs: {single_name}", single.detours.mean(), ">", mini_name,
            mini.detours.mean(),
        ),
    ]  # fmt: skip


def draw(result: GradientDescent, ax: Axes | None = None) -> Axes:
    """Draw the loss against the images looked at, and the paths."""
    ax = ax or new_axes("gradient_descent", 9.5, 4.4)
    ((left, right),) = panels(ax, 1, 2)
    steps = np.arange(1, next(iter(result.descents.values())).losses.shape[1])
    plot_lines(
        {name: (steps * each.images, each.losses[0, 1:]) for name, each in result.descents.items()},
        xlabel="images looked at", ylabel="loss over all images (nats)", xscale="log", ax=left,
        note=f"{len(steps)} steps each",
    )  # fmt: skip
    plot_descent(
        lambda x, y: result.heights,  # which are on the grid that is asked for
        {name: each.path for name, each in result.descents.items()},
        limits=result.limits,
        grid=GRID,
        ax=right,
        legend=False,
    )
    right.set(xlabel="first principal direction of the weights", ylabel="second")
    set_titles(right, "", "paths, and contours of the loss")
    set_titles(ax, f"Gradient descent on {result.data}: all images at once, and batches of them", room=24)
    return ax


EXPERIMENT = Experiment(
    gradient_descent,
    claim="A step on a mini-batch costs a fraction of one on all images and brings about as much, on a noisy path",
    seconds=2,
    check=check,
    draw=draw,
)
