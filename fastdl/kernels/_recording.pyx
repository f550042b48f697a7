"""Recording: what the kernels of one thread do, kept so that a plan can do it again."""

cimport numpy as cnp
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.ref cimport Py_INCREF

from fastdl.kernels._table cimport fastdl_plan

cnp.import_array()

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(object)

cdef extern from "numpy/arrayobject.h":
    int PyArray_SetBaseObject(cnp.ndarray array, object base) except -1

cdef fastdl_plan* _plan = <fastdl_plan*>NULL
cdef unsigned long _thread
cdef bint _is_spoiled
cdef tuple _inputs       # not kept: each run of the plan has its own
cdef list _arrays        # of the kernels, but for those in `_memory`
cdef list _losses
cdef list _memory        # what the arrays that are made meanwhile lie in


cdef bint start(fastdl_plan* plan, tuple inputs) except -1:
    global _plan, _thread, _is_spoiled, _inputs, _arrays, _memory, _losses
    if _plan != NULL:
        return False
    _plan, _thread, _is_spoiled = plan, PyThread_get_thread_ident(), False
    _inputs, _arrays, _memory, _losses = inputs, [], [], []
    return True


cdef object stop():
    global _plan, _inputs, _arrays, _memory, _losses
    kept = None if _is_spoiled else (_arrays, _memory, _losses)
    _plan = NULL
    _inputs = _arrays = _memory = _losses = None
    return kept


cdef fastdl_plan* plan() noexcept:
    if _plan != NULL and PyThread_get_thread_ident() == _thread:
        return _plan
    return NULL


cdef int keep(tuple arrays) except -1:
    for array in arrays:
        if isinstance(array, cnp.ndarray) and not _is_among(array, _inputs) and not _is_among(array.base, _memory):
            _arrays.append(array)
    return 0


cdef int add_to_loss(cnp.ndarray term) except -1:
    if plan() != NULL:
        _losses.append(term)
    return 0


cdef bint _is_among(object one, object others):
    for other in others:
        if one is other:
            return True
    return False


cdef void spoil() noexcept:
    global _is_spoiled
    if plan() != NULL:
        _is_spoiled = True


cdef cnp.ndarray empty(int ndim, const cnp.npy_intp* shape, int type):
    if plan() == NULL:
        return cnp.PyArray_EMPTY(ndim, <cnp.npy_intp*>shape, type, 0)
    cdef cnp.npy_intp bytes = cnp.PyArray_MultiplyList(<cnp.npy_intp*>shape, ndim) * (8 if type == cnp.NPY_FLOAT64 else 4)
    cdef object memory = _free_memory(bytes)
    if memory is None:
        memory = cnp.PyArray_EMPTY(1, &bytes, cnp.NPY_UINT8, 0)
        _memory.append(memory)
    cdef cnp.ndarray array = cnp.PyArray_New(
        cnp.ndarray, ndim, <cnp.npy_intp*>shape, type, NULL, cnp.PyArray_DATA(memory), 0, cnp.NPY_ARRAY_CARRAY, None)
    Py_INCREF(memory)
    PyArray_SetBaseObject(array, memory)
    return array


cdef object _free_memory(cnp.npy_intp bytes):
    """Some that no array but the list's own lies in any more, of this size: kernels that come later may use it again."""
    for memory in _memory:
        if cnp.PyArray_SIZE(memory) == bytes and Py_REFCNT(memory) == 2:  # the list's, and this loop's
            return memory
    return None
