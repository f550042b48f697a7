"""Hyper-parameter search on Optuna: the book's way, at random and narrowing, and Bayesian optimization.

================  ==============================================================================================
file              holds
================  ==============================================================================================
``split.py``      `split`: training, validation and test data
``space.py``      `Range`, `Choice`: what a search may choose
``network.py``    `BuildMLP`: the network of some hyper-parameters, where you give no function of your own
``search.py``     `search`, and `join` from another machine
``trial.py``      one trial and its `TrialRecord`
``result.py``     `SearchResult`: the trials, the best, its score on the test data
``stages.py``     `narrow`: the range of the best trials becomes the next range
``figures.py``    figures of a search
``workers.py``    processes
``storage.py``    what is asked of Optuna: storage, samplers, pruners
================  ==============================================================================================

Optuna, the extra `tune`, is imported when a search begins.
"""

from fastdl.tune.figures import draw_best, draw_parallel, draw_ranges
from fastdl.tune.network import BuildMLP
from fastdl.tune.result import SearchResult
from fastdl.tune.search import join, search
from fastdl.tune.space import Choice, Range
from fastdl.tune.split import Split, split
from fastdl.tune.stages import Narrowing, narrow, next_space
from fastdl.tune.trial import TrialRecord

__all__ = [
    "BuildMLP",
    "Choice",
    "Narrowing",
    "Range",
    "SearchResult",
    "Split",
    "TrialRecord",
    "draw_best",
    "draw_parallel",
    "draw_ranges",
    "join",
    "narrow",
    "next_space",
    "search",
    "split",
]
