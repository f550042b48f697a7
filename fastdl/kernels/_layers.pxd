# The number of an activation's name, as with_activation() in activations.hpp takes it.
cdef int _activation(object name, str op) except -1
