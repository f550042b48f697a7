from fastdl.kernels._table cimport fastdl_kernels, fastdl_queue

# The kernels of the CPU level that was chosen at import.
cdef const fastdl_kernels* kernels() noexcept nogil

# Where one native call's kernel goes, with the arrays that it uses; leave() takes it back. Held with the GIL, never across
# Python code.
cdef fastdl_queue enter(tuple arrays) except *
cdef void leave(fastdl_queue queue) noexcept nogil
