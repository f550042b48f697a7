"""Figures. Every function draws on the axes it is given, or on new ones, and returns them; no window opens.

matplotlib, the extra `plot`, is imported when something is drawn.
"""

from fastdl.viz.best_so_far import plot_best_so_far
from fastdl.viz.descent import plot_descent
from fastdl.viz.loss_curves import plot_loss_curves, smooth_curve
from fastdl.viz.parallel_coordinates import plot_parallel_coordinates
from fastdl.viz.ranges import plot_ranges
from fastdl.viz.small_multiples import plot_small_multiples

__all__ = [
    "plot_best_so_far",
    "plot_descent",
    "plot_loss_curves",
    "plot_parallel_coordinates",
    "plot_ranges",
    "plot_small_multiples",
    "smooth_curve",
]
