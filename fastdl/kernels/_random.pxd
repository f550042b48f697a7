from fastdl.kernels._table cimport fastdl_source

# Where random bits come from, out of checked arguments; `first` is the first block.
cdef fastdl_source source_of(object seed, object stream, object step, object first, str op) except *

# The value, an integer from 0 to 2**bits - 1.
cdef object integer_below(object value, int bits, str op, str arg)
