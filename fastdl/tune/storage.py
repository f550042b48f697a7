"""Optuna as a search uses it: where trials are kept, who chooses them, who stops them early.

Optuna, the extra `tune`, is imported when a search begins.
"""

from __future__ import annotations

import importlib.util
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fastdl.errors import DataError, HyperparameterError, MissingDependencyError

SAMPLERS = ("random", "tpe", "gp")
PRUNERS = ("median", "hyperband")
GRACE = 3  # heartbeats that a worker may miss before its trial is taken for dead
ATTEMPTS, PAUSE = 10, 0.1  # at tables that another process makes, and seconds between them
THERE = "already exists"  # in the errors of SQLite and PostgreSQL
RETRIES = 3  # of a trial whose worker died


def optuna() -> Any:
    """Return the package Optuna, or raise MissingDependencyError."""
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError(
            "Optuna is not installed", op="tune", hint='Install it with pip install "fastdl[tune]"'
        ) from error
    return optuna


def load() -> None:
    """Import what `open_storage` needs, which takes a part of a second."""
    optuna()
    import alembic.runtime.migration  # noqa: F401 - with sqlalchemy.orm what Optuna imports at the first storage
    import sqlalchemy.orm  # noqa: F401


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's notes of every trial, and that its heartbeat is experimental, to itself."""
    logging = optuna().logging
    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna().exceptions.ExperimentalWarning)
            yield
    finally:
        logging.set_verbosity(before)


def address(storage: str | Path) -> str:
    """Return the URL that SQLAlchemy takes: of a PostgreSQL database, or of an SQLite file named by its path."""
    text = str(storage)
    if "://" not in text:
        return f"sqlite:///{Path(text).absolute()}"
    return text.replace("postgresql://", "postgresql+psycopg://", 1)


def is_missing_file(storage: str | Path) -> bool:
    """Whether this is a file's path, and there is none; opening it would make one."""
    return "://" not in str(storage) and not Path(storage).exists()


@contextmanager
def _refusals(storage: str | Path) -> Iterator[None]:
    """Make a DataError of what goes wrong with a database; a password is not part of it."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            "the database's driver is not installed", op="tune", arg="storage", got=str(error),
            hint='For PostgreSQL install it with pip install "fastdl[tune]"',
        ) from error  # fmt: skip
    except ArgumentError as error:
        raise DataError(
            "cannot be read", op="tune", arg="storage", expected="the path of a file or postgresql://..."
        ) from error
    except (SQLAlchemyError, OSError, optuna().exceptions.StorageInternalError) as error:
        shown = make_url(address(storage)).render_as_string(hide_password=True)
        cause = str(getattr(error, "orig", None) or error.__cause__ or error).splitlines()[0]
        raise DataError(f"cannot open {shown!r}: {cause}", op="tune", arg="storage") from error


def open_storage(storage: str | Path | None, heartbeat: int, *, create: bool = True) -> Any:
    """Return Optuna's storage.

    Parameters
    ----------
    storage : str, Path or None
        A path, a URL, or None for memory.
    heartbeat : int >= 1
        Seconds between two signs of life of a trial's worker.
    create : bool
        Whether to make its tables where they are missing; it opens faster without.

    Returns
    -------
    optuna.storages.BaseStorage

    Raises
    ------
    DataError
        If it cannot be opened.
    """
    module = optuna()
    if storage is None:
        return module.storages.InMemoryStorage()
    with quiet(), _refusals(storage):
        import sqlalchemy

        url = address(storage)
        is_file = url.startswith("sqlite")
        opened = _while_others_create(
            module.storages.RDBStorage,
            url,
            engine_kwargs={"connect_args": {"timeout": 60}} if is_file else {"pool_pre_ping": True},
            skip_compatibility_check=not create,
            skip_table_creation=not create,
            heartbeat_interval=heartbeat,
            grace_period=GRACE * heartbeat,
            heartbeat_stale_trial_callback=module.storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
        )
        if is_file:
            sqlalchemy.event.listen(opened.engine, "connect", _write_ahead)
            opened.engine.dispose()  # the next connections are told
        return opened


def _while_others_create(make: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Make it, again where another process makes the same tables at the same time."""
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    for _ in range(ATTEMPTS):
        try:
            return make(*arguments, **options)
        except (SQLAlchemyError, RuntimeError) as error:  # the second: tables, but no version of them yet
            if isinstance(error, SQLAlchemyError) and not isinstance(error, IntegrityError) and THERE not in str(error):
                raise
            time.sleep(PAUSE)
    return make(*arguments, **options)


def close(storage: Any) -> None:
    """Close the connections of Optuna's storage; it opens others when it is used again."""
    if hasattr(storage, "engine"):
        storage.engine.dispose()


def _write_ahead(connection: Any, record: Any) -> None:
    """Let SQLite append to a log, which readers do not wait for, and sync it at checkpoints only.

    A process that is killed loses nothing; after a power cut the last trials may be missing, the file is whole.
    """
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def never_alive(storage: Any, study_name: str) -> list[int]:
    """Return the running trials without a heartbeat: for Optuna those are never dead.

    A worker that is killed between the beginning of a trial and its first heartbeat leaves one.
    """
    if not hasattr(storage, "engine"):
        return []
    import sqlalchemy

    query = sqlalchemy.text(
        "SELECT t.trial_id FROM trials t JOIN studies s ON s.study_id = t.study_id "
        "LEFT JOIN trial_heartbeats h ON h.trial_id = t.trial_id "
        "WHERE s.study_name = :name AND t.state = 'RUNNING' AND h.trial_id IS NULL"
    )
    with storage.engine.connect() as connection:
        return [int(trial_id) for (trial_id,) in connection.execute(query, {"name": study_name})]


def keep_curve(storage: Any, study_name: str, trial: Any, curve: Sequence[float]) -> None:
    """Write a trial's value after each epoch where Optuna's plots look for it.

    In a database that is one transaction, while each ``trial.report`` is one of its own, as long as an epoch.

    Parameters
    ----------
    storage : optuna.storages.BaseStorage
    study_name : str
    trial : optuna.trial.Trial
        Nothing of it has been reported.
    curve : sequence of finite floats
    """
    if not hasattr(storage, "engine"):
        for epoch, value in enumerate(curve, 1):
            trial.report(value, epoch)
        return
    import sqlalchemy

    which = sqlalchemy.text(
        "SELECT t.trial_id FROM trials t JOIN studies s ON s.study_id = t.study_id "
        "WHERE s.study_name = :name AND t.number = :number"
    )
    insert = sqlalchemy.text(
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
        "VALUES (:trial, :step, :value, 'FINITE')"
    )
    with storage.engine.begin() as connection:
        trial_id = connection.execute(which, {"name": study_name, "number": trial.number}).scalar_one()
        rows = [{"trial": trial_id, "step": epoch, "value": value} for epoch, value in enumerate(curve, 1)]
        connection.execute(insert, rows)


class SeededByNumber:
    """A sampler made anew for every trial, seeded by the trial's number.

    So random search draws the same trials for any number of workers, and after an interruption.

    Parameters
    ----------
    make : callable
        Takes a seed, returns a sampler of Optuna's.
    seed : int
    study : str
        Name of the study: with the same seed, another one makes other choices.
    """

    def __init__(self, make: Callable[[int], Any], seed: int, study: str) -> None:
        self._make = make
        self._key = (seed, zlib.crc32(study.encode()))
        self._sampler = make(seed)

    def before_trial(self, study: Any, trial: Any) -> None:
        """Make the trial's sampler."""
        key = np.random.SeedSequence(self._key, spawn_key=(trial.number,))
        self._sampler = self._make(int(key.generate_state(1)[0]))
        self._sampler.before_trial(study, trial)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)


def make_sampler(name: str, seed: int, study: str) -> SeededByNumber:
    """Return the sampler of that name.

    Raises
    ------
    HyperparameterError
        If there is none.
    MissingDependencyError
        For "gp" without torch and SciPy.
    """
    samplers = optuna().samplers
    if name == "gp" and not all(map(importlib.util.find_spec, ("torch", "scipy"))):
        raise MissingDependencyError(
            "Gaussian processes need torch and SciPy", op="tune", arg="sampler", hint="Install them, or take tpe"
        )
    kinds = {"random": samplers.RandomSampler, "tpe": samplers.TPESampler, "gp": samplers.GPSampler}
    if name not in kinds:
        raise _unknown("sampler", SAMPLERS, name)
    return SeededByNumber(lambda seed: kinds[name](seed=seed), seed, study)


def make_pruner(name: str | None, epochs: int) -> Any:
    """Return the pruner of that name, for trials of so many epochs; None never stops one.

    Raises
    ------
    HyperparameterError
        If there is none.
    """
    pruners = optuna().pruners
    if name is None:
        return pruners.NopPruner()
    if name == "median":  # not before a tenth of the epochs: all curves are low there
        return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=epochs // 10)
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
    raise _unknown("pruner", PRUNERS, name)


def _unknown(what: str, known: tuple[str, ...], got: object) -> HyperparameterError:
    return HyperparameterError(
        f"unknown {what}", op="tune", arg=what, expected=f"one of {', '.join(known)}", got=repr(got)
    )
