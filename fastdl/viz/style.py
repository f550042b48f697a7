"""What every figure shares: axes made without a display, and colours that everybody can tell apart."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from fastdl.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# M. Okabe and K. Ito, "Color universal design" (2008), without black, and without yellow: too faint on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#666666"


def new_axes(op: str, width: float = 8.0, height: float = 4.8) -> Axes:
    """Axes of a fresh figure that no window and no pyplot knows of; save it with ``ax.figure.savefig``.

    Parameters
    ----------
    op : str
        The function that draws, for the error message.
    width, height : float
        Size in inches.

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
    return figure.add_subplot()


def set_titles(ax: Axes, title: str, note: str = "") -> None:
    """Set a bold title above the axes and a small note below it."""
    ax.set_title(title, loc="left", fontweight="bold", pad=22 if note else None)
    ax.text(0, 1.025, note, transform=ax.transAxes, fontsize="small", color=GREY)


def set_titles_of_panels(ax: Axes, title: str, note: str = "") -> None:
    """Set what `set_titles` sets, above panels that have titles of their own."""
    ax.set_title(title, loc="left", fontweight="bold", pad=38 if note else 22)
    ax.annotate(note, (0, 1), (0, 22), "axes fraction", textcoords="offset points", fontsize="small", color=GREY)


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
