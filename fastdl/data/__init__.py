"""Data sets, and the mini-batches that training takes from them.

===============  =============================================================================================
file             holds
===============  =============================================================================================
``dataset.py``   `Dataset`: training and test images with their labels
``digits.py``    `load_digits`: 1,797 scanned digits of 8 x 8 pixels that come with scikit-learn
``mnist.py``     `load_mnist`: 70,000 scanned digits of 28 x 28 pixels, from the four IDX files of MNIST
``idx.py``       `read_idx`: an array from one IDX file, which is checked to its last byte
``download.py``  downloading published files
``npy.py``       `read_npy`, `read_npz`: arrays from NumPy's files, checked likewise
``table.py``     `read_csv`: a table of numbers, and the labels of its rows
``files.py``     `load_labelled`, `load_inputs`: inputs and labels from a user's own files of these formats
``batches.py``   `Batches`: shuffled mini-batches, scaled to floats as they are gathered
``checks.py``    the checks of integer arguments, and of numbers that have to be finite
===============  =============================================================================================

Images stay uint8 in memory, a quarter of their size as float32; `Batches` turns them into floats one batch at
a time.
"""

from fastdl.data.batches import Batches
from fastdl.data.dataset import Dataset
from fastdl.data.digits import load_digits
from fastdl.data.files import Labelled, load_inputs, load_labelled
from fastdl.data.idx import read_idx
from fastdl.data.mnist import load_mnist
from fastdl.data.npy import read_npy, read_npz
from fastdl.data.table import Table, read_csv

__all__ = [
    "Batches",
    "Dataset",
    "Labelled",
    "Table",
    "load_digits",
    "load_inputs",
    "load_labelled",
    "load_mnist",
    "read_csv",
    "read_idx",
    "read_npy",
    "read_npz",
]
