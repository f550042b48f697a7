"""Figures. Every function draws on the axes it is given, or on new ones, and returns them; no window opens.

matplotlib, the extra `plot`, is imported when something is drawn.
"""

from fastdl.viz.accuracy_curves import plot_accuracy_curves, plot_curve_grid
from fastdl.viz.descent import plot_descent
from fastdl.viz.dots import plot_dots
from fastdl.viz.layers import plot_layer_histograms, plot_layer_values
from fastdl.viz.loss_curves import plot_loss_curves, smooth_curve

__all__ = [
    "plot_accuracy_curves",
    "plot_curve_grid",
    "plot_descent",
    "plot_dots",
    "plot_layer_histograms",
    "plot_layer_values",
    "plot_loss_curves",
    "smooth_curve",
]
