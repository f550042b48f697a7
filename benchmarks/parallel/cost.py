"""The time of a data-parallel step, from the parts it is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, log2


@dataclass(frozen=True)
class Link:
    """What lies between two machines.

    Parameters
    ----------
    latency : float
        Seconds that a message of no length takes.
    bandwidth : float
        Bytes a second that one machine sends while it receives as many.
    """

    latency: float
    bandwidth: float

    def allreduce(self, size: float, machines: int) -> float:
        """Return the seconds in which all machines have the sum of their arrays of ``size`` bytes.

        A reduce-scatter by halves and an allgather by doubles (Rabenseifner 2004; Thakur, Rabenseifner and Gropp 2005,
        equation 5, without the additions, which are no bound on a CPU):
        ``2 log2(N) latency + 2 (N - 1) / N size / bandwidth``.

        Examples
        --------
        >>> f"{Link(latency=1e-5, bandwidth=1e9).allreduce(1e6, machines=4):.5f}"
        '0.00154'
        """
        return 2 * ceil(log2(machines)) * self.latency + 2 * (machines - 1) / machines * size / self.bandwidth


@dataclass(frozen=True)
class Step:
    """The parts of a training step on one machine, in seconds.

    Parameters
    ----------
    rows : int
        Of the whole batch.
    fixed, row : float
        The gradient of a share: what it takes for any number of rows, and for each row.
    update : float
        Taking the gradients into the buffer, and the optimizer's step on all parameters.
    size : int
        Bytes of the gradients.
    """

    rows: int
    fixed: float
    row: float
    update: float
    size: int

    def seconds(self, link: Link, machines: int, overlap: float = 0.0) -> float:
        """Return the seconds of a step.

        Parameters
        ----------
        link : Link
            Between any two machines.
        machines : int
            How many share the rows evenly.
        overlap : float
            The share of the gradient's time that the sum may hide behind: 0, or up to 2/3, that of the backward pass.

        Examples
        --------
        >>> step = Step(rows=128, fixed=1e-4, row=1e-5, update=1e-4, size=400_000)
        >>> link = Link(latency=1e-5, bandwidth=1e9)
        >>> [f"{step.seconds(link, machines):.2e}" for machines in (1, 2, 4)]
        ['1.48e-03', '1.26e-03', '1.16e-03']
        """
        gradient = self.fixed + self.row * self.rows / machines
        hidden = overlap * gradient
        return gradient + max(link.allreduce(self.size, machines) - hidden, 0.0) + self.update

    def quickest(self, link: Link, overlap: float = 0.0) -> int:
        """Return on how many machines a step is quickest, of 1, 2, 4 and so on up to a row for each.

        Examples
        --------
        >>> step = Step(rows=128, fixed=1e-4, row=1e-5, update=1e-4, size=400_000)
        >>> step.quickest(Link(latency=1e-5, bandwidth=1e9)), step.quickest(Link(latency=1e-5, bandwidth=1e8))
        (16, 1)
        """
        numbers = [2**n for n in range(int(log2(self.rows)) + 1)]
        return min(numbers, key=lambda machines: self.seconds(link, machines, overlap))

    def grown(self, machines: int) -> Step:
        """Return the step of a batch that has these rows for each machine."""
        return replace(self, rows=machines * self.rows)


BACKWARD = 2 / 3  # of the gradient's operations
LINKS = {  # a message's way through the kernel and a switch; past the kernel (RDMA) it is shorter
    "1 Gbit/s": Link(25e-6, 1e9 / 8),
    "10 Gbit/s": Link(25e-6, 10e9 / 8),
    "100 Gbit/s, RDMA": Link(2e-6, 100e9 / 8),
}
