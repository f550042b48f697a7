"""PyTorch with fastdl's optimizer in the place of its own."""

from __future__ import annotations

from benchmarks.peers.with_torch import Call, model, steps_of
from fastdl.interop.torch import Adam


def model_step(name: str) -> Call:
    """Adam on a model of torch's, with one import changed."""
    return steps_of(Adam(model(name).parameters()))
