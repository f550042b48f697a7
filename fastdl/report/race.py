"""The page's race of optimizers: its surfaces, their contours, and the controls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from fastdl.experiments import surfaces
from fastdl.experiments.hard_surfaces import SURFACES
from fastdl.experiments.surfaces import Surface
from fastdl.report.texts import Words
from fastdl.viz.style import OPTIMIZER_COLORS

SIZE = (640, 440)  # of the plot, in its own units
GRID = 120  # points along each side of the contours
LEVELS = 16

#: The optimizers that race, by their names in `fastdl.optim.OPTIMIZERS`, and as they are shown.
OPTIMIZERS = {
    "sgd": "SGD",
    "momentum": "Momentum",
    "nesterov": "Nesterov",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
}

#: The name that each optimizer has for what the page calls its memory.
MEMORIES = {"momentum": "momentum", "nesterov": "momentum", "rmsprop": "rho", "adam": "beta1"}

_MEMORY = {"momentum": 0.9, "nesterov": 0.9, "rmsprop": 0.99, "adam": 0.9}


@dataclass(frozen=True)
class Course:
    """A surface to race on.

    Parameters
    ----------
    surface : Surface
    limits : ((float, float), (float, float))
        What is shown of it.
    steps : int
        Of a race.
    rates : mapping of str to float
        The learning rate of each optimizer at first.
    """

    surface: Surface
    limits: tuple[tuple[float, float], tuple[float, float]]
    steps: int
    rates: Mapping[str, float]

    @property
    def settings(self) -> dict[str, dict[str, float]]:
        """The settings of each optimizer at first, as the page's script knows them."""
        return {
            name: {"lr": rate} | ({"memory": _MEMORY[name]} if name in _MEMORY else {})
            for name, rate in self.rates.items()
        }


#: The surfaces, by the names that the page's script has for them; on the hard ones each optimizer has at first about
#: the best of the rates that the experiment on them tries.
COURSES = {
    "valley": Course(
        surfaces.VALLEY,
        ((-8.0, 4.0), (-3.0, 3.0)),
        60,
        {"sgd": 0.95, "momentum": 0.1, "nesterov": 0.1, "adagrad": 1.5, "rmsprop": 0.1, "adam": 0.3},
    ),
    "long": Course(
        *SURFACES["long valley"],
        200,
        {"sgd": 0.4, "momentum": 0.4, "nesterov": 0.25, "adagrad": 2.5, "rmsprop": 0.1, "adam": 0.4},
    ),
    "turned": Course(
        *SURFACES["turned valley"],
        200,
        {"sgd": 0.4, "momentum": 0.4, "nesterov": 0.25, "adagrad": 1.6, "rmsprop": 0.16, "adam": 1.6},
    ),
    "saddle": Course(
        *SURFACES["saddle point"],
        120,
        {"sgd": 0.63, "momentum": 0.4, "nesterov": 0.4, "adagrad": 1.6, "rmsprop": 0.16, "adam": 0.063},
    ),
    "beale": Course(
        *SURFACES["Beale's function"],
        200,
        {"sgd": 0.025, "momentum": 0.0025, "nesterov": 0.004, "adagrad": 1.6, "rmsprop": 0.16, "adam": 0.4},
    ),
}


def contours(course: Course) -> str:
    """Lines of equal height as the path of an SVG element.

    Parameters
    ----------
    course : Course

    Returns
    -------
    str
    """
    from contourpy import contour_generator  # comes with matplotlib

    (left, right), (bottom, top) = course.limits
    x, y = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
    heights = course.surface.height(x, y)
    lines = contour_generator(x, y, heights)
    scale, origin = np.array(SIZE) / [right - left, bottom - top], np.array([left, top])
    parts = []
    for level in np.unique(np.quantile(heights, np.linspace(0.005, 0.97, LEVELS))):
        for line in lines.lines(level):
            points = ((line - origin) * scale).round(1)
            parts.append("M" + "L".join(f"{px:g} {py:g}" for px, py in points))
    return "".join(parts)


def _content(words: Words) -> dict[str, Any]:
    """What the script is given."""
    return {
        "optimizers": list(OPTIMIZERS),
        "words": {key: words.race[key] for key in words.race if key.startswith("memory_")}
        | {key: words.race[key] for key in ("play", "pause", "away")},
        "surfaces": {
            name: {
                "limits": course.limits,
                "size": SIZE,
                "start": course.surface.start,
                "minimum": course.surface.minimum,
                "steps": course.steps,
                "settings": course.settings,
                "contours": contours(course),
            }
            for name, course in COURSES.items()
        },
    }


def race(words: Words) -> str:
    """The race as a section of the page.

    Parameters
    ----------
    words : Words

    Returns
    -------
    str
        HTML with the data of the script; the script itself is the page's.
    """
    say = {key: escape(text) for key, text in words.race.items()}
    surface_options = "".join(f'<option value="{name}">{escape(words.surfaces[name])}</option>' for name in COURSES)
    optimizer_options = "".join(f'<option value="{name}">{shown}</option>' for name, shown in OPTIMIZERS.items())
    colors = "".join(f"--optimizer-{name}: {OPTIMIZER_COLORS[name]}; " for name in OPTIMIZERS)
    rows = "".join(
        f'<tr data-race="row-{name}"><th scope="row"><label>'
        f'<input type="checkbox" checked aria-label="{say["shown"]}: {shown}">'
        f'<span class="swatch" style="background: var(--optimizer-{name})"></span>{shown}</label></th>'
        f'<td class="rate"></td><td class="value"></td></tr>'
        for name, shown in OPTIMIZERS.items()
    )
    paths = "".join(
        f'<g data-race="path-{name}" style="color: var(--optimizer-{name})"><polyline points=""/><circle r="7"/></g>'
        for name in OPTIMIZERS
    )
    content = json.dumps(_content(words), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"""
<section id="race" class="race" aria-labelledby="race-title" style="{colors}">
<h3 id="race-title">{say["title"]}</h3>
<p>{say["idea"]}</p>
<noscript><p>{say["noscript"]}</p></noscript>
<div class="track">
<svg viewBox="0 0 {SIZE[0]} {SIZE[1]}" role="img" aria-label="{say["plot"]}">
<path class="contours" data-race="contours"/>
<g class="mark" data-race="start"><circle r="5"/><text x="9" y="-8">{say["start"]}</text></g>
{paths}
<g class="mark" data-race="minimum"><path d="M0-9L2.6-3 9-2.6 4 1.6 5.6 8 0 4.4-5.6 8-4 1.6-9-2.6-2.6-3Z"/>
<text x="12" y="24">{say["minimum"]}</text></g>
</svg>
<div class="controls">
<p class="field"><label for="race-surface">{say["surface"]}</label>
<select id="race-surface" data-race="surface">{surface_options}</select></p>
<p class="field"><label for="race-optimizer">{say["optimizer"]}</label>
<select id="race-optimizer" data-race="optimizer">{optimizer_options}</select></p>
<p class="field"><label for="race-lr">{say["lr"]}</label><output for="race-lr" data-race="lr-shown"></output>
<input id="race-lr" data-race="lr" type="range" min="-3" max="0.5" step="0.01"></p>
<p class="field" data-race="memory-field">
<label for="race-memory" data-race="memory-label">{say["memory_momentum"]}</label>
<output for="race-memory" data-race="memory-shown"></output>
<input id="race-memory" data-race="memory" type="range" min="0" max="0.995" step="0.005"></p>
<p class="field"><label for="race-step">{say["step"]}</label><output for="race-step" data-race="step-shown"></output>
<input id="race-step" data-race="step" type="range" min="0" max="1" step="1"></p>
<p class="buttons"><button type="button" class="primary" data-race="play">{say["play"]}</button>
<button type="button" data-race="reset">{say["reset"]}</button></p>
</div>
<table class="standings">
<thead><tr><th scope="col">{escape(words.technique)}</th><th scope="col">{say["rate"]}</th>
<th scope="col">{say["value"]}</th></tr></thead>
<tbody>{rows}</tbody>
</table>
</div>
<p class="note">{say["note"]}</p>
<script type="application/json" id="race-data">{content}</script>
</section>"""
