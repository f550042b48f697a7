"""Compiles a rule's arithmetic with Numba to the function that the engine calls for a tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastdl.errors import MissingDependencyError, RuleError
from fastdl.optim.split import Split

_TILE = """
def loop({arrays}, {coefficients}):
    for i in range(p0.size):
        {results} = element({elements}, {coefficients})

def tile(n, arrays, c):
    loop({pointers}, {numbers})
"""


def compile_tile(split: Split, array_count: int, is_double: bool, name: str) -> Any:
    """Return Numba's compiled ``void tile(int64_t n, T** arrays, const double* coefficients)``.

    Parameters
    ----------
    split : Split
        The rule, taken apart.
    array_count : int
        Parameter, gradient and states.
    is_double : bool
        Whether T is float64 rather than float32.
    name : str
        What the error calls the rule.

    Returns
    -------
    numba.core.ccallback.CFunc
        It must be kept as long as its address is in use.

    Raises
    ------
    MissingDependencyError
        If Numba is not installed.
    RuleError
        If Numba cannot compile the rule.
    """
    try:
        import numba
        from numba import types
        from numba.core.errors import NumbaError
    except ImportError as error:
        raise MissingDependencyError(
            "Numba is not installed", op=name, hint='It compiles rules: pip install "fastdl[numba]"'
        ) from error

    real = types.float64 if is_double else types.float32
    # The default error model checks every division, which keeps a loop from being vectorised. "contract" allows
    # a * b + c in one rounding, as in fastdl's own kernels; no other liberty is taken, so that NaN and infinity stay
    # what they are.
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "boundscheck": False}
    namespace: dict[str, Any] = {"carray": numba.carray, "real": real, "range": range}
    namespace["element"] = numba.njit(inline="always", **options)(split.element)
    arrays, numbers = range(array_count), range(split.coefficient_count)
    written = [k for k in arrays if k != 1]
    code = _TILE.format(
        arrays=", ".join(f"p{k}" for k in arrays),
        coefficients=", ".join(f"c{k}" for k in numbers),
        results="".join(f"p{k}[i], " for k in written),
        elements=", ".join(f"p{k}[i]" for k in arrays),
        pointers=", ".join(f"carray(arrays[{k}], n)" for k in arrays),
        numbers=", ".join(f"real(c[{k}])" for k in numbers),
    )
    exec(code, namespace)  # a loop of our own around the user's arithmetic
    namespace["loop"] = numba.njit(**options)(namespace["loop"])
    signature = types.void(types.int64, types.CPointer(types.CPointer(real)), types.CPointer(types.float64))
    build: Callable[[Any], Any] = numba.cfunc(signature, **options)
    try:
        return build(namespace["tile"])
    except NumbaError as error:
        raise RuleError(
            "cannot be compiled", op=name, got=_cause(error), hint="See numba.readthedocs.io for what can be"
        ) from error


def _cause(error: Exception) -> str:
    """Numba's message without its advice, and with the line of the rule."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    wanted = [
        line for line in lines if not line.startswith(("This error", "During:", "- argument", "The above", "Enable"))
    ]
    return " / ".join(dict.fromkeys(wanted[-8:]))
