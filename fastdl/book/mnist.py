"""MNIST as the book's scripts take it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import data

Array = NDArray[Any]
_CLASSES = 10


def load_mnist(
    normalize: bool = True,
    flatten: bool = True,
    one_hot_label: bool = False,
    folder: str | os.PathLike[str] | None = None,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return MNIST's training and test images with their labels.

    Parameters
    ----------
    normalize : bool
        Whether pixels are float32 from 0 to 1, rather than uint8 from 0 to 255.
    flatten : bool
        Whether an image is a row of 784 pixels, rather than an array of (1, 28, 28).
    one_hot_label : bool
        Whether labels are one-hot rows of float64, rather than uint8 from 0 to 9.
    folder : str or path, optional
        Where the four IDX files are. Without it they are looked for, and if need be downloaded, as
        :func:`fastdl.data.load_mnist` says: in the folder that the environment variable FASTDL_DATA names.

    Returns
    -------
    (x_train, t_train), (x_test, t_test) : tuples of ndarrays
        60,000 images and labels, and 10,000.

    Raises
    ------
    DataError
        If the files are missing or damaged, and cannot be downloaded.

    Examples
    --------
    >>> from fastdl.book import load_mnist
    >>> load_mnist(folder="no-such-folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    fastdl.kernels.errors.DataError: load_mnist: folder: 'no-such-folder' is not a folder...
    """
    mnist = data.load_mnist(folder)

    def images(x: Array) -> Array:
        x = x if flatten else x.reshape(-1, 1, 28, 28)
        return np.divide(x, 255, dtype=np.float32) if normalize else x

    def labels(t: Array) -> Array:
        return np.eye(_CLASSES)[t] if one_hot_label else t.astype(np.uint8)

    return (images(mnist.x_train), labels(mnist.t_train)), (images(mnist.x_test), labels(mnist.t_test))
