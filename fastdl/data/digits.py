"""The scanned digits that come with scikit-learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastdl.data.checks import integer
from fastdl.data.dataset import Dataset
from fastdl.errors import MissingDependencyError


def load_digits(test: int = 360, seed: int = 0) -> Dataset:
    """Load scikit-learn's 1,797 scanned digits, shuffled and split. Nothing is downloaded.

    Parameters
    ----------
    test : int
        How many of the images are test images, 1 to 1,796.
    seed : int
        Which of them: the same seed makes the same split. 0 or more.

    Returns
    -------
    Dataset
        64 features (8 x 8 pixels of 0 to 16, so ``scale`` is 1/16), 10 classes.

    Raises
    ------
    HyperparameterError
        If ``test`` or ``seed`` is not an integer in its range.
    MissingDependencyError
        If scikit-learn is not installed.

    Notes
    -----
    E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits" (UCI machine learning repository,
    1998), its test part. There the writers of training and test images differ; here one shuffle mixes them.

    Examples
    --------
    >>> data = load_digits()
    >>> data.x_train.shape, data.x_test.shape, data.x_train.dtype
    ((1437, 64), (360, 64), dtype('uint8'))
    """
    table = _table()
    pixels, labels = table[:, :-1], table[:, -1]
    test = integer(test, op="load_digits", arg="test", low=1, high=len(labels) - 1)
    seed = integer(seed, op="load_digits", arg="seed", low=0)
    order = np.random.default_rng(seed).permutation(len(labels))
    x, t = pixels[order].astype(np.uint8), labels[order].astype(np.int64)
    return Dataset(x[test:], t[test:], x[:test], t[:test], scale=1 / 16, name="digits", classes=10)


def _table() -> NDArray[np.float64]:
    """Pixels and label of each image. Importing scikit-learn takes a second, so its file is read without."""
    package = importlib.util.find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            return np.loadtxt(file, delimiter=",")
    try:  # wherever another release has it
        from sklearn.datasets import load_digits as load
    except ImportError as error:
        raise MissingDependencyError(
            "the digits come with scikit-learn, which is not installed",
            op="load_digits",
            hint='pip install "fastdl[data]"',
        ) from error
    return np.column_stack(load(return_X_y=True))
