"""Compiles a rule with Numba to the functions that the engine calls: for its coefficients, and for a tile."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
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

_PREPARE = """
def prepare(t, hyper, c):
    values = numbers({scalars})
    {results}
"""


def compile_prepare(split: Split) -> Any:
    """Return Numba's compiled ``void prepare(double t, const double* hyper, double* coefficients)``.

    Parameters
    ----------
    split : Split
        The rule, taken apart.

    Returns
    -------
    numba.core.ccallback.CFunc or None
        None where Numba cannot compile it: Python works the coefficients out then.
    """
    import numba
    from numba import types

    options: dict[str, Any] = {"error_model": "numpy"}
    namespace = {"numbers": _compilable(split.numbers, options), "real": types.float64}
    hyper = [name for name in split.scalars if name != "t"]
    code = _PREPARE.format(
        scalars=", ".join("t" if name == "t" else f"hyper[{hyper.index(name)}]" for name in split.scalars),
        results="; ".join(f"c[{k}] = real(values[{k}])" for k in range(split.coefficient_count)) or "pass",
    )
    exec(code, namespace)  # a call of the user's own arithmetic
    pointer = types.CPointer(types.float64)
    build: Callable[[Any], Any] = numba.cfunc(types.void(types.float64, pointer, pointer), **options)
    try:
        return build(namespace["prepare"])
    except Exception:  # of any kind: Python will say what is wrong
        return None


def _compilable(function: Any, options: dict[str, Any], **more: Any) -> Any:
    """The function for Numba, with the plain functions that it calls."""
    import numba

    names = function.__globals__
    names |= {key: numba.njit(**options)(value) for key, value in names.items() if isinstance(value, FunctionType)}
    return numba.njit(**options, **more)(function)


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
    except ImportError as error:
        raise MissingDependencyError(
            "Numba is not installed", op=name, hint='It compiles rules: pip install "fastdl[numba]"'
        ) from error

    if numba.config.DISABLE_JIT:
        raise RuleError("Numba's compiler is turned off", op=name, hint="Rules need it: unset NUMBA_DISABLE_JIT")
    real = types.float64 if is_double else types.float32
    # The default error model checks every division, which keeps a loop from being vectorised. "contract" allows
    # a * b + c in one rounding, as in fastdl's own kernels; no other liberty is taken, so that NaN and infinity stay
    # what they are.
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "boundscheck": False}
    namespace: dict[str, Any] = {"carray": numba.carray, "real": real, "range": range}
    namespace["element"] = _compilable(split.element, options, inline="always")
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
    except Exception as error:  # of any kind: it is the rule that made Numba stumble
        raise split.source.error(split.source.line_of(error), "cannot be compiled", hint=_cause(error)) from error


def _cause(error: Exception) -> str:
    """What Numba says, in one line: without where, and without what else it tried."""
    lines = [line.strip() for line in str(error).splitlines()]
    wanted = [
        line for line in lines if line and not line.startswith(("Failed in", "File", "During", "- ", "There are"))
    ]
    return f"Numba: {' '.join(wanted[:2])[:300]}"
