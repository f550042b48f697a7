"""Draws how many times quicker a step gets on more machines, by the model of `benchmarks.parallel.cost`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.parallel import fit
from benchmarks.parallel.cost import BACKWARD, LINKS
from fastdl.viz.style import COLORS, GREY, new_axes, panels, set_grid, set_panel_titles, to_png

FOLDER = Path(__file__).parents[2] / "docs"
MACHINES = tuple(2**n for n in range(8))
TITLES = {"book": "the book's network, 110 thousand parameters", "large": "100 million parameters"}


def write(results: dict[str, Any]) -> list[Path]:
    """Draw a figure for each network that has a title, and return the files."""
    FOLDER.mkdir(exist_ok=True)
    paths = []
    for model in results["models"]:
        if model["name"] in TITLES:
            paths.append(FOLDER / f"scaling-{model['name']}.png")
            paths[-1].write_bytes(to_png(draw(results, model)))
    return paths


def draw(results: dict[str, Any], model: dict[str, Any]) -> Axes:
    """Draw one network's figure on new axes: the batch shared by the machines, and one that grows with them."""
    ax = new_axes("scaling", 9.0, 4.4)
    step = fit.machine_step(results, model)
    alone = fit.alone(results, model)
    ((shared, grown),) = panels(ax, 1, 2, gap=0.45)
    rows = model["rows"]
    curves = {
        shared: (f"a batch of {rows} for all", lambda link, n, overlap: alone / step.seconds(link, n, overlap)),
        grown: (f"{rows} rows for each", lambda link, n, overlap: n * alone / step.grown(n).seconds(link, n, overlap)),
    }
    for panel, (title, speed) in curves.items():
        panel.set_title(title, loc="left", fontsize="medium")
        panel.plot(MACHINES, MACHINES, color=GREY, linewidth=1, linestyle=":")
        for color, (name, link) in zip(COLORS, LINKS.items(), strict=False):
            for style, overlap in (("-", 0.0), ("--", BACKWARD)):
                line = [1.0, *(speed(link, n, overlap) for n in MACHINES[1:])]
                panel.plot(MACHINES, line, color=color, linestyle=style, linewidth=2 if style == "-" else 1.2)
            panel.annotate(name, (MACHINES[-1], speed(link, MACHINES[-1], 0.0)), xytext=(6, 0), va="center",
                           textcoords="offset points", color=color, fontsize="small")  # fmt: skip
        _dress(panel)
    shared.set_ylabel("rows a second against one machine")
    note = "Adam; dotted: as many times as machines; dashed: the sum hidden behind the backward pass if it can be"
    set_panel_titles(ax, f"What more machines bring: {TITLES[model['name']]}", note)
    return ax


def _dress(panel: Axes) -> None:
    set_grid(panel)
    panel.set(xscale="log", yscale="log", xlabel="machines", xlim=(1, MACHINES[-1]), ylim=(0.02, MACHINES[-1]))
    panel.axhline(1, color=GREY, linewidth=0.8)
    panel.set_xticks(MACHINES[::2])
    panel.set_yticks([0.1, 1, 10, 100])
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.set_minor_locator(NullLocator())
