"""Training on several processes and machines: each computes the gradient of its share of every batch.

=====================  ==================================================================
``data_parallel.py``   `DataParallel`: a network that trains on all ranks as one
``gradient_buffer.py`` the gradients of all parameters in one array, which is added up
``shares.py``          which rows of a batch, and how many threads, a rank gets
``world.py``           the ranks that were started together
=====================  ==================================================================

On MPI through mpi4py: ``mpiexec -n 2 python train.py`` starts two ranks.
"""

from __future__ import annotations

from fastdl.parallel.data_parallel import DataParallel
from fastdl.parallel.world import world

__all__ = ["DataParallel", "world"]
