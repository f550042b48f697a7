"""What the ranks tell each other while they train: states, errors, when to stop."""

from __future__ import annotations

import signal
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import ParallelError
from fastdl.parallel.shares import share
from fastdl.train.stopping import StopTraining

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

T = TypeVar("T")

FINE, STOPPED, INTERRUPTED, FAILED = range(4)  # the worst of them is what happens on all ranks


class Ranks:
    """Several ranks that train a network: `fastdl.train.together.Together` over MPI.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        The ranks.
    """

    def __init__(self, comm: Intracomm) -> None:
        self._comm = comm
        self._pressed = False

    @property
    def writes(self) -> bool:
        """Whether this is rank 0."""
        return self._comm.rank == 0

    def align(self, *things: Any) -> None:
        """Give those of the things that have a ``state_dict`` rank 0's state.

        Parameters
        ----------
        *things : object
            Network, optimizer, trainer: the same kinds on all ranks.

        Raises
        ------
        ParallelError
            If a thing of another rank cannot take the state over; that rank raises what says why.
        """
        with self.agreed():
            states = [each.state_dict() if hasattr(each, "state_dict") else None for each in things]
        states = self._comm.bcast(states)
        with self.agreed():
            for thing, state in zip(things, states, strict=True):
                if state is not None and not self.writes:
                    thing.load_state_dict(state)

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """Run a block, then do on all ranks what the worst of them came to; see :meth:`agree`."""
        failure: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failure = error
        self.agree(failure)

    def agree(self, failure: BaseException | None) -> None:
        """Raise on all ranks, if one of them has something to raise.

        Parameters
        ----------
        failure : exception or None
            What this rank came to.

        Raises
        ------
        BaseException
            The rank's own, if no other has a worse one.
        StopTraining, KeyboardInterrupt
            If another rank is to stop.
        ParallelError
            If another rank failed; with that one's error.
        """
        from mpi4py import MPI

        if failure is None and self._pressed:
            self._pressed, failure = False, KeyboardInterrupt()
        own = _kind(failure)
        worst = np.array(own)
        self._comm.Allreduce(MPI.IN_PLACE, worst, MPI.MAX)
        if worst == FAILED:
            texts = self._comm.allgather(f"{type(failure).__qualname__}: {failure}" if own == FAILED else None)
            failed = ParallelError("; ".join(f"rank {rank}: {text}" for rank, text in enumerate(texts) if text))
        if own == worst:
            if failure is not None:
                raise failure
        elif worst == STOPPED:
            raise StopTraining("another rank stopped")
        elif worst == INTERRUPTED:
            raise KeyboardInterrupt
        else:
            raise failed from failure

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Keep Ctrl-C until all ranks have done the step; a second one ends this rank at once.

        Where the program handles it itself, nothing changes.
        """
        is_ours = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if not is_ours:
            yield
            return
        self._pressed = False
        signal.signal(signal.SIGINT, self._press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _press(self, *_: object) -> None:
        if self._pressed:
            raise KeyboardInterrupt
        self._pressed = True

    def share(self, count: int) -> slice:
        """Return which of a number of things are this rank's.

        Parameters
        ----------
        count : int >= 0

        Returns
        -------
        slice
        """
        return share(count, self._comm.rank, self._comm.size)

    def joined(self, mine: list[T]) -> list[T]:
        """Return the lists of all ranks, one after the other.

        Parameters
        ----------
        mine : list

        Returns
        -------
        list
        """
        return [each for part in self._comm.allgather(mine) for each in part]

    def check_same(self, params: Mapping[str, NDArray[Any]]) -> None:
        """Raise ParallelError where the parameters are not the same on all ranks.

        Parameters
        ----------
        params : dict of str to ndarray
        """
        sums = self._comm.allgather([zlib.crc32(array.tobytes()) for array in params.values()])
        if any(each != sums[0] for each in sums):
            raise ParallelError(
                "the ranks' parameters are no longer the same", op="DataParallel",
                hint="All need the same program, optimizer, versions and CPU level; FASTDL_CPU=v3 chooses one level",
            )  # fmt: skip


def _kind(failure: BaseException | None) -> int:
    if failure is None:
        return FINE
    if isinstance(failure, StopTraining):
        return STOPPED
    return INTERRUPTED if isinstance(failure, KeyboardInterrupt) else FAILED
