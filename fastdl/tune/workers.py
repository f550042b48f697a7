"""Workers: processes that run the trials of one search, each with its share of the threads."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.process import BaseProcess

from fastdl import kernels
from fastdl.errors import HyperparameterError
from fastdl.tune.search import Opened, Progress, Task, open_study, work

LEAVE = 5.0  # seconds that the others have for seeing that the search is done


def work_in_processes(task: Task, opened: Opened, workers: int, report: Progress) -> None:
    """Run the trials in this process and others, until there are enough.

    Where one of the others dies, those that are left do its work; where this one dies, they end.

    Parameters
    ----------
    task : Task
    opened : Opened
        Its study, already in the storage.
    workers : int >= 2
        With this process, which has begun with its trials when the others have started. Each has this process's
        threads // workers, at least 1.
    report : callable
        Told the share done.

    Raises
    ------
    HyperparameterError
        If the storage is memory, or the task cannot be sent.
    """
    if task.storage is None:
        raise HyperparameterError(
            "processes cannot share memory", op="search", arg="storage", hint="Give the path of a file"
        )
    before = kernels.get_num_threads()
    threads = max(1, before // workers)
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks, but not the threads
    processes: list[BaseProcess] = []
    try:
        kernels.set_num_threads(threads)
        for _ in range(workers - 1):
            process: BaseProcess = spawn.Process(target=_run, args=(task, threads), daemon=True)
            try:
                process.start()
            except (AttributeError, TypeError, multiprocessing.context.ProcessError) as error:  # of pickling
                raise HyperparameterError(
                    "cannot be sent to another process", op="search", arg="build", got=str(error),
                    hint="Make it a function of a module",
                ) from error  # fmt: skip
            processes.append(process)
        work(task, opened, report)
        for process in processes:
            process.join(LEAVE)
    finally:
        kernels.set_num_threads(before)
        for process in processes:
            process.terminate()
            process.join()


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
