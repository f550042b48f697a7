"""PyTorch's optimizers, whose steps on a CPU fastdl's kernels take.

``SGD, Adagrad, RMSprop, Adadelta, Adam, AdamW, Adamax, NAdam, RAdam`` are subclasses of torch's: the same arguments,
defaults, parameter groups, state, state dicts, hooks and closures. What the kernels cannot do in place is left to
torch's own step, parameter by parameter: its first step, which makes its state; other devices and dtypes; sparse and
complex tensors, and those with gaps; parameters that share memory; ``capturable``, ``differentiable`` and ``eps=0``.
All of a step is torch's in what ``torch.compile`` compiles. Of parameters in another order in memory, such as
channels-last, the memory is stepped as it lies.

=================  ===========================================================================
file               what it holds
=================  ===========================================================================
``optimizers.py``  the nine classes
``formulas.py``    which of the kernels' rules, with which numbers, a group's settings stand for
``stepping.py``    a step: what the kernels take, what torch takes
``binding.py``     parameters and their states as arrays, and whether they still are what they were
``memory.py``      which tensors the kernels can work on, and their memory as arrays
=================  ===========================================================================
"""

from __future__ import annotations

from fastdl.errors import MissingDependencyError

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise MissingDependencyError(
        "PyTorch is not installed", op="fastdl.interop.torch", hint='Install it with pip install "fastdl[torch]"'
    ) from error

from fastdl.interop.torch.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop"]
