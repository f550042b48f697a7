"""Running the chapter's experiments for the page: what came of each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastdl import kernels
from fastdl.compare import environment
from fastdl.data import Dataset
from fastdl.experiments import Check, Experiment, load
from fastdl.experiments.experiment import Progress, silent
from fastdl.report.figures import figure
from fastdl.report.films import films
from fastdl.report.speed import CONTESTS, Speed, measure
from fastdl.report.texts import Language, language, typeset

#: The experiments of each section of the chapter, by the names of both.
GROUPS = {
    "updating": (
        "gradient_descent",
        "anisotropy",
        "momentum",
        "nesterov",
        "adagrad",
        "rmsprop",
        "adam",
        "family",
        "learning_rate_decay",
        "hard_surfaces",
        "optimizers",
    ),
    "weights": ("zero_weights", "activations", "initial_weights", "vanishing_gradients"),
    "normalization": ("batch_norm", "gradient_check"),
    "overfitting": ("overfitting", "weight_decay", "dropout", "ensemble"),
    "hyperparameters": ("data_split", "random_search", "narrowing", "bayesian_search"),
}


@dataclass(frozen=True)
class Outcome:
    """What came of an experiment.

    Parameters
    ----------
    name : str
    claim : str
        In the page's language.
    seconds : float
        How long it took.
    checks : tuple of Check
        The statements of its claim, in the page's language.
    figure : str
        HTML.
    films : str
        HTML of its races, step by step; empty if it has none.
    speed : Speed or None
    error : str
        Why it could not be run; empty if it was.
    """

    name: str
    claim: str
    seconds: float = 0.0
    checks: tuple[Check, ...] = ()
    figure: str = ""
    films: str = ""
    speed: Speed | None = None
    error: str = ""

    @property
    def held(self) -> bool:
        """Whether it ran and all its checks hold."""
        return not self.error and all(check.holds for check in self.checks)


@dataclass(frozen=True)
class Chapter:
    """Everything the page tells of one run.

    Parameters
    ----------
    language : Language
    data : str
        Name of the data set.
    seed, threads : int
    day : str
    environment : dict
        Versions, machine and build of the kernels.
    outcomes : tuple of Outcome
    """

    language: Language
    data: str
    seed: int
    threads: int
    day: str
    environment: dict[str, Any]
    outcomes: tuple[Outcome, ...]

    @property
    def median_ratio(self) -> float:
        """How many times faster than NumPy the techniques ran, in the median; NaN if none was timed."""
        ratios = [outcome.speed.ratio for outcome in self.outcomes if outcome.speed]
        return statistics.median(ratios) if ratios else float("nan")


def run_chapter(
    data: Dataset,
    names: Sequence[str],
    *,
    lang: str = "en",
    seed: int = 0,
    started: Callable[[str], Progress] | None = None,
    ended: Callable[[Outcome], object] | None = None,
) -> Chapter:
    """Run experiments one after the other; one that raises does not stop the others.

    Parameters
    ----------
    data : Dataset
        Images for the experiments that train on them.
    names : sequence of str
        Names in `fastdl.experiments.NAMES`.
    lang : {"en", "ko"}
        Language of what is said.
    seed : int >= 0
        Of whatever is drawn at random.
    started : callable, optional
        Given the name of an experiment that begins; returns what is told of its progress.
    ended : callable, optional
        Given each outcome as soon as there is one.

    Returns
    -------
    Chapter

    Examples
    --------
    >>> from fastdl.data import load_digits
    >>> chapter = run_chapter(load_digits(), ["anisotropy"])
    >>> [(outcome.name, outcome.held) for outcome in chapter.outcomes]
    [('anisotropy', True)]
    """
    words = language(lang)
    outcomes = []
    for name in names:
        progress = started(name) if started else silent
        outcomes.append(_outcome(name, data, words, seed, progress))
        if ended:
            ended(outcomes[-1])
    return Chapter(
        words, data.name, seed, kernels.get_num_threads(), date.today().isoformat(), environment(), tuple(outcomes)
    )


def _outcome(name: str, data: Dataset, words: Language, seed: int, progress: Progress) -> Outcome:
    claim = words.techniques[name].claim
    try:
        experiment = load(name)
        claim = claim or typeset(experiment.claim[0].upper() + experiment.claim[1:])
        return _run(experiment, claim, data, words, seed, progress)
    except Exception as error:  # whatever it is, the page tells it and the other experiments go on
        return Outcome(name, claim, error=f"{type(error).__name__}: {error}")


def _run(
    experiment: Experiment[Any], claim: str, data: Dataset, words: Language, seed: int, progress: Progress
) -> Outcome:
    name = experiment.name
    begin = time.perf_counter()
    result = experiment.run(data, seed=seed, progress=progress)
    seconds = time.perf_counter() - begin
    checks = tuple(Check(words.statement(check.text), check.holds) for check in experiment.check(result))
    text = ". ".join([words.techniques[name].title, claim, *(check.text for check in checks)])
    return Outcome(
        name,
        claim,
        seconds,
        checks,
        figure(experiment.draw, result, name, text),
        films(experiment.races(result), words.words) if experiment.races else "",
        measure(CONTESTS[name], data),
    )
