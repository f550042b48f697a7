"""Which tensors the kernels can work on, and their memory as arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Order: TypeAlias = tuple[int, ...]

PLAIN = (torch.Tensor, torch.nn.Parameter)  # any other class may mean something else by its memory
_STORAGE: dict[torch.dtype, np.dtype[Any]] = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}


def storage(dtype: torch.dtype) -> np.dtype[Any] | None:
    """Return the dtype of the array that holds a tensor's elements; None where the kernels have none for them."""
    return _STORAGE.get(dtype)


def is_plain(tensor: Any) -> bool:
    """Whether this is nothing but numbers in this process's memory, of a dtype that the kernels have."""
    return (
        type(tensor) in PLAIN
        and tensor.layout is torch.strided
        and tensor.is_cpu
        and storage(tensor.dtype) is not None
        and not tensor.is_inference()
    )


def order_of(tensor: torch.Tensor) -> Order | None:
    """Return the order of the axes in memory, the slowest first; None where it is their own."""
    if tensor.is_contiguous():
        return None
    strides = tensor.stride()
    return tuple(sorted(range(tensor.ndim), key=lambda axis: -strides[axis]))


def view(tensor: torch.Tensor, order: Order | None) -> Array:
    """Return a tensor's memory as an array with the axes in this order."""
    array: Array = tensor.detach().numpy()
    return array if order is None else array.transpose(order)


def share_storage(tensors: list[torch.Tensor]) -> bool:
    """Whether two of the tensors lie in one piece of memory, overlapping or not."""
    used = [each.untyped_storage().data_ptr() for each in tensors if each.layout is torch.strided and each.numel()]
    return len(set(used)) < len(used)
