"""Figures of layers, accuracies and small multiples: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import errors
from fastdl.viz import plot_accuracy_curves, plot_curve_grid, plot_dots, plot_layer_histograms, plot_layer_values
from tests.test_viz import legend, png

Figure = pytest.importorskip("matplotlib.figure").Figure


def lines(ax):
    return {line.get_label(): line.get_ydata() for line in ax.lines if not line.get_label().startswith("_")}


def test_histograms_have_a_bar_for_each_bin():
    ax = plot_layer_histograms([[1, 4, 0], [2, 2, 2]], [0.0, 1.0, 2.0, 3.0], title="Title")
    bars = np.array([(bar.get_x(), bar.get_y(), bar.get_width()) for bar in ax.patches])
    np.testing.assert_array_equal(bars[:, 0], [1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(bars[:, 1], [0, 1, 2] * 2)
    np.testing.assert_allclose(bars[:, 2] / bars[1, 2], [0.25, 1, 0, 1, 1, 1])
    assert bars[:, 2].max() < 1  # they do not reach the next layer's
    assert ax.get_title(loc="left") == "Title"
    assert png(ax)


def test_values_of_several_runs_are_their_geometric_mean_in_a_band():
    ax = plot_layer_values({"a": [[1.0, 10.0], [100.0, 10.0]], "b": [1.0, 0.0]})
    np.testing.assert_allclose(lines(ax)["a"], [10, 10])
    np.testing.assert_array_equal(lines(ax)["b"], [1, np.nan])
    (band,) = ax.collections
    assert band.get_datalim(ax.transData).y0 == 1
    assert band.get_datalim(ax.transData).y1 == 100
    assert ax.get_yscale() == "log"
    assert legend(ax) == ["a", "b"]
    assert plot_layer_values({"a": [1.0]}, legend=False).get_legend() is None


def test_accuracies_of_training_and_test_have_one_colour():
    ax = plot_accuracy_curves({"none": ([[0.2, 1.0], [0.4, 0.8]], [0.1, 0.5]), "some": ([0.5], [0.4])}, note="note")
    np.testing.assert_allclose(lines(ax)["none, training"], [0.3, 0.9])
    np.testing.assert_allclose(lines(ax)["none, test"], [0.1, 0.5])
    training, test, other, _ = ax.lines
    assert training.get_color() == test.get_color() != other.get_color()
    assert training.get_linestyle() != test.get_linestyle()
    np.testing.assert_array_equal(training.get_xdata(), [1, 2])
    assert png(ax)


def test_a_grid_has_a_small_figure_for_each_title():
    grid = {f"run {i}": {"with": [0.1 * i, 1.0], "without": [[0.0, 0.2], [0.0, 0.4]]} for i in range(5)}
    ax = plot_curve_grid(grid, columns=3, ylim=(0, 2))
    assert [small.get_title() for small in ax.child_axes] == list(grid)
    np.testing.assert_allclose(lines(ax.child_axes[4])["with"], [0.4, 1.0])
    np.testing.assert_allclose(lines(ax.child_axes[4])["without"], [0.0, 0.3])
    assert {small.get_ylim() for small in ax.child_axes} == {(0, 2)}
    assert legend(ax) == ["with", "without"]
    assert png(ax)


def test_dots_are_the_numbers_and_the_text_their_mean():
    ax = plot_dots({"each": [0.5, 0.7], "one": 0.9}, bound=("bound", 0.8), xlabel="accuracy")
    dots = [collection.get_offsets().tolist() for collection in ax.collections]
    assert dots == [[[0.5, 0], [0.7, 0]], [[0.6, 0]], [[0.9, 1]]]
    assert {"0.6", "0.9", "bound"} <= {text.get_text() for text in ax.texts}
    assert ax.lines[0].get_xdata()[0] == 0.8
    assert plot_dots({"each": 1e-3}, log=True).get_xscale() == "log"
    assert png(ax)


@pytest.mark.parametrize(
    ("plot", "arguments"),
    [
        (plot_layer_histograms, ([], [0, 1])),
        (plot_layer_histograms, ([[1, 2]], [0, 1])),
        (plot_layer_values, ({},)),
        (plot_layer_values, ({"a": []},)),
        (plot_accuracy_curves, ({},)),
        (plot_accuracy_curves, ({"a": ([], [])},)),
        (plot_curve_grid, ({},)),
        (plot_curve_grid, ({"a": {"b": []}},)),
        (plot_dots, ({},)),
        (plot_dots, ({"a": []},)),
    ],
)
def test_nothing_to_draw_is_refused(plot, arguments):
    with pytest.raises(errors.ArrayError) as caught:
        plot(*arguments)
    assert caught.value.op == plot.__name__


@pytest.mark.parametrize(
    ("plot", "arguments"),
    [
        (plot_layer_histograms, ([[1]], [0, 1])),
        (plot_layer_values, ({"a": [1.0]},)),
        (plot_accuracy_curves, ({"a": ([0.1], [0.1])},)),
        (plot_curve_grid, ({"a": {"b": [1.0]}},)),
        (plot_dots, ({"a": 1.0},)),
    ],
)
def test_given_axes_are_used(plot, arguments):
    ax = Figure().add_subplot()
    assert plot(*arguments, ax=ax) is ax
