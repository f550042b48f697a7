"""fastdl: train neural networks on NumPy arrays, on a CPU, fast.

==================  ====================================================================
``fastdl.optim``    optimizers: ``update(params, grads)`` on dicts of arrays, in place
``fastdl.nn``       layers, losses, initial weights, networks
``fastdl.train``    the trainer
``fastdl.data``     data sets and mini-batches
``fastdl.book``     the names of the book "Deep Learning from Scratch", for its scripts
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
    "show_config",
]


def show_config() -> None:
    """Print the version, the CPU level in use, the number of threads and how the kernels were compiled.

    Examples
    --------
    >>> import fastdl
    >>> fastdl.show_config()  # doctest: +ELLIPSIS
    fastdl ...
    """
    build = kernels.build_info()
    print(f"fastdl     {__version__}")
    print(f"CPU level  {build['cpu_level']} (built: {', '.join(build['levels'])})")
    print(f"threads    {get_num_threads()}{'' if build['openmp'] else ' (built without OpenMP)'}")
    print(f"compiled   {build['flags']}")
