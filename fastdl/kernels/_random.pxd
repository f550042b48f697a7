from fastdl.kernels._table cimport fastdl_source

# Where random bits come from, out of checked arguments; `first` is the first block.
cdef fastdl_source source_of(object seed, object stream, object step, object first, str op) except *
