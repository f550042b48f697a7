"""Every error that fastdl raises on purpose, with what is wrong and how to fix it as attributes."""

from __future__ import annotations

_LONGEST = 400  # characters of what was given, which may be an array


class FastdlError(Exception):
    """The root of fastdl's errors.

    Parameters
    ----------
    problem : str
        What is wrong, in words.
    op : str
        The operation that refused its input, such as ``"adam"`` or ``"affine_forward"``.
    key : object
        The key of the array in its dict, or its index in its sequence; None where there is none.
    arg : str
        The name of the argument.
    expected, got : str
        What the operation takes, and what it was given.
    hint : str
        How to fix it.

    Examples
    --------
    >>> error = ArrayError("wrong shape", op="adam", arg="grads", key="W1", expected="(2, 3)", got="(3,)")
    >>> print(error)
    adam: grads['W1']: wrong shape (expected (2, 3), got (3,))
    >>> error.key
    'W1'
    """

    def __init__(
        self,
        problem: str,
        *,
        op: str = "",
        key: object = None,
        arg: str = "",
        expected: str = "",
        got: str = "",
        hint: str = "",
    ) -> None:
        self.problem = problem
        self.op = op
        self.key = key
        self.arg = arg
        self.expected = expected
        self.got = got
        self.hint = hint
        super().__init__(problem)

    def __str__(self) -> str:
        place = self.arg if self.key is None else f"{self.arg}[{self.key!r}]"
        got = self.got if len(self.got) <= _LONGEST else f"{self.got[:_LONGEST]}..."
        facts = [f"{word} {fact}" for word, fact in (("expected", self.expected), ("got", got)) if fact]
        text = ": ".join(part for part in (self.op, place, self.problem) if part)
        if facts:
            text += f" ({', '.join(facts)})"
        return f"{text}. {self.hint}" if self.hint else text


class ArrayError(FastdlError, ValueError):
    """An array whose shape, layout or writeability does not fit."""


class AliasError(ArrayError):
    """Two arrays that share memory where each must have its own."""


class DtypeError(FastdlError, TypeError):
    """An object of the wrong type, or an array of the wrong dtype."""


class KeyMismatchError(FastdlError, ValueError):
    """Keys that are missing, or that nothing knows."""


class HyperparameterError(FastdlError, ValueError):
    """A hyper-parameter or setting outside its range."""


class LabelError(FastdlError, ValueError):
    """Labels outside the classes, or of the wrong kind."""


class DataError(FastdlError, ValueError):
    """A data file that is missing, damaged or not of the format it should be."""


class CheckpointError(FastdlError):
    """A checkpoint that cannot be read, or does not fit."""


class MissingDependencyError(FastdlError, ImportError):
    """An optional package that a call needs and that is not installed."""


class RuleError(FastdlError, TypeError):
    """A function that cannot become an optimizer's rule, or an activation."""


class ParallelError(FastdlError):
    """Ranks that do not do the same, or one that failed."""
