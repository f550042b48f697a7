"""The ranks that were started together."""

from __future__ import annotations

import sys
import traceback
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING

from fastdl._launch import launched
from fastdl.errors import MissingDependencyError, ParallelError

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm


@cache
def world() -> Intracomm:
    """Return the communicator of all ranks; that of one rank where Python was not started by ``mpiexec``.

    From the first call on, an exception that nobody catches ends all ranks, not just the one that raised it: the others
    would wait for it forever.

    Returns
    -------
    mpi4py.MPI.Intracomm

    Raises
    ------
    MissingDependencyError
        If mpi4py or an MPI is not installed.
    ParallelError
        If the ranks were started by another MPI's ``mpiexec``, and so do not know of each other.

    Examples
    --------
    >>> world().size
    1
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py finds no MPI library
        raise MissingDependencyError(
            f"MPI cannot be used: {error}", op="fastdl.parallel", hint='Install it with pip install "fastdl[mpi]"'
        ) from error
    ranks = MPI.COMM_WORLD
    if launched()[1] > ranks.size == 1:
        raise ParallelError(
            f"{launched()[1]} ranks were started, but not by the mpiexec of mpi4py's MPI", op="fastdl.parallel",
            hint=f"Use the mpiexec that belongs to {MPI.Get_library_version().splitlines()[0]}",
        )  # fmt: skip
    if ranks.size > 1:
        sys.excepthook = _end_all_ranks
    return ranks


def _end_all_ranks(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an exception that nobody caught, and end all ranks."""
    ranks = world()
    # In one piece, so that the ranks' texts do not mix.
    sys.stderr.write(
        f"rank {ranks.rank} of {ranks.size} failed:\n{''.join(traceback.format_exception(kind, error, trace))}"
    )
    sys.stderr.flush()
    ranks.Abort(130 if issubclass(kind, KeyboardInterrupt) else 1)
