"""PyTorch's optimizers, whose steps on a CPU fastdl's kernels take.

``SGD, Adagrad, RMSprop, Adadelta, Adam, AdamW, Adamax, NAdam, RAdam`` are subclasses of torch's: the same arguments,
defaults, parameter groups, state, state dicts, hooks and closures. What the kernels cannot do in place is left to
torch's own step, parameter by parameter: its first step, which makes its state; other devices and dtypes than float32,
float64 and bfloat16 (computed in float32, rounded once); sparse and complex tensors, those with gaps, and those made
of others, such as DTensors; parameters that share memory; ``capturable``, ``differentiable`` and ``eps=0``. All of a
step is torch's in what ``torch.compile`` compiles. Of parameters in another order in memory, such as channels-last, the
memory is stepped as it lies.

Numbers are torch's to rounding, but where the square of a finite gradient overflows, in float32 from 1.8e19 on: torch's
running mean of squares stays infinite, so that the element is never changed again, and here both become NaN.

A group's setting ``state_dtype`` stores its states in bfloat16 or in bytes, rounded at random with its ``seed``, as
`fastdl.optim` does:

>>> import torch
>>> from fastdl.interop.torch import Adam
>>> W = torch.ones(300, requires_grad=True)
>>> optimizer = Adam([{"params": [W], "state_dtype": "uint8"}], lr=0.1)
>>> for _ in range(2):
...     optimizer.zero_grad()
...     (W * W).sum().backward()
...     optimizer.step()
>>> optimizer.state[W]["exp_avg"].dtype, optimizer.state[W]["exp_avg"].numel()
(torch.uint8, 302)

Such states are not torch's: its own optimizers load those in bfloat16, not those in bytes. Here any state dict is
loaded, and brought into the form that the group asks for.

=================  ===========================================================================
file               what it holds
=================  ===========================================================================
``optimizers.py``  the nine classes
``formulas.py``    which of the kernels' rules, with which numbers, a group's settings stand for
``stepping.py``    a step: what the kernels take, what torch takes
``binding.py``     parameters and their states as arrays, and whether they still are what they were
``reduced.py``     states that take less memory
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
