"""Training on several processes and machines: each computes the gradient of its share of every batch.

=====================  ==================================================================
``data_parallel.py``   `DataParallel`: a network that trains on all ranks as one
``gradient_buffer.py`` the gradients of all parameters in one array, which is added up
``replicated.py``      how the ranks take one step together, each the whole of it
``sharded.py``         `Sharded`: an optimizer of whose state each rank has a slice
``sharded_state.py``   its saved state, cut and joined
``slices.py``          which elements of the parameters are in a rank's slice
``shares.py``          which rows of a batch, and how many threads, a rank gets
``world.py``           the ranks that were started together
=====================  ==================================================================

On MPI through mpi4py: ``mpiexec -n 2 python train.py`` starts two ranks.
"""

from __future__ import annotations

from fastdl.parallel.data_parallel import DataParallel
from fastdl.parallel.sharded import Sharded
from fastdl.parallel.world import world

__all__ = ["DataParallel", "Sharded", "world"]
