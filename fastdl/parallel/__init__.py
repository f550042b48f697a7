"""Training on several processes and machines: each computes the gradient of its share of every batch.

======================  ==================================================================
``data_parallel.py``    `DataParallel`: a network that trains on all ranks as one
``share_gradients.py``  loss and gradient of a rank's share of a batch
``batch_norm.py``       batch normalization with the statistics of all shares together
``layer_states.py``     dropouts' steps and running statistics, on which all ranks agree
``exchange.py``         what ranks tell each other in the middle of a step
``gradient_buffer.py``  the gradients of all parameters in one array, which is added up
``replicated.py``       how the ranks take one step together, each the whole of it
``sharded.py``          `Sharded`: an optimizer of whose state each rank has a slice
``sharded_state.py``    its saved state, cut and joined
``slices.py``           which elements of the parameters are in a rank's slice
``ranks.py``            what the ranks tell each other: states, errors, when to stop
``shares.py``           which rows of a batch a rank gets
``threads.py``          how many threads it computes on
``world.py``            the ranks that were started together
======================  ==================================================================

On MPI through mpi4py: ``mpiexec -n 2 python train.py`` starts two ranks.
"""

from __future__ import annotations

from fastdl.parallel.data_parallel import DataParallel
from fastdl.parallel.sharded import Sharded
from fastdl.parallel.threads import share_cores
from fastdl.parallel.world import world

__all__ = ["DataParallel", "Sharded", "share_cores", "world"]
