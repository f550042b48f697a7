r"""Formulas: a little of TeX's notation, made into MathML, which browsers draw by themselves.

Letters and signs stand for themselves (``η``, ``∂``, ``∘``); ``_`` and ``^`` set low and high; braces group;
``\frac{a}{b}``, ``\sqrt{a}``, ``\hat{a}``, ``\bar{a}``; ``\text{words}`` is upright.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

_TOKEN = re.compile(r"\\[a-z]+|[0-9.]*[0-9]|\s+|.")
_FUNCTIONS = {"frac": 2, "sqrt": 1, "hat": 1, "bar": 1, "text": 1}
_ACCENTS = {"hat": "^", "bar": "¯"}


def mathml(source: str) -> str:
    r"""Return a formula as a MathML element that stands on a line of its own.

    Parameters
    ----------
    source : str
        In the notation of this module.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If braces do not match or a command is unknown.

    Examples
    --------
    >>> mathml(r"\frac{1}{n}")
    '<math display="block"><mfrac><mn>1</mn><mi>n</mi></mfrac></math>'
    >>> mathml("x^2")
    '<math display="block"><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    tokens = iter(_TOKEN.findall(source))
    return f'<math display="block">{"".join(_row(tokens, end=""))}</math>'


def _row(tokens: Iterator[str], end: str) -> list[str]:
    """The elements up to ``end``."""
    row: list[str] = []
    scripts: dict[str, str] = {}
    for token in tokens:
        if token in ("_", "^"):
            scripts[token] = _argument(tokens)
            continue
        _attach(row, scripts)
        if token == end:
            return row
        if not token.isspace():
            row.append(_element(token, tokens))
    if end:
        raise ValueError(f"formula ends without {end}")
    _attach(row, scripts)
    return row


def _attach(row: list[str], scripts: dict[str, str]) -> None:
    """Give the last element what was set low and high after it."""
    if not scripts:
        return
    base = row.pop()
    name = "msubsup" if len(scripts) == 2 else "msup" if "^" in scripts else "msub"
    content = "".join(scripts[sign] for sign in ("_", "^") if sign in scripts)
    scripts.clear()
    row.append(f"<{name}>{base}{content}</{name}>")


def _argument(tokens: Iterator[str]) -> str:
    """One element: what stands in braces, or a single token."""
    token = next((token for token in tokens if not token.isspace()), "")
    if token != "{":
        return _element(token, tokens)
    row = _row(tokens, end="}")
    return row[0] if len(row) == 1 else f"<mrow>{''.join(row)}</mrow>"


def _element(token: str, tokens: Iterator[str]) -> str:
    if token.startswith("\\"):
        return _call(token[1:], tokens)
    if token == "{":
        return f"<mrow>{''.join(_row(tokens, end='}'))}</mrow>"
    if token == "}":
        raise ValueError("formula has a } too many")
    tag = "mi" if token.isalpha() else "mn" if token[-1:].isdigit() else "mo"
    return f"<{tag}>{escape(token)}</{tag}>"


def _call(name: str, tokens: Iterator[str]) -> str:
    if name == "text":
        words = "".join(iter(lambda: next(tokens, "}"), "}")).removeprefix("{")
        words = words.replace(" ", "\N{NO-BREAK SPACE}")  # browsers drop the other kind at the ends
        return f"<mtext>{escape(words)}</mtext>"
    if name not in _FUNCTIONS:
        raise ValueError(f"unknown command \\{name}")
    arguments = "".join(_argument(tokens) for _ in range(_FUNCTIONS[name]))
    if name in _ACCENTS:
        return f'<mover accent="true">{arguments}<mo stretchy="false">{_ACCENTS[name]}</mo></mover>'
    return f"<m{name}>{arguments}</m{name}>"
