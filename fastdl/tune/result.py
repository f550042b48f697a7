"""What a search has found: its trials, the best of them, and its score on the test data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastdl.errors import DataError, HyperparameterError
from fastdl.train import Trainer, evaluate
from fastdl.tune.space import Choice, Range
from fastdl.tune.split import Split, check_test
from fastdl.tune.trial import DIRECTIONS, TrialRecord

SETTINGS = "fastdl settings"  # their name among the study's attributes in the storage
TEST = "fastdl test"  # the name of the score among the study's attributes in the storage


@dataclass(frozen=True)
class SearchResult:
    """The trials of a search.

    Parameters
    ----------
    space : dict
        What it chose from.
    metric : {"accuracy", "loss"}
        Of the validation data, by which it chose.
    trials : tuple of TrialRecord
        All that have ended, in the order of their numbers.
    study : optuna.study.Study
        Optuna's own view of it.
    train_again : callable
        Takes a Split and hyper-parameters, trains as a trial does and returns the Trainer, with network and history;
        with the search's data it is the trial's network bit for bit.
    """

    space: dict[str, Any]
    metric: str
    trials: tuple[TrialRecord, ...] = field(repr=False)
    study: Any = field(repr=False)
    train_again: Callable[[Split, dict[str, Any]], Trainer] = field(repr=False)

    @property
    def complete(self) -> tuple[TrialRecord, ...]:
        """The trials that were trained to the end."""
        return tuple(trial for trial in self.trials if trial.value is not None)

    def top(self, count: int) -> tuple[TrialRecord, ...]:
        """Return the best trials, the best first; of equal ones the earlier.

        Parameters
        ----------
        count : int
            How many, or fewer where there are not so many complete ones.

        Returns
        -------
        tuple of TrialRecord
        """
        sign = -1 if DIRECTIONS[self.metric] == "maximize" else 1
        ranked = sorted(self.complete, key=lambda trial: sign * (trial.value if trial.value is not None else math.nan))
        return tuple(ranked[:count])

    @property
    def best(self) -> TrialRecord:
        """The best trial; where none is complete, HyperparameterError says why the first one is not."""
        if not self.complete:
            raise HyperparameterError("no trial was trained to the end", op="tune", got=self._first_outcome())
        return self.top(1)[0]

    def _first_outcome(self) -> str:
        return self.trials[0].outcome if self.trials else "no trial"

    @property
    def best_params(self) -> dict[str, Any]:
        """The hyper-parameters of the best trial."""
        return self.best.params

    @property
    def best_so_far(self) -> tuple[float, ...]:
        """After each trial the best value until then; NaN before the first complete one."""
        better = max if DIRECTIONS[self.metric] == "maximize" else min
        values: list[float] = []
        for trial in self.trials:
            known = [each for each in (*values[-1:], trial.value) if each is not None and not math.isnan(each)]
            values.append(better(known) if known else math.nan)
        return tuple(values)

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each trial: number, value, outcome, seconds, and each hyper-parameter that was chosen.

        Returns
        -------
        list of dict
        """
        return [
            {
                "number": trial.number,
                "value": trial.value,
                "outcome": trial.outcome,
                "seconds": trial.seconds,
                **{name: trial.params[name] for name, each in self.space.items() if isinstance(each, Range | Choice)},
            }
            for trial in self.trials
        ]

    @property
    def test_score(self) -> float | None:
        """What `evaluate_on_test` has returned, in whatever process; None before."""
        score: float | None = self.study.user_attrs.get(TEST)
        return score

    def evaluate_on_test(self, data: Split) -> float:
        """Return the accuracy of the best trial's network on the test data, which this reads once and never again.

        The network is trained again as in its trial, bit for bit. The score is kept with the search: a second call
        is refused, also after the program was started again, for a choice among scores is tuning on test data.

        Parameters
        ----------
        data : Split
            What the search was given.

        Returns
        -------
        float
            In 0..1.

        Raises
        ------
        DataError
            If there is no test data, or it was read before, or these are not the data of the search.
        ArrayError
            If it has a number that is not finite.
        """
        if self.test_score is not None:
            raise DataError(
                "the test data has been used for this search", op="evaluate_on_test", arg="data",
                got=f"accuracy {self.test_score:.4f} then", hint="test_score holds it",
            )  # fmt: skip
        x, t = check_test(data, "evaluate_on_test")
        if self.study.user_attrs[SETTINGS]["data"] != data.fingerprint():
            hint = "Split the same data the same way"
            raise DataError("not the data of this search", op="evaluate_on_test", arg="data", hint=hint)
        trainer = self.train_again(data, self.best_params)
        _, accuracy = evaluate(trainer.network, x, t, scale=data.scale)
        self.study.set_user_attr(TEST, accuracy)
        return accuracy

    def __str__(self) -> str:
        if not self.complete:
            return f"{len(self.trials)} trials, none complete; the first: {self._first_outcome()}"
        chosen = [name for name, each in self.space.items() if isinstance(each, Range | Choice)]
        rows = [["trial", self.metric, *chosen]]
        rows += [
            [str(trial.number), f"{trial.value:.4f}", *(_short(trial.params[name]) for name in chosen)]
            for trial in self.top(10)
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([f"{len(self.trials)} trials, {len(self.complete)} complete; the best:", *lines])


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
