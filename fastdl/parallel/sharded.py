"""An optimizer of whose state each rank has a slice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import suppress
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.errors import ArrayError, DtypeError, HyperparameterError, KeyMismatchError, ParallelError
from fastdl.optim import Optimizer, trees
from fastdl.optim.binding import Origin, keys_differ
from fastdl.optim.hyperparameters import checked
from fastdl.parallel.gradient_buffer import GradientBuffer
from fastdl.parallel.sharded_state import cut, join, join_array
from fastdl.parallel.slices import Slices
from fastdl.parallel.world import world

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

Array = NDArray[Any]


class Sharded:
    """An optimizer whose states are cut among the ranks: each keeps those of its slice of all parameters' elements.

    In a step, the ranks add up the gradients so that each gets its slice of the sum (``Reduce_scatter``), update that
    slice of the parameters, and give it to each other (``Allgatherv``): as many bytes as the ``Allreduce`` of a step
    that all take whole. States and moving averages take one rank's share of the memory; parameters and gradients are
    whole on every rank.

    Parameters
    ----------
    optimizer : Optimizer
        Any of `fastdl.optim`, also of a user's rule, with or without state; the same on all ranks. Its settings may be
        changed between steps as ever. Its ``state`` and ``averages`` are those of this rank's slice.
    comm : mpi4py.MPI.Intracomm, optional
        The ranks, those of the `DataParallel` network; by default all that were started together.

    Attributes
    ----------
    optimizer : Optimizer
        The optimizer.
    comm : mpi4py.MPI.Intracomm
        The ranks.

    Raises
    ------
    HyperparameterError
        If it is not an optimizer of fastdl, or has an ``update`` of its own.
    MissingDependencyError
        If mpi4py or an MPI is not installed.

    Notes
    -----
    A step on the same gradients has the bits of the plain optimizer's, but with ``clip_norm``, where the norm is added
    up in another order. Slices are of equal length to within 256 elements; those of LAMB, whose trust ratios are of
    whole parameters, are of whole parameters, and as equal as these allow. With one rank it is the plain optimizer.
    Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", 2020, section 5.1.

    Examples
    --------
    >>> from fastdl import nn, optim
    >>> from fastdl.parallel import DataParallel
    >>> from fastdl.train import Trainer
    >>> network = DataParallel(nn.MLP([3, 8, 3], seed=0))
    >>> optimizer = Sharded(optim.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).random((200, 3), np.float32)
    >>> history = Trainer(network, optimizer, batch_size=20, epochs=2, seed=0).fit(x, x.argmax(axis=1))
    >>> optimizer.steps, list(optimizer.state_dict()["state"]["m"])
    (20, ['W1', 'b1', 'W2', 'b2'])
    """

    def __init__(self, optimizer: Optimizer, comm: Intracomm | None = None) -> None:
        if not isinstance(optimizer, Optimizer) or type(optimizer).update is not Optimizer.update:
            raise HyperparameterError(
                "cannot be cut", op="Sharded", arg="optimizer", expected="an optimizer of fastdl.optim",
                got=type(optimizer).__qualname__,
            )  # fmt: skip
        self.optimizer = optimizer
        self.comm = world() if comm is None else comm
        self._slices: Slices | None = None  # None: the optimizer's state is that of whole parameters, if it has any
        self._gradient: Array = np.zeros(0)

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return self.optimizer.steps

    @property
    def averages(self) -> dict[Hashable, Array]:
        """The moving averages of whole parameters, by key, which the ranks collect: all have to ask for them."""
        averages = self.optimizer.averages
        if self._slices is None:
            return averages
        return {key: join_array(key, piece, self._slices, self.comm) for key, piece in averages.items()}

    def update(self, params: Any, grads: Any) -> None:
        """Take one step with gradients that are whole, and the same on all ranks.

        Parameters
        ----------
        params, grads
            As :meth:`fastdl.optim.Optimizer.update` takes them; with several ranks arrays of one dtype.

        Raises
        ------
        KeyMismatchError, DtypeError, ArrayError, HyperparameterError
            If something does not fit. Nothing has changed then.
        ParallelError
            If another rank's optimizer failed. No rank's parameters have changed.
        """
        if self.comm.size == 1 or len(params) == 0:
            self.optimizer.update(params, grads)
            return
        name = self.optimizer.name
        params, grads = trees.flatten(params, name, "params"), trees.flatten(grads, name, "grads")
        if params.keys() != grads.keys():
            raise keys_differ(name, "grads", params, grads)
        self._check(params)
        present = {key: gradient for key, gradient in grads.items() if gradient is not None}
        for key, gradient in present.items():
            _check_gradient(gradient, params[key], name, key)
        slices = self._fit(params)
        buffer = GradientBuffer(params, numbers=0)
        with np.errstate(over="ignore"):  # a double above float32's range becomes an infinity
            buffer.fill({key: present.get(key, np.zeros(())) for key in params}, 1)
        self._gradient[:] = self._slice_of(buffer, slices)
        self._step(params, buffer, {key: key in present for key in params})

    def update_after(self, plan: kernels.Plan, inputs: tuple[Array, ...], params: Any, grads: Any) -> None:
        """Run a plan, then take one step.

        Parameters
        ----------
        plan, inputs, params, grads
            As :meth:`fastdl.optim.Optimizer.update_after` takes them.

        Raises
        ------
        FastdlError
            As by :meth:`update`.
        """
        if self.comm.size == 1:
            self.optimizer.update_after(plan, inputs, params, grads)
        else:
            plan.run(*inputs)
            self.update(params, grads)

    def add_up(self, buffer: GradientBuffer, comm: Intracomm) -> None:
        """Add up the gradients of this rank's slice, and the numbers behind them; all ranks call this.

        Parameters
        ----------
        buffer : GradientBuffer
            This rank's. Its gradients are not the sum afterwards.
        comm : mpi4py.MPI.Intracomm
            The ranks.

        Raises
        ------
        ParallelError
            If these are not the optimizer's ranks.
        """
        from mpi4py import MPI

        if MPI.Comm.Compare(comm, self.comm) not in (MPI.IDENT, MPI.CONGRUENT):
            raise ParallelError(
                "the network is on other ranks", op="Sharded", arg="comm",
                hint="Give DataParallel and Sharded the same communicator",
            )  # fmt: skip
        slices = self._fit(buffer.gradients)
        comm.Reduce_scatter(buffer.array[: slices.bounds[-1]], self._gradient, slices.counts())
        comm.Allreduce(MPI.IN_PLACE, buffer.numbers)

    def update_from(self, params: Mapping[Any, Array], buffer: GradientBuffer) -> None:
        """Take the step with the sum that :meth:`add_up` made; all ranks call this.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters, changed in place.
        buffer : GradientBuffer
            The one that was added up; overwritten.

        Raises
        ------
        FastdlError
            As by :meth:`update`.
        """
        self._check(params)
        self._step(params, buffer, dict.fromkeys(params, True))

    def state_dict(self) -> dict[str, Any]:
        """Return the plain optimizer's state, which the ranks collect: all have to call this, and all get it.

        Returns
        -------
        dict
            As :meth:`fastdl.optim.Optimizer.state_dict` returns it: it can be loaded on any number of ranks, sharded
            or not.
        """
        state = self.optimizer.state_dict()
        return state if self._slices is None else join(state, self._slices, self.comm)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned, or that of the plain optimizer; the same on all ranks.

        Parameters
        ----------
        state_dict : dict
            Of the same kind of optimizer. Each rank drops what is not of its slice, before the first step when that
            comes.

        Raises
        ------
        CheckpointError
            As by :meth:`fastdl.optim.Optimizer.load_state_dict`; the optimizer has not changed then.
        """
        self.optimizer.load_state_dict(state_dict)
        slices, self._slices = self._slices, None
        if slices is not None:
            with suppress(KeyMismatchError, ArrayError):  # of other parameters, which shows at the next step
                self._cut(slices)

    def get_config(self) -> dict[str, Any]:
        """Return the optimizer's settings, as :meth:`fastdl.optim.Optimizer.get_config` does.

        Returns
        -------
        dict
        """
        return self.optimizer.get_config()

    def __repr__(self) -> str:
        return f"Sharded({self.optimizer!r})"

    def _fit(self, params: Mapping[Any, Array]) -> Slices:
        """Cut the state at the first step with these parameters."""
        shapes = {key: array.shape for key, array in params.items()}
        optimizer, slices = self.optimizer, self._slices
        dtype = next((array.dtype for array in params.values()), self._gradient.dtype)
        if slices is None:
            slices = Slices(shapes, self.comm.size, optimizer.spec.whole)
            self._cut(slices)
            self._gradient = np.zeros(slices.count(self.comm.rank), dtype)
        elif shapes != slices.shapes or dtype != self._gradient.dtype:
            raise KeyMismatchError(
                "other parameters than in the steps before", op=optimizer.name, arg="params",
                expected=str(slices.shapes), got=str(shapes), hint="Use a new optimizer for other parameters",
            )  # fmt: skip
        return slices

    def _cut(self, slices: Slices) -> None:
        """Of the state of whole parameters keep this rank's."""
        optimizer = self.optimizer
        optimizer.load_state_dict(cut(optimizer.state_dict(), slices, self.comm.rank, optimizer.name))
        self._slices = slices

    def _check(self, params: Mapping[Any, Any]) -> None:
        """Check what the optimizer, which sees copies of the parameters, cannot."""
        dtypes = {array.dtype if type(array) is np.ndarray else type(array) for array in params.values()}
        if len(dtypes) > 1 or not dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}:
            raise DtypeError(
                "dtype not supported", op=self.optimizer.name, arg="params",
                expected="arrays, all of float32 or all of float64", got=", ".join(sorted(map(str, dtypes))),
            )  # fmt: skip
        for key, array in params.items():
            if not array.flags.writeable:
                raise ArrayError("read-only", op=self.optimizer.name, arg="params", key=key)

    def _slice_of(self, buffer: GradientBuffer, slices: Slices) -> Array:
        begin = slices.bounds[self.comm.rank]
        return buffer.array[begin : begin + slices.count(self.comm.rank)]

    def _step(self, params: Mapping[Any, Array], buffer: GradientBuffer, has_gradient: Mapping[Any, bool]) -> None:
        """Update this rank's slice, in the buffer's place for it, and collect the others' there."""
        from mpi4py import MPI

        slices, rank = self._slices, self.comm.rank
        assert slices is not None
        if not self._survey():
            return
        failure = None
        try:
            pieces = slices.pieces(self._slice_of(buffer, slices), rank)
            for key, piece in pieces.items():
                piece[:] = params[key].reshape(-1)[slices.part(key, rank)]
            gradients = slices.pieces(self._gradient, rank)
            self.optimizer.update_pieces(
                pieces,
                {key: piece if has_gradient[key] else None for key, piece in gradients.items()},
                {key: Origin(whole, slices.part(key, rank).start) for key, whole in params.items()},
            )
        except Exception as error:
            failure = error
        failures = np.array([failure is not None], np.int64)
        self.comm.Allreduce(MPI.IN_PLACE, failures)
        if failure is not None:
            raise failure
        if failures[0]:
            raise ParallelError(
                f"the optimizer of {failures[0]} of {self.comm.size} ranks failed", op="Sharded",
                hint="Their errors say why; no parameter has changed, but this rank's states have: load a checkpoint",
            )  # fmt: skip
        self.comm.Allgatherv(MPI.IN_PLACE, [buffer.array[: slices.bounds[-1]], slices.counts()])
        for key, array in params.items():
            np.copyto(array, buffer.gradients[key])

    def _survey(self) -> bool:
        """Do with the gradients what depends on those of all ranks; whether the step is to be taken."""
        from mpi4py import MPI

        optimizer, gradient = self.optimizer, self._gradient
        needs_finite = optimizer.nonfinite != "propagate"
        if not needs_finite and optimizer.clip_norm is None:
            return True
        with np.errstate(all="ignore"):
            square = np.einsum("i,i", gradient, gradient, dtype=np.float64)
        sums = np.array([square, not np.isfinite(gradient).all()])
        self.comm.Allreduce(MPI.IN_PLACE, sums)
        if needs_finite and sums[1]:
            if optimizer.nonfinite == "skip":
                return False
            raise ArrayError(
                "not finite", op=optimizer.name, arg="grads", expected="finite numbers",
                got=f"an infinity or a NaN on {sums[1]:.0f} of {self.comm.size} ranks",
                hint='nonfinite="skip" leaves such a step out',
            )  # fmt: skip
        norm = sqrt(sums[0])
        if optimizer.clip_norm is not None and norm > checked("clip_norm", optimizer.clip_norm, optimizer.name):
            with np.errstate(all="ignore"):  # an infinity times 0 is a NaN, as in the kernel
                gradient *= optimizer.clip_norm / norm
        return True


def _check_gradient(gradient: Any, param: Array, op: str, key: Hashable) -> None:
    if type(gradient) is not np.ndarray or gradient.dtype not in (np.float32, np.float64):
        got = str(getattr(gradient, "dtype", type(gradient).__qualname__))
        raise DtypeError("dtype not supported", op=op, arg="grads", key=key, expected="float32 or float64", got=got)
    if gradient.shape != param.shape:
        raise ArrayError("wrong shape", op=op, arg="grads", key=key, expected=str(param.shape), got=str(gradient.shape))
