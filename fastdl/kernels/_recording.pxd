cimport numpy as cnp

from fastdl.kernels._table cimport fastdl_plan

# From start() to stop() the kernels that this thread runs are recorded. One thread at a time can: start() is False where
# another one does.
cdef bint start(fastdl_plan* plan, tuple inputs) except -1
# What was recorded needs this to be kept: (arrays, memory, terms of the loss), or None where running it again would not be the same.
cdef object stop()

# This array of one element is part of the loss.
cdef int add_to_loss(cnp.ndarray term) except -1

# The plan that this thread records, or null.
cdef fastdl_plan* plan() noexcept

# The arrays of a kernel that is recorded.
cdef int keep(tuple arrays) except -1

# What is done now can't be recorded.
cdef void spoil() noexcept

# A fresh array, as PyArray_EMPTY makes it; while a plan is recorded, in memory that no array uses any more.
cdef cnp.ndarray empty(int ndim, const cnp.npy_intp* shape, int type)
