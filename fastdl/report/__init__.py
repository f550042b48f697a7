"""The chapter as one HTML page: every experiment run, drawn, checked and timed against plain NumPy.

================  ==============================================================================
file              holds
================  ==============================================================================
``chapter.py``    `run_chapter`: what came of each experiment, in the chapter's order
``figures.py``    an experiment's figure as a part of the page
``films.py``      races step by step, each in two views; their script is in ``assets``
``formulas.py``   the formula of each technique, in the notation of ``mathml.py``
``speed.py``      what is timed for each technique
``race.py``       the race of optimizers; its script is in ``assets``
``page.py``       `render`: the page
``texts/``        what the page says, a file for each language
================  ==============================================================================

matplotlib, the extra `plot`, draws the figures.
"""

from __future__ import annotations

from pathlib import Path

from fastdl._files import make_folder, write_atomically
from fastdl.report.chapter import Chapter, Outcome, run_chapter
from fastdl.report.page import render
from fastdl.report.texts import LANGUAGES

__all__ = ["LANGUAGES", "Chapter", "Outcome", "render", "run_chapter", "write"]


def write(chapter: Chapter, folder: Path) -> Path:
    """Write ``index.html``, whole or not at all.

    Parameters
    ----------
    chapter : Chapter
        From `run_chapter`.
    folder : Path
        Created where it is missing.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If the folder or the file cannot be written.
    """
    content = render(chapter).encode()
    make_folder(folder)
    path = folder / "index.html"
    write_atomically(path, content)
    return path
