"""The dtypes that the libraries make by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def jax_in_float64() -> Iterator[None]:
    """JAX makes arrays of float64, which it does not otherwise."""
    import jax

    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def torch_in_float64() -> Iterator[None]:
    """NAdam keeps a product in torch's default dtype."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
