"""Figures. Every function draws on the axes it is given, or on new ones, and returns them; no window opens.

Only `animate_descent` returns an image, a GIF. matplotlib, the extra `plot`, is imported when something is drawn.
"""

from fastdl.viz.accuracy_curves import plot_accuracy_curves, plot_curve_grid
from fastdl.viz.animation import Frames, animate_descent, descent_frames
from fastdl.viz.best_so_far import plot_best_so_far
from fastdl.viz.descent import plot_descent
from fastdl.viz.diagnosis import plot_diagnosis
from fastdl.viz.dots import plot_dots
from fastdl.viz.layers import plot_layer_histograms, plot_layer_values
from fastdl.viz.lines import plot_lines
from fastdl.viz.loss_curves import plot_loss_curves, smooth_curve
from fastdl.viz.parallel_coordinates import plot_parallel_coordinates
from fastdl.viz.ranges import plot_ranges
from fastdl.viz.scenes import Scene, plot_scenes
from fastdl.viz.small_multiples import plot_small_multiples
from fastdl.viz.surface import plot_surface
from fastdl.viz.tree import Member, plot_tree

__all__ = [
    "Frames",
    "Member",
    "Scene",
    "animate_descent",
    "descent_frames",
    "plot_accuracy_curves",
    "plot_best_so_far",
    "plot_curve_grid",
    "plot_descent",
    "plot_diagnosis",
    "plot_dots",
    "plot_layer_histograms",
    "plot_layer_values",
    "plot_lines",
    "plot_loss_curves",
    "plot_parallel_coordinates",
    "plot_ranges",
    "plot_scenes",
    "plot_small_multiples",
    "plot_surface",
    "plot_tree",
    "smooth_curve",
]
