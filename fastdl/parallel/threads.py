"""How many threads a rank computes on."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from fastdl import kernels

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm


def share_cores(comm: Intracomm) -> int:
    """Set this rank's number of threads to its share of the cores, unless the user has chosen one.

    Where the launcher binds no rank to cores, that is cores of the node // ranks on the node; where it does, the rank's
    own cores. A cgroup's quota is shared alike. A number of the user's stays: ``FASTDL_NUM_THREADS``,
    ``OMP_NUM_THREADS``, or `fastdl.set_num_threads`. All ranks call it; `DataParallel` does.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        The ranks.

    Returns
    -------
    int
        The number of threads.

    Examples
    --------
    >>> import fastdl
    >>> from fastdl.parallel import world
    >>> share_cores(world()) == fastdl.get_num_threads()
    True
    """
    from mpi4py import MPI

    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    masks = node.allgather(_cores())
    rank = node.rank
    node.Free()
    is_chosen = any(os.environ.get(name) for name in ("FASTDL_NUM_THREADS", "OMP_NUM_THREADS"))
    default = kernels._threads_at_import
    if not is_chosen and kernels.get_num_threads() == default:
        kernels.set_num_threads(threads_of(masks, rank, default))
    return kernels.get_num_threads()


def threads_of(masks: Sequence[Set[int]], rank: int, allowed: int) -> int:
    """Return how many threads a rank of a node gets: each core counts for it 1 / (ranks that may use the core).

    Parameters
    ----------
    masks : sequence of sets of int
        The cores that each rank of the node may use.
    rank : int
        Its number on the node.
    allowed : int
        How many of its cores it may use at a time.

    Returns
    -------
    int >= 1

    Examples
    --------
    >>> threads_of([{0, 1, 2, 3, 4}] * 2, rank=0, allowed=5)  # not bound
    2
    >>> threads_of([{0, 1, 2}, {3, 4, 5}], rank=0, allowed=3)  # bound
    3
    """
    mine = masks[rank]
    shares = sum(1 / sum(core in mask for mask in masks) for core in mine)
    return max(1, int(shares * allowed / len(mine) + 1e-9))  # three thirds of a core are one


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
