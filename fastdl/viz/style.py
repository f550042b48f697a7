"""What every figure shares: axes made without a display, and colours that everybody can tell apart."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from fastdl.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# M. Okabe and K. Ito, "Color universal design" (2008), without black, and without yellow: too faint on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#666666"

# The same optimizer has the same colour in every figure, whatever else is drawn.
OPTIMIZER_COLORS = dict(zip(("sgd", "momentum", "adagrad", "adam", "nesterov", "rmsprop"), COLORS, strict=True))
OPTIMIZER_COLORS["adadelta"] = "black"


def looks(labels: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and line style of each curve of a figure.

    Parameters
    ----------
    labels : iterable of str
        An optimizer's name, which may go on after a comma ("SGD, lr 0.1"), has the optimizer's colour, the first time;
        the others have what remains, in order.

    Returns
    -------
    dict of str to (str, str)
        No two are the same, up to 18 labels.

    Examples
    --------
    >>> looks(["Adam", "mine"])
    {'Adam': ('#CC79A7', '-'), 'mine': ('#0072B2', '-')}
    """
    result: dict[str, tuple[str, str]] = {}
    labels = list(labels)
    for label in labels:
        color = OPTIMIZER_COLORS.get(label.partition(",")[0].lower())
        if color is not None and (color, "-") not in result.values():
            result[label] = color, "-"
    styles = [(color, style) for style in ("-", "--", ":") for color in COLORS]
    free = [each for each in styles if each not in result.values()] or styles
    others = [label for label in labels if label not in result]
    result |= {label: free[number % len(free)] for number, label in enumerate(others)}
    return {label: result[label] for label in labels}


def new_axes(op: str, width: float = 8.0, height: float = 4.8, **subplot: Any) -> Axes:
    """Axes of a fresh figure that no window and no pyplot knows of; save it with ``ax.figure.savefig``.

    Parameters
    ----------
    op : str
        The function that draws, for the error message.
    width, height : float
        Size in inches.
    **subplot
        Passed to ``add_subplot``, such as ``projection="3d"``.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "matplotlib is not installed", op=op, hint='Install it with pip install "fastdl[plot]"'
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return cast("Axes", figure.add_subplot(**subplot))


def set_titles(ax: Axes, title: str, note: str = "", room: float = 0.0) -> None:
    """Set a bold title above the axes and a small note below it, ``room`` points higher where panels need them."""
    ax.set_title(title, loc="left", fontweight="bold", pad=room + (22 if note else 6))
    ax.annotate(
        note, (0, 1), xytext=(0, room + 7), xycoords="axes fraction", textcoords="offset points", fontsize="small",
        color=GREY,
    )  # fmt: skip


def set_panel_titles(
    ax: Axes, title: str, note: str, handles: Sequence[Artist] = (), labels: Sequence[str] = ()
) -> None:
    """Set title and note above panels, which have titles of their own, and beside the note one legend for all."""
    set_titles(ax, title, note, room=14)
    if handles:
        ax.legend(
            handles, labels, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=2.2,
            ncols=len(handles), fontsize="small",
        )  # fmt: skip


def set_grid(ax: Axes) -> None:
    """Show faint lines across, and no frame above and to the right."""
    ax.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def panels(ax: Axes, rows: int, columns: int, gap: float = 0.3) -> list[list[Axes]]:
    """Small axes in a grid on the area of one, whose own frame and ticks are hidden.

    Parameters
    ----------
    ax : matplotlib Axes
    rows, columns : int >= 1
    gap : float
        Between two panels, as a share of a panel's side.

    Returns
    -------
    list of lists of matplotlib Axes
        The panels, row by row, from the top.
    """
    ax.set_axis_off()
    width, height = 1 / (columns + gap * (columns - 1)), 1 / (rows + gap * (rows - 1))
    return [
        [
            ax.inset_axes((column * width * (1 + gap), 1 - height - row * height * (1 + gap), width, height))
            for column in range(columns)
        ]
        for row in range(rows)
    ]


def to_png(ax: Axes) -> bytes:
    """PNG image of the figure that the axes are in, at 150 dots an inch."""
    image = io.BytesIO()
    cast("Figure", ax.figure).savefig(image, format="png", dpi=150)
    return image.getvalue()
