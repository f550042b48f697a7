"""Figures. Every function draws on the axes it is given, or on new ones, and returns them; no window opens.

matplotlib, the extra `plot`, is imported when something is drawn.
"""

from fastdl.viz.descent import plot_descent
from fastdl.viz.loss_curves import plot_loss_curves, smooth_curve

__all__ = ["plot_descent", "plot_loss_curves", "smooth_curve"]
