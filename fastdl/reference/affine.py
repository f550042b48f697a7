"""The fully connected layer, with its activation function."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fastdl.reference.activations import activation_backward, activation_forward

Array = NDArray[Any]


def affine_forward(
    x: Array,
    W: Array,
    b: Array,
    activation: str = "identity",
    out: Array | None = None,
    z: Array | None = None,
    alpha: float | None = None,
) -> Array:
    """Compute ``activation(x W + b)``.

    Parameters
    ----------
    x : (B, I) array
    W : (I, O) array
    b : (O,) array
    activation : str
        A name in ``ACTIVATIONS``.
    out : (B, O) array, optional
        Where the result goes; a fresh array when left out.
    z : (B, O) array, optional
        Where ``x W + b`` goes, which the backward pass of the activations in ``NEED_INPUT`` needs.
    alpha : float, optional
        That of the activation.

    Returns
    -------
    (B, O) array

    Examples
    --------
    >>> affine_forward(np.array([[1.0, 2.0]]), np.eye(2), np.array([0.5, -3.0]), "relu")
    array([[1.5, 0. ]])
    """
    y: Array = np.matmul(x, W, out=out)
    y += b
    if z is not None:
        np.copyto(z, y)
    return activation_forward(y, activation, out=y, alpha=alpha)


def affine_backward(
    dout: Array,
    x: Array,
    W: Array,
    saved: Array | None = None,
    activation: str = "identity",
    need_dx: bool = True,
    out: tuple[Array | None, Array, Array] | None = None,
    alpha: float | None = None,
) -> tuple[Array | None, Array, Array]:
    """Compute the gradients of `affine_forward` by its input, its weights and its bias.

    With dz = dout times the activation's slope: ``dx = dz W^T``, ``dW = x^T dz``, db = the sum of dz's rows.

    Parameters
    ----------
    dout : (B, O) array
        The gradient of the loss by the output of `affine_forward`.
    x : (B, I) array
    W : (I, O) array
    saved : (B, O) array, optional
        The output of `affine_forward`, its z for the activations in ``NEED_INPUT``; not needed for ``"identity"``.
    activation : str
        A name in ``ACTIVATIONS``.
    need_dx : bool
        Whether dx is computed; the first layer of a network does not need it.
    out : (dx, dW, db), optional
        Where the results go, dx None when it is not needed; fresh arrays when left out.
    alpha : float, optional
        That of the activation.

    Returns
    -------
    dx : (B, I) array, or None when ``need_dx`` is False
    dW : (I, O) array
    db : (O,) array

    Examples
    --------
    >>> dx, dW, db = affine_backward(np.array([[1.0, -1.0]]), np.array([[2.0, 3.0]]), np.eye(2))
    >>> dx, db
    (array([[ 1., -1.]]), array([ 1., -1.]))
    >>> dW
    array([[ 2., -2.],
           [ 3., -3.]])
    """
    dx_out, dW_out, db_out = (None, None, None) if out is None else out
    dz = dout if activation == "identity" else activation_backward(dout, cast(Array, saved), activation, alpha=alpha)
    dW = np.matmul(x.T, dz, out=dW_out)
    db = np.sum(dz, axis=0, out=db_out)
    dx = np.matmul(dz, W.T, out=dx_out) if need_dx else None
    return dx, dW, db
