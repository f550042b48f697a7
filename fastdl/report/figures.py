"""An experiment's figure as a part of a page: lines in the page's own colours, or a picture where those get many."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, cast

from fastdl.viz.style import GREY, new_axes, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

USUAL, NARROW = (8.0, 4.8), (4.2, 3.8)  # inches: what one panel has, and what it has on a phone
DPI = 144  # of the parts that are pictures
LARGEST = 400_000  # characters of a figure made of lines

# What matplotlib draws with, and the page's own: it has a light and a dark form.
_COLORS = {"#000000": "currentColor", "#ffffff": "var(--paper)", GREY: "var(--muted)"}


def figure(draw: Callable[..., Axes], result: Any, name: str, text: str) -> str:
    """Draw a result: one panel for a wide page and for a phone, of which the page shows the one that fits.

    Parameters
    ----------
    draw : callable
        An experiment's.
    result : dataclass
        What it draws.
    name : str
        Of the experiment; goes into the identifiers, so it is there once on a page.
    text : str
        What the figure shows, for who does not see it.

    Returns
    -------
    str
        HTML.
    """
    ax = draw(result)
    wide = _picture(ax, f"{name}-wide", text)
    if ax.child_axes or tuple(cast("Figure", ax.figure).get_size_inches()) != USUAL:
        return wide  # several panels, which have no room on a phone: there the figure can be enlarged
    small = draw(result, ax=new_axes("fastdl report", *NARROW))
    small.set_title("", loc="left")
    for note in [each for each in small.texts if getattr(each, "xycoords", None) == "axes fraction"]:
        note.remove()  # there is no room for it, nor for the title; enlarged, the figure has both
    return wide.replace('class="', 'class="wide ', 1) + _picture(small, f"{name}-narrow", text).replace(
        'class="', 'class="narrow ', 1
    )


def _picture(ax: Axes, name: str, text: str) -> str:
    drawing = to_svg(ax, name)
    label = escape(text, quote=True)
    if len(drawing) <= LARGEST:
        return drawing.replace("<svg ", f'<svg class="lines" role="img" aria-label="{label}" ', 1)
    image = base64.b64encode(to_png(ax)).decode()
    return f'<img class="picture" alt="{label}" src="data:image/png;base64,{image}">'


def to_svg(ax: Axes, name: str, bbox_inches: str | None = "tight") -> str:
    """The figure that the axes are in as an SVG element for the inside of a page.

    Parameters
    ----------
    ax : matplotlib Axes
    name : str
        Put before all identifiers, which are then the figure's own.
    bbox_inches : str or None
        As of matplotlib's ``savefig``; with None a point of the figure is a unit of the drawing.

    Returns
    -------
    str
        Without what a file has and an element has not: header, metadata, addresses of name spaces; and without
        matplotlib's style sheet, which would be the whole page's: the page has it for figures.
    """
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
        cast("Figure", ax.figure).savefig(
            file, format="svg", dpi=DPI, transparent=True, bbox_inches=bbox_inches, metadata={"Date": None}
        )
    drawing = file.getvalue()
    drawing = drawing[drawing.index("<svg ") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r' xmlns(:\w+)?="[^"]*"| version="1.1"', "", drawing).replace("xlink:href", "href")
    drawing = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", drawing)
    drawing = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", drawing))
    drawing = re.sub(r"\d+\.\d{3,}", _rounded, drawing)
    for color, own in _COLORS.items():
        drawing = drawing.replace(color, own)
    return re.sub(r"\s*\n\s*", "\n", drawing).strip()


def _rounded(number: re.Match[str]) -> str:
    """Hundredths of a point are enough for places; scales are below 1."""
    value = float(number[0])
    return f"{value:.2f}".rstrip("0").rstrip(".") if value >= 1 else f"{value:.4g}"
