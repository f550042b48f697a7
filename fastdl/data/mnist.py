"""The MNIST data set, from its own files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastdl.data.dataset import Dataset
from fastdl.data.download import Published, cache_folder, download, is_published
from fastdl.data.idx import read_idx
from fastdl.errors import DataError

_SIDE = 28
_CLASSES = 10
_FILES = (
    Published(
        "train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    Published("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    Published(
        "t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    Published("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
)
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def load_mnist(folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Load MNIST, or a data set of its shape such as Fashion-MNIST, from its four IDX files.

    Parameters
    ----------
    folder : str or path, optional
        Where ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte`` are, gzipped (``.gz``) or not; ``train-images.idx3-ubyte`` etc. will do. Without it
        they are looked for in the folder that the environment variable FASTDL_DATA names, or else in
        ``fastdl/mnist`` of the user's cache folder (``~/.cache`` as a rule), and MNIST is downloaded to there if there
        are none: 11 MB, once, each file checked by its SHA-256.

    Returns
    -------
    Dataset
        60,000 training and 10,000 test images as they come, 784 features (28 x 28 pixels of 0 to 255, so
        ``scale`` is 1/255), 10 classes.

    Raises
    ------
    DataError
        If a file is missing or damaged, or images and labels do not fit together; if MNIST cannot be downloaded.

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
    paths = _find(Path(folder)) if folder is not None else _find_or_download()
    x_train, t_train = _load_part(*paths[:2])
    x_test, t_test = _load_part(*paths[2:])
    return Dataset(x_train, t_train, x_test, t_test, scale=1 / 255, name="mnist", classes=_CLASSES)


def _find_or_download() -> list[Path]:
    """Find the four files, or download them where there are none or some of those that were downloaded."""
    named = os.environ.get("FASTDL_DATA")
    folder = Path(named) if named else cache_folder("mnist")
    paths = {file: _path_of(file, folder) for file in _FILES}
    missing = [file for file, path in paths.items() if path is None]
    # Beside files of another data set the published ones would be out of place.
    if missing and all(path is None or is_published(path, file) for file, path in paths.items()):
        hint = f"{_how(folder)} FASTDL_DATA names another folder."
        for file in missing:
            download(file, folder, _MIRRORS, op="load_mnist", hint=hint)
    return _find(folder)


def _find(folder: Path) -> list[Path]:
    """Find the four files, each under one of its usual names."""
    if not os.path.isdir(folder):
        raise DataError(f"{str(folder)!r} is not a folder", op="load_mnist", arg="folder", hint=_how(folder))
    found, missing = [], []
    for file in _FILES:
        path = _path_of(file, folder)
        if path is None:
            missing.append(file.name.removesuffix(".gz"))
        else:
            found.append(path)
    if missing:
        raise DataError(f"{str(folder)!r} lacks {', '.join(missing)}", op="load_mnist", arg="folder", hint=_how(folder))
    return found


def _path_of(file: Published, folder: Path) -> Path | None:
    """Where a file is, under one of its usual names."""
    stem = file.name.removesuffix(".gz")
    spellings = (folder / (name + end) for name in (stem, stem.replace("-idx", ".idx")) for end in ("", ".gz"))
    return next(filter(os.path.exists, spellings), None)


def _how(folder: Path) -> str:
    names = ", ".join(file.name.removesuffix(".gz") for file in _FILES)
    return f"Put the four IDX files of MNIST into {str(folder)!r}, gzipped or not, as published: {names}."


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
