from fastdl.kernels._table cimport fastdl_activation

# The activation of that name, checked; `alpha` may be None.
cdef fastdl_activation activation_of(object name, object alpha, str op) except *

# The same for a kernel that applies it in the same pass, and keeps its result alone.
cdef fastdl_activation fusible_activation(object name, str op) except *
