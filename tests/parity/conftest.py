"""What the comparisons with libraries on JAX share."""

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
