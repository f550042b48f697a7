cimport numpy as cnp

from fastdl.kernels._table cimport fastdl_activation, fastdl_channels, fastdl_running

# A number from 0 to `highest`, or below infinity.
cdef double number_up_to(object value, str op, str arg, double highest) except? -1

# An array of (3, count).
cdef cnp.ndarray statistics_of(object value, Py_ssize_t count, str op, int dtype)

# An array of (samples, channels, ...), which is not empty.
cdef cnp.ndarray batch_of(object value, str op, str arg, fastdl_channels* shape)

# Running mean and variance that go on with a batch of so many numbers a channel, or None and None.
cdef tuple running_of(object running, object momentum, object ddof, Py_ssize_t count, Py_ssize_t channels, str op, int dtype,
                      fastdl_running* past)

# The output that an activation's derivative is computed from; of the identity any array.
cdef cnp.ndarray output_for_slope(object y, cnp.ndarray like, fastdl_activation f, str op, object activation)
