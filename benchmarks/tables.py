"""``python -m benchmarks.tables``: writes the README's tables from the committed results.

A table stands in the README between ``<!-- table:NAME -->`` and ``<!-- /table -->``; there is none where
``results/NAME.json`` is not there yet. With ``--check`` nothing is written, and the exit status is 1 if the README
does not say what the results say.
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
TURNS = "the contenders taking turns"
RATIO = "×: how many times as long as fastdl takes, the median of the ratios within the rounds"
FIGURES = README.parent / "docs"
INTRODUCED = {  # said only where there is something to be introduced
    "mnist": "An epoch of training on MNIST, from pixels in uint8, shuffled:\n\n",
    "memory": "The memory that training takes:\n\n",
    "growth": "How the cost of a step grows, each contender's time next to what bounds it:\n\n",
}
COLUMNS = {
    "fastdl": "fastdl",
    "drop_in": "fastdl.interop.torch",
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
    contenders = _contenders(results, "seconds")
    lines = _head("", *(COLUMNS[who] for who in contenders))
    lines += [_row(work["name"], *(_cell(work, who) for who in contenders)) for work in results["works"]]
    return "\n".join(lines)


def timed(results: dict[str, Any]) -> str:
    """Return the table, with what was measured where."""
    return f"{table(results)}\n\n{conditions(results)}"


def with_accuracy(results: dict[str, Any]) -> str:
    """Return the table of times with a last row: the mean accuracy of some runs with its standard error."""
    accuracy = results["accuracy"]
    cells = [_accuracy(accuracy[who]) if who in accuracy else "–" for who in _contenders(results, "seconds")]
    name = f"test accuracy after {accuracy['epochs']} epochs, mean of {accuracy['seeds']} runs ± its standard error"
    under = f"Medians of {results['rounds']} blocks of three epochs, {TURNS}; {RATIO}. {_where(results)}"
    return f"{table(results)}\n{_row(name, *cells)}\n\n{under}"


def _accuracy(runs: dict[str, Any]) -> str:
    return f"{runs['mean']:.2%} ± {runs['error']:.2%}"


def memory(results: dict[str, Any]) -> str:
    """Return the peaks of resident memory, as multiples of what training must hold.

    Examples
    --------
    >>> work = {"name": "3-4", "needed": {"parameters": 10**6, "states": 10**6}, "peak": {"fastdl": 2_500_000}}
    >>> machine = {"cores": 2, "cpu": "a CPU", "python": "3.11.7", "date": "2026-11-22"}
    >>> results = {"works": [work], "machine": machine, "contenders": {}, "runs": 5}
    >>> print(memory(results).partition("Peak")[0].rstrip())
    | | parameters, states | fastdl |
    |---|---|---|
    | 3-4 | 2.00 MB | 2.50 MB, 1.25× |
    """
    contenders = _contenders(results, "peak")
    lines = _head("", ", ".join(results["works"][0]["needed"]), *(COLUMNS[who] for who in contenders))
    for work in results["works"]:
        needed = sum(work["needed"].values())
        cells = (f"{work['peak'][who] / 1e6:.2f} MB, {work['peak'][who] / needed:.2f}×" for who in contenders)
        lines.append(_row(work["name"], f"{needed / 1e6:.2f} MB", *cells))
    under = (
        "Peak of resident memory above the batch and what the process held before; ×: of the first column, which "
        "leaves out the gradients, as large as the parameters. "
        f"Medians of {results['runs']} processes. {_where(results)}"
    )
    return "\n".join(lines) + f"\n\n{under}"


def growth(results: dict[str, Any]) -> str:
    """Return the figures that `benchmarks.growth_figures` draws of the results."""
    names = dict.fromkeys(
        work["figure"] for work in results["works"] if (FIGURES / f"growth-{work['figure']}.png").exists()
    )
    figures = [f"![Time of a step against {name}](docs/growth-{name}.png)" for name in names]
    under = f"Medians of {results['rounds']} blocks of {results['seconds']:g} s, {TURNS}. {_where(results)}"
    return "\n\n".join([*figures, under])


def conditions(results: dict[str, Any]) -> str:
    """Return the sentence under a table: what was measured where."""
    return f"Medians of {results['rounds']} blocks of {results['seconds']:g} s, {TURNS}; {RATIO}. {_where(results)}"


def _where(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = {
        name: version for contender in results["contenders"].values() for name, version in contender["versions"].items()
    }
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{machine['cores']} cores of {machine['cpu']}, Python {machine['python']}, {packages}; {machine['date']}."


def _contenders(results: dict[str, Any], what: str) -> list[str]:
    return [who for who in COLUMNS if any(who in work[what] for work in results["works"])]


def _head(*cells: str) -> list[str]:
    return [_row(*cells), "|---" * len(cells) + "|"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _cell(work: dict[str, Any], contender: str) -> str:
    if contender not in work["seconds"]:
        return "–"
    time = duration(work["seconds"][contender]["median"])
    return f"{time}, {work['ratio'][contender]['median']:.2f}×" if contender in work["ratio"] else time


def duration(seconds: float) -> str:
    """Write a time with three digits.

    Examples
    --------
    >>> duration(2.344e-5), duration(0.0123), duration(1.2345e-3), duration(2.5)
    ('23.4 µs', '12.3 ms', '1.23 ms', '2.50 s')
    """
    unit, scale = next((u, s) for u, s in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)) if seconds >= s or u == "µs")
    return f"{seconds / scale:#.3g}".rstrip(".") + f" {unit}"


SECTIONS = {"mnist": with_accuracy, "memory": memory, "growth": growth}


def filled_in(text: str) -> str:
    """Return ``text`` with every marked table made anew."""

    def content(match: re.Match[str]) -> str:
        path = RESULTS / f"{match[1]}.json"
        if not path.exists():
            return f"{match[1]}{match[2]}"
        section = SECTIONS.get(match[1], timed)(json.loads(path.read_text()))
        return f"{match[1]}{match[2]}{INTRODUCED.get(match[1], '')}{section}\n"

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
