"""Which tensors the kernels can work on, and their memory as arrays."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Order: TypeAlias = tuple[int, ...]

PLAIN = (torch.Tensor, torch.nn.Parameter)  # any other class may mean something else by its memory
FLOATS = (torch.float32, torch.float64, torch.bfloat16)


def is_plain(tensor: Any) -> TypeGuard[torch.Tensor]:
    """Whether this is nothing but numbers in this process's memory."""
    return (
        type(tensor) in PLAIN
        and tensor.layout is torch.strided
        and tensor.is_cpu
        and not (tensor.is_inference() or tensor.is_neg())  # whose memory holds the numbers with the other sign
    )


def order_of(tensor: torch.Tensor) -> Order | None:
    """Return the order of the axes in memory, the slowest first; None where it is their own."""
    if tensor.is_contiguous():
        return None
    strides = tensor.stride()
    return tuple(sorted(range(tensor.ndim), key=lambda axis: -strides[axis]))


def to_array(tensor: torch.Tensor) -> Array:
    """Return a tensor's memory as an array; of bfloat16, which NumPy does not have, the bits as uint16.

    Raises
    ------
    RuntimeError, TypeError
        If torch has no such array: the tensor is not dense, elsewhere, part of a graph, or yet to be negated.
    """
    array: Array = (tensor.view(torch.uint16) if tensor.dtype is torch.bfloat16 else tensor).numpy()
    return array


def to_floats(array: Array) -> Array:
    """Return the numbers of what `to_array` returns."""
    return (array.astype(np.uint32) << 16).view(np.float32) if array.dtype == np.uint16 else array


def view(tensor: torch.Tensor, order: Order | None) -> Array:
    """Return a tensor's memory as an array with the axes in this order."""
    array = to_array(tensor.detach())
    return array if order is None else array.transpose(order)


def share_storage(tensors: list[torch.Tensor]) -> bool:
    """Whether two of the tensors lie in one piece of memory, overlapping or not; or may do, as one does not tell."""
    try:
        used = [each.untyped_storage().data_ptr() for each in tensors if each.layout is torch.strided and each.numel()]
    except RuntimeError:  # of a tensor that is made of others, such as a DTensor
        return True
    return len(set(used)) < len(used)
