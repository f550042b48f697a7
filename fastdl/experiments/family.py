"""The family of optimizers: which idea each adds.

An idea is what is left of an optimizer when its parent is taken away. So each is run with its idea switched off, and
has to take its parent's path; or, where the idea has no switch, its steps have to show it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdl import optim
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.surfaces import VALLEY, Numbers, Surface, descend
from fastdl.viz import Member, Scene, plot_scenes, plot_tree
from fastdl.viz.style import OPTIMIZER_COLORS, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# name: (what it adds, parents, the learning rate that suits the valley)
MEMBERS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "SGD": ("against the gradient", (), 0.95),
    "Momentum": ("keeps a velocity", ("SGD",), 0.1),
    "Nesterov": ("looks one step ahead", ("Momentum",), 0.1),
    "Lion": ("takes only the sign", ("Momentum",), 0.3),
    "AdaGrad": ("a rate for each weight", ("SGD",), 1.5),
    "Ftrl": ("weights exactly 0", ("AdaGrad",), 1.5),
    "RMSprop": ("forgets old gradients", ("AdaGrad",), 0.1),
    "Adadelta": ("measures its own rate", ("RMSprop",), 30.0),
    "Adam": ("velocity, bias corrected", ("RMSprop", "Momentum"), 0.3),
    "AdamW": ("decay apart from gradient", ("Adam",), 0.3),
    "Adamax": ("largest gradient, not mean", ("Adam",), 0.3),
    "Nadam": ("looks one step ahead", ("Adam", "Nesterov"), 0.3),
    "RAdam": ("waits until v is known", ("Adam",), 0.3),
    "LAMB": ("a rate for each layer", ("Adam",), 0.1),
}

STEEP = Surface(
    f"100 ({VALLEY.name})",
    height=lambda x, y: 100 * VALLEY.height(x, y),
    gradient=lambda x, y: tuple(100 * each for each in VALLEY.gradient(x, y)),
    start=VALLEY.start,
    minimum=VALLEY.minimum,
)


@dataclass(frozen=True)
class Family:
    """Paths of the whole family, and what its ideas come to.

    Parameters
    ----------
    paths : dict of str to ndarray (steps + 1, 2)
        Down the book's valley.
    differences : dict of str to float
        By what is compared: how far apart two paths are at most that have to be the same.
    steps : dict of str to float
        By what is measured: a length or ratio of steps that has to be 1.
    """

    paths: dict[str, Numbers]
    differences: dict[str, float]
    steps: dict[str, float]


def family(steps: int = 30) -> Family:
    """Let every optimizer descend the book's valley, and again with its idea switched off.

    Parameters
    ----------
    steps : int >= 6

    Returns
    -------
    Family

    Examples
    --------
    >>> family().differences["AdamW without weight decay, Adam"] < 1e-5
    True
    """

    def path(name: str, surface: Surface = VALLEY, **settings: Any) -> Numbers:
        settings = {"lr": MEMBERS[name][2], **settings}
        return descend(surface, optim.get(name, **settings), steps)

    def apart(one: Numbers, other: Numbers) -> float:
        return float(np.abs(one - other).max())

    no_mean: dict[str, Any] = {"lr": 0.3, "beta1": 0.0, "eps": 1e-8}
    sgd = path("SGD", lr=0.1)
    lion, adamax, radam, lamb = (path(name) for name in ("Lion", "Adamax", "RAdam", "LAMB"))
    return Family(
        paths={name: path(name) for name in MEMBERS},
        differences={
            "Momentum without velocity, SGD": apart(path("Momentum", momentum=0.0), sgd),
            "Nesterov without velocity, SGD": apart(path("Nesterov", momentum=0.0), sgd),
            "RMSprop that forgets nothing, AdaGrad": apart(_remembering(steps), path("AdaGrad")),
            "Ftrl without l1, AdaGrad": apart(path("Ftrl"), path("AdaGrad", convention="optax")),
            "Adadelta where f is 100 times as high, as it is": apart(
                path("Adadelta", STEEP, eps=1e-14), path("Adadelta", eps=1e-14)
            ),
            "Adam without velocity, RMSprop bias corrected": apart(
                path("Adam", **no_mean), path("RMSprop", lr=_corrected(0.3, 0.999), rho=0.999, eps=1e-8)
            ),
            "AdamW without weight decay, Adam": apart(
                path("AdamW", weight_decay=0.0, eps=1e-8), path("Adam", eps=1e-8)
            ),
            "Nadam without velocity, Adam without": apart(path("Nadam", **no_mean), path("Adam", **no_mean)),
        },
        steps={
            "Lion, shortest step over the learning rate": _lengths(lion).min() / 0.3,
            "Adamax, longest step over the learning rate": _lengths(adamax).max() / 0.3,
            "RAdam, first step over that of SGD": float(_lengths(radam)[0, 0] / (0.3 * 0.7)),
            "LAMB, first step over the learning rate times the weight": float(_lengths(lamb)[0, 0] / (0.1 * 7)),
        },
    )


def _lengths(path: Numbers) -> Numbers:
    """Length of each step along each axis."""
    return np.abs(np.diff(path, axis=0))


def _corrected(lr: float, rho: float) -> Callable[[int], float]:
    """Learning rate that corrects RMSprop's average for its start at 0, as Adam does."""
    return lambda step: lr * float(np.sqrt(1 - rho ** (step + 1)))


def _remembering(steps: int) -> Numbers:
    """RMSprop's path with the mean of all squared gradients: the sum that AdaGrad has, over the number of steps."""

    class Remembering(optim.RMSprop):
        def update(self, params: Any, grads: Any) -> None:
            step = self.steps + 1
            self.rho, self.lr = 1 - 1 / step, MEMBERS["AdaGrad"][2] / float(np.sqrt(step))
            super().update(params, grads)

    return descend(VALLEY, Remembering(lr=1.0), steps)


def check(result: Family) -> list[Check]:
    """Hold the claim against the paths."""
    below = [float(VALLEY.height(*path[-1])) for path in result.paths.values()]
    return [
        *(
            compared(f"{names}: farthest apart", number, "<=", "", 1e-5, ".1g")
            for names, number in result.differences.items()
        ),
        *(compared(f"{what}, away from 1", abs(number - 1), "<=", "", 1e-2) for what, number in result.steps.items()),
        compared("highest end of a path", max(below), "<", "start", float(VALLEY.height(*VALLEY.start))),
    ]


def draw(result: Family, ax: Axes | None = None) -> Axes:
    """Draw the family tree."""
    return plot_tree(
        {
            name: Member(idea, parents, OPTIMIZER_COLORS.get(name.lower(), "black"))
            for name, (idea, parents, _) in MEMBERS.items()
        },
        ax=ax,
        title="The family of optimizers",
        note="below each name: the idea that it adds · dotted: a second parent",
    )


def paths_figure(result: Family) -> dict[str, bytes]:
    """Draw every member's path, as a PNG.

    Parameters
    ----------
    result : Family

    Returns
    -------
    dict of str to bytes
        By the end of the file's name.
    """
    limits = ((-8.0, 3.0), (-2.4, 2.4))
    ax = plot_scenes(
        {
            name: Scene(
                VALLEY.height, {_branch(name): path}, VALLEY.minimum, limits, f"learning rate {MEMBERS[name][2]:g}"
            )
            for name, path in result.paths.items()
        },
        columns=4,
        title=f"The whole family on {VALLEY.name}",
        note=f"{len(result.paths['SGD']) - 1} steps from (-7, 2)",
    )
    return {"-paths.png": to_png(ax)}


def _branch(name: str) -> str:
    """The nearest ancestor that has a colour, or the member itself."""
    return name if name.lower() in OPTIMIZER_COLORS else _branch(MEMBERS[name][1][0])


EXPERIMENT = Experiment(
    family,
    claim="Each optimizer of the family adds one idea: without it, it is its parent",
    seconds=0.1,
    check=check,
    draw=draw,
    extra_files=paths_figure,
)
