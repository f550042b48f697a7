"""fastdl: train neural networks on NumPy arrays, on a CPU, fast.

==================  ====================================================================
``fastdl.optim``    optimizers: ``update(params, grads)`` on dicts of arrays, in place
``fastdl.nn``       layers, losses, initial weights, networks
``fastdl.train``    the trainer
``fastdl.data``     data sets and mini-batches
``fastdl.book``     the names of the book "Deep Learning from Scratch", for its scripts
``fastdl.tune``     hyper-parameter search
``fastdl.parallel`` training on several processes and machines
``fastdl.kernels``  the compiled functions on arrays that all of these are made of
==================  ====================================================================

Importing it compiles nothing and starts no thread; NumPy and the kernels are imported where one of its names is first
used, so that the command ``fastdl --help`` comes at once.
"""

from __future__ import annotations

import importlib
import typing

from fastdl._version import __version__

if typing.TYPE_CHECKING:
    from fastdl import errors, kernels, nn, optim
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

_OF_KERNELS = ("get_num_threads", "set_num_threads")

if not typing.TYPE_CHECKING:  # or a type checker would take any name to be there

    def __getattr__(name: str) -> object:
        """Import what ``__all__`` names where it is first used (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name in _OF_KERNELS:
            return globals().setdefault(name, getattr(importlib.import_module("fastdl.kernels"), name))
        return importlib.import_module(f"fastdl.{name}")  # which makes it an attribute of this module

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


def show_config() -> None:
    """Print the version, the CPU level in use, the number of threads and how the kernels were compiled.

    Examples
    --------
    >>> import fastdl
    >>> fastdl.show_config()  # doctest: +ELLIPSIS
    fastdl ...
    """
    from fastdl import kernels

    build = kernels.build_info()
    print(f"fastdl     {__version__}")
    print(f"CPU level  {build['cpu_level']} (built: {', '.join(build['levels'])})")
    print(f"threads    {kernels.get_num_threads()}{'' if build['openmp'] else ' (built without OpenMP)'}")
    print(f"compiled   {build['flags']}")
