"""The same training on MNIST with fastdl, PyTorch and JAX: 784-256-256-10, batch normalization, ReLU, Adam.

Each ``with_*.py`` has two functions, each returning a call that does the work:
``epoch(folder)`` one epoch more of the same training, in batches of 128, shuffled, from pixels in uint8;
``accuracy(folder, seed, epochs)`` trains from new weights and returns the share of test images labelled right.
All start from He's initial weights and have Adam with torch's defaults.

``python -m benchmarks.peers.mnist --data FOLDER`` measures both; FOLDER holds the four IDX files of MNIST.
"""

from __future__ import annotations

import numpy as np

from fastdl.data import Dataset, load_mnist

SIZES = (784, 256, 256, 10)
BATCH = 128
ADAM = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
EPS = 1e-5  # of batch normalization
MOMENTUM = 0.9  # of its running statistics, as fastdl counts it


def load(folder: str | None) -> Dataset:
    """Load MNIST from this folder, or without one random images as many and as large, to be timed on."""
    if folder is not None:
        return load_mnist(folder)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (70_000, SIZES[0]), dtype=np.uint8)
    t = rng.integers(0, SIZES[-1], len(x))
    return Dataset(x[10_000:], t[10_000:], x[:10_000], t[:10_000], scale=1 / 255, name="random images", classes=10)
