"""Plans: what kernels did, to be done again on other inputs, in one parallel region."""

import numpy as np

cimport numpy as cnp

from fastdl.kernels cimport _recording, _runtime
from fastdl.kernels._arrays cimport wrong_shape
from fastdl.kernels._table cimport fastdl_queue
from fastdl.kernels.errors import AliasError, ArrayError

cnp.import_array()


cdef int _check_addresses(tuple inputs) except -1:
    cdef cnp.ndarray one, other
    for i in range(len(inputs)):
        one = inputs[i]
        for k in range(i):
            other = inputs[k]
            if cnp.PyArray_DATA(one) == cnp.PyArray_DATA(other):
                raise AliasError(f"begins where inputs[{k}] does", op="Plan", arg=f"inputs[{i}]", hint="Pass a copy of one")
    return 0


cdef bint _is_within(cnp.ndarray array, list memory):
    """Whether the array, in C order, shares memory with one of these."""
    cdef char* data = <char*>cnp.PyArray_DATA(array)
    cdef char* start
    for other in memory:
        start = <char*>cnp.PyArray_DATA(<cnp.ndarray>other)
        if data < start + cnp.PyArray_NBYTES(<cnp.ndarray>other) and start < data + cnp.PyArray_NBYTES(array):
            return True
    return False


cdef class Plan:
    """Plan(*inputs)
--

    What this thread's kernels do within a ``with`` block, to be done again on other inputs in one parallel region.

    The kernels run within the block too, so that what is computed there holds. A plan does again what the kernels did, and
    nothing else: what is computed otherwise, by NumPy for one, stays as it was. It has the memory of all that the block
    made; an array that the block left to nobody lends its own to a later one. It keeps none of its inputs.

    Parameters
    ----------
    *inputs : ndarray
        At most 8: the arrays that another run brings anew, as the kernels get them: C order, and the dtype that they take.
        No two may begin at the same address: it is what tells one from another.

    Raises
    ------
    ArrayError, AliasError
        If they are too many, or two of them begin at the same address.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> x = np.array([-1.0, 2.0])
    >>> with kernels.Plan(x) as plan:
    ...     y = kernels.activation_forward(x, "relu")
    >>> y
    array([0., 2.])
    >>> plan.run(np.array([3.0, -4.0]))
    >>> y
    array([3., 0.])
    """

    def __init__(self, *inputs):
        if len(inputs) > MAX_INPUTS:
            raise ArrayError("too many", op="Plan", arg="inputs", expected=f"at most {MAX_INPUTS}", got=str(len(inputs)))
        _check_addresses(inputs)
        self.inputs = inputs
        self.forms = tuple([np.broadcast_to(np.empty((), each.dtype), each.shape) for each in inputs])
        self.kept = None
        self.kernels = NULL
        for i in range(len(inputs)):
            self.addresses[i] = cnp.PyArray_DATA(<cnp.ndarray>inputs[i])

    def __enter__(self):
        if self.kernels == NULL:
            self.kernels = _runtime.kernels().new_plan()
            if self.kernels == NULL:
                raise MemoryError("Plan")
            if _recording.start(self.kernels, self.inputs):
                return self
            _runtime.kernels().delete_plan(self.kernels)
            self.kernels = NULL
        return self

    def __exit__(self, kind, error, traceback):
        if _recording.plan() != self.kernels or self.kernels == NULL:
            return
        self.kept = _recording.stop()
        self.inputs = None
        if kind is not None or not _runtime.kernels().complete(self.kernels, self.addresses, len(self.forms)):
            self.kept = None

    def __dealloc__(self):
        if self.kernels != NULL:
            _runtime.kernels().delete_plan(self.kernels)

    @staticmethod
    def is_recording():
        """Return whether this thread is in the block of a plan.

        Returns
        -------
        bool
        """
        return _recording.plan() != NULL

    @property
    def can_run(self):
        """Whether :meth:`run` does what the block did.

        It cannot where an array had to be copied for a kernel, where another thread was recording a plan, where the block
        ran another plan or raised, or where memory ran out.
        """
        return self.kept is not None

    @property
    def loss(self):
        """The sum of the losses that kernels of the plan returned, as of the last run."""
        cdef double total = 0
        if self.kept is not None:
            for term in self.kept[2]:
                total += (<double*>cnp.PyArray_DATA(<cnp.ndarray>term))[0]
        return total

    def run(self, *inputs):
        """Do again what the block did, on other inputs; the results are where they were.

        Parameters
        ----------
        *inputs : ndarray
            In place of those of the block: the same shapes and dtypes, C order.

        Raises
        ------
        ArrayError, AliasError
            If they do not fit or are results of the plan, or the plan cannot run.
        """
        cdef bint done
        self.rebind(inputs)
        _recording.spoil()
        cdef fastdl_queue queue = _runtime.enter(())
        with nogil:
            done = _runtime.kernels().run_plan(queue.threads, self.kernels)
            _runtime.leave(queue)
        if not done:
            raise MemoryError("Plan.run")

    cdef int rebind(self, tuple inputs) except -1:
        cdef cnp.ndarray before, now
        if self.kept is None:
            raise ArrayError("cannot run", op="Plan.run", arg="self", hint="Its attribute can_run says when")
        if len(inputs) != len(self.forms):
            raise ArrayError("wrong number", op="Plan.run", arg="inputs", expected=str(len(self.forms)), got=str(len(inputs)))
        for i in range(len(inputs)):
            before, now = self.forms[i], inputs[i]
            if not cnp.PyArray_SAMESHAPE(before, now):
                raise wrong_shape("Plan.run", f"inputs[{i}]", None, (<object>before).shape, now)
            if cnp.PyArray_TYPE(before) != cnp.PyArray_TYPE(now) or not cnp.PyArray_ISCARRAY_RO(now):
                raise ArrayError(
                    "not as the one before", op="Plan.run", arg=f"inputs[{i}]", expected=f"{(<object>before).dtype} in C order",
                    got=f"{inputs[i].dtype}, strides {inputs[i].strides}",
                )
            if _is_within(now, self.kept[1]):
                raise AliasError(
                    "shares memory with what the plan writes", op="Plan.run", arg=f"inputs[{i}]", hint="array.copy() has its own",
                )
        for i in range(len(inputs)):
            _runtime.kernels().rebind(self.kernels, i, cnp.PyArray_DATA(<cnp.ndarray>inputs[i]))
        return 0
