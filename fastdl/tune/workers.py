"""Workers: processes that run the trials of one search, each with its share of the threads."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.process import BaseProcess
from typing import Any

from fastdl import kernels
from fastdl.errors import FastdlError, HyperparameterError
from fastdl.tune.search import POLL, Progress, Task, counting, open_study, tell, work


def work_in_processes(task: Task, study: Any, workers: int, report: Progress) -> None:
    """Run the trials in processes until there are enough, or no process is left.

    Parameters
    ----------
    task : Task
    study : optuna.study.Study
        Already in the storage.
    workers : int >= 2
        Each has this process's threads // workers, at least 1.
    report : callable
        Told the share done.

    Raises
    ------
    HyperparameterError
        If the storage is memory, or the task cannot be sent.
    FastdlError
        If all of them died. What they had finished is kept.
    """
    if task.storage is None:
        raise HyperparameterError(
            "processes cannot share memory", op="search", arg="storage", hint="Give the path of a file"
        )
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks, but not the threads
    threads = max(1, kernels.get_num_threads() // workers)
    processes: list[BaseProcess] = []
    try:
        for _ in range(workers):
            process: BaseProcess = spawn.Process(target=_run, args=(task, threads), daemon=True)
            try:
                process.start()
            except (AttributeError, TypeError) as error:  # of pickling
                raise HyperparameterError(
                    "cannot be sent to another process", op="search", arg="build", got=str(error),
                    hint="Make it a function of a module",
                ) from error  # fmt: skip
            processes.append(process)
        while any(process.is_alive() for process in processes):
            tell(report, task, study, counting(study))
            time.sleep(POLL)
        trials = counting(study)
        tell(report, task, study, trials)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    if sum(trial.state.is_finished() for trial in trials) < task.settings.trials:
        ends = ", ".join(str(process.exitcode) for process in processes)
        raise FastdlError(
            "all workers died", op="search", got=f"exit codes {ends}", hint="Started again, the search goes on"
        )


def _run(task: Task, threads: int) -> None:
    """Be a worker, as long as the process that started it lives."""
    parent = multiprocessing.parent_process()
    kernels.set_num_threads(threads)
    try:
        work(
            task,
            open_study(task, create=False),
            lambda share, text: None,
            stop=lambda: parent is not None and not parent.is_alive(),
        )
    except KeyboardInterrupt:  # the other process says so
        os._exit(130)
