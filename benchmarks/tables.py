"""``python -m benchmarks.tables``: writes the README's tables from the committed results.

A table stands in the README between ``<!-- table:NAME -->`` and ``<!-- /table -->``. With ``--check`` nothing
is written, and the exit status is 1 if the README does not say what the results say.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS

README = Path(__file__).parents[1] / "README.md"
MARKED = re.compile(r"(?<=<!-- table:)(\w+)( -->\n).*?(?=<!-- /table -->)", re.DOTALL)
COLUMNS = {
    "fastdl": "fastdl",
    "torch": "PyTorch",
    "torch_default": "PyTorch, default",
    "torch_compile": "torch.compile",
    "jax": "JAX",
    "numpy": "NumPy",
    "book": "NumPy, float64",
    "c": "C loop",
    "usual": "usual states",
    "user": "user's rule",
}


def table(results: dict[str, Any]) -> str:
    """Return the results as a Markdown table: a row for each piece of work, a column for each contender.

    Examples
    --------
    >>> seconds = {"fastdl": {"median": 2e-4}, "torch": {"median": 3e-4}}
    >>> print(table({"works": [{"name": "adam", "seconds": seconds, "ratio": {"torch": {"median": 1.5}}}]}))
    | | fastdl | PyTorch |
    |---|---|---|
    | adam | 200 µs | 300 µs, 1.50× |
    """
    contenders = [who for who in COLUMNS if any(who in work["seconds"] for work in results["works"])]
    lines = [_row("", *(COLUMNS[who] for who in contenders)), "|---" * (len(contenders) + 1) + "|"]
    lines += [_row(work["name"], *(_cell(work, who) for who in contenders)) for work in results["works"]]
    return "\n".join(lines)


def conditions(results: dict[str, Any]) -> str:
    """Return the sentence under a table: what was measured where."""
    machine = results["machine"]
    versions = {
        name: version for contender in results["contenders"].values() for name, version in contender["versions"].items()
    }
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Medians of {results['rounds']} blocks of {results['seconds']:g} s, the contenders taking turns; "
        "×: how many times as long as fastdl takes, the median of the ratios within the rounds. "
        f"{machine['cores']} cores of {machine['cpu']}, Python {machine['python']}, {packages}; "
        f"{machine['date']}."
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _cell(work: dict[str, Any], contender: str) -> str:
    if contender not in work["seconds"]:
        return "–"
    time = _time(work["seconds"][contender]["median"])
    return f"{time}, {work['ratio'][contender]['median']:.2f}×" if contender in work["ratio"] else time


def _time(seconds: float) -> str:
    """Write a time with three digits.

    Examples
    --------
    >>> _time(2.344e-5), _time(0.0123), _time(1.2345e-3), _time(2.5)
    ('23.4 µs', '12.3 ms', '1.23 ms', '2.50 s')
    """
    unit, scale = next((u, s) for u, s in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)) if seconds >= s or u == "µs")
    return f"{seconds / scale:#.3g}".rstrip(".") + f" {unit}"


def filled_in(text: str) -> str:
    """Return ``text`` with every marked table made anew."""

    def content(match: re.Match[str]) -> str:
        path = RESULTS / f"{match[1]}.json"
        if not path.exists():
            sys.exit(f"{path} is missing: python -m benchmarks.{match[1]} makes it")
        results = json.loads(path.read_text())
        return f"{match[1]}{match[2]}{table(results)}\n\n{conditions(results)}\n"

    return MARKED.sub(content, text)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the README's tables from benchmarks/results.")
    parser.add_argument("--check", action="store_true", help="only say whether the README is up to date")
    check = parser.parse_args().check
    text = README.read_text()
    wanted = filled_in(text)
    if not check:
        README.write_text(wanted)
        return 0
    sys.stdout.writelines(difflib.unified_diff(text.splitlines(True), wanted.splitlines(True), "README.md", "results"))
    return int(text != wanted)


if __name__ == "__main__":
    sys.exit(main())
