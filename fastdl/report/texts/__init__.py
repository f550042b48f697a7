"""What the page says, in each language: one file a language, the same names in all."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

#: The languages, by the name of each one's file.
LANGUAGES = ("en", "ko")

_ENGLISH = re.compile(r"\b(?!tanh|log)[a-z]{3,}")  # a word that is no name

__all__ = ["LANGUAGES", "Language", "Technique", "Words", "language", "typeset"]


@dataclass(frozen=True)
class Technique:
    """What is said of a technique.

    Parameters
    ----------
    title : str
    idea : (str, str, str)
        Three sentences.
    claim : str
        The experiment's claim in this language; empty where it is the experiment's own.
    """

    title: str
    idea: tuple[str, str, str]
    claim: str = ""


@dataclass(frozen=True)
class Words:
    """Everything on the page that belongs to no technique; braces stand for what is put in.

    The names of the fields say where each is used.
    """

    title: str
    lede: str
    skip: str
    contents: str
    theme: str
    run: str
    data: str
    seed: str
    threads: str
    machine: str
    versions: str
    date: str
    duration: str
    seconds: str
    under_a_second: str
    summary: str
    summary_failed: str
    summary_faster: str
    overview: str
    overview_note: str
    technique: str
    formula: str
    claim: str
    numbers: str
    speed: str
    holds: str
    does_not_hold: str
    failed: str
    failed_text: str
    faster: str
    slower: str
    speed_note: str
    figure: str
    enlarge: str
    close: str
    milliseconds: str
    microseconds: str
    colophon: str
    work: Mapping[str, str]
    groups: Mapping[str, str]
    group_ideas: Mapping[str, str]
    race: Mapping[str, str]
    films: Mapping[str, str]
    surfaces: Mapping[str, str]


@dataclass(frozen=True)
class Language:
    """Everything the page says in a language.

    Parameters
    ----------
    code : str
        As in the attribute ``lang`` of HTML.
    words : Words
    techniques : mapping of str to Technique
        Of each experiment.
    phrases : mapping of str to str
        Of what the statements of the experiments' checks, which are English, are made.
    """

    code: str
    words: Words
    techniques: Mapping[str, Technique]
    phrases: Mapping[str, str]

    def statement(self, text: str) -> str:
        """Return a check's statement in this language, well set.

        Parameters
        ----------
        text : str
            In English.

        Returns
        -------
        str
            In English where a word of it is in no phrase.
        """
        text = typeset(text.replace(">=", "≥").replace("<=", "≤").replace("-gradient", "−gradient"))
        if not self.phrases:
            return text
        longest_first = sorted(self.phrases, key=len, reverse=True)
        pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"
        translated = re.sub(pattern, lambda match: self.phrases[match[0]], text)
        return text if re.search(_ENGLISH, translated) else translated


def typeset(text: str) -> str:
    """Return a text of an experiment with the apostrophes of a printed page.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text.replace("'", "’")


def language(code: str) -> Language:
    """Return the texts of a language.

    Parameters
    ----------
    code : {"en", "ko"}

    Returns
    -------
    Language

    Examples
    --------
    >>> language("ko").techniques["momentum"].title
    '모멘텀'
    """
    module = importlib.import_module(f"fastdl.report.texts.{code}")
    return Language(code, module.WORDS, module.TECHNIQUES, module.PHRASES)
