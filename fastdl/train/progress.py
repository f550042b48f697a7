"""Progress on stderr: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Protocol


class Display(Protocol):
    """Where progress is shown."""

    def step(self, label: str, loss: float) -> None:
        """Show that one more step is done."""

    def milestone(self, text: str) -> None:
        """Show a line that is worth keeping."""


class _Lines:
    """Milestones only, one a line."""

    def step(self, label: str, loss: float) -> None:
        pass

    def milestone(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class _Bar:
    """Steps as a tqdm bar; milestones are left to those who read lines."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._bar: Any = None  # not before the first step: an error before it has the terminal to itself

    def step(self, label: str, loss: float) -> None:
        if self._bar is None:
            self._bar = self._make()
        self._bar.set_description_str(label, refresh=False)
        self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
        self._bar.update()

    def milestone(self, text: str) -> None:
        pass

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar_class() -> Any:
    """Return the bar of tqdm, where that is installed and stderr is a terminal; else None."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm if sys.stderr.isatty() else None


@contextmanager
def display(steps: int) -> Iterator[Display]:
    """Progress display for a run of known length: tqdm's bar in a terminal that has it, lines elsewhere.

    Parameters
    ----------
    steps : int
        Steps of the whole run.
    """
    tqdm = _bar_class()
    if tqdm is None:
        yield _Lines()
    else:
        with closing(_Bar(partial(tqdm, total=steps, unit="step", dynamic_ncols=True))) as bar:
            yield bar


@contextmanager
def progress_line(label: str) -> Iterator[Callable[[float, str], None]]:
    """Progress of work whose share done is known: a bar in a terminal that has tqdm, else nothing.

    Parameters
    ----------
    label : str
        What is being done.

    Yields
    ------
    callable
        Takes the share done, from 0 to 1, and what is being done now.
    """
    tqdm = _bar_class()
    if tqdm is None:
        yield lambda share, text: None
    else:
        form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
        with tqdm(total=1.0, desc=label, dynamic_ncols=True, bar_format=form, leave=False) as bar:

            def show(share: float, text: str) -> None:
                bar.set_postfix_str(text, refresh=False)
                bar.update(share - bar.n)

            yield show
