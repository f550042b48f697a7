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


def to_png(ax: Axes) -> bytes:
    """PNG image of the figure that the axes are in, at 150 dots an inch."""
    image = io.BytesIO()
    cast("Figure", ax.figure).savefig(image, format="png", dpi=150)
    return image.getvalue()
