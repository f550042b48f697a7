"""How the ranks' gradients become a step of every rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from fastdl.nn.sequential import SupportsUpdate
from fastdl.parallel.gradient_buffer import GradientBuffer

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

Array = NDArray[Any]


class JointStep(Protocol):
    """What `DataParallel` asks of an optimizer that is made for several ranks, as `Sharded` is."""

    def add_up(self, buffer: GradientBuffer, comm: Intracomm) -> None:
        """Add up what the ranks need of each other's gradients, and the numbers behind them."""

    def update_from(self, params: dict[str, Array], buffer: GradientBuffer) -> None:
        """Take the step, the same bits on each rank."""


class Replicated:
    """Any other optimizer: every rank has the whole sum and takes the whole step.

    Parameters
    ----------
    optimizer : object with update(params, grads)
        The same on all ranks.
    """

    def __init__(self, optimizer: SupportsUpdate) -> None:
        self.optimizer = optimizer

    def add_up(self, buffer: GradientBuffer, comm: Intracomm) -> None:
        """Add up gradients and numbers.

        Parameters
        ----------
        buffer : GradientBuffer
            This rank's.
        comm : mpi4py.MPI.Intracomm
            The ranks.
        """
        buffer.add_up(comm)

    def update_from(self, params: dict[str, Array], buffer: GradientBuffer) -> None:
        """Take the step.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters.
        buffer : GradientBuffer
            The sum of the gradients.
        """
        self.optimizer.update(params, buffer.gradients)


def joint_step(optimizer: Any) -> JointStep:
    """Return how the ranks take a step with this optimizer.

    Parameters
    ----------
    optimizer : object with update(params, grads), or `JointStep`
        That of a training step.

    Returns
    -------
    JointStep
    """
    joint: JointStep = optimizer if hasattr(optimizer, "update_from") else Replicated(optimizer)
    return joint
