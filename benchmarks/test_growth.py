"""The figures show what was measured."""

import io
from itertools import pairwise

import numpy as np
import pytest

from benchmarks import growth

growth_figures = pytest.importorskip("benchmarks.growth_figures", reason="figures need the extra plot")


def results(points):
    """Return results as of a measurement in which all times are like the sizes."""
    return {
        "works": [
            {
                "figure": point.figure,
                "size": point.size,
                "flops": point.flops,
                "name": point.work.name,
                "seconds": {
                    who: {"median": 1e-6 * point.size * n} for n, who in enumerate(point.work.recipes, start=1)
                },
            }
            for point in points
        ]
    }


def test_points_have_names_of_their_own():
    names = [point.work.name for point in growth.points()]
    assert len(set(names)) == len(names)


def test_results_say_which_point_they_are():
    point = growth.training("batch", 3, (4, 2, 2), 3)
    only = growth.Point(
        point.figure, 3, growth.among(("fastdl", "numpy"), point.work.name, "train_step", "adam", (4, 2, 2), 3), 7
    )
    (row,) = growth.measured([only], rounds=2, seconds=0.001)["works"]
    assert (row["figure"], row["size"], row["flops"]) == ("batch", 3, 7)
    assert set(row["seconds"]) == {"fastdl", "numpy"}


@pytest.mark.parametrize("figure", growth_figures.FIGURES, ids=lambda figure: figure.name)
def test_a_figure_has_each_contender_s_times_and_two_bounds(figure):
    works = results(growth.points())["works"]
    ax = growth_figures.draw_one(figure, works)
    rows = [row for row in works if row["figure"] == figure.name]
    lines = {line.get_color(): line for line in ax.lines}
    fastdl = lines[growth_figures.COLOR_OF["fastdl"]]
    np.testing.assert_array_equal(fastdl.get_xdata(), [row["size"] for row in rows])
    np.testing.assert_array_equal(fastdl.get_ydata(), [row["seconds"]["fastdl"]["median"] for row in rows])
    assert len(ax.lines) == 2 + len(growth_figures.CONTENDERS)
    texts = {text.get_text() for text in ax.texts}
    assert set(growth_figures.CONTENDERS.values()) <= texts
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_names_do_not_overlap():
    works = results(growth.points())["works"]
    for row in works:
        for spread in row["seconds"].values():
            spread["median"] = 1e-3  # all lines on each other
    ax = growth_figures.draw_one(growth_figures.FIGURES[0], works)
    ax.figure.savefig(io.BytesIO())
    names = [text for text in ax.texts if text.get_text() in growth_figures.CONTENDERS.values()]
    boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.y0)
    assert len(boxes) == 4
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))


def test_every_figure_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(growth_figures, "FOLDER", tmp_path)
    paths = growth_figures.draw(results(growth.points()))
    assert [path.name for path in paths] == [f"growth-{name}.png" for name in ("batch", "width", "depth", "parameters")]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
