"""What a launcher of MPI programs tells the processes that it starts, read without MPI."""

from __future__ import annotations

import os

_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),  # MPICH's Hydra, Intel MPI, srun --mpi=pmi2
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),  # srun --mpi=pmix; without PMIX_RANK a task of Slurm is no rank
)


def launched() -> tuple[int, int]:
    """Return this process's rank, and the number of ranks that were started; (0, 1) without a launcher.

    Returns
    -------
    rank, ranks : int
    """
    for rank, ranks in _LAUNCHERS:
        found = os.environ.get(rank, ""), os.environ.get(ranks, "")
        if all(each.isascii() and each.isdigit() for each in found):
            return int(found[0]), int(found[1])
    return 0, 1
