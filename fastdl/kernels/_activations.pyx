"""The kernels of activations, as functions on NumPy arrays."""

cimport numpy as cnp
from libc.float cimport DBL_MAX

from fastdl.kernels cimport _runtime
from fastdl.kernels._arrays cimport check_apart, dtype_of, is_number, read, read_like, result
from fastdl.kernels._table cimport fastdl_activation, fastdl_queue
from fastdl.kernels.errors import HyperparameterError

cnp.import_array()

# In the order of with_activation() in activations.hpp.
ACTIVATIONS = (
    "identity", "relu", "sigmoid", "tanh", "leaky_relu", "elu", "softplus", "gelu", "gelu_tanh", "silu",
)
# Those whose derivative is computed from their input, not from their result.
NEED_INPUT = ("gelu", "gelu_tanh", "silu")

cdef dict _numbers = {name: number for number, name in enumerate(ACTIVATIONS)}
cdef dict _alphas = {"leaky_relu": 0.01, "elu": 1.0}


cdef fastdl_activation activation_of(object name, object alpha, str op) except *:
    cdef fastdl_activation activation
    number = _numbers.get(name) if isinstance(name, str) else None
    if number is None:
        raise HyperparameterError(
            "unknown activation", op=op, arg="activation", expected=f"one of {', '.join(ACTIVATIONS)}", got=repr(name)
        )
    if alpha is None:
        alpha = _alphas.get(name, 0.0)
    elif name not in _alphas:
        raise HyperparameterError(
            f"{name} has no alpha", op=op, arg="alpha", expected="None", got=repr(alpha),
            hint=f"Only {' and '.join(_alphas)} have one",
        )
    elif not is_number(alpha) or not 0 < alpha <= DBL_MAX:
        raise HyperparameterError(
            "not possible", op=op, arg="alpha", expected="a finite number > 0", got=repr(alpha)
        )
    activation.number = number
    activation.alpha = alpha
    return activation


cdef fastdl_activation fusible_activation(object name, str op) except *:
    if isinstance(name, str) and name in NEED_INPUT:
        raise HyperparameterError(
            "its derivative needs its input, which would be lost", op=op, arg="activation",
            expected=f"one of {', '.join([each for each in ACTIVATIONS if each not in NEED_INPUT])}", got=repr(name),
            hint="Apply it by a layer of its own",
        )
    return activation_of(name, None, op)


def activation_forward(x, activation, out=None, alpha=None):
    """Return the activation of every element.

    Parameters
    ----------
    x : ndarray of any shape
        float32 or float64.
    activation : str
        One of the names below.
    out : ndarray of the same shape, optional
        Where the result goes; it may be ``x`` itself.
    alpha : float, optional
        > 0: of leaky_relu (0.01 if left out) and elu (1 if left out); the others have none.

    Returns
    -------
    ndarray of the same shape

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If the activation is unknown, or alpha out of range or not one of its.

    Notes
    -----
    ==============  =======================================================================
    name            result
    ==============  =======================================================================
    ``identity``    x
    ``relu``        max(x, 0)
    ``sigmoid``     1 / (1 + exp(-x))
    ``tanh``        tanh(x)
    ``leaky_relu``  x where x >= 0, else alpha x
    ``elu``         x where x >= 0, else alpha (exp(x) - 1)
    ``softplus``    log(1 + exp(x))
    ``gelu``        x Φ(x), Φ the distribution function of the normal distribution
    ``gelu_tanh``   x (1 + tanh(sqrt(2 / π) (x + 0.044715 x³))) / 2
    ``silu``        x / (1 + exp(-x)), also called swish
    ==============  =======================================================================

    All are right to 2 ulp, in the tails too, where ``1 + erf`` and ``1 + tanh`` lose all digits. At -inf gelu, gelu_tanh and
    silu are -0, their limit; torch returns NaN there.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.activation_forward(np.array([-1.0, 0.0, 2.0]), "relu")
    array([0., 0., 2.])
    """
    cdef str op = "activation_forward"
    cdef fastdl_activation f = activation_of(activation, alpha, op)
    cdef cnp.ndarray x_ = read(x, op, "x", -1, -1)
    cdef int dtype = dtype_of(x_)
    cdef cnp.ndarray y = result(out, op, "out", cnp.PyArray_NDIM(x_), cnp.PyArray_DIMS(x_), dtype)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    if x_data != y_data:
        check_apart([("out", y)], [("x", x_)], op)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x_)
    cdef fastdl_queue queue = _runtime.enter((x_, y))
    cdef bint done
    with nogil:
        done = _runtime.kernels().activation_forward[dtype](queue, size, x_data, f, y_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y


def activation_backward(dout, saved, activation, out=None, alpha=None):
    """Return the gradient with respect to the input of an activation.

    The derivative is computed from what is saved: the activation's result y, for those in ``NEED_INPUT`` its input x.

    Parameters
    ----------
    dout : ndarray of any shape
        The gradient with respect to the activation's result.
    saved : ndarray of the same shape
        The activation's result; its input for gelu, gelu_tanh and silu.
    activation : str
        Which it was, as in :func:`activation_forward`.
    out : ndarray of the same shape, optional
        Where the result goes; it may be ``dout`` or ``saved`` itself.
    alpha : float, optional
        That of the forward pass.

    Returns
    -------
    ndarray of the same shape

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If the activation is unknown, or alpha out of range or not one of its.

    Notes
    -----
    ==============  ===============================
    name            derivative
    ==============  ===============================
    ``identity``    1
    ``relu``        1 where y > 0, else 0
    ``sigmoid``     y (1 - y)
    ``tanh``        1 - y²
    ``leaksaved_relu``  1 where y > 0, else alpha
    ``elu``         1 where y > 0, else y + alpha
    ``softplus``    1 - exp(-y)
    ``gelu``        Φ(x) + x φ(x)
    ``gelu_tanh``   s + x s (1 - s) u', where gelu_tanh is x s and s is sigmoid(u)
    ``silu``        s + x s (1 - s), s = sigmoid(x)
    ==============  ===============================

    Where terms of this cancel, near a zero of the derivative, the error is 2 to 4 ulp of 1, not of the derivative.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.activation_backward(np.array([5.0, 5.0]), np.array([0.0, 2.0]), "relu")
    array([0., 5.])
    """
    cdef str op = "activation_backward"
    cdef fastdl_activation f = activation_of(activation, alpha, op)
    cdef cnp.ndarray dout_ = read(dout, op, "dout", -1, -1)
    cdef int dtype = dtype_of(dout_)
    cdef cnp.ndarray saved_ = read_like(saved, dout_, op, "saved")
    cdef cnp.ndarray dx = result(out, op, "out", cnp.PyArray_NDIM(saved_), cnp.PyArray_DIMS(saved_), dtype)
    cdef const void* dout_data = cnp.PyArray_DATA(dout_)
    cdef const void* saved_data = cnp.PyArray_DATA(saved_)
    cdef void* dx_data = cnp.PyArray_DATA(dx)
    check_apart(
        [("out", dx)],
        [("dout", None if dout_data == dx_data else dout_), ("saved", None if saved_data == dx_data else saved_)],
        op,
    )
    cdef Py_ssize_t size = cnp.PyArray_SIZE(saved_)
    cdef fastdl_queue queue = _runtime.enter((dout_, saved_, dx))
    cdef bint done
    with nogil:
        done = _runtime.kernels().activation_backward[dtype](queue, size, dout_data, saved_data, f, dx_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return dx
