"""Optimizers' states in bfloat16 and in bytes, from float32 and back."""

import numpy as np

cimport numpy as cnp
from libc.stdint cimport uint16_t

from fastdl.kernels cimport _runtime
from fastdl.kernels._arrays cimport BYTES, FLOAT32, any_dtype_of, is_array, read
from fastdl.kernels._random cimport source_of
from fastdl.kernels._table cimport (
    fastdl_bfloat16,
    fastdl_positive_bytes,
    fastdl_queue,
    fastdl_signed_bytes,
    fastdl_source,
    fastdl_storage,
    fastdl_storage_block,
)
from fastdl.kernels.errors import ArrayError, DtypeError, HyperparameterError
from fastdl.kernels.placement import empty_state

cnp.import_array()

cdef int SALT = 46733


cdef fastdl_storage _storage(bint is_bytes, bint is_squares) noexcept:
    if not is_bytes:
        return fastdl_bfloat16
    return fastdl_positive_bytes if is_squares else fastdl_signed_bytes


def encode_state(x, dtype, seed=0, stream=0, step=0, number=0, is_squares=False):
    """Return numbers in the form in which :func:`update` keeps a state that takes less memory.

    Parameters
    ----------
    x : ndarray
        float32, any shape and layout.
    dtype : {"bfloat16", "uint8"}
        bfloat16: the upper 16 bits of a float32. uint8: each block of 256 elements has an exponent of its own, and each
        element 3 bits of the mantissa with 4 bits of the exponent below that one, and a sign.
    seed : int
        From 0 to 2**64 - 1: of the bits by which is decided whether a number is rounded up or down.
    stream, step : int
        From 0 to 2**32 - 1: a parameter's number, and its step.
    number : int
        Of the state among those of the rule, >= 0.
    is_squares : bool
        Whether the numbers are never negative: then uint8 has 5 bits of the exponent and no sign.

    Returns
    -------
    ndarray
        bfloat16: uint16 of the shape of x. uint8: one dimension, a byte for each element in C order and then the exponent
        of each block.

    Raises
    ------
    DtypeError, ArrayError, HyperparameterError
        If an argument does not fit.

    Notes
    -----
    A number between two that can be stored becomes either, with the probabilities by which it is right on average
    (stochastic rounding), from 16 random bits. Each block of 256 elements has 64 numbers of 16 bits, those of 8 blocks of
    :func:`random_bits` of the seed, stream and step: their first halves, then their second ones. Element i of the block
    takes number i % 64 times ``46733 ** (4 * number + i // 64)``, modulo 2**16: as a function of 16 bits this is one to one,
    so that each element's are uniform. Numbers that can be stored stay as they are. In uint8 numbers below the smallest of
    their block, 2**-15 of what the largest one is rounded down to, become that one or 0; squares, where it is 2**-31 of it,
    always become that one unless they are 0. A block with an infinity, a NaN or a number above 3.19e38 becomes all NaN;
    numbers of uint8 below 2**-110, or of squares below 2**-126, count as below the smallest.

    Dettmers, Lewis, Shleifer and Zettlemoyer, "8-bit Optimizers via Block-wise Quantization", 2022, have a table of 256
    numbers relative to a block's largest element, and round to nearest. Here they are relative to a power of two, so that
    numbers that do not change are not rounded again.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.encode_state(np.array([1.0, -2.5], np.float32), "bfloat16")
    array([16256, 49184], dtype=uint16)
    >>> bytes_ = kernels.encode_state(np.array([1.0, -2.5], np.float32), "uint8")
    >>> bytes_.shape, kernels.decode_state(bytes_, (2,))
    ((3,), array([ 1. , -2.5], dtype=float32))
    """
    cdef str op = "encode_state"
    if dtype not in ("bfloat16", "uint8"):
        raise DtypeError("dtype not supported", op=op, arg="dtype", expected="bfloat16 or uint8", got=repr(dtype))
    if isinstance(number, bool) or not hasattr(number, "__index__") or number < 0:
        raise HyperparameterError("out of range", op=op, arg="number", expected="an integer >= 0", got=repr(number))
    cdef bint is_bytes = dtype == "uint8"
    cdef fastdl_source source = source_of(seed, stream, step, 0, op)
    cdef cnp.ndarray numbers = read(x, op, "x", -1, FLOAT32)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(numbers), blocks = (size + fastdl_storage_block - 1) // fastdl_storage_block
    cdef object shape = (size + blocks,) if is_bytes else (<object>numbers).shape
    cdef cnp.ndarray out = empty_state(shape, np.uint8 if is_bytes else np.uint16, number)
    cdef fastdl_storage storage = _storage(is_bytes, is_squares)
    cdef uint16_t salt = pow(SALT, 4 * number, 2 ** 16)
    cdef float* start = <float*>cnp.PyArray_DATA(numbers)
    cdef void* to = cnp.PyArray_DATA(out)
    cdef fastdl_queue queue = _runtime.enter((numbers, out))
    cdef bint done
    with nogil:
        done = _runtime.kernels().encode_state(queue, size, start, storage, &source, salt, to)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return out


def decode_state(state, shape, is_squares=False):
    """Return the numbers of a state as :func:`update` and :func:`encode_state` have them.

    Parameters
    ----------
    state : ndarray
        uint16, or that of ml_dtypes, for bfloat16; or uint8. In any layout.
    shape : tuple of int
        Of the parameter.
    is_squares : bool
        As for :func:`encode_state`.

    Returns
    -------
    ndarray
        float32, of the shape.

    Raises
    ------
    DtypeError, ArrayError
        If it is not a state of that shape.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.decode_state(np.array([16256, 49184], np.uint16), (2,))
    array([ 1. , -2.5], dtype=float32)
    """
    cdef str op = "decode_state"
    cdef int kind = any_dtype_of(state) if is_array(state) else BYTES
    cdef cnp.ndarray array = read(state, op, "state", -1, max(kind, BYTES - 1))
    try:
        numbers = np.empty(shape, np.float32)
    except (TypeError, ValueError) as error:
        raise ArrayError("not a shape", op=op, arg="shape", expected="integers >= 0", got=repr(shape)) from error
    cdef Py_ssize_t size = numbers.size, expected = size
    if kind == BYTES:
        expected += (size + fastdl_storage_block - 1) // fastdl_storage_block
    if cnp.PyArray_SIZE(array) != expected:
        raise ArrayError(
            "wrong number of elements", op=op, arg="state", expected=str(expected), got=str(cnp.PyArray_SIZE(array))
        )
    cdef fastdl_storage storage = _storage(kind == BYTES, is_squares)
    cdef void* start = cnp.PyArray_DATA(array)
    cdef float* to = <float*>cnp.PyArray_DATA(numbers)
    cdef fastdl_queue queue = _runtime.enter((array, numbers))
    cdef bint done
    with nogil:
        done = _runtime.kernels().decode_state(queue, size, start, storage, to)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return numbers
