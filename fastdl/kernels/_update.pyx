"""The optimizers' kernel: one step of a rule over many arrays, checked as a whole before anything is written."""

from typing import NamedTuple

import numpy as np

cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t, uint32_t, uint64_t, uintptr_t

from fastdl.kernels cimport _runtime
from fastdl.kernels._arrays cimport (
    ANY_FLOAT,
    BFLOAT16,
    BYTES,
    FLOAT32,
    FLOAT64,
    Span,
    any_dtype_of,
    changed,
    dtype_of,
    find_overlap,
    is_array,
    read,
    span_of,
    wrong_shape,
)
from fastdl.kernels._plan cimport Plan
from fastdl.kernels._random cimport source_of
from fastdl.kernels._table cimport (
    fastdl_bfloat16,
    fastdl_coefficient_bytes,
    fastdl_done,
    fastdl_float32,
    fastdl_float64,
    fastdl_max_hyper,
    fastdl_no_memory,
    fastdl_outcome,
    fastdl_plan,
    fastdl_positive_bytes,
    fastdl_prepare,
    fastdl_queue,
    fastdl_rule,
    fastdl_signed_bytes,
    fastdl_source,
    fastdl_steps_to_clear,
    fastdl_storage,
    fastdl_storage_block,
    fastdl_tensor,
    fastdl_tile,
    fastdl_treatment,
)
from fastdl.kernels.errors import AliasError, ArrayError, DtypeError, HyperparameterError, KeyMismatchError

cnp.import_array()

class RuleSpec(NamedTuple):
    """What a rule of :func:`update` needs: the names of its state arrays and of its hyper-parameters, in order.

    ``squares`` are the states whose elements are never negative. ``whole`` is whether the step of an element depends on its
    whole array, so that pieces of one cannot be stepped apart.
    """

    name: str
    state: tuple
    hyper: tuple
    squares: tuple = ()
    whole: bool = False


class CompiledRule(NamedTuple):
    """A rule of :func:`update` that a user wrote.

    ``coefficients(t, *hyper)`` returns the floats that its code takes besides the arrays. ``prepare()`` returns the address
    of ``void prepare(double t, const double* hyper, double* coefficients)``, 0 if there is none, and how many there are:
    where they are all finite, it takes the place of the former. ``address(is_double)`` is that of
    ``void code(int64_t n, void** arrays, double* coefficients)`` with arrays = {parameter, gradient, states ...}.
    """

    name: str
    state: tuple
    hyper: tuple
    coefficients: object
    prepare: object
    address: object
    squares: tuple = ()

    @property
    def whole(self):
        """False: its code knows nothing of an array but the elements that it steps."""
        return False


def _read_table():
    cdef const fastdl_rule* rule
    specs = []
    for i in range(_runtime.kernels().rule_count):
        rule = &_runtime.kernels().rules[i]
        states = rule.states.decode().split()
        squares = tuple([state[1:] for state in states if state[0] == "+"])
        names = tuple([state.removeprefix("+") for state in states])
        specs.append(RuleSpec(rule.name.decode(), names, tuple(rule.hyper.decode().split()), squares, rule.trust[0] != NULL))
    return {spec.name: spec for spec in specs}


RULES = _read_table()

cdef int _draws_a_block = 8  # blocks of random bits for a block of elements: draw_numbers() in storage.hpp

cdef dict _numbers = {name: number for number, name in enumerate(RULES)}  # in the table


cdef int _check_count(object arrays, Py_ssize_t count, str op, str arg) except -1:
    if len(arrays) != count:
        raise KeyMismatchError("wrong number", op=op, arg=arg, expected=str(count), got=str(len(arrays)))
    return 0


cdef int _check_declared(cnp.ndarray array, bint is_bfloat16, str op, str arg, object key) except -1:
    if not is_bfloat16 and cnp.PyArray_TYPE(array) == cnp.NPY_UINT16:
        raise DtypeError(
            "dtype not supported", op=op, arg=arg, key=key, expected="float32 or float64", got="uint16",
            hint="bfloat16=True says that arrays of uint16 hold numbers of bfloat16",
        )
    return 0


cdef cnp.ndarray _gradient(object grad, cnp.ndarray param, str op, object key):
    """The gradient in C order; a copy where it is not so already."""
    cdef cnp.ndarray gradient = read(grad, op, "grads", -1, ANY_FLOAT, key)
    if not cnp.PyArray_SAMESHAPE(gradient, param):
        raise wrong_shape(op, "grads", key, (<object>param).shape, gradient)
    return gradient


cdef cnp.ndarray _state(object state, cnp.ndarray param, int like, str op, str arg, object key):
    cdef cnp.ndarray array = changed(state, op, arg, like, key)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(param)
    if like == BYTES:
        size += (size + fastdl_storage_block - 1) // fastdl_storage_block
        if cnp.PyArray_NDIM(array) != 1 or cnp.PyArray_DIM(array, 0) != size:
            raise wrong_shape(op, arg, key, (size,), array)
    elif not cnp.PyArray_SAMESHAPE(array, param):
        raise wrong_shape(op, arg, key, (<object>param).shape, array)
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ArrayError("not contiguous", op=op, arg=arg, key=key, hint="Pass an array in C order, not a view")
    return array


cdef tuple _place(Py_ssize_t number, Py_ssize_t width, object keys):
    """Argument and key of the array with this number: a parameter's `width` arrays in turn, in the end the steps."""
    if number == len(keys) * width:
        return "steps", None
    kind = number % width
    return ("params", "grads", "averages")[kind] if kind < 3 else "state", keys[number // width]


cdef int _check_separate(Span* spans, Py_ssize_t count, Py_ssize_t width, object keys, str op) except -1:
    cdef Py_ssize_t first, second
    if find_overlap(spans, count, &first, &second):
        (arg, key), (other, other_key) = _place(second, width, keys), _place(first, width, keys)
        raise AliasError(
            f"shares memory with {other}" + ("" if other_key is None else f"[{other_key!r}]"), op=op, arg=arg, key=key,
            hint="Every parameter, gradient and state must have its own memory",
        )
    return 0


cdef bint _is_row_of_counts(object steps, Py_ssize_t count):
    if type(steps) is not np.ndarray:
        return False
    cdef cnp.ndarray array = steps
    return (
        cnp.PyArray_TYPE(array) == cnp.NPY_INT64 and cnp.PyArray_NDIM(array) == 1 and cnp.PyArray_DIM(array, 0) == count
        and cnp.PyArray_IS_C_CONTIGUOUS(array) and cnp.PyArray_ISBEHAVED(array)
    )


cdef cnp.ndarray _rows(object hyper, Py_ssize_t count, Py_ssize_t width, double* shared, str op):
    """The hyper-parameters of each parameter as rows; None where one row, then in `shared`, is that of all."""
    cdef Py_ssize_t k
    cdef cnp.ndarray rows = None
    try:
        if type(hyper) is np.ndarray and hyper.ndim == 2:
            rows = np.ascontiguousarray(hyper, dtype=np.float64)
            fits = cnp.PyArray_DIM(rows, 0) == count and cnp.PyArray_DIM(rows, 1) == width
        else:
            fits = len(hyper) == width
            if fits:
                for k in range(width):
                    shared[k] = hyper[k]
    except (TypeError, ValueError, OverflowError) as error:
        raise HyperparameterError("not numbers", op=op, arg="hyper", got=repr(hyper)) from error
    if not fits:
        raise KeyMismatchError(
            "wrong number", op=op, arg="hyper", expected=f"{(width,)} or {(count, width)}", got=str(np.shape(hyper))
        )
    return rows


cdef uint64_t _first_draw(object first, str op, object key) except? 0:
    """The number of the random bits, in blocks of 128, that are those of this element of an array."""
    if not isinstance(first, int) or not 0 <= first < 2 ** 63 or first % fastdl_storage_block:
        raise HyperparameterError(
            "not possible", op=op, arg="firsts", key=key, expected=f"a multiple of {fastdl_storage_block}", got=repr(first)
        )
    return <uint64_t>first // fastdl_storage_block * _draws_a_block


cdef int _compute(object rule, int64_t step, const double* hyper, Py_ssize_t width, double* coefficients) except -1:
    """The coefficients of a rule that a user wrote."""
    address, count = rule.prepare()
    cdef Py_ssize_t k
    cdef bint are_finite = address != 0 and count * sizeof(double) <= fastdl_coefficient_bytes
    if are_finite:
        (<fastdl_prepare><uintptr_t>address)(<double>step, hyper, coefficients)
        for k in range(count):
            are_finite = are_finite and isfinite(coefficients[k])
    if are_finite:
        return 0
    values = rule.coefficients(step, *[hyper[k] for k in range(width)])
    if len(values) * sizeof(double) > fastdl_coefficient_bytes:
        raise HyperparameterError(
            "too many expressions of hyper-parameters", op="rule", arg="coefficients",
            expected=f"at most {fastdl_coefficient_bytes // sizeof(double)}", got=str(len(values)),
        )
    for k, value in enumerate(values):
        coefficients[k] = value
    return 0


def update(
    rule, params, grads, state, steps, hyper, keys=None, *,
    decay=None, shrink=None, clip_norm=INFINITY, clip_value=INFINITY, averages=None, average_decay=0.0, needs_finite=False,
    bint bfloat16=False, seed=None, firsts=None, str op=None, Plan plan=None, tuple inputs=(),
):
    """Take one step of an optimizer's rule over many arrays, in place, in one parallel region.

    Everything is checked before anything is written: a call that raises has changed nothing, and one that returns has
    changed parameters, states, averages and step counts together. In every eighth step of a parameter its states that are
    subnormal (float32: below 1.2e-38) become 0: they change nothing that matters, and arithmetic on them is slow.

    Parameters
    ----------
    rule : str or CompiledRule
        One of :data:`fastdl.kernels.RULES`, or one that a user wrote.
    params : sequence of ndarrays
        Parameters, float32, float64 or bfloat16, of any shapes and layouts.
    grads : sequence of ndarrays or None
        Their gradients, of the same shapes, float32, float64 or bfloat16 in any layout. A parameter whose gradient is None
        is left out of the step.
    state : sequence of sequences of ndarrays
        For each of the rule's state arrays, one array a parameter, in C order: of its shape and dtype, float32 for one of
        bfloat16. Or, unless that is float64, of its shape in bfloat16, or in bytes as :func:`encode_state` makes them.
    steps : ndarray of shape (len(params),)
        int64: how many steps each parameter has had. Incremented.
    hyper : sequence of float, or ndarray of shape (len(params), number of hyper-parameters)
        Hyper-parameters in the order of the rule, for all parameters or for each.
    keys : sequence, optional
        What errors call the parameters; their numbers by default.
    decay : sequence of float, optional
        For each parameter, what is added to its gradient, times the parameter: L2 regularization.
    shrink : sequence of float, optional
        For each parameter, the share of itself that it loses before the step: decoupled weight decay.
    clip_norm : float
        Gradients are scaled so that the norm of all of them together is at most this.
    clip_value : float
        Then each of their elements is brought within plus and minus this.
    averages : sequence of ndarrays, optional
        Moving averages of the parameters: ``average_decay * average + (1 - average_decay) * parameter`` after the step,
        before a parameter of bfloat16 is rounded. In C order, of a parameter's shape and dtype, float32 for bfloat16.
    average_decay : float
        From 0 to 1.
    needs_finite : bool
        Whether nothing is done where a gradient holds an infinity or a NaN.
    bfloat16 : bool
        Whether arrays of uint16 hold numbers of bfloat16. Without, bfloat16 is only that of ml_dtypes, and that of states
        where there is a seed.
    seed : int, optional
        From 0 to 2**64 - 1. Given, states of bfloat16 and of bytes are rounded at random (stochastic rounding): by bits of
        the seed, the number of the parameter, its step and the element alone, see :func:`encode_state`. Without, those of
        bfloat16 are rounded to nearest, as parameters always are, and those of bytes refused.
    firsts : sequence of int, optional
        For each parameter that is a piece of a larger array, the number of its first element there, a multiple of 256: it
        then has the random bits of that array's elements. 0 by default.
    op : str, optional
        What errors call the step; the rule's name by default.
    plan : Plan, optional
        What is run first, in the same region: as a rule what makes the gradients.
    inputs : tuple of ndarrays
        The plan's.

    Returns
    -------
    bool
        Whether the step was taken: always, unless ``needs_finite``.

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
    True
    >>> W, steps
    (array([0.5, 0. ]), array([1]))
    """
    cdef const fastdl_rule* table = NULL
    cdef object number = _numbers.get(rule) if isinstance(rule, str) else None
    if number is not None:
        table = &_runtime.kernels().rules[<int>number]
        spec = RULES[rule]
    elif type(rule) is CompiledRule:
        spec = rule
    else:
        raise HyperparameterError(
            "unknown rule", op="update", arg="rule", expected=f"one of {', '.join(RULES)}", got=repr(rule)
        )
    cdef str name
    cdef tuple state_names, hyper_names
    name, state_names, hyper_names = spec[:3]
    cdef fastdl_storage storages[4]
    storages[FLOAT32], storages[FLOAT64], storages[BFLOAT16] = fastdl_float32, fastdl_float64, fastdl_bfloat16
    storages[BYTES] = fastdl_signed_bytes
    if op is None:
        op = name
    cdef Py_ssize_t count = len(params), hyper_count = len(hyper_names), i, k, active = 0, span = 0
    cdef int states = len(state_names), width = 3 + states, kind, stored
    cdef bint is_random = seed is not None
    cdef fastdl_source source = fastdl_source(seed=0, stream=0, step=0, first=0)
    if is_random:
        source = source_of(seed, 0, 0, 0, op)
    cdef cnp.ndarray param, array
    _check_count(grads, count, op, "grads")
    _check_count(state, states, op, "state")
    for row in state:
        _check_count(row, count, op, "state")
    if decay is not None:
        _check_count(decay, count, op, "decay")
    if shrink is not None:
        _check_count(shrink, count, op, "shrink")
    if averages is not None:
        _check_count(averages, count, op, "averages")
    if firsts is not None:
        _check_count(firsts, count, op, "firsts")
    if not _is_row_of_counts(steps, count):
        raise ArrayError(
            "not a row of step counts", op=op, arg="steps", expected=f"a writeable int64 array of shape ({count},)"
        )
    cdef int64_t* taken = <int64_t*>cnp.PyArray_DATA(steps)
    if keys is None:
        keys = range(count)
    _check_count(keys, count, op, "keys")
    cdef double shared[fastdl_max_hyper]
    cdef cnp.ndarray rows = _rows(hyper, count, hyper_count, shared, op)
    cdef fastdl_treatment treatment
    treatment.clip_norm, treatment.clip_value = clip_norm, clip_value
    treatment.average_decay, treatment.needs_finite = average_decay, needs_finite
    cdef fastdl_tile tiles[2]
    for k in range(2):
        tiles[k] = NULL
        if table != NULL:
            tiles[k] = table.tile[k]
    # The coefficients are worked out once for neighbours of equal step, hyper-parameters and dtype.
    cdef const double* numbers
    cdef const double* last_numbers = NULL
    cdef int64_t last_step = -1
    cdef int last_kind = -1
    cdef char* coefficients = NULL

    # For each parameter a tensor, its coefficients, a span for each of its arrays, and its counter.
    cdef Py_ssize_t bytes_each = sizeof(fastdl_tensor) + fastdl_coefficient_bytes + width * sizeof(Span) + sizeof(int64_t*)
    cdef char* memory = <char*>PyMem_Malloc((count + 1) * bytes_each)
    if memory == NULL:
        raise MemoryError(op)
    cdef fastdl_tensor* tensors = <fastdl_tensor*>(memory + count * fastdl_coefficient_bytes)
    cdef Span* spans = <Span*>(tensors + count)
    cdef int64_t** counters = <int64_t**>(spans + count * width + 1)
    cdef fastdl_tensor* tensor
    cdef list held = []    # keeps arrays alive until the step is done
    cdef list staged = []  # (parameter, contiguous copy): parameters in another layout are stepped on the copy
    cdef fastdl_queue queue
    cdef fastdl_outcome outcome
    cdef const fastdl_plan* recorded = NULL
    if plan is not None:
        recorded = plan.kernels
    try:
        for i in range(count):
            grad = grads[i]
            if grad is None:
                continue
            key = keys[i]
            tensor = &tensors[active]
            param = changed(params[i], op, "params", ANY_FLOAT, key)
            _check_declared(param, bfloat16, op, "params", key)
            kind = FLOAT64 if dtype_of(param) == FLOAT64 else FLOAT32
            tensor.storage[0] = storages[dtype_of(param)]
            array = _gradient(grad, param, op, key)
            _check_declared(array, bfloat16, op, "grads", key)
            held.append(array)
            tensor.arrays[1] = cnp.PyArray_DATA(array)
            tensor.storage[1] = storages[dtype_of(array)]
            span_of(param, True, i * width, &spans[span])
            span_of(grad, False, i * width + 1, &spans[span + 1])
            span += 2
            tensor.average = NULL
            if averages is not None:
                array = _state(averages[i], param, kind, op, "averages", key)
                held.append(array)
                tensor.average = cnp.PyArray_DATA(array)
                span_of(array, True, i * width + 2, &spans[span])
                span += 1
            for k in range(states):
                value = state[k][i]
                stored = kind
                if kind == FLOAT32 and is_array(value):
                    stored = max(any_dtype_of(value), kind)
                    stored = kind if stored == FLOAT64 else stored
                array = _state(value, param, stored, op, "state", key)
                _check_declared(array, bfloat16 or is_random, op, "state", key)
                if stored == BYTES and not is_random:
                    raise HyperparameterError(
                        "missing", op=op, arg="seed", expected="an integer: states in bytes are rounded at random", got="None"
                    )
                tensor.storage[2 + k] = storages[stored]
                if stored == BYTES and state_names[k] in spec.squares:
                    tensor.storage[2 + k] = fastdl_positive_bytes
                held.append(array)
                tensor.arrays[2 + k] = cnp.PyArray_DATA(array)
                span_of(array, True, i * width + 3 + k, &spans[span])
                span += 1
            if not cnp.PyArray_IS_C_CONTIGUOUS(param):
                array = cnp.PyArray_NewCopy(param, cnp.NPY_CORDER)
                staged.append((param, array))
                param = array
            held.append(param)
            if taken[i] < 0 or taken[i] >= 2 ** 53:
                raise ArrayError(
                    "not a step count", op=op, arg="steps", key=key, expected="0 to 2**53 - 1", got=str(taken[i])
                )
            if tiles[kind] == NULL:
                tiles[kind] = <fastdl_tile><uintptr_t>spec.address(bool(kind))
            tensor.size = cnp.PyArray_SIZE(param)
            tensor.source = source
            tensor.source.stream, tensor.source.step = <uint32_t>i, <uint32_t>(taken[i] + 1)
            if firsts is not None:
                tensor.source.first = _first_draw(firsts[i], op, key)
            tensor.rounds_at_random = is_random
            tensor.is_double = kind
            tensor.array_count = 2 + states
            tensor.arrays[0] = cnp.PyArray_DATA(param)
            tensor.tile = tiles[kind]
            tensor.measure = table.measure[kind] if table != NULL else NULL
            tensor.trust = table.trust[kind] if table != NULL else NULL
            numbers = shared
            if rows is not None:
                numbers = <const double*>cnp.PyArray_DATA(rows) + i * hyper_count
            if taken[i] != last_step or numbers != last_numbers or kind != last_kind:
                coefficients = memory + active * fastdl_coefficient_bytes
                if table != NULL:
                    table.prepare[kind](<double>(taken[i] + 1), numbers, coefficients)
                else:
                    _compute(spec, taken[i] + 1, numbers, hyper_count, <double*>coefficients)
                last_step, last_numbers, last_kind = taken[i], numbers, kind
            tensor.coefficients = coefficients
            tensor.decay = 0.0 if decay is None else decay[i]
            tensor.shrink = 0.0 if shrink is None else shrink[i]
            tensor.clears = (taken[i] + 1) % fastdl_steps_to_clear == 0
            counters[active] = &taken[i]
            active += 1
        span_of(steps, True, count * width, &spans[span])
        _check_separate(spans, span + 1, width, keys, op)

        if plan is not None:
            plan.rebind(inputs)
        queue = _runtime.enter(())
        with nogil:
            outcome = _runtime.kernels().update(queue.threads, recorded, tensors, active, &treatment)
            _runtime.leave(queue)
            if outcome == fastdl_done:
                for i in range(active):
                    counters[i][0] += 1
        if outcome == fastdl_no_memory:
            raise MemoryError(op)
        if outcome == fastdl_done:
            for param, array in staged:
                cnp.PyArray_CopyInto(param, array)
        return outcome == fastdl_done
    finally:
        PyMem_Free(memory)
