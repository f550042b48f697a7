"""What an experiment is: a function, its claim, how the claim is checked and how the result is drawn."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from fastdl._files import make_folder, write_atomically
from fastdl.data import Dataset
from fastdl.viz.style import to_png

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from matplotlib.axes import Axes

    from fastdl.experiments.races import Race

Result = TypeVar("Result", bound="DataclassInstance")
Progress = Callable[[float, str], object]
"""Told the share of the work that is done, from 0 to 1, and what is being done."""


def silent(share: float, text: str) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Check:
    """One statement of a claim, held against the numbers.

    Parameters
    ----------
    text : str
        The statement with its numbers, such as ``"SGD 0.41 > AdaGrad 0.08"``.
    holds : bool
        Whether they bear it out.

    Examples
    --------
    >>> print(Check("SGD 0.41 > AdaGrad 0.08", holds=True))
    SGD 0.41 > AdaGrad 0.08: holds
    """

    text: str
    holds: bool

    def __str__(self) -> str:
        return f"{self.text}: {'holds' if self.holds else 'does not hold'}"


_RELATIONS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


def compared(name: str, number: float, relation: str, other_name: str, other_number: float, form: str = ".3g") -> Check:
    """Check that two numbers are in a relation.

    Parameters
    ----------
    name : str
    number : float
        A number and what it is of.
    relation : {"<", ">", "<=", ">="}
    other_name : str
    other_number : float
        The same of the other; the name is empty where the number is a bound.
    form : str
        How the numbers are written, as of :func:`format`.

    Returns
    -------
    Check
        It does not hold where a number is NaN.

    Examples
    --------
    >>> print(compared("SGD", 0.41, ">", "AdaGrad", 0.08))
    SGD 0.41 > AdaGrad 0.08: holds
    >>> print(compared("batches of 32", 0.41, ">", "", 0.08))
    batches of 32: 0.41 > 0.08: holds
    """
    text = f"{_named(name, number, form)} {relation} {_named(other_name, other_number, form)}"
    return Check(text, bool(_RELATIONS[relation](number, other_number)))


def _named(name: str, number: float, form: str) -> str:
    """The number after its name, which a colon keeps apart where it ends in a number itself."""
    return f"{name}{':' if name[-1:].isdigit() else ''} {number:{form}}".lstrip()


@dataclass(frozen=True)
class Experiment(Generic[Result]):
    """A claim of the chapter and the function that puts it to the test.

    Parameters
    ----------
    function : callable
        Runs it and returns a small dataclass. It works without arguments but ``data`` (a Dataset), if it takes that;
        ``seed`` and ``progress`` are the other names that `run` knows.
    claim : str
        What is to be seen, in one sentence without a full stop.
    seconds : float
        About how long it takes with the digits on two cores.
    check : callable
        Takes the result; returns the statements of the claim, each held against its numbers.
    draw : callable
        Takes the result and ``ax=None``; returns the Axes that it drew on.
    extra_files : callable, optional
        Takes the result; returns the contents of further files by the ends of their names, such as ``"-beale.gif"``.
    races : callable, optional
        Takes the result; returns the races that the report shows step by step.
    """

    function: Callable[..., Result]
    claim: str
    seconds: float
    check: Callable[[Result], Sequence[Check]]
    draw: Callable[..., Axes]
    extra_files: Callable[[Result], Mapping[str, bytes]] | None = None
    races: Callable[[Result], Sequence[Race]] | None = None

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def title(self) -> str:
        """The first line of what its file says of itself."""
        return str(inspect.getmodule(self.function).__doc__).partition("\n")[0].rstrip(".")

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(inspect.signature(self.function).parameters) & {"data", "seed", "progress"}

    def run(self, data: Dataset, *, seed: int = 0, progress: Progress = silent) -> Result:
        """Run it with its own settings.

        Parameters
        ----------
        data : Dataset
            Images, for an experiment that trains on them.
        seed : int >= 0
            Of whatever is drawn at random.
        progress : callable
            Told the share done, 0..1, and what is being done.

        Returns
        -------
        dataclass
            As the function says.
        """
        given = {"data": data, "seed": seed, "progress": progress}
        return self.function(**{name: given[name] for name in self._known})


def load(name: str) -> Experiment[Any]:
    """Import an experiment.

    Parameters
    ----------
    name : str
        One of `fastdl.experiments.NAMES`.

    Returns
    -------
    Experiment

    Examples
    --------
    >>> load("anisotropy").name
    'anisotropy'
    """
    experiment: Experiment[Any] = importlib.import_module(f"fastdl.experiments.{name}").EXPERIMENT
    return experiment


def as_json(experiment: Experiment[Result], result: Result) -> str:
    """Everything in a result, with the claim and its checks, as JSON; numbers that are not finite become null."""
    content = {
        "name": experiment.name,
        "claim": experiment.claim,
        "checks": [asdict(check) for check in experiment.check(result)],
        "result": asdict(result),
    }
    return json.dumps(_plain(content), indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """The value with nothing in it that JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(experiment: Experiment[Result], result: Result, folder: Path) -> list[Path]:
    """Write ``NAME.png``, ``NAME.json`` and the experiment's further files, each whole or not at all.

    Parameters
    ----------
    experiment : Experiment
    result : dataclass
        Its.
    folder : Path
        Created where it is missing.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        If the folder or a file cannot be written.
    MissingDependencyError
        If matplotlib is not installed; nothing is written then.
    """
    contents = {
        f"{experiment.name}.png": to_png(experiment.draw(result)),
        f"{experiment.name}.json": as_json(experiment, result).encode(),
    }
    if experiment.extra_files is not None:
        contents |= {f"{experiment.name}{end}": content for end, content in experiment.extra_files(result).items()}
    make_folder(folder)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]
