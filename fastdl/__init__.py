"""fastdl: train neural networks on NumPy arrays, on a CPU, fast.

==================  ====================================================================
``fastdl.optim``    optimizers: ``update(params, grads)`` on dicts of arrays, in place
``fastdl.nn``       layers, losses, initial weights, networks
``fastdl.train``    the trainer
``fastdl.data``     data sets and mini-batches
``fastdl.kernels``  the compiled functions on arrays that all of these are made of
==================  ====================================================================

Importing it compiles nothing, starts no thread and imports nothing but NumPy.
"""

from __future__ import annotations

from fastdl import errors, kernels, nn, optim
from fastdl._version import __version__
from fastdl.kernels import get_num_threads, set_num_threads

__all__ = [
    "__version__",
    "errors",
    "get_num_threads",
    "kernels",
    "nn",
    "optim",
    "set_num_threads",
]
