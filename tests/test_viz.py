"""Figures: right curves on the right axes, no window, no display, no pyplot."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest

from fastdl import errors
from fastdl.viz import plot_loss_curves, smooth_curve

Figure = pytest.importorskip("matplotlib.figure").Figure


def bold(ax):
    return {line.get_label(): line for line in ax.lines}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def png(ax):
    file = io.BytesIO()
    ax.figure.savefig(file, format="png")
    return file.getvalue()


def test_smoothing_is_the_book_s():
    x = np.random.default_rng(0).random(100)
    extended = np.concatenate([x[10:0:-1], x, x[-2:-12:-1]])
    weights = np.kaiser(11, 2)
    by_the_book = [extended[i - 5 : i + 6] @ weights / weights.sum() for i in range(10, 110)]
    np.testing.assert_allclose(smooth_curve(x), by_the_book, rtol=1e-13)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 11, 12])
def test_smoothing_keeps_length_and_level(size):
    smoothed = smooth_curve(np.full(size, 2.5))
    assert smoothed.shape == (size,)
    np.testing.assert_allclose(smoothed, 2.5)


def test_smoothing_with_a_window_of_one_changes_nothing():
    x = np.array([3.0, 1.0, 2.0])
    smoothed = smooth_curve(x, window=1)
    np.testing.assert_array_equal(smoothed, x)
    assert not np.shares_memory(smoothed, x)


@pytest.mark.parametrize("window", [0, -3, 10])
def test_smoothing_needs_a_window_with_a_middle(window):
    with pytest.raises(errors.HyperparameterError) as caught:
        smooth_curve([1.0, 2.0], window=window)
    assert caught.value.arg == "window"


def test_smoothing_takes_one_curve():
    with pytest.raises(errors.ArrayError):
        smooth_curve(np.ones((3, 2)))


def test_curves_against_steps_from_one():
    losses = np.linspace(3, 1, 50)
    line = bold(plot_loss_curves({"sgd": losses}))["sgd"]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 51))
    np.testing.assert_allclose(line.get_ydata(), smooth_curve(losses))


def test_lists_will_do_and_lengths_may_differ():
    ax = plot_loss_curves({"a": [3.0, 2.0, 1.0], "b": [2.0]})
    assert set(bold(ax)) == {"a", "b"}
    assert png(ax)


def test_labels_say_what_is_drawn():
    ax = plot_loss_curves({"a": np.ones(30)}, title="Title", note="note")
    assert ax.get_title(loc="left") == "Title"
    assert ax.get_xlabel() == "step (mini-batches)"
    assert ax.get_ylabel() == "loss (nats)"
    assert any("note" in text.get_text() and "11 steps" in text.get_text() for text in ax.texts)


def test_legend_has_the_order_of_the_ends():
    ax = plot_loss_curves({"low": np.linspace(2, 1, 30), "high": np.linspace(2, 1.5, 30), "lost": np.full(30, np.nan)})
    assert legend(ax) == ["lost", "high", "low"]


@pytest.mark.parametrize(
    ("end", "scale"), [(0.2, "linear"), (0.01, "log"), (0.0, "linear"), (-1.0, "linear"), (np.nan, "linear")]
)
def test_axis_is_logarithmic_where_losses_span_it(end, scale):
    ax = plot_loss_curves({"a": np.append(np.full(30, 2.0), np.full(30, end))}, smooth=1)
    assert ax.get_yscale() == scale


def test_log_axis_has_plain_numbers():
    ax = plot_loss_curves({"a": np.geomspace(2, 0.01, 100)})
    ax.figure.draw_without_rendering()
    labels = {label.get_text() for label in ax.get_yticklabels()}
    assert {"1", "0.1", "0.02"} <= labels


def test_an_outlier_does_not_squeeze_the_curves():
    losses = np.full(2000, 2.0)
    losses[1000] = 20.0
    ax = plot_loss_curves({"a": losses})
    assert ax.get_ylim()[1] < 10


def test_gaps_and_infinities_are_drawn_around():
    assert png(plot_loss_curves({"a": [2.0] * 30 + [np.nan, np.inf] + [1.0] * 30, "b": [np.nan] * 5}))


def test_given_axes_are_used():
    ax = Figure().add_subplot()
    (other,) = ax.plot([1, 2], [5.0, 5.0], label="mine")
    assert plot_loss_curves({"a": np.ones(30)}, ax=ax) is ax
    assert other in ax.lines
    assert legend(ax)[0] == "mine"


def test_line_options_reach_the_bold_lines():
    line = bold(plot_loss_curves({"a": np.ones(30)}, linewidth=5, color="black"))["a"]
    assert line.get_linewidth() == 5
    assert line.get_color() == "black"


def test_many_curves_differ_in_colour_or_style():
    lines = bold(plot_loss_curves({f"run {i}": np.ones(20) for i in range(18)})).values()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 18


@pytest.mark.parametrize("histories", [{}, {"a": []}, {"a": [1.0], "b": []}, {"a": np.ones((2, 2))}])
def test_nothing_to_draw_is_refused(histories):
    with pytest.raises(errors.ArrayError) as caught:
        plot_loss_curves(histories)
    assert caught.value.op in ("plot_loss_curves", "smooth_curve")


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(errors.MissingDependencyError) as caught:
        plot_loss_curves({"a": [1.0]})
    assert "fastdl[plot]" in caught.value.hint


def test_importing_draws_in_nothing_and_drawing_no_pyplot():
    program = (
        "import sys, fastdl.viz; assert 'matplotlib' not in sys.modules;"
        "fastdl.viz.plot_loss_curves({'a': [2.0, 1.0]}); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
