from fastdl.kernels._table cimport fastdl_plan

cdef enum:
    MAX_INPUTS = 8

cdef class Plan:
    cdef fastdl_plan* kernels
    cdef tuple inputs                  # until they are recorded
    cdef tuple forms                   # arrays without memory of the inputs' shapes and dtypes
    cdef const void* addresses[MAX_INPUTS]   # of the inputs that are recorded
    cdef object kept                   # (arrays, memory, terms of the loss), or None
    cdef object __weakref__

    # Gives the kernels other inputs.
    cdef int rebind(self, tuple inputs) except -1
