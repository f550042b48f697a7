"""The optimizers' kernel: one step of a rule over many arrays, checked as a whole before anything is written."""

from typing import NamedTuple

import numpy as np

cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t

from fastdl.kernels cimport _runtime
from fastdl.kernels._arrays cimport Span, changed, dtype_of, find_overlap, read, span_of, wrong_shape
from fastdl.kernels._runtime cimport (
    fastdl_coefficient_bytes,
    fastdl_max_hyper,
    fastdl_max_states,
    fastdl_rule,
    fastdl_tensor,
)
from fastdl.kernels.errors import AliasError, ArrayError, DtypeError, HyperparameterError, KeyMismatchError

cnp.import_array()

class RuleSpec(NamedTuple):
    """What a rule of :func:`update` needs: the names of its state arrays and of its hyper-parameters, in order."""

    name: str
    state: tuple
    hyper: tuple


def _read_table():
    cdef const fastdl_rule* rule
    specs = []
    for i in range(_runtime.kernels().rule_count):
        rule = &_runtime.kernels().rules[i]
        specs.append(RuleSpec(rule.name.decode(), tuple(rule.states.decode().split()), tuple(rule.hyper.decode().split())))
    return {spec.name: spec for spec in specs}


RULES = _read_table()

cdef dict _numbers = {name: number for number, name in enumerate(RULES)}  # in the table


cdef int _check_count(object arrays, Py_ssize_t count, str op, str arg) except -1:
    if len(arrays) != count:
        raise KeyMismatchError("wrong number of arrays", op=op, arg=arg, expected=str(count), got=str(len(arrays)))
    return 0


cdef cnp.ndarray _gradient(object grad, cnp.ndarray param, str op, object key):
    """The gradient in C order and with the parameter's dtype; a copy where it is not so already."""
    cdef cnp.ndarray gradient = read(grad, op, "grads", -1, -1, key)
    if not cnp.PyArray_SAMESHAPE(gradient, param):
        raise wrong_shape(op, "grads", key, (<object>param).shape, gradient)
    if dtype_of(gradient) != dtype_of(param):
        return (<object>gradient).astype((<object>param).dtype)
    return gradient


cdef cnp.ndarray _state(object state, cnp.ndarray param, str op, str arg, object key):
    cdef cnp.ndarray array = changed(state, op, arg, dtype_of(param), key)
    if not cnp.PyArray_SAMESHAPE(array, param):
        raise wrong_shape(op, arg, key, (<object>param).shape, array)
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ArrayError("not contiguous", op=op, arg=arg, key=key, hint="Pass an array in C order, not a view")
    return array


cdef tuple _place(Py_ssize_t number, Py_ssize_t width, object keys):
    """Argument and key of the array with this number: a parameter's `width` arrays in turn, in the end the steps."""
    if number == len(keys) * width:
        return "steps", None
    return ("params", "grads", "state", "state", "state", "state")[number % width], keys[number // width]


cdef int _check_separate(Span* spans, Py_ssize_t count, Py_ssize_t width, object keys, str op) except -1:
    cdef Py_ssize_t first, second
    if find_overlap(spans, count, &first, &second):
        (arg, key), (other, other_key) = _place(second, width, keys), _place(first, width, keys)
        raise AliasError(
            f"shares memory with {other}" + ("" if other_key is None else f"[{other_key!r}]"), op=op, arg=arg, key=key,
            hint="Every parameter, gradient and state must have its own memory",
        )
    return 0


def update(rule, params, grads, state, steps, hyper, keys=None):
    """Take one step of an optimizer's rule over many arrays, in place, in one parallel region.

    Everything is checked before anything is written: a call that raises has changed nothing, and one that returns has
    changed parameters, states and step counts together.

    Parameters
    ----------
    rule : str
        One of :data:`fastdl.kernels.RULES`.
    params : sequence of ndarrays
        Parameters, float32 or float64, of any shapes and layouts.
    grads : sequence of ndarrays or None
        Their gradients, of the same shapes, float32 or float64 in any layout. A parameter whose gradient is None is left
        out of the step.
    state : sequence of sequences of ndarrays
        For each of the rule's state arrays, one array a parameter: its shape and dtype, in C order.
    steps : ndarray of shape (len(params),)
        int64: how many steps each parameter has had. Incremented.
    hyper : sequence of float
        Hyper-parameters in the order of the rule.
    keys : sequence, optional
        What errors call the parameters; their numbers by default.

    Raises
    ------
    KeyMismatchError, DtypeError, ArrayError, AliasError, HyperparameterError
        If an argument does not fit. Arrays that interleave without sharing an element count as sharing memory.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> W, steps = np.ones(2), np.zeros(1, dtype=np.int64)
    >>> kernels.update("sgd", [W], [np.array([1.0, 2.0])], [], steps, [0.5])
    >>> W, steps
    (array([0.5, 0. ]), array([1]))
    """
    number = _numbers.get(rule) if isinstance(rule, str) else None
    if number is None:
        raise HyperparameterError("unknown rule", op="update", arg="rule", expected=f"one of {', '.join(RULES)}", got=repr(rule))
    cdef str op = rule
    cdef const fastdl_rule* table = &_runtime.kernels().rules[<int>number]
    cdef Py_ssize_t count = len(params), i, k, active = 0, span = 0
    cdef int states = len(RULES[rule].state), width = 2 + states, kind
    cdef double values[16]
    cdef int64_t last_step = -1
    cdef int last_kind = -1
    cdef cnp.ndarray param, gradient, array

    _check_count(grads, count, op, "grads")
    _check_count(state, states, op, "state")
    for row in state:
        _check_count(row, count, op, "state")
    _check_count(hyper, len(RULES[rule].hyper), op, "hyper")
    for k in range(len(hyper)):
        try:
            values[k] = hyper[k]
        except (TypeError, ValueError, OverflowError):
            raise HyperparameterError("not a number", op=op, arg="hyper", key=k, got=repr(hyper[k])) from None
    if (
        type(steps) is not np.ndarray or steps.dtype != np.int64 or steps.shape != (count,)
        or not steps.flags.c_contiguous or not steps.flags.writeable or not steps.flags.aligned
    ):
        raise ArrayError("not a row of step counts", op=op, arg="steps", expected=f"a writeable int64 array of shape ({count},)")
    cdef int64_t* taken = <int64_t*>cnp.PyArray_DATA(steps)
    if keys is None:
        keys = range(count)
    _check_count(keys, count, op, "keys")

    # Besides the tensors: a coefficient block each (most share the first one), and a span for every array.
    cdef Py_ssize_t bytes_each = sizeof(fastdl_tensor) + fastdl_coefficient_bytes + width * sizeof(Span) + sizeof(int64_t*)
    cdef char* memory = <char*>PyMem_Malloc((count + 1) * bytes_each)
    if memory == NULL:
        raise MemoryError(op)
    cdef char* coefficients = memory
    cdef fastdl_tensor* tensors = <fastdl_tensor*>(coefficients + (count + 1) * fastdl_coefficient_bytes)
    cdef Span* spans = <Span*>(tensors + count + 1)
    cdef int64_t** counters = <int64_t**>(spans + (count + 1) * width)
    cdef fastdl_tensor* tensor
    cdef list held = []    # keeps copies alive until the step is done
    cdef list staged = []  # (parameter, contiguous copy): parameters in another layout are stepped on the copy
    cdef int threads
    cdef bint done
    try:
        for i in range(count):
            grad = grads[i]
            if grad is None:
                continue
            key = keys[i]
            tensor = &tensors[active]
            param = changed(params[i], op, "params", -1, key)
            gradient = _gradient(grad, param, op, key)
            span_of(param, True, i * width, &spans[span])
            span_of(grad, False, i * width + 1, &spans[span + 1])
            span += 2
            if not cnp.PyArray_IS_C_CONTIGUOUS(param):
                array = cnp.PyArray_NewCopy(param, cnp.NPY_CORDER)
                staged.append((param, array))
                param = array
            held.append(gradient)
            held.append(param)
            kind = dtype_of(param)
            tensor.size = cnp.PyArray_SIZE(param)
            tensor.item = cnp.PyArray_ITEMSIZE(param)
            tensor.array_count = width
            tensor.tile = table.tile[kind]
            tensor.arrays[0] = cnp.PyArray_DATA(param)
            tensor.arrays[1] = cnp.PyArray_DATA(gradient)
            for k in range(states):
                array = _state(state[k][i], param, op, "state", key)
                held.append(array)
                tensor.arrays[2 + k] = cnp.PyArray_DATA(array)
                span_of(array, True, i * width + 2 + k, &spans[span])
                span += 1
            if taken[i] < 0 or taken[i] >= 2 ** 53:
                raise ArrayError("not a step count", op=op, arg="steps", key=key, expected="0 to 2**53 - 1", got=str(taken[i]))
            if taken[i] != last_step or kind != last_kind:
                last_step, last_kind = taken[i], kind
                table.prepare[kind](<double>(last_step + 1), values, coefficients + active * fastdl_coefficient_bytes)
                tensor.coefficients = coefficients + active * fastdl_coefficient_bytes
            else:
                tensor.coefficients = tensors[active - 1].coefficients
            counters[active] = &taken[i]
            active += 1
        span_of(steps, True, count * width, &spans[span])
        _check_separate(spans, span + 1, width, keys, op)

        threads = _runtime.enter()
        with nogil:
            done = _runtime.kernels().update(threads, tensors, active)
            _runtime.leave(threads)
            if done:
                for i in range(active):
                    counters[i][0] += 1
        if not done:
            raise MemoryError(op)
        for param, array in staged:
            cnp.PyArray_CopyInto(param, array)
    finally:
        PyMem_Free(memory)
