"""Optimizers racing down a function of two numbers: a GIF of the surface in space and from above."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.errors import HyperparameterError
from fastdl.viz.descent import Limits, as_points, draw_view, limits_of, widths
from fastdl.viz.style import GREY, looks, new_axes
from fastdl.viz.surface import draw_surface, on_surface

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from PIL.Image import Image

DPI = 100
GREYS = 64  # shades in the images
TINTS = 16  # of each path's colour, from white on: what lines fade into at their edges
LAST_SECONDS = 2.0  # how long the last frame stands


@dataclass(frozen=True)
class Frames:
    """What the frames of a race show.

    Parameters
    ----------
    steps : ndarray (frames,) of int
        How many steps have been taken in each.
    points : dict of str to ndarray (frames, 2)
        Where each path is then.
    """

    steps: NDArray[np.int64]
    points: dict[str, NDArray[np.float64]]


def descent_frames(paths: Mapping[str, ArrayLike], frames: int = 60) -> Frames:
    """Choose the steps that the frames of a race show, equally far apart.

    Parameters
    ----------
    paths : mapping of str to array_like (steps + 1, 2)
        For each label the points, the start first. A shorter path stays where it ends.
    frames : int >= 2
        At most; there are not more than steps.

    Returns
    -------
    Frames

    Raises
    ------
    ArrayError
        If there is no path, or one is not of shape (N, 2).
    HyperparameterError
        If ``frames`` is less than 2.

    Examples
    --------
    >>> race = descent_frames({"SGD": [(4.0, 0.0), (2.0, 0.0), (1.0, 0.0)]}, frames=2)
    >>> race.steps, race.points["SGD"].tolist()
    (array([0, 2]), [[4.0, 0.0], [1.0, 0.0]])
    """
    if frames < 2:
        raise HyperparameterError("no race", op="descent_frames", arg="frames", expected=">= 2", got=str(frames))
    points = as_points(paths, "descent_frames")
    last = max(len(path) for path in points.values()) - 1
    steps = np.unique(np.linspace(0, last, frames).round().astype(np.int64))
    return Frames(steps, {label: path[np.minimum(steps, len(path) - 1)] for label, path in points.items()})


def animate_descent(
    height: Callable[[Any, Any], Any],
    paths: Mapping[str, ArrayLike],
    *,
    surface: Callable[[Any, Any], Any] | None = None,
    minimum: tuple[float, float] | None = None,
    limits: Limits | None = None,
    view: tuple[float, float] = (45.0, -60.0),
    frames: int = 60,
    seconds: float = 5.0,
    title: str = "",
    zlabel: str = "f",
) -> bytes:
    """Film paths on a function: on the left as a surface in space, on the right from above.

    Parameters
    ----------
    height : callable
        f(x, y), for arrays too; its contours are drawn.
    paths : mapping of str to array_like (steps + 1, 2)
        For each label the points, the start first. Those not finite or outside the limits are not seen.
    surface : callable, optional
        What the surface shows, such as f's logarithm; f by default.
    minimum : (float, float), optional
        Marked with a star.
    limits : ((float, float), (float, float)), optional
        Of x and of y; by default what holds all paths and the minimum.
    view : (float, float)
        Degrees above the plane and around it, from which the surface is seen.
    frames : int >= 2
        At most; there are not more than steps.
    seconds : float > 0
        That they take; the last one stands two more.
    title : str
    zlabel : str
        Of the surface's height.

    Returns
    -------
    bytes
        A GIF that runs for ever.

    Raises
    ------
    ArrayError
        If there is no path, or one is not of shape (N, 2).
    HyperparameterError
        If ``frames`` is less than 2.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> animate_descent(lambda x, y: x**2 + y**2, {"SGD": [(1.0, 1.0), (0.5, 0.5)]})[:6]
    b'GIF89a'
    """
    points = as_points(paths, "animate_descent")
    limits = limits or limits_of(points, minimum)
    surface = surface or height
    race = descent_frames(points, frames)
    below, above, caption = _stage(height, surface, limits, minimum, view, title, zlabel)
    runners = _runners(below, above, points)
    canvas: Any = above.figure.canvas
    canvas.draw()
    background = canvas.copy_from_bbox(above.figure.bbox)
    images = []
    for step in race.steps:
        canvas.restore_region(background)
        caption.set_text(f"step {step}")
        above.draw_artist(caption)
        for label, (in_space, head_in_space, flat, head) in runners.items():
            path = points[label][: step + 1]
            _place(in_space, head_in_space, on_surface(surface, path, limits))
            _place(flat, head, path.T)
            for line in (in_space, head_in_space):
                below.draw_artist(line)
            for line in (flat, head):
                above.draw_artist(line)
        images.append(_image(canvas))
    return _gif(images, (color for color, _ in looks(points).values()), seconds)


def _stage(
    height: Callable[[Any, Any], Any],
    surface: Callable[[Any, Any], Any],
    limits: Limits,
    minimum: tuple[float, float] | None,
    view: tuple[float, float],
    title: str,
    zlabel: str,
) -> tuple[Any, Axes, Any]:
    """Axes in space and axes from above, with all that does not move, and the text that counts the steps."""
    whole = new_axes("animate_descent", 8.0, 4.2)
    figure = cast("Any", whole.figure)
    figure.clear()
    figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
    below = figure.add_subplot(1, 2, 1, projection="3d")
    draw_surface(below, surface, limits, view, minimum, zlabel)
    above = figure.add_subplot(1, 2, 2)
    draw_view(above, height, limits, minimum)
    figure.get_layout_engine().set(wspace=0.12)
    caption = above.text(1, 1.02, "", transform=above.transAxes, ha="right", color=GREY, animated=True)
    return below, above, caption


def _runners(
    below: Any, above: Axes, paths: Mapping[str, NDArray[np.float64]]
) -> dict[str, tuple[Line2D, Line2D, Line2D, Line2D]]:
    """For each path its line and its head, in space and from above, and the legend under both."""
    runners, handles = {}, []
    for (label, (color, style)), width in zip(looks(paths).items(), widths(len(paths)), strict=True):
        tail: dict[str, Any] = {"color": color, "linestyle": style, "linewidth": width, "animated": True}
        head: dict[str, Any] = {"color": color, "marker": "o", "markersize": 6, "linestyle": "", "animated": True}
        in_space, head_in_space = below.plot([], [], [], **tail)[0], below.plot([], [], [], **head)[0]
        flat, flat_head = above.plot([], [], **tail)[0], above.plot([], [], **head)[0]
        runners[label] = in_space, head_in_space, flat, flat_head
        handles.append(above.plot([], [], color=color, linestyle=style, linewidth=2.5, label=label)[0])
    above.figure.legend(
        handles=handles, loc="outside lower center", ncols=len(paths), frameon=False, fontsize="small",
        handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip
    return runners


def _place(tail: Any, head: Any, path: Any) -> None:
    """Give a line the path so far, and its head the last point of it."""
    for line, part in ((tail, path), (head, [each[-1:] for each in path])):
        line.set_data(*part[:2])
        if len(part) == 3:
            line.set_3d_properties(part[2])


def _image(canvas: Any) -> Image:
    from PIL import Image

    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _gif(images: list[Image], colors: Iterable[str], seconds: float) -> bytes:
    """One GIF of the images, in shades of grey and tints of the colours, so that none of them is lost."""
    from matplotlib.colors import to_rgb
    from PIL import Image

    greys = np.linspace(0, 1, GREYS)[:, np.newaxis] * np.ones(3)
    depth = np.arange(1, TINTS + 1)[:, np.newaxis] / TINTS
    tints = [1 - depth * (1 - np.array(to_rgb(color))) for color in dict.fromkeys(colors)]
    palette = Image.new("P", (1, 1))
    palette.putpalette((255 * np.concatenate([greys, *tints])[:256]).round().astype(np.uint8).tobytes())
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    duration = [round(1000 * seconds / len(frames))] * (len(frames) - 1) + [round(1000 * LAST_SECONDS)]
    file = io.BytesIO()
    frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return file.getvalue()
