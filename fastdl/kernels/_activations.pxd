from fastdl.kernels._runtime cimport fastdl_activation

# The activation of that name, checked; `alpha` may be None.
cdef fastdl_activation activation_of(object name, object alpha, str op) except *
