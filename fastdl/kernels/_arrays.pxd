from cpython.object cimport PyObject

cimport numpy as cnp

# The position of a dtype in the kernels' tables.
cdef enum:
    FLOAT32 = 0
    FLOAT64 = 1

# What else arrays of an optimizer may hold: bfloat16, in uint16 or as ml_dtypes has it, and bytes.
cdef enum:
    BFLOAT16 = 2
    BYTES = 3

# `like`: float32, float64 or bfloat16.
cdef enum:
    ANY_FLOAT = -2

# An argument that is read: an aligned array in native byte order, float32 or float64, of `ndim` dimensions (any where
# negative), in C order; an array of another layout is copied. `like` >= 0 demands that dtype, ANY_FLOAT takes bfloat16 too.
cdef cnp.ndarray read(object value, str op, str arg, int ndim, int like, object key=*)

# The same, of the shape and dtype of another one, and of the shape (count,).
cdef cnp.ndarray read_like(object value, cnp.ndarray like, str op, str arg)
cdef cnp.ndarray read_row(object value, Py_ssize_t count, str op, str arg, int dtype)

# The place for a result: `out`, checked, or a fresh array.
cdef cnp.ndarray result(object out, str op, str arg, int ndim, const cnp.npy_intp* shape, int dtype)

# The places for several results, of these names: `out`, a tuple, or None for each.
cdef tuple places(object out, int count, str op, str names)

# An array that is changed in place: as read(), and writeable, and not copied.
cdef cnp.ndarray changed(object value, str op, str arg, int like, object key)

# Whether it is an ndarray or a memmap, exactly.
cdef bint is_array(object value) noexcept

# Whether it is a number of Python or NumPy, and not a bool.
cdef bint is_number(object value) except -1

# Of an array that was checked.
cdef int dtype_of(cnp.ndarray array) noexcept

# Of any: -1 for another one.
cdef int any_dtype_of(cnp.ndarray array) except -2

# The argument `dtype`: a name or type of float32 or float64.
cdef int dtype_named(object dtype, str op) except -1

# Raises AliasError if an array that is written shares memory with another one.
cdef int check_apart(list written, list read_only, str op) except -1

cdef int check_not_empty(cnp.ndarray array, str op, str arg) except -1

cdef object wrong_shape(str op, str arg, object key, object expected, cnp.ndarray got)

# Memory of one array, for check_separate().
ctypedef struct Span:
    char* begin
    char* end
    bint is_written
    Py_ssize_t number

cdef void span_of(cnp.ndarray array, bint is_written, Py_ssize_t number, Span* span) noexcept

# Sorts the spans. The first pair that overlaps with one side written goes into `first` and `second`: true if there is one.
cdef bint find_overlap(Span* spans, Py_ssize_t count, Py_ssize_t* first, Py_ssize_t* second) noexcept nogil
