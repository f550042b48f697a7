"""What films show: the paths of optimizers on a surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdl.experiments.surfaces import Numbers, Surface
from fastdl.viz import animate_descent

if TYPE_CHECKING:
    from fastdl.viz.descent import Limits

VIEW = (50.0, -60.0)  # degrees above the plane and around it
DEPTH = "log₁₀ (f - least + 0.01)"  # what `Race.depth` is


@dataclass(frozen=True)
class Race:
    """Optimizers on a surface.

    Parameters
    ----------
    name : str
        Of the surface.
    surface : Surface
        With a minimum.
    limits : ((float, float), (float, float))
        What is shown of it.
    paths : mapping of str to ndarray (steps + 1, 2)
        By optimizer; none leaves the limits.
    arrivals : mapping of str to int or None
        Steps that each took to the minimum; None if it has not arrived.
    """

    name: str
    surface: Surface
    limits: Limits
    paths: Mapping[str, Numbers]
    arrivals: Mapping[str, int | None]

    @property
    def slug(self) -> str:
        """The name as a part of a file's name."""
        return self.name.replace(" ", "-").replace("'", "").lower()

    def depth(self, x: Any, y: Any) -> Any:
        """What the view in space shows: f on a logarithmic scale, on which the way to the minimum is seen."""
        least = self.surface.height(*self.surface.minimum or self.surface.start)
        return np.log10(self.surface.height(x, y) - least + 0.01)


def film(race: Race) -> bytes:
    """Film a race, in space and from above.

    Parameters
    ----------
    race : Race

    Returns
    -------
    bytes
        A GIF.
    """
    return animate_descent(
        race.surface.height,
        race.paths,
        surface=race.depth,
        minimum=race.surface.minimum,
        limits=race.limits,
        view=VIEW,
        title=f"{race.name[0].upper()}{race.name[1:]}, each with its best learning rate",
        zlabel=DEPTH,
    )
