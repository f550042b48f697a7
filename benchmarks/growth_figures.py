"""Draws what `benchmarks.growth` measured: time of a step against one size, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.growth import BATCHES, BOOK_BATCH, DEPTHS, WIDTHS
from fastdl.viz.style import COLORS, GREY, new_axes, to_png

FOLDER = Path(__file__).parents[1] / "docs"
CONTENDERS = {"fastdl": "fastdl", "jax": "JAX", "torch": "PyTorch", "numpy": "NumPy"}
COLOR_OF = dict(zip(("fastdl", "torch", "numpy", "jax"), COLORS, strict=False))
APART = 0.06  # of the axes' height, between the middles of two names
Row = dict[str, Any]
Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Figure:
    """A figure's words, and the bound that its file's rows give."""

    name: str
    title: str
    note: str
    xlabel: str
    ticks: tuple[int, ...]
    bound: Callable[[Figure, list[Row]], Iterator[tuple[str, Line]]]


def median(row: Row, contender: str = "fastdl") -> float:
    seconds: float = row["seconds"][contender]["median"]
    return seconds


def best_rate(works: list[Row]) -> float:
    """Return the operations a second of the quickest square product, whoever computed it.

    Examples
    --------
    >>> seconds = {"fastdl": {"median": 0.5}, "jax": {"median": 0.25}}
    >>> best_rate([{"figure": "product", "flops": 100, "seconds": seconds}])
    400.0
    """
    products = [row for row in works if row["figure"] == "product"]
    return max(row["flops"] / median(row, who) for row in products for who in row["seconds"])


def products_and_calls(figure: Figure, works: list[Row]) -> Iterator[tuple[str, Line]]:
    """Bound a training step by its products at the best rate, and by what its calls cost by themselves."""
    rate = best_rate(works)
    steps = [row for row in works if row["figure"] == figure.name]
    yield f"its products at\n{rate / 1e9:.0f} GFLOP/s", [(row["size"], row["flops"] / rate) for row in steps]
    calls = {row["size"]: median(row) for row in works if row["figure"] == f"overhead {figure.name}"}
    only = min(calls.values())  # where they do not depend on the size
    yield "fastdl's calls alone", [(row["size"], calls.get(row["size"], only)) for row in steps]


def bytes_and_calls(figure: Figure, works: list[Row]) -> Iterator[tuple[str, Line]]:
    """Bound an optimizer's step by a C loop over as many bytes, and by what its call costs by itself."""
    steps = [row for row in works if row["figure"] == figure.name]
    yield "C loop over\nas many bytes", [(row["size"], median(row, "c")) for row in steps]
    (call,) = (median(row) for row in works if row["figure"] == f"overhead {figure.name}")
    yield "fastdl's call alone", [(row["size"], call) for row in steps]


FIGURES = [
    Figure(
        "batch",
        "A training step against its batch",
        "784-100-100-100-100-10, Adam",
        "rows of a batch",
        BATCHES[::2],
        products_and_calls,
    ),
    Figure(
        "width",
        "A training step against the layers' width",
        f"784-width-width-10, Adam, batches of {BOOK_BATCH}",
        "units of each hidden layer",
        WIDTHS,
        products_and_calls,
    ),
    Figure(
        "depth",
        "A training step against the network's depth",
        f"784-100-...-100-10, Adam, batches of {BOOK_BATCH}",
        "hidden layers of 100 units",
        DEPTHS,
        products_and_calls,
    ),
    Figure(
        "parameters",
        "A step of Adam against the parameters",
        "one tensor, float32",
        "parameters",
        tuple(10**n for n in range(3, 9)),
        bytes_and_calls,
    ),
]


def draw(results: dict[str, Any]) -> list[Path]:
    """Draw every figure, and return the files."""
    FOLDER.mkdir(exist_ok=True)
    paths = []
    for figure in FIGURES:
        path = FOLDER / f"growth-{figure.name}.png"
        path.write_bytes(to_png(draw_one(figure, results["works"])))
        paths.append(path)
    return paths


def draw_one(figure: Figure, works: list[Row]) -> Axes:
    """Draw one figure on new axes."""
    ax = new_axes("growth", 6.4, 4.0)
    steps = [row for row in works if row["figure"] == figure.name]
    (work, work_line), (calls, calls_line) = figure.bound(figure, works)
    ax.plot(*zip(*work_line, strict=True), color=GREY, linewidth=1.2, linestyle="--", zorder=1)
    ax.plot(*zip(*calls_line, strict=True), color=GREY, linewidth=1.2, linestyle=":", zorder=1)
    _write_below(ax, work, work_line)
    _write_below(ax, calls, calls_line)
    ends = {}
    for who in CONTENDERS:
        line = [(row["size"], median(row, who)) for row in steps if who in row["seconds"]]
        bold = who == "fastdl"
        style = {"linewidth": 2.2 if bold else 1.4, "zorder": 2 + bold, "marker": "o", "markersize": 3}
        ax.plot(*zip(*line, strict=True), color=COLOR_OF[who], **style)
        ends[who] = line[-1]
    _dress(ax, figure)
    _name_lines(ax, ends)
    return ax


def _write_below(ax: Axes, text: str, line: Line) -> None:
    """Write what a bound is below its line, where no other line comes near."""
    point = line[len(line) * 3 // 5]
    ax.annotate(text, point, xytext=(8, -4), textcoords="offset points", fontsize="small", color=GREY, va="top")


def _dress(ax: Axes, figure: Figure) -> None:
    ax.set_title(figure.title, loc="left", fontweight="bold", pad=22)
    ax.text(0, 1.025, figure.note, transform=ax.transAxes, fontsize="small", color=GREY)
    ax.set(xscale="log", yscale="log", xlabel=figure.xlabel, ylabel="time of a step")
    ax.set_ylim(bottom=0.5 * ax.get_ylim()[0])  # room for what is written below the lowest line
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: amount(x)))
    ax.set_xticks(figure.ticks)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(LogLocator(10))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: duration(y)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def _name_lines(ax: Axes, ends: dict[str, tuple[float, float]]) -> None:
    """Write each contender's name where its line ends."""
    last = max(x for x, _ in ends.values())
    to_axes = ax.transScale + ax.transLimits
    beside = [who for who, (x, _) in ends.items() if x == last]
    heights = spread([to_axes.transform(ends[who])[1] for who in beside], APART)
    for who, height in zip(beside, heights, strict=True):
        place = to_axes.transform(ends[who])[0], height
        _name(ax, who, place, xycoords="axes fraction", xytext=(7, 0), va="center")
    for who in ends.keys() - set(beside):
        _name(ax, who, ends[who], xytext=(0, 5), ha="center")


def _name(ax: Axes, who: str, place: tuple[float, float], **where: Any) -> None:
    weight = "bold" if who == "fastdl" else "normal"
    ax.annotate(CONTENDERS[who], place, textcoords="offset points", color=COLOR_OF[who], fontweight=weight, **where)


def spread(heights: list[float], apart: float) -> list[float]:
    """Move heights from each other until they are so far apart, those too close by the same amount.

    Examples
    --------
    >>> [round(height, 2) for height in spread([0.5, 0.9, 0.5], 0.1)]
    [0.45, 0.9, 0.55]
    """
    moved = list(heights)
    order = sorted(range(len(moved)), key=moved.__getitem__)
    for _ in range(100):
        for low, high in pairwise(order):
            push = max(0.0, apart - (moved[high] - moved[low])) / 2
            moved[low] -= push
            moved[high] += push
    return moved


def duration(seconds: float) -> str:
    """Write a power of ten.

    Examples
    --------
    >>> [duration(10.0**n) for n in (-6, -5, -3, -1, 0)]
    ['1 µs', '10 µs', '1 ms', '100 ms', '1 s']
    """
    unit, scale = next((u, s) for u, s in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)) if seconds >= 0.99 * s or u == "µs")
    return f"{seconds / scale:g} {unit}"


def amount(number: float) -> str:
    """Write a number with k and M.

    Examples
    --------
    >>> [amount(x) for x in (1, 256, 8192, 10_000, 10**8)]
    ['1', '256', '8192', '10k', '100M']
    """
    for scale, unit in ((10**6, "M"), (10**3, "k")):
        if number >= scale and number % scale == 0:
            return f"{number / scale:g}{unit}"
    return f"{number:g}"
