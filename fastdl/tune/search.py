"""The search: what is asked for, kept with the study, and the loop that every worker runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fastdl.data.checks import integer
from fastdl.errors import DataError, HyperparameterError
from fastdl.train import Trainer
from fastdl.tune import trial as trials_
from fastdl.tune.network import BuildMLP, check_space
from fastdl.tune.result import SETTINGS, SearchResult
from fastdl.tune.space import Space, checked, from_json, suggest, to_json
from fastdl.tune.split import Split, check_split
from fastdl.tune.storage import (
    GRACE,
    PRUNERS,
    close,
    is_missing_file,
    keep_curve,
    make_pruner,
    make_sampler,
    never_alive,
    open_storage,
    optuna,
    quiet,
)
from fastdl.tune.trial import DIRECTIONS, RECORD, Build, record_of

DEFAULT_STORAGE = "fastdl-tune.db"
POLL = 0.05  # seconds between two looks at trials that others run
LOOK = 0.5  # seconds between two looks at all trials while many are missing
NEAR = 16  # trials before the end from which on every one is counted: as many as others may begin meanwhile
Progress = Callable[[float, str], object]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a search does: the same for all of its workers, so it is kept in the storage, as JSON."""

    space: dict[str, Any]
    trials: int
    epochs: int
    batch_size: int
    metric: str
    sampler: str
    pruner: str | None
    seed: int
    build: str
    data: str

    def same_trials(self) -> dict[str, Any]:
        """Everything but the number of trials, which may grow when a search goes on."""
        content = asdict(self)
        del content["trials"]
        return content


@dataclass(frozen=True)
class Task:
    """All that a worker needs; it goes through a pipe to another process."""

    settings: Settings
    data: Split
    build: Build
    storage: str | Path | None
    study: str
    heartbeat: int

    def training(self) -> dict[str, Any]:
        """What is the same in all trials."""
        return {
            "epochs": self.settings.epochs,
            "batch_size": self.settings.batch_size,
            "seed": self.settings.seed,
        }


def search(
    space: Space,
    data: Split,
    *,
    build: Build | None = None,
    trials: int = 100,
    epochs: int = 50,
    batch_size: int = 100,
    metric: str = "accuracy",
    sampler: str = "random",
    pruner: str | None = None,
    seed: int = 0,
    storage: str | Path | None = DEFAULT_STORAGE,
    study: str = "search",
    workers: int = 1,
    heartbeat: int = 10,
    progress: Progress | None = None,
) -> SearchResult:
    """Train a network for each of many choices of hyper-parameters, and judge it by the validation data.

    A search that was interrupted, by whatever, goes on where it was when it is started again with the same settings;
    with more trials it adds those. A trial that fails or diverges is recorded, and the search goes on.

    Parameters
    ----------
    space : mapping of str to Range, Choice or a value
        The hyper-parameters.
    data : Split
        Of `split`. Only its training and validation data are read.
    build : callable, optional
        Takes a dict of hyper-parameters, returns (network, optimizer); for several workers a function of a module.
        Without it `BuildMLP` makes an MLP, and the names are lr, momentum, optimizer, batch_size, layers, units,
        activation, init, weight_decay, dropout and norm.
    trials : int >= 1
        How many.
    epochs : int >= 1
        Of each trial.
    batch_size : int >= 1
        Where the space has no ``batch_size``.
    metric : {"accuracy", "loss"}
        Of the validation data after the last epoch; the largest accuracy or the smallest loss is best.
    sampler : {"random", "tpe", "gp"}
        Who chooses: chance, the book's way; or Bayesian optimization, by tree-structured Parzen estimators or by
        Gaussian processes, for which torch and SciPy must be there.
    pruner : {"median", "hyperband"}, optional
        Who stops a trial early: the median of the others after as many epochs, or Hyperband.
    seed : int >= 0
        Of the choices, and of weights and shuffling, which are the same in all trials.
    storage : str, Path or None
        The path of an SQLite file, ``postgresql://...`` for workers on several machines, or None: memory.
    study : str
        Name of the search in the storage.
    workers : int >= 1
        Processes, this one among them; they share its threads.
    heartbeat : int >= 1
        Seconds between two signs of life. A trial without one for three times as long is run again.
    progress : callable, optional
        Told the share of the trials that are done, 0..1, and the best value so far as text.

    Returns
    -------
    SearchResult

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.
    ArrayError
        If the training or validation data has a number that is not finite.
    DataError
        If the storage cannot be opened, or has a search of this name with other settings.
    MissingDependencyError
        If Optuna is not installed.

    Notes
    -----
    The choices of trial number n depend on the seed, the name of the study and n, and with Bayesian optimization on the
    trials that have ended when it begins: so random search makes the same trials for any number of workers.

    Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012; Bergstra et al., "Algorithms for
    hyper-parameter optimization", 2011 (TPE); Li et al., "Hyperband", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import tune
    >>> x = np.random.default_rng(0).standard_normal((200, 2))
    >>> data = tune.split(x, (x[:, 0] > x[:, 1]).astype(int), validation=0.5, test=0.2)
    >>> space = {"lr": tune.Range(1e-4, 1.0, log=True), "layers": 1, "units": tune.Range(2, 20)}
    >>> result = tune.search(space, data, trials=10, epochs=5, storage=None)  # doctest: +SKIP
    >>> result.best_params["lr"], result.best.value  # doctest: +SKIP
    (0.337..., 0.99)
    """
    check_split(data, "search")
    space = checked(space, "search")
    if build is not None and not callable(build):
        raise HyperparameterError(
            "cannot be called", op="search", arg="build", expected="a function of hyper-parameters", got=repr(build)
        )
    if not isinstance(study, str):
        raise HyperparameterError("not a name", op="search", arg="study", expected="text", got=repr(study))
    if build is None:
        check_space(space, BuildMLP(data.features, data.classes, integer(seed, op="search", arg="seed", low=0)))
    settings = Settings(
        space=to_json(space),
        trials=integer(trials, op="search", arg="trials", low=1),
        epochs=integer(epochs, op="search", arg="epochs", low=1),
        batch_size=integer(batch_size, op="search", arg="batch_size", low=1),
        metric=metric,
        sampler=sampler,
        pruner=pruner,
        seed=integer(seed, op="search", arg="seed", low=0),
        build=name_of(build),
        data=data.fingerprint(),
    )
    if metric not in DIRECTIONS:
        raise HyperparameterError(
            "unknown metric", op="search", arg="metric", expected=f"one of {', '.join(DIRECTIONS)}", got=repr(metric)
        )
    if pruner is not None and pruner not in PRUNERS:
        make_pruner(pruner, epochs)  # raises
    return run(task_for(settings, data, build, storage, study, heartbeat), workers, progress, create=True)


def join(
    data: Split,
    storage: str | Path,
    study: str = "search",
    *,
    build: Build | None = None,
    workers: int = 1,
    heartbeat: int = 10,
    progress: Progress | None = None,
) -> SearchResult:
    """Take part in a search that runs elsewhere, until it is done; its settings come from the storage.

    Parameters
    ----------
    data : Split
        The same as there.
    storage : str or Path
        Such as ``postgresql://...``.
    study : str
        Its name there.
    build : callable, optional
        The same as there.
    workers : int >= 1
        Processes here.
    heartbeat : int >= 1
        As there.
    progress : callable, optional
        As of `search`.

    Returns
    -------
    SearchResult

    Raises
    ------
    ArrayError
        As by `search`.
    DataError
        If there is no such search, or it has other data.
    HyperparameterError
        If it has another ``build``.
    """
    check_split(data, "join")
    settings = read_settings(storage, study, heartbeat)
    if settings.build != name_of(build):
        raise HyperparameterError(
            "another function", op="join", arg="build", expected=settings.build, got=name_of(build)
        )
    if settings.data != data.fingerprint():
        raise DataError("not the data of this search", op="join", arg="data", hint="Split the same data the same way")
    return run(task_for(settings, data, build, storage, study, heartbeat), workers, progress, create=False)


def name_of(build: Build | None) -> str:
    """Return what the settings call the function: nothing else of it is kept."""
    if build is None:
        return "MLP"
    kind = build if hasattr(build, "__qualname__") else type(build)
    return f"{kind.__module__}.{kind.__qualname__}"


def task_for(
    settings: Settings, data: Split, build: Build | None, storage: str | Path | None, study: str, heartbeat: int
) -> Task:
    """Return the task, without the test data: no worker ever has it."""
    return Task(
        settings,
        replace(data, test=None),
        build or BuildMLP(data.features, data.classes, settings.seed),
        storage,
        study,
        integer(heartbeat, op="search", arg="heartbeat", low=1),
    )


def read_settings(storage: str | Path, study: str, heartbeat: int) -> Settings:
    """Return the settings of a search in the storage, or raise DataError where it is not."""
    if is_missing_file(storage):
        raise DataError("no such file", op="join", arg="storage", got=str(storage))
    opened = open_storage(storage, heartbeat)
    try:
        names = {each.study_name: each for each in optuna().get_all_study_summaries(storage=opened)}
    finally:
        close(opened)
    if study not in names or SETTINGS not in names[study].user_attrs:
        raise DataError("no such search in the storage", op="join", arg="study", got=repr(study))
    return Settings(**names[study].user_attrs[SETTINGS])


@dataclass(frozen=True)
class Opened:
    """Optuna's study and the storage that it is in."""

    study: Any
    storage: Any


def open_study(task: Task, *, create: bool) -> Opened:
    """Return the study, made where it is not there; raises DataError where it is another search."""
    settings = task.settings
    module = optuna()
    storage = open_storage(task.storage, task.heartbeat, create=create)
    options = {
        "study_name": task.study,
        "storage": storage,
        "sampler": make_sampler(settings.sampler, settings.seed, task.study),
        "pruner": make_pruner(settings.pruner, settings.epochs),
    }
    with quiet():
        if not create:
            return Opened(module.load_study(**options), storage)
        study = module.create_study(**options, direction=DIRECTIONS[settings.metric], load_if_exists=True)
    kept = study.user_attrs.get(SETTINGS)
    if kept is not None and Settings(**kept).same_trials() != settings.same_trials():
        different = [name for name, value in settings.same_trials().items() if kept.get(name) != value]
        raise DataError(
            "the storage has a search of this name with other settings", op="search", arg="study",
            expected=f"the same {', '.join(different)}", got=repr(task.study), hint="Give it another name",
        )  # fmt: skip
    if kept is None or kept["trials"] < settings.trials:
        study.set_user_attr(SETTINGS, asdict(settings))
    return Opened(study, storage)


def run(task: Task, workers: int, progress: Progress | None, *, create: bool) -> SearchResult:
    """Run the trials that are missing, here or in processes, and return what was found."""
    report = progress or (lambda share, text: None)
    if integer(workers, op="search", arg="workers", low=1) == 1:
        others: AbstractContextManager[Callable[[], None]] = nullcontext(lambda: None)
    else:
        from fastdl.tune.workers import others_of

        others = others_of(task, workers)
    with others as begin:
        opened = open_study(task, create=create)
        try:
            begin()
            work(task, opened, report)
            return result_of(task, opened.study)
        finally:
            close(opened.storage)


def work(task: Task, opened: Opened, report: Progress, stop: Callable[[], bool] = lambda: False) -> None:
    """Run trials until there are enough; then wait for those of other workers, and repeat what a dead one left."""
    module, study, wanted = optuna(), opened.study, task.settings.trials
    silent_since: dict[int, float] = {}
    begun, looked = wanted, -math.inf
    objective = partial(_objective, task, opened.storage)
    with quiet():
        while not stop():
            if begun + NEAR > wanted or time.monotonic() - looked > LOOK:  # a look takes as long as some epochs
                module.storages.fail_stale_trials(study)
                trials = counting(study)
                tell(report, task, study, trials)
                if sum(trial.state.is_finished() for trial in trials) >= wanted:
                    return
                begun = sum(trial.state != module.trial.TrialState.WAITING for trial in trials)
                looked = time.monotonic()
            if begun < wanted:
                try:
                    study.optimize(objective, n_trials=1, catch=(Exception,))
                except ValueError:  # "Cannot tell": others took this worker for dead, and its trial is run again
                    continue
                begun += 1
            else:
                time.sleep(POLL)
                _bury(task, opened.storage, silent_since)


def counting(study: Any) -> list[Any]:
    """Return the trials that count: not those whose worker died or was interrupted, which are run again.

    A worker may die between the record of its trial and the trial's end.
    """
    failed = optuna().trial.TrialState.FAIL
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state != failed or trial.user_attrs.get(RECORD, {}).get("failed")
    ]


def tell(report: Progress, task: Task, study: Any, trials: list[Any]) -> None:
    """Report the share that is done and the best value."""
    values = [trial.value for trial in trials if trial.state == optuna().trial.TrialState.COMPLETE]
    best = (max if DIRECTIONS[task.settings.metric] == "maximize" else min)(values, default=None)
    done = sum(trial.state.is_finished() for trial in trials)
    text = "" if best is None else f"best {task.settings.metric} {best:.4f}"
    report(min(1.0, done / task.settings.trials), text)


def _objective(task: Task, storage: Any, trial: Any) -> float:
    """Run a trial, unless two workers began the last one at the same time and this is the later."""
    wanted = task.settings.trials
    if trial.number >= wanted and sum(each.number < trial.number for each in counting(trial.study)) >= wanted:
        raise RuntimeError("one trial too many")
    settings = task.settings
    value = trials_.run(
        trial,
        suggest(from_json(settings.space), trial),
        task.data,
        task.build,
        metric=settings.metric,
        prunes=settings.pruner is not None,
        pruned=optuna().TrialPruned,
        **task.training(),
    )
    if settings.pruner is None:
        keep_curve(storage, task.study, trial, trial.user_attrs[RECORD]["curve"])
    return value


def _bury(task: Task, storage: Any, silent_since: dict[int, float]) -> None:
    """Fail the trials that have been without any heartbeat for as long as makes one dead."""
    now = time.monotonic()
    for trial_id in never_alive(storage, task.study):
        if now - silent_since.setdefault(trial_id, now) > GRACE * task.heartbeat:
            storage.set_trial_state_values(trial_id, optuna().trial.TrialState.FAIL)


def result_of(task: Task, study: Any) -> SearchResult:
    """Return what the study holds."""
    space = from_json(task.settings.space)

    def train_again(data: Split, params: dict[str, Any]) -> Trainer:
        trainer = trials_.trainer_for(task.build, params, **task.training())
        trainer.fit(*data.train, scale=data.scale, validation=data.validation)
        return trainer

    ended = [trial for trial in counting(study) if trial.state.is_finished() and RECORD in trial.user_attrs]
    records = tuple(record_of(trial, space) for trial in ended)
    return SearchResult(space, task.settings.metric, records, study, train_again)
