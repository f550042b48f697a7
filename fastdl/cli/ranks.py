"""The command under ``mpiexec``: which ranks print, and what is told when one of them dies."""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import fastdl
from fastdl._launch import launched
from fastdl.cli import last_words

if TYPE_CHECKING:
    from fastdl.train.together import Together


@contextmanager
def one_voice() -> Iterator[None]:
    """Have no rank but the first one print."""
    with ExitStack() as stack:
        if launched()[0] > 0:
            nothing = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(redirect_stdout(nothing))
            stack.enter_context(redirect_stderr(nothing))
        yield


def is_of_one(error: Exception) -> bool:
    """Return whether this rank alone may have the error, which then has to end all: they agree on fastdl's only."""
    return launched()[1] > 1 and not isinstance(error, fastdl.errors.FastdlError)


def check(arguments: argparse.Namespace) -> None:
    """Raise ParallelError where several ranks were started for a command that runs in one process."""
    ranks = launched()[1]
    if ranks > 1 and not getattr(arguments, "is_parallel", False):
        raise fastdl.errors.ParallelError(
            f"this command runs in one process, not on {ranks} ranks", hint="Start it without mpiexec"
        )


def together() -> Together:
    """The ranks that were started, or this process alone; MPI is needed for more than one."""
    from fastdl.train.together import Alone

    if launched()[1] == 1:
        return Alone()
    from fastdl.parallel import world
    from fastdl.parallel.ranks import Ranks

    return Ranks(world())


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Run a block; if the launcher ends all ranks in it, a process of its own tells which died, and how to go on.

    That process is needed: a launcher kills the ranks that are left, so that they can tell nothing.
    """
    ranks = launched()[1]
    if ranks == 1:
        yield
        return
    from mpi4py import MPI

    places = MPI.COMM_WORLD.allgather((MPI.Get_processor_name(), os.getpid()))
    if MPI.COMM_WORLD.rank > 0:
        yield
        return
    here = {rank: pid for rank, (host, pid) in enumerate(places) if host == places[0][0]}
    spawn = multiprocessing.get_context("spawn")  # a fork would copy MPI's connections
    ours, its = spawn.Pipe()
    spawn.Process(target=last_words.main, args=(folder, ranks, here, its)).start()
    its.close()
    ours.recv()  # it waits
    try:
        yield
    except (fastdl.errors.FastdlError, KeyboardInterrupt):  # all ranks end by themselves
        ours.send(True)
        raise
    ours.send(True)
