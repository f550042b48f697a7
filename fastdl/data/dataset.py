"""What a data set is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images, one a row, with their labels.

    Parameters
    ----------
    x_train, x_test : (N, features) uint8 arrays
        Pixels.
    t_train, t_test : (N,) int64 arrays
        Labels, 0 to ``classes - 1``.
    scale : float
        What takes a pixel to [0, 1]; 1/255 for pixels of 0 to 255.
    name : str
    classes : int
        The number of classes.

    Examples
    --------
    >>> x, t = np.array([[0, 255]], dtype=np.uint8), np.array([1])
    >>> data = Dataset(x, t, x, t, scale=1 / 255, name="one image", classes=2)
    >>> data.features
    2
    """

    x_train: NDArray[np.uint8] = field(repr=False)
    t_train: NDArray[np.int64] = field(repr=False)
    x_test: NDArray[np.uint8] = field(repr=False)
    t_test: NDArray[np.int64] = field(repr=False)
    scale: float
    name: str
    classes: int

    @property
    def features(self) -> int:
        """The number of pixels of an image."""
        return int(self.x_train.shape[1])
