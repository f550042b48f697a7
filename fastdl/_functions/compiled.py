"""Compiles a function with Numba to what the kernels call: for its coefficients, and for a tile."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from fastdl._functions.split import Split
from fastdl.errors import MissingDependencyError, RuleError

_TILE = """
def loop({arrays}, {coefficients}):
    for i in range(p0.size):
        {statement}

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
    namespace = {"numbers": _compilable(split.numbers, options, {}), "real": types.float64}
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


def _compilable(function: Any, options: dict[str, Any], names: dict[str, Any], **more: Any) -> Any:
    """The function for Numba, with the plain functions that it calls; `names` are those of its globals that change."""
    import numba

    names = function.__globals__ | names
    names |= {key: numba.njit(**options)(value) for key, value in names.items() if isinstance(value, FunctionType)}
    return numba.njit(**options, **more)(FunctionType(function.__code__, names))


class Tile:
    """A loop around a function's arithmetic on one element.

    Parameters
    ----------
    split : Split
        The function, taken apart.
    array_count : int
        How many arrays the loop has.
    statement : str
        What it does at each ``i``, of the arrays p0, p1, ... and the function ``element``, whose last arguments are
        ``{coefficients}``.
    """

    def __init__(self, split: Split, array_count: int, statement: str) -> None:
        self._split, self._array_count, self._statement = split, array_count, statement
        self._compiled: dict[bool, Any] = {}

    def address(self, is_double: bool) -> int:
        """Return the address of ``void tile(int64_t n, T** arrays, const double* coefficients)``.

        It is compiled at the first call for a dtype.

        Parameters
        ----------
        is_double : bool
            Whether T is float64 rather than float32.

        Returns
        -------
        int

        Raises
        ------
        MissingDependencyError
            If Numba is not installed.
        RuleError
            If Numba cannot compile the function.
        """
        if is_double not in self._compiled:
            self._compiled[is_double] = compile_tile(self._split, self._array_count, self._statement, is_double)
            _kept.append(self._compiled[is_double])
        return int(self._compiled[is_double].address)


_kept: list[Any] = []  # for good: what has an address may call it, a plan for one, and does not know whose it is


def compile_tile(split: Split, array_count: int, statement: str, is_double: bool) -> Any:
    """Return Numba's compiled ``void tile(int64_t n, T** arrays, const double* coefficients)``.

    Parameters
    ----------
    split : Split
        The function, taken apart.
    array_count : int
        How many arrays the loop has.
    statement : str
        As in :class:`Tile`.
    is_double : bool
        Whether T is float64 rather than float32.

    Returns
    -------
    numba.core.ccallback.CFunc
        It must be kept as long as its address is in use.

    Raises
    ------
    MissingDependencyError
        If Numba is not installed.
    RuleError
        If Numba cannot compile the function.
    """
    name, kind = split.source.name, split.source.form.kind
    try:
        import numba
        from numba import types
    except ImportError as error:
        raise MissingDependencyError(
            "Numba is not installed", op=name, hint=f'It compiles every {kind}: pip install "fastdl[numba]"'
        ) from error

    if numba.config.DISABLE_JIT:
        raise RuleError(
            "Numba's compiler is turned off", op=name, hint=f"Every {kind} needs it: unset NUMBA_DISABLE_JIT"
        )
    real = types.float64 if is_double else types.float32
    # The default error model checks every division, which keeps a loop from being vectorised. "contract" allows
    # a * b + c in one rounding, as in fastdl's own kernels; no other liberty is taken, so that NaN and infinity stay
    # what they are.
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "boundscheck": False}
    namespace: dict[str, Any] = {"carray": numba.carray, "real": real, "range": range}
    namespace["element"] = _compilable(split.element, options, {"_real": real}, inline="always")
    arrays, numbers = range(array_count), range(split.coefficient_count)
    coefficients = ", ".join(f"c{k}" for k in numbers)
    code = _TILE.format(
        arrays=", ".join(f"p{k}" for k in arrays),
        coefficients=coefficients,
        statement=statement.format(coefficients=coefficients),
        pointers=", ".join(f"carray(arrays[{k}], n)" for k in arrays),
        numbers=", ".join(f"real(c[{k}])" for k in numbers),
    )
    exec(code, namespace)  # a loop of our own around the user's arithmetic
    namespace["loop"] = numba.njit(**options)(namespace["loop"])
    signature = types.void(types.int64, types.CPointer(types.CPointer(real)), types.CPointer(types.float64))
    build: Callable[[Any], Any] = numba.cfunc(signature, **options)
    try:
        return build(namespace["tile"])
    except Exception as error:  # of any kind: it is the function that made Numba stumble
        raise split.source.error(split.source.line_of(error), "cannot be compiled", hint=_cause(error)) from error


def _cause(error: Exception) -> str:
    """What Numba says, in one line: without where, and without what else it tried."""
    lines = [line.strip() for line in str(error).splitlines()]
    wanted = [
        line for line in lines if line and not line.startswith(("Failed in", "File", "During", "- ", "There are"))
    ]
    return f"Numba: {' '.join(wanted[:2])[:300]}"
