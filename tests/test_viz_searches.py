"""Figures of searches: right numbers on the right axes."""

from __future__ import annotations

import io

import numpy as np
import pytest

from fastdl import errors
from fastdl.viz import plot_best_so_far, plot_parallel_coordinates, plot_ranges, plot_small_multiples

Figure = pytest.importorskip("matplotlib.figure").Figure


def png(ax):
    file = io.BytesIO()
    ax.figure.savefig(file, format="png")
    return file.getvalue()


def test_small_multiples_have_a_panel_each_on_one_scale():
    curves = {f"run {n}": {"a": [0.1 * n, 0.2 * n], "b": [0.5, np.nan]} for n in range(7)}
    ax = plot_small_multiples(curves, columns=3, title="Title", note="note")
    shown = [panel for panel in ax.child_axes if panel.get_visible()]
    assert [panel.get_title() for panel in shown] == list(curves)
    assert len({panel.get_ylim() for panel in shown}) == 1
    for panel, each in zip(shown, curves.values(), strict=True):
        for line, values in zip(panel.lines, each.values(), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), [1, 2])
            np.testing.assert_array_equal(line.get_ydata(), values)
    assert png(ax)


@pytest.mark.parametrize("curves", [{}, {"a": {}}])
def test_small_multiples_of_nothing_are_refused(curves):
    with pytest.raises(errors.ArrayError):
        plot_small_multiples(curves)


def test_parallel_coordinates_place_numbers_and_texts():
    columns = {"lr": [1e-4, 1e-2, 1.0, 1.0], "init": ["he", "xavier", "he", "he"], "one": [3, 3, 3, 3]}
    ax = plot_parallel_coordinates(columns, [0.2, 0.9, 0.4, np.nan], log=["lr"], label="accuracy")
    lines = [line for line in ax.lines if len(line.get_xdata()) == 4]
    heights = sorted(tuple(np.round(line.get_ydata(), 6)) for line in lines)
    assert heights == [(0, 0, 0.5, 0), (0.5, 1, 0.5, 1), (1, 0, 0.5, round(2 / 7, 6))]
    np.testing.assert_allclose(lines[-1].get_ydata()[-1], 1)  # the best is drawn last
    assert [text.get_text() for text in ax.get_xticklabels()] == ["lr", "init", "one", "accuracy"]
    assert {"0.0001", "0.01", "1", "he", "xavier", "3"} <= {text.get_text() for text in ax.texts}
    assert png(ax)


@pytest.mark.parametrize("log", [[], ["n"]])
@pytest.mark.parametrize("numbers", [[1, 2, 3], [1, 8, 2], [20, 200, 57], np.array([3, 4, 4]), [7, 4096, 64]])
def test_an_axis_of_integers_has_integers_at_its_ticks(numbers, log):
    ax = plot_parallel_coordinates({"n": numbers}, [0.1, 0.5, 0.3], log=log)
    ticks = {int(text.get_text()): text.xy[1] for text in ax.texts[:-1] if text.xy[0] == 0}
    assert {min(numbers), max(numbers)} <= ticks.keys()
    assert len(ticks) == min(5, max(numbers) - min(numbers) + 1)
    scale = np.log if log else np.float64
    low, high = scale(min(numbers)), scale(max(numbers))
    for number, height in ticks.items():
        np.testing.assert_allclose(height, (scale(number) - low) / (high - low), atol=1e-12)


def test_an_axis_of_one_integer_and_of_floats_that_are_whole():
    ax = plot_parallel_coordinates({"one": [4096, 4096], "float": [1.0, 2.0]}, [0.1, 0.5])
    texts = [[text.get_text() for text in ax.texts[:-1] if text.xy[0] == place] for place in (0, 1)]
    assert texts == [["4096"], ["1", "1.25", "1.5", "1.75", "2"]]


def test_parallel_coordinates_may_prefer_small_values():
    ax = plot_parallel_coordinates({"lr": [1.0, 2.0]}, [0.5, 0.1], higher_is_better=False)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [1, 0])


@pytest.mark.parametrize("columns", [{}, {"lr": [1.0]}])
def test_parallel_coordinates_need_a_number_for_each_value(columns):
    with pytest.raises(errors.ArrayError):
        plot_parallel_coordinates(columns, [0.5, 0.1])


def test_ranges_are_bars():
    ends = [(1e-6, 1e-2), (1e-4, 1e-2), (1e-3, 5e-3)]
    ax = plot_ranges({"lr": ends, "units": [(1, 9)] * 3}, points={"lr": [[1e-4, 1e-2], [1e-3]]}, log=["lr"])
    lr, units = ax.child_axes
    assert (lr.get_yscale(), units.get_yscale()) == ("log", "linear")
    bars = [segment[:, 1] for segment in lr.collections[0].get_segments()]
    np.testing.assert_allclose(bars, ends)
    np.testing.assert_allclose(lr.lines[0].get_ydata(), [1e-4, 1e-2])
    assert png(ax)


@pytest.mark.parametrize("ranges", [{}, {"lr": [1.0, 2.0]}, {"lr": np.ones((2, 3))}])
def test_what_is_no_range_is_refused(ranges):
    with pytest.raises(errors.ArrayError):
        plot_ranges(ranges)


def test_best_so_far_is_a_mean_with_its_error():
    ax = plot_best_so_far({"random": [[0.1, 0.5], [0.3, 0.7]], "one": [[0.2, 0.2]]})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.2, 0.6])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2])
    assert {0.1, 0.3} <= set(np.round(ax.collections[0].get_paths()[0].vertices[:, 1], 6))
    assert png(ax)


@pytest.mark.parametrize("runs", [{}, {"a": [0.1, 0.2]}, {"a": np.ones((0, 2))}])
def test_best_so_far_needs_runs(runs):
    with pytest.raises(errors.ArrayError):
        plot_best_so_far(runs)
