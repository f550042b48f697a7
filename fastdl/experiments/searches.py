"""What the experiments on hyper-parameters share: the book's search, and the part of the work that is done."""

from __future__ import annotations

import numpy as np

from fastdl.data import Dataset
from fastdl.experiments.experiment import Progress
from fastdl.tune import Range, Split, split

IMAGES = 500  # of which a fifth is validation data

#: The book's ranges (K. Saito, "Deep Learning from Scratch", section 6.5.3).
SPACE = {"lr": Range(1e-6, 1e-2, log=True), "weight_decay": Range(1e-8, 1e-4, log=True)}

#: What figures call them.
SHOWN = {"lr": "learning rate", "weight_decay": "weight decay"}


def book_split(data: Dataset, seed: int) -> Split:
    """Some of the training images, other ones for each seed, as training and validation data."""
    rows = np.random.default_rng(seed).permutation(len(data.x_train))[:IMAGES]
    return split(data.x_train[rows], data.t_train[rows], seed=seed, scale=data.scale)


def part(progress: Progress, number: int, of: int) -> Progress:
    """Progress of one of some equal pieces of the work."""
    return lambda share, text: progress((number + share) / of, text)
