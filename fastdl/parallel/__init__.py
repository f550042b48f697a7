"""Training on several processes and machines: each computes the gradient of its share of every batch.

=====================  ==================================================================
``data_parallel.py``   `DataParallel`: a network that trains on all ranks as one
``gradient_buffer.py`` the gradients of all parameters in one array, which is added up
``ranks.py``           what the ranks tell each other: states, errors, when to stop
``shares.py``          which rows of a batch a rank gets
``threads.py``         how many threads it computes on
``world.py``           the ranks that were started together
=====================  ==================================================================

On MPI through mpi4py: ``mpiexec -n 2 python train.py`` starts two ranks.
"""

from __future__ import annotations

from fastdl.parallel.data_parallel import DataParallel
from fastdl.parallel.threads import share_cores
from fastdl.parallel.world import world

__all__ = ["DataParallel", "share_cores", "world"]
