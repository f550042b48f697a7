"""The MNIST data set, from its own files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastdl.data.dataset import Dataset
from fastdl.data.idx import read_idx
from fastdl.errors import DataError

_SIDE = 28
_CLASSES = 10
_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def load_mnist(folder: str | os.PathLike[str]) -> Dataset:
    """Load MNIST, or a data set of its shape such as Fashion-MNIST, from its four IDX files.

    Parameters
    ----------
    folder : str or path
        Where ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte`` are, gzipped (``.gz``) or not; ``train-images.idx3-ubyte`` etc. will do.

    Returns
    -------
    Dataset
        60,000 training and 10,000 test images as they come, 784 features (28 x 28 pixels of 0 to 255, so
        ``scale`` is 1/255), 10 classes.

    Raises
    ------
    DataError
        If a file is missing or damaged, or images and labels do not fit together.

    Notes
    -----
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition"
    (1998).

    Examples
    --------
    >>> load_mnist("no-such-folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    fastdl.kernels.errors.DataError: load_mnist: folder: 'no-such-folder' is not a folder...
    """
    paths = _find(Path(folder))
    x_train, t_train = _load_part(*paths[:2])
    x_test, t_test = _load_part(*paths[2:])
    return Dataset(x_train, t_train, x_test, t_test, scale=1 / 255, name="mnist", classes=_CLASSES)


def _find(folder: Path) -> list[Path]:
    """Find the four files, each under one of its usual names."""
    how = f"Put the four IDX files of MNIST there, gzipped or not, as published: {', '.join(_NAMES)}."
    if not os.path.isdir(folder):
        raise DataError(f"{str(folder)!r} is not a folder", op="load_mnist", arg="folder", hint=how)
    found, missing = [], []
    for name in _NAMES:
        spellings = (folder / (stem + end) for stem in (name, name.replace("-idx", ".idx")) for end in ("", ".gz"))
        path = next(filter(os.path.exists, spellings), None)
        if path is None:
            missing.append(name)
        else:
            found.append(path)
    if missing:
        raise DataError(f"{str(folder)!r} lacks {', '.join(missing)}", op="load_mnist", arg="folder", hint=how)
    return found


def _load_part(images_path: Path, labels_path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read one file of images and its file of labels, and check that they fit together."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.shape[1:] != (_SIDE, _SIDE):
        raise _error(images_path, "holds no images of MNIST", f"uint8 (N, {_SIDE}, {_SIDE})", _describe(images))
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise _error(labels_path, "holds no labels of MNIST", "uint8 (N,)", _describe(labels))
    if len(labels) != len(images):
        raise _error(labels_path, f"does not belong to {images_path.name!r}", f"{len(images)} labels", str(len(labels)))
    if labels.max() >= _CLASSES:
        raise _error(labels_path, "holds labels that are no digits", f"0 to {_CLASSES - 1}", str(labels.max()))
    return images.reshape(len(images), -1), labels.astype(np.int64)


def _describe(array: NDArray[np.generic]) -> str:
    return f"{array.dtype} {array.shape}"


def _error(path: Path, problem: str, expected: str, got: str) -> DataError:
    return DataError(
        f"{str(path)!r} {problem}",
        op="load_mnist",
        arg="folder",
        expected=expected,
        got=got,
        hint="Put all four files of one data set there.",
    )
