"""One trial: a network trained with the hyper-parameters that the sampler chose, and the record of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastdl.errors import FastdlError
from fastdl.train import EpochRecord, StepRecord, Trainer
from fastdl.tune.split import Split

Build = Callable[[Mapping[str, Any]], tuple[Any, Any]]
RECORD = "fastdl"  # the name of the record among the trial's attributes in the storage
DIRECTIONS = {"accuracy": "maximize", "loss": "minimize"}


class Diverged(Exception):
    """A loss was not finite."""


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What became of one trial.

    Parameters
    ----------
    number : int
        From 0, in the order in which they began.
    params : dict
        The hyper-parameters.
    outcome : str
        ``"complete"``; ``"pruned after epoch 7"``; ``"diverged at step 12"``; else the error that ended it.
    value : float or None
        Validation accuracy, or loss, after the last epoch; None where it is not complete.
    curve : tuple of float
        The same after each epoch.
    losses : tuple of float
        Mean training loss of each epoch.
    seconds : float
        Wall-clock time.
    """

    number: int
    params: dict[str, Any]
    outcome: str
    value: float | None
    curve: tuple[float, ...]
    losses: tuple[float, ...]
    seconds: float


def record_of(trial: Any, constants: Mapping[str, Any]) -> TrialRecord:
    """Return the record of one of Optuna's trials that has ended."""
    kept = trial.user_attrs[RECORD]
    return TrialRecord(
        number=trial.number,
        params={name: trial.params.get(name, value) for name, value in constants.items()},
        outcome=kept["outcome"],
        value=trial.value if kept["outcome"] == "complete" else None,
        curve=tuple(math.nan if each is None else each for each in kept["curve"]),
        losses=tuple(math.nan if each is None else each for each in kept["losses"]),
        seconds=trial.duration.total_seconds(),
    )


def trainer_for(
    build: Build,
    params: Mapping[str, Any],
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    progress: Callable[[StepRecord | EpochRecord], object] | None = None,
) -> Trainer:
    """Return the trainer of these hyper-parameters; the same one makes the same network again."""
    network, optimizer = build(params)
    return Trainer(
        network,
        optimizer,
        batch_size=params.get("batch_size", batch_size),
        epochs=epochs,
        seed=seed,
        progress=progress,
    )


def run(
    trial: Any,
    params: Mapping[str, Any],
    data: Split,
    build: Build,
    *,
    metric: str,
    prunes: bool,
    pruned: type[Exception],
    **training: Any,
) -> float:
    """Train, and leave the record in the trial's attributes.

    Parameters
    ----------
    trial : optuna.trial.Trial
    params : mapping
    data : Split
    build : callable
        Takes the params, returns network and optimizer.
    metric : {"accuracy", "loss"}
    prunes : bool
        Whether to ask the study's pruner after each epoch.
    pruned : type
        Optuna's exception for a trial that is stopped. One that diverged is stopped too: the sampler learns from
        that, while it forgets what failed.
    **training
        epochs, batch_size and seed.

    Returns
    -------
    float
        The metric after the last epoch.
    """
    curve: list[float] = []
    losses: list[float] = []

    def follow(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord):
            if not math.isfinite(record.loss):
                raise Diverged(f"diverged at step {record.step}")
            return
        value = record.validation_accuracy if metric == "accuracy" else record.validation_loss
        curve.append(math.nan if value is None else value)
        losses.append(record.loss)
        if not math.isfinite(curve[-1]):
            raise Diverged(f"diverged at step {record.step}")
        if prunes:
            trial.report(curve[-1], record.epoch)
            if record.epoch < training["epochs"] and trial.should_prune():
                raise pruned(f"pruned after epoch {record.epoch}")

    outcome, has_failed = "complete", False
    try:
        trainer = trainer_for(build, params, **training, progress=follow)
        trainer.fit(*data.train, scale=data.scale, validation=data.validation)
    except (Diverged, pruned) as error:
        outcome = str(error)
        raise pruned(outcome) from error
    except Exception as error:
        outcome = str(error) if isinstance(error, FastdlError) else f"{type(error).__name__}: {error}"
        has_failed = True
        raise
    except BaseException:  # interrupted: not recorded, so that the trial does not count
        outcome = ""
        raise
    finally:
        if outcome:
            finite = [[each if math.isfinite(each) else None for each in values] for values in (curve, losses)]
            record = {"outcome": outcome, "failed": has_failed, "curve": finite[0], "losses": finite[1]}
            trial.set_user_attr(RECORD, record)
    return curve[-1]
