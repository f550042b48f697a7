"""Figures of paths: from above, in space, side by side, filmed; and the family tree."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from fastdl import errors, viz
from fastdl.viz import Member, Scene
from fastdl.viz.style import COLORS, OPTIMIZER_COLORS, looks

pytest.importorskip("matplotlib.figure")

PATHS = {"SGD": [(2.0, 1.0), (1.0, 0.5), (0.0, 0.0)], "Adam": [(2.0, 1.0), (0.0, 1.0)]}


def bowl(x, y):
    return x**2 + y**2


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_optimizers_have_their_colours_in_any_company():
    assert looks(["Adam"])["Adam"] == looks(["SGD", "Momentum", "Adam"])["Adam"] == (OPTIMIZER_COLORS["adam"], "-")
    assert looks(["SGD, lr 0.1"])["SGD, lr 0.1"][0] == OPTIMIZER_COLORS["sgd"]


def test_other_curves_have_what_remains():
    both = looks(["SGD", "SGD, lr 0.1", "mine"])
    assert list(both) == ["SGD", "SGD, lr 0.1", "mine"]
    assert len(set(both.values())) == 3
    assert looks(["mine"])["mine"] == (COLORS[0], "-")


@pytest.mark.parametrize("draw", [viz.plot_descent, viz.plot_surface], ids=lambda draw: draw.__name__)
def test_paths_are_where_they_are_given(draw):
    ax = draw(bowl, PATHS, minimum=(0.0, 0.0), title="Title", note="note")
    lines = {line.get_label(): line for line in ax.lines}
    assert set(lines) == set(PATHS)
    points = lines["SGD"].get_data_3d() if draw is viz.plot_surface else lines["SGD"].get_data()
    np.testing.assert_allclose(np.transpose(points)[:, :2], PATHS["SGD"])
    assert ax.get_title(loc="left") == "Title"
    assert texts(ax) == ["note"]


def test_what_leaves_the_surface_is_not_drawn():
    ax = viz.plot_surface(bowl, {"SGD": [(0.0, 0.0), (9.0, 0.0), (np.inf, 0.0)]}, limits=((-1, 1), (-1, 1)))
    assert np.isnan(ax.lines[0].get_data_3d()).any(axis=0).tolist() == [False, True, True]


def test_few_points_of_a_slow_function_are_enough():
    seen = []
    viz.plot_descent(lambda x, y: seen.append(x.shape) or bowl(x, y), PATHS, grid=7, legend=False)
    assert seen == [(7, 7)]


def test_scenes_share_colours_and_a_legend():
    ax = viz.plot_scenes({"one": Scene(bowl, PATHS), "two": Scene(bowl, {"Adam": PATHS["Adam"]}, note="below")})
    one, two = (panel for panel in ax.child_axes if panel.lines)
    assert one.lines[1].get_color() == two.lines[0].get_color()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["SGD", "Adam"]
    assert texts(two) == ["below"]


def test_scenes_fill_rows():
    ax = viz.plot_scenes({str(number): Scene(bowl, {"SGD": PATHS["SGD"]}) for number in range(5)}, columns=4)
    assert len(ax.child_axes) == 5
    assert ax.get_legend() is None


def test_lines_are_drawn_on_the_scales_that_are_asked_for():
    ax = viz.plot_lines({"a": ([1, 10], [1, 2])}, xlabel="step", ylabel="loss (nats)", xscale="log")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats)")
    assert ax.get_legend() is None
    many = {str(number): ([1, 2], [1, number]) for number in range(6)}
    assert viz.plot_lines(many, xlabel="", ylabel="").get_legend() is not None
    assert viz.plot_lines(many, xlabel="", ylabel="", legend=False).get_legend() is None


def test_frames_are_equally_far_apart_and_the_shorter_path_waits():
    race = viz.descent_frames({"long": np.ones((11, 2)), "short": [(0.0, 0.0), (3.0, 4.0)]}, frames=6)
    assert race.steps.tolist() == [0, 2, 4, 6, 8, 10]
    assert race.points["short"].tolist() == [[0, 0], *[[3, 4]] * 5]


def test_there_are_not_more_frames_than_steps():
    assert viz.descent_frames(PATHS, frames=60).steps.tolist() == [0, 1, 2]


def test_a_film_has_its_frames_and_colours():
    image = pytest.importorskip("PIL.Image")
    film = image.open(io.BytesIO(viz.animate_descent(bowl, PATHS, minimum=(0.0, 0.0), title="Race", seconds=1.0)))
    assert film.n_frames == 3
    assert film.info["loop"] == 0
    film.seek(2)
    pixels = np.asarray(film.convert("RGB")).reshape(-1, 3).astype(int)
    for name in ("sgd", "adam"):
        color = [int(OPTIMIZER_COLORS[name][at : at + 2], 16) for at in (1, 3, 5)]
        assert (np.abs(pixels - color).max(axis=1) < 12).sum() > 50


def test_a_film_moves():
    image = pytest.importorskip("PIL.Image")
    film = image.open(io.BytesIO(viz.animate_descent(bowl, PATHS)))
    frames = []
    for number in range(film.n_frames):
        film.seek(number)
        frames.append(np.asarray(film.convert("RGB")).copy())
    assert (frames[0] != frames[1]).any()
    assert (frames[1] != frames[2]).any()


def test_a_tree_names_everybody_once():
    members = {
        "root": Member("starts"),
        "left": Member("one", ["root"]),
        "right": Member("two", ["root"]),
        "both": Member("three", ["left", "right"]),
    }
    ax = viz.plot_tree(members, title="Title")
    assert texts(ax)[::2] == list(members)
    assert len(ax.patches) == 4
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places["root"][0] < places["left"][0] < places["both"][0]
    assert places["left"][1] < places["root"][1] < places["right"][1]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: viz.plot_descent(bowl, {}),
        lambda: viz.plot_surface(bowl, {"SGD": [1.0, 2.0]}),
        lambda: viz.animate_descent(bowl, {"SGD": np.ones((3, 3))}),
        lambda: viz.descent_frames({}),
        lambda: viz.plot_scenes({}),
        lambda: viz.plot_scenes({"empty": Scene(bowl, {})}),
        lambda: viz.plot_lines({}, xlabel="", ylabel=""),
        lambda: viz.plot_lines({"a": ([1, 2], [1])}, xlabel="", ylabel=""),
        lambda: viz.plot_tree({}),
        lambda: viz.plot_tree({"child": Member("", ["parent"]), "parent": Member("")}),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw):
    with pytest.raises(errors.ArrayError) as caught:
        draw()
    assert caught.value.op.startswith(("plot_", "animate_", "descent_"))


def test_a_race_has_two_frames_at_least():
    with pytest.raises(errors.HyperparameterError):
        viz.descent_frames(PATHS, frames=1)


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (viz.plot_surface, viz.animate_descent):
        with pytest.raises(errors.MissingDependencyError) as caught:
            draw(bowl, PATHS)
        assert "fastdl[plot]" in caught.value.hint
