"""A process that waits for the end of a run's ranks, to tell which died first and how the run goes on."""

from __future__ import annotations

import os
import select
import shlex
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path


def first_dead(pids: Mapping[int, int], pipe: int) -> list[int] | None:
    """Return the ranks that ended first, when the run fails; None if rank 0 says through the pipe that it did not."""
    poll, watched = select.poll(), {}
    poll.register(pipe, select.POLLIN)
    for rank, pid in pids.items() if hasattr(os, "pidfd_open") else ():
        try:
            watched[os.pidfd_open(pid)] = rank
        except ProcessLookupError:
            return [rank]
    for number in watched:
        poll.register(number, select.POLLIN)
    dead: list[int] = []
    timeout = None
    while events := [number for number, _ in poll.poll(timeout)]:
        dead = dead or [watched[number] for number in events if number in watched]
        if pipe in events:
            if os.read(pipe, 1):
                return None
            timeout = 1000  # of rank 0 the pipe ends just before the process
        if dead and timeout:
            break
        for number in events:
            poll.unregister(number)
    return dead


def words(folder: Path, ranks: int, dead: Sequence[int], pids: Mapping[int, int]) -> str:
    """Return what is told: the ranks that ended, and the command that goes on."""
    who = " or ".join(f"rank {rank} (PID {pids[rank]})" for rank in dead) or "a rank on another machine"
    steps = sorted(int(path.stem[5:]) for path in folder.glob("step-*.safetensors"))
    command = f"mpiexec -n {ranks} fastdl train --resume {shlex.quote(str(folder))}"
    how = (
        f"`{command}` goes on from step {steps[-1]}, with any number of ranks"
        if steps
        else "There is no checkpoint yet: begin again, with --save-every N for one every N steps"
    )
    return f"fastdl: error: {who} ended before the run was done, and with it all of them. {how}\n"


def main(folder: Path, ranks: int, pids: Mapping[int, int], pipe: Connection) -> None:
    """Wait for the end, and tell of it if the run failed.

    Parameters
    ----------
    folder : Path
        The run's.
    ranks : int
        How many there are.
    pids : mapping of int to int
        The process of each rank on this machine.
    pipe : Connection
        To rank 0: it ends when that does.
    """
    os.setsid()  # what is sent to the ranks is not for this process
    pipe.send(True)
    dead = first_dead(pids, pipe.fileno())
    if dead is not None:
        sys.stderr.write(words(folder, ranks, dead, pids))
