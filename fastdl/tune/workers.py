"""Workers: processes that run the trials of one search, each with its share of the threads."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler

from fastdl import kernels
from fastdl.errors import HyperparameterError
from fastdl.tune.search import Task, open_study, work
from fastdl.tune.storage import close, load

LEAVE = 5.0  # seconds that the others have for seeing that the search is done, or for giving up their trials


@contextmanager
def others_of(task: Task, workers: int) -> Iterator[Callable[[], None]]:
    """Have other processes work on a task, until this one leaves the block.

    They start at once, and import what they need while this process opens the study. Where one of them dies, those
    that are left do its work; where this one dies, they end.

    Parameters
    ----------
    task : Task
    workers : int >= 2
        With this process. Each has this process's threads // workers, at least 1.

    Yields
    ------
    callable
        Gives them the task, once its study is in the storage.

    Raises
    ------
    HyperparameterError
        If the storage is memory, or the task cannot be sent.
    """
    if task.storage is None:
        raise HyperparameterError(
            "processes cannot share memory", op="search", arg="storage", hint="Give the path of a file"
        )
    try:
        content = bytes(ForkingPickler.dumps(task))
    except Exception as error:  # whatever pickling raises for what it does not know
        raise HyperparameterError(
            "cannot be sent to another process", op="search", arg="build", got=str(error),
            hint="Make it a function of a module",
        ) from error  # fmt: skip
    before = kernels.get_num_threads()
    threads = max(1, before // workers)
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks, but not the threads
    started: list[tuple[BaseProcess, Connection]] = []

    def begin() -> None:
        for _, pipe in started:  # a pipe takes no more than its buffer before the other process reads
            threading.Thread(target=_send, args=(pipe, content), daemon=True).start()

    try:
        kernels.set_num_threads(threads)
        for _ in range(workers - 1):
            receiver, sender = spawn.Pipe(duplex=False)
            process: BaseProcess = spawn.Process(target=_run, args=(receiver, threads), daemon=True)
            with receiver:
                process.start()
            started.append((process, sender))
        yield begin
        for process, _ in started:
            process.join(LEAVE)
    finally:
        kernels.set_num_threads(before)
        for process, pipe in started:
            pipe.close()
            process.terminate()
        for process, _ in started:
            process.join(LEAVE)
            process.kill()
            process.join()


def _send(pipe: Connection, content: bytes) -> None:
    with suppress(OSError):  # the other one has died
        pipe.send_bytes(content)


def _run(pipe: Connection, threads: int) -> None:
    """Be a worker, as long as the process that started it lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the one that started this ends it
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # then the trial is given up at once, not as a dead one's
    parent = multiprocessing.parent_process()
    kernels.set_num_threads(threads)
    try:
        load()
        task: Task = pipe.recv()
        opened = open_study(task, create=False)
        work(task, opened, lambda share, text: None, stop=lambda: parent is not None and not parent.is_alive())
        close(opened.storage)
    except EOFError:  # the other process has died, or could not open the study
        pass
    except KeyboardInterrupt:  # told to end
        os._exit(130)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # without taking the interpreter apart, for which the other process would wait
