# The number of an activation in with_activation() of activations.hpp.
cdef int _activation(object name, str op) except -1
