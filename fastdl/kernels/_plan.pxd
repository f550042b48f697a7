from fastdl.kernels._table cimport fastdl_plan

cdef class Plan:
    cdef fastdl_plan* kernels
    cdef tuple inputs      # arrays whose addresses the kernels have
    cdef object kept       # (arrays, memory, terms of the loss), or None
    cdef object __weakref__

    # Gives the kernels other inputs.
    cdef int rebind(self, tuple inputs) except -1
