"""``python -m benchmarks.tables``: writes the tables of the README and of docs from the committed results.

A table stands in them between ``<!-- table:NAME -->`` and ``<!-- /table -->``; there is none where
``results/NAME.json`` is not there yet. With ``--check`` nothing is written, and the exit status is 1 if one
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
from benchmarks.parallel.table import PARTS, measured, worth

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "speed.md", ROOT / "docs" / "scaling.md")
MARKED = re.compile(r"(?<=<!-- table:)(\w+)( -->\n).*?(?=<!-- /table -->)", re.DOTALL)
TURNS = "the contenders taking turns"
RATIO = "×: how many times as long as fastdl takes, the median of the ratios within the rounds"
FIGURES = ROOT / "docs"
INTRODUCED = {  # said only where there is something to be introduced
    "mnist": "An epoch of training on MNIST, from pixels in uint8, shuffled:\n\n",
    "memory": "The memory that training takes:\n\n",
    "tune": "How long the book's search takes:\n\n",
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
    "matmul": "np.matmul alone",
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
    figures = [f"![Time of a step against {name}](growth-{name}.png)" for name in names]
    under = f"Medians of {results['rounds']} blocks of {results['seconds']:g} s, {TURNS}. {_where(results)}"
    return "\n\n".join([*figures, under])


def tune(results: dict[str, Any]) -> str:
    """Return the times of the book's hyper-parameter search.

    Examples
    --------
    >>> machine = {"cores": 2, "cpu": "a CPU", "python": "3.11.7", "date": "2026-11-22"}
    >>> facts = {"machine": machine, "contenders": {}, "rounds": 3, "trials": 100, "numpy_trials": 10}
    >>> times = {"two workers, whole": 5.0, "numpy, the same work": 20.0}
    >>> ratio = {"numpy, the same work / two workers": 4.0}
    >>> print(tune({**facts, "seconds": times, "ratio": ratio}).partition("The book")[0].rstrip())
    | | seconds |
    |---|---|
    | two workers, whole | 5.00 s |
    | numpy, the same work | 20.0 s |
    | numpy, the same work / two workers | 4.00× |
    """
    lines = _head("", "seconds")
    lines += [_row(name, duration(seconds)) for name, seconds in results["seconds"].items()]
    lines += [_row(name, f"{ratio:.2f}×") for name, ratio in results["ratio"].items()]
    under = (
        f"The book's search: {results['trials']} trials of 50 epochs over 400 images of MNIST's size, six hidden "
        'layers of 100 units. Each worker has one thread, NumPy as many as there are cores. "whole": from call to '
        "result, \"trials\": from the first one's begin to the last one's end. NumPy's are measured on "
        f"{results['numpy_trials']} trials; the book's trainer also computes each loss anew and the accuracy on the "
        f"training data. Medians of {results['rounds']} rounds, taking turns. {_where(results)}"
    )
    return "\n".join(lines) + f"\n\n{under}"


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


def parallel(results: dict[str, Any]) -> str:
    """Return what steps on several ranks take, and what the model makes of more machines."""
    parts = ["network", "ranks x threads", *(f"{part}, ms" for part in PARTS), "the model's step"]
    machines = ["network", "link", "quickest on", "with overlap", "2 times the rows", "8 times", "64 times"]
    tables = [
        "\n".join([*_head(*head), *(_row(*row) for row in rows)])
        for head, rows in ((parts, measured(results)), (machines, worth(results)))
    ]
    sizes = "; ".join(
        f"{model['name']}: {'-'.join(map(str, model['sizes']))}, {model['rows']} rows" for model in results["models"]
    )
    under = f"{sizes}. Medians of {results['rounds']} rounds, taking turns. {_where(results)}"
    return "\n\n".join([tables[0], under.replace("Medians of 1 rounds, taking turns", "Of one round"), tables[1]])


SECTIONS = {"mnist": with_accuracy, "memory": memory, "growth": growth, "tune": tune, "parallel": parallel}


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
    parser = argparse.ArgumentParser(description="Write the documents' tables from benchmarks/results.")
    parser.add_argument("--check", action="store_true", help="only say whether the documents are up to date")
    check = parser.parse_args().check
    differ = False
    for document in DOCUMENTS:
        text = document.read_text()
        wanted = filled_in(text)
        differ |= text != wanted
        if not check:
            document.write_text(wanted)
        else:
            lines = text.splitlines(True), wanted.splitlines(True)
            sys.stdout.writelines(difflib.unified_diff(*lines, document.name, "results"))
    return int(check and differ)


if __name__ == "__main__":
    sys.exit(main())
