"""The validator: what may be passed where an array or a number is wanted, checked before anything is written."""

import numpy as np

cimport numpy as cnp

from fastdl.kernels cimport _recording
from fastdl.kernels.errors import AliasError, ArrayError, DtypeError

cnp.import_array()

cdef extern from *:
    """
    #include <algorithm>
    template <class Span>
    static void sort_spans(Span* spans, Py_ssize_t count) {
        std::sort(spans, spans + count, [](const Span& a, const Span& b) { return a.begin < b.begin; });
    }
    """
    void sort_spans(Span* spans, Py_ssize_t count) noexcept nogil

cdef type _memmap = np.memmap
cdef tuple _dtypes = ("float32", "float64", "bfloat16", "uint8")


cdef int dtype_of(cnp.ndarray array) noexcept:
    cdef int kind = cnp.PyArray_TYPE(array)
    if kind == cnp.NPY_FLOAT32:
        return FLOAT32
    if kind == cnp.NPY_FLOAT64:
        return FLOAT64
    return BYTES if kind == cnp.NPY_UINT8 else BFLOAT16


cdef int any_dtype_of(cnp.ndarray array) except -2:
    cdef int kind = cnp.PyArray_TYPE(array)
    if kind == cnp.NPY_FLOAT32 or kind == cnp.NPY_FLOAT64 or kind == cnp.NPY_UINT8 or kind == cnp.NPY_UINT16:
        return dtype_of(array)
    # A dtype that another package has registered.
    return BFLOAT16 if cnp.PyTypeNum_ISUSERDEF(kind) and array.dtype.name == "bfloat16" else -1


cdef int dtype_named(object dtype, str op) except -1:
    if dtype not in ("float32", "float64", np.float32, np.float64):
        raise DtypeError("dtype not supported", op=op, arg="dtype", expected="float32 or float64", got=repr(dtype))
    return FLOAT32 if np.dtype(dtype) == np.float32 else FLOAT64


cdef bint is_array(object value) noexcept:
    return type(value) is cnp.ndarray or type(value) is _memmap  # not a MaskedArray, say: its mask would go unseen


cdef bint is_number(object value) except -1:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


cdef bint _is_reduced(cnp.ndarray array, int like) except -1:
    """Whether it is an array of bfloat16, or of bytes, where `like` asks for one."""
    cdef int kind = any_dtype_of(array) if like == ANY_FLOAT or like >= BFLOAT16 else -1
    return kind == BFLOAT16 if like == ANY_FLOAT else kind >= BFLOAT16 and kind == like


cdef cnp.ndarray _checked(object value, str op, str arg, int like, object key):
    """An ndarray or memmap of float32 or float64, aligned and in native byte order."""
    cdef cnp.ndarray array
    cdef int kind
    if not is_array(value):
        raise DtypeError(
            "not a NumPy array", op=op, arg=arg, key=key, expected="numpy.ndarray", got=_describe(value),
            hint="numpy.asarray() makes one of most array-like objects",
        )
    array = <cnp.ndarray>value
    kind = cnp.PyArray_TYPE(array)
    if kind != cnp.NPY_FLOAT32 and kind != cnp.NPY_FLOAT64 and not _is_reduced(array, like):
        raise DtypeError(
            "dtype not supported", op=op, arg=arg, key=key, expected="float32 or float64", got=str(array.dtype),
            hint="Convert it with .astype(numpy.float32)",
        )
    if like >= 0 and dtype_of(array) != like:
        raise DtypeError(
            "the arrays of one call must have one dtype", op=op, arg=arg, key=key, expected=_dtypes[like],
            got=str(array.dtype), hint=f"Convert it with .astype(numpy.{_dtypes[like]})",
        )
    if not cnp.PyArray_ISNOTSWAPPED(array):
        raise DtypeError(
            "not in native byte order", op=op, arg=arg, key=key, expected=str(array.dtype.newbyteorder("=")),
            got=array.dtype.str, hint="Convert it with .astype(array.dtype.newbyteorder('='))",
        )
    if not cnp.PyArray_ISALIGNED(array):
        raise ArrayError(
            "not aligned in memory", op=op, arg=arg, key=key, hint="numpy.require(array, requirements='A') copies it",
        )
    return array


def leaves(params, grads, tuple keys):
    """Return the arrays of two dicts in the order of the keys, or None unless both hold arrays under just these keys."""
    cdef list values = [], gradients = []
    if type(params) is not dict or type(grads) is not dict or not len(<dict>params) == len(<dict>grads) == len(keys):
        return None
    for key in keys:
        value, gradient = (<dict>params).get(key), (<dict>grads).get(key)
        if type(value) is not cnp.ndarray or type(gradient) is not cnp.ndarray:
            return None
        values.append(value)
        gradients.append(gradient)
    return values, gradients


def hold(list dicts, list arrays):
    """Return whether the values of the dicts, one dict after the other, are still these very arrays."""
    cdef Py_ssize_t count = 0
    for each in dicts:
        for array in (<dict?>each).values():
            if count == len(arrays) or array is not arrays[count]:
                return False
            count += 1
    return count == len(arrays)


def _describe(value):
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


cdef cnp.ndarray read(object value, str op, str arg, int ndim, int like, object key=None):
    cdef cnp.ndarray array = _checked(value, op, arg, like, key)
    if ndim >= 0 and cnp.PyArray_NDIM(array) != ndim:
        raise ArrayError(
            "wrong number of dimensions", op=op, arg=arg, key=key, expected=str(ndim), got=f"shape {_shape(array)}",
        )
    if cnp.PyArray_IS_C_CONTIGUOUS(array):
        return array
    _recording.spoil()
    return cnp.PyArray_GETCONTIGUOUS(array)


cdef cnp.ndarray read_like(object value, cnp.ndarray like, str op, str arg):
    cdef cnp.ndarray array = read(value, op, arg, cnp.PyArray_NDIM(like), dtype_of(like))
    if not cnp.PyArray_SAMESHAPE(array, like):
        raise wrong_shape(op, arg, None, (<object>like).shape, array)
    return array


cdef cnp.ndarray read_row(object value, Py_ssize_t count, str op, str arg, int dtype):
    cdef cnp.ndarray array = read(value, op, arg, 1, dtype)
    if cnp.PyArray_DIM(array, 0) != count:
        raise wrong_shape(op, arg, None, (count,), array)
    return array


cdef bint _overlaps_itself(cnp.ndarray array) noexcept:
    """Unless each axis, in order of stride, steps over all that the axes before it reach."""
    cdef Py_ssize_t reach = cnp.PyArray_ITEMSIZE(array), stride, shortest = 0, axis, i
    cdef bint is_done[64]
    for axis in range(cnp.PyArray_NDIM(array)):
        is_done[axis] = cnp.PyArray_DIM(array, axis) < 2
    while True:
        axis = -1
        for i in range(cnp.PyArray_NDIM(array)):
            stride = abs(cnp.PyArray_STRIDE(array, i))
            if not is_done[i] and (axis < 0 or stride < shortest):
                axis, shortest = i, stride
        if axis < 0:
            return False
        if shortest < reach:
            return True
        is_done[axis] = True
        reach += (cnp.PyArray_DIM(array, axis) - 1) * shortest


cdef cnp.ndarray changed(object value, str op, str arg, int like, object key):
    cdef cnp.ndarray array = _checked(value, op, arg, like, key)
    if not cnp.PyArray_ISWRITEABLE(array):
        raise ArrayError("read-only", op=op, arg=arg, key=key, hint="Pass a writeable array: array.copy() makes one")
    if not cnp.PyArray_ISONESEGMENT(array) and _overlaps_itself(array):
        raise AliasError(
            "elements share memory", op=op, arg=arg, key=key, got=f"shape {_shape(array)}, strides {_strides(array)}",
            hint="array.copy() gives each its own",
        )
    return array


cdef cnp.ndarray result(object out, str op, str arg, int ndim, const cnp.npy_intp* shape, int dtype):
    cdef cnp.ndarray array
    cdef int i
    if out is None:
        return _recording.empty(ndim, shape, cnp.NPY_FLOAT64 if dtype == FLOAT64 else cnp.NPY_FLOAT32)
    array = changed(out, op, arg, dtype, None)
    fits = cnp.PyArray_NDIM(array) == ndim
    if fits:
        for i in range(ndim):
            fits = fits and cnp.PyArray_DIM(array, i) == shape[i]
    if not fits:
        raise wrong_shape(op, arg, None, tuple([shape[i] for i in range(ndim)]), array)
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ArrayError(
            "not contiguous", op=op, arg=arg, got=f"strides {_strides(array)}", hint="Pass an array in C order, not a view",
        )
    return array


cdef tuple places(object out, int count, str op, str names):
    if out is None:
        return (None,) * count
    if not isinstance(out, tuple) or len(out) != count:
        raise ArrayError(f"not a tuple of {count} arrays", op=op, arg="out", expected=names)
    return out


cdef object wrong_shape(str op, str arg, object key, object expected, cnp.ndarray got):
    return ArrayError("wrong shape", op=op, arg=arg, key=key, expected=str(expected), got=str(_shape(got)))


cdef int check_not_empty(cnp.ndarray array, str op, str arg) except -1:
    if cnp.PyArray_SIZE(array) == 0:
        raise ArrayError("empty", op=op, arg=arg, expected="at least one element", got=f"shape {_shape(array)}")
    return 0


def _shape(array):
    return array.shape


def _strides(array):
    return array.strides


cdef void span_of(cnp.ndarray array, bint is_written, Py_ssize_t number, Span* span) noexcept:
    cdef char* begin = <char*>cnp.PyArray_DATA(array)
    cdef char* end = begin + cnp.PyArray_ITEMSIZE(array)
    cdef Py_ssize_t i, reach
    for i in range(cnp.PyArray_NDIM(array)):
        reach = (cnp.PyArray_DIM(array, i) - 1) * cnp.PyArray_STRIDE(array, i)
        if reach > 0:
            end += reach
        else:
            begin += reach
    if cnp.PyArray_SIZE(array) == 0:
        end = begin = <char*>cnp.PyArray_DATA(array)
    span.begin = begin
    span.end = end
    span.is_written = is_written
    span.number = number


cdef bint find_overlap(Span* spans, Py_ssize_t count, Py_ssize_t* first, Py_ssize_t* second) noexcept nogil:
    # In order of their beginnings, a span overlaps an earlier one if it begins before that one's end. Of the earlier ones
    # only the furthest-reaching matters, and of the written ones the furthest-reaching of these.
    cdef Span* furthest = NULL
    cdef Span* furthest_written = NULL
    cdef Span* span
    cdef Span* other
    cdef Py_ssize_t i
    sort_spans(spans, count)
    for i in range(count):
        span = &spans[i]
        if span.begin == span.end:
            continue
        other = furthest if span.is_written else furthest_written
        if other != NULL and span.begin < other.end:
            first[0] = other.number
            second[0] = span.number
            return True
        if furthest == NULL or span.end > furthest.end:
            furthest = span
        if span.is_written and (furthest_written == NULL or span.end > furthest_written.end):
            furthest_written = span
    return False


cdef int check_apart(list written, list read_only, str op) except -1:
    """`written` and `read_only` hold (name, array or None)."""
    cdef Span spans[16]
    cdef Py_ssize_t count = 0, first, second
    cdef list named = written + read_only
    for name, array in named:
        span_of(_nothing if array is None else array, count < len(written), count, &spans[count])
        count += 1
    if find_overlap(spans, count, &first, &second):
        raise AliasError(
            f"shares memory with {named[first][0]}", op=op, arg=named[second][0], hint="Give each its own memory",
        )
    return 0


cdef cnp.ndarray _nothing = np.empty(0, np.float32)
