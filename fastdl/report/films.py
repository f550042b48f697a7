"""Races step by step: the paths over a surface from above and in space, whole until the page's script cuts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fastdl.experiments.races import DEPTH, VIEW, Race
from fastdl.report.figures import to_svg
from fastdl.report.race import COURSES
from fastdl.report.texts import Words
from fastdl.viz.descent import draw_view, widths
from fastdl.viz.style import looks, new_axes
from fastdl.viz.surface import draw_surface, on_surface

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (4.6, 3.8)  # of a view, in inches
POINTS = 72  # units of a drawing in an inch


def films(races: Iterable[Race], words: Words) -> str:
    """Make a film of each race, which shows its last step where there is no script.

    Parameters
    ----------
    races : iterable of Race
    words : Words

    Returns
    -------
    str
        HTML.
    """
    say = words.films
    each = "".join(_film(race, words) for race in races)
    return f'<div class="films"><h4>{escape(say["title"])}</h4><p class="note">{escape(say["idea"])}</p>{each}</div>'


def _film(race: Race, words: Words) -> str:
    say = {key: escape(text, quote=True) for key, text in words.films.items()}
    (course,) = [name for name, course in COURSES.items() if course.surface is race.surface]
    title = escape(words.surfaces[course], quote=True)
    steps = max(len(path) for path in race.paths.values()) - 1
    views = "".join(
        f'<figure>{drawing.replace("<svg ", f"""<svg class="lines" role="img" aria-label="{title}. {alt}" """, 1)}'
        f"<figcaption>{caption}</figcaption></figure>"
        for drawing, alt, caption in (
            (_from_above(race), say["alt_above"], say["above"]),
            (_in_space(race), say["alt_space"], say["space"]),
        )
    )
    key = f"film-{race.slug}"
    return f"""<div class="film" id="{key}" role="group" aria-label="{title}">
<h5>{title}</h5>
<div class="views">{views}</div>
<div class="player"><button type="button" data-play="{say["play"]}" data-pause="{say["pause"]}">{say["play"]}</button>
<label for="{key}-step">{say["step"]}</label>
<input id="{key}-step" type="range" min="0" max="{steps}" step="1" value="{steps}">
<output for="{key}-step" aria-live="off">{steps} / {steps}</output></div>
<ul class="runners">{_names(race, say)}</ul>
</div>
"""


def _names(race: Race, say: dict[str, str]) -> str:
    """Who runs, in which colour, and who has arrived after how many steps; the box is for hiding a path."""
    arrivals = {label: say["stuck"] if steps is None else str(steps) for label, steps in race.arrivals.items()}
    return "".join(
        f'<li><label><input type="checkbox" checked aria-label="{say["shown"]}: {escape(label)}">'
        f'<span class="swatch" style="background: {_color(color)}"></span>{escape(label)} '
        f'<span class="arrival">{arrivals[label]}</span></label></li>'
        for label, (color, _) in looks(race.paths).items()
    )


def _color(color: str) -> str:
    return "currentColor" if color == "black" else color


def _from_above(race: Race) -> str:
    ax = new_axes("fastdl report", *SIZE)
    draw_view(ax, race.surface.height, race.limits, race.surface.minimum)
    return _with_paths(ax, f"{race.slug}-above", race.paths)


def _in_space(race: Race) -> str:
    from mpl_toolkits.mplot3d.proj3d import proj_transform  # type: ignore[import-untyped]  # it has no stubs

    ax = cast("Any", new_axes("fastdl report", *SIZE, projection="3d"))
    surface = draw_surface(ax, race.depth, race.limits, VIEW, race.surface.minimum, DEPTH)
    surface.set_rasterized(True)  # it has thousands of faces
    seen = {}
    for label, path in race.paths.items():
        seen[label] = np.column_stack(proj_transform(*on_surface(race.depth, path, race.limits), ax.get_proj())[:2])
    return _with_paths(ax, f"{race.slug}-space", seen)


def _with_paths(ax: Axes, name: str, paths: Mapping[str, NDArray[np.float64]]) -> str:
    """The view, and over it each path with a dot at its end; the page's script shows the first points of a path."""
    figure = cast("Any", ax.figure)
    figure.canvas.draw()
    figure.set_layout_engine("none")  # as it is laid out now
    height = POINTS * SIZE[1]
    drawn = []
    for (label, (color, _)), width in zip(looks(paths).items(), widths(len(paths)), strict=True):
        x, y = ax.transData.transform(paths[label]).T * (POINTS / figure.dpi)
        points = [f"{across:.1f},{height - up:.1f}" for across, up in zip(x, y, strict=True)]
        cx, cy = points[-1].split(",")
        drawn.append(
            f'<g style="color: {_color(color)}"><polyline stroke-width="{width:g}" points="{" ".join(points)}"/>'
            f'<circle cx="{cx}" cy="{cy}" r="4"/></g>'
        )
    return to_svg(ax, name, bbox_inches=None).replace("</svg>", f'<g class="paths">{"".join(drawn)}</g></svg>')
