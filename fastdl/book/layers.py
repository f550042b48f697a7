"""The book's layers: those of `fastdl.nn` with the book's names, arguments and attributes.

Their forward passes are those of training unless ``train_flg`` says otherwise, and take any real dtype; what comes out
is of the parameters' dtype. Backward passes leave ``dout`` as it is, where some of the book's overwrite it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels, nn
from fastdl.book.functions import cross_entropy_error, dtype_of, floats

Array = NDArray[Any]

# Of batch normalization: "10e-7" in the book.
_EPS = 1e-6


class Affine(nn.Affine):
    """The affine layer ``x @ W + b``.

    Parameters
    ----------
    W : ndarray of shape (I, O)
        Weights, float32 or float64; the layer uses this very array.
    b : ndarray of shape (O,)
        Biases of the same dtype; this very array.

    Attributes
    ----------
    dW, db : ndarray
        The gradients, after ``backward``; None before.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import Affine
    >>> layer = Affine(np.array([[2.0], [1.0]]), np.array([-1.0]))
    >>> layer.forward(np.array([[1, 1]]))
    array([[2.]])
    >>> layer.backward(np.array([[3.0]])), layer.db
    (array([[6., 3.]]), array([3.]))
    """

    can_be_planned = True

    def __init__(self, W: Array, b: Array) -> None:
        super().__init__(W, b)
        self._shape: tuple[int, ...] = ()

    @property
    def W(self) -> Array:
        """The weights."""
        return self.params["W"]

    @property
    def b(self) -> Array:
        """The biases."""
        return self.params["b"]

    @property
    def dW(self) -> Array | None:
        """The gradient of the weights."""
        return self.grads.get("W")

    @property
    def db(self) -> Array | None:
        """The gradient of the biases."""
        return self.grads.get("b")

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Return the output, and keep what ``backward`` needs.

        Parameters
        ----------
        x : ndarray of shape (B, I), or (B, ...) with I numbers in each input
            A batch of inputs.
        train_flg : bool
            Whether ``backward`` may follow.

        Returns
        -------
        ndarray of shape (B, O)

        Raises
        ------
        DtypeError, ArrayError
            If something does not fit.
        """
        x = floats(x, "Affine", dtype_of(self.W))
        self._shape = x.shape
        return super().forward(x.reshape(len(x), -1) if x.ndim > 2 else x, train_flg)

    def backward(self, dout: Array) -> Array | None:
        """Return the gradient of the input; keep those of the parameters in ``dW`` and ``db``.

        Parameters
        ----------
        dout : ndarray of shape (B, O)
            The gradient of the output.

        Returns
        -------
        ndarray of x's shape

        Raises
        ------
        DtypeError, ArrayError
            If something does not fit.
        """
        dx = super().backward(dout)
        return dx if dx is None else dx.reshape(self._shape)


class Relu(nn.ReLU):
    """The rectified linear unit: ``max(x, 0)`` of each element.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import Relu
    >>> layer = Relu()
    >>> layer.forward(np.array([[-1.0, 2.0]])), layer.backward(np.array([[5.0, 5.0]]))
    (array([[0., 2.]]), array([[0., 5.]]))
    """

    can_be_planned = True

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Return the output, and keep what ``backward`` needs.

        Parameters
        ----------
        x : ndarray
            Of any shape.
        train_flg : bool
            Whether ``backward`` may follow.

        Returns
        -------
        ndarray of the same shape

        Raises
        ------
        DtypeError
            If x holds no numbers.
        """
        return super().forward(floats(x, "Relu"), train_flg)


class Sigmoid(nn.Sigmoid):
    """The sigmoid: ``1 / (1 + exp(-x))`` of each element.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import Sigmoid
    >>> layer = Sigmoid()
    >>> layer.forward(np.zeros((1, 2))), layer.backward(np.ones((1, 2)))
    (array([[0.5, 0.5]]), array([[0.25, 0.25]]))
    """

    can_be_planned = True

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Return the output, and keep what ``backward`` needs.

        Parameters
        ----------
        x : ndarray
            Of any shape.
        train_flg : bool
            Whether ``backward`` may follow.

        Returns
        -------
        ndarray of the same shape

        Raises
        ------
        DtypeError
            If x holds no numbers.
        """
        return super().forward(floats(x, "Sigmoid"), train_flg)


class Dropout(nn.Dropout):
    """Dropout: in training a random share of the elements becomes 0; in testing all are multiplied by what is kept.

    Parameters
    ----------
    dropout_ratio : float
        The share that is dropped, in [0, 1); may be set between steps.

    Raises
    ------
    HyperparameterError
        If it is out of range.

    Notes
    -----
    The first forward pass in training draws a seed from NumPy's global random state, so that ``numpy.random.seed``
    makes a script repeatable. What is dropped is not what the book's code drops, whose masks are drawn otherwise. In
    training the share is a multiple of 1/65536 (:func:`fastdl.kernels.dropout_ratio`).

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import Dropout
    >>> layer = Dropout(0.5)
    >>> y = layer.forward(np.ones((1, 1000)))
    >>> np.unique(y), (layer.backward(np.ones((1, 1000))) == y).all()
    (array([0., 1.]), np.True_)
    >>> layer.forward(np.ones((1, 2)), train_flg=False)
    array([[0.5, 0.5]])
    """

    can_be_planned = True

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        super().__init__(dropout_ratio, seed=0, inverted=False)
        self._given_ratio = dropout_ratio
        self._has_seed = False

    @property
    def dropout_ratio(self) -> float:
        """The share that is dropped."""
        return self._given_ratio

    @dropout_ratio.setter
    def dropout_ratio(self, value: float) -> None:
        self.ratio = kernels.dropout_ratio(value)
        self._given_ratio = value

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Return the output; in training, keep what ``backward`` needs.

        Parameters
        ----------
        x : ndarray
            Of any shape.
        train_flg : bool
            Whether elements are dropped.

        Returns
        -------
        ndarray of the same shape

        Raises
        ------
        DtypeError
            If x holds no numbers.
        """
        x = floats(x, "Dropout")
        if not train_flg:
            return kernels.dropout_forward(x, 0.0, self.seed, scale=1.0 - self._given_ratio)
        if not self._has_seed:
            self.seed = int(np.random.randint(2**63))  # noqa: NPY002 - a script's numpy.random.seed is to count
            self._has_seed = True
        return super().forward(x, train=True)


class BatchNormalization(nn.BatchNorm):
    """Batch normalization: ``gamma * (x - mean) / sqrt(variance + 1e-6) + beta`` of each feature.

    In training mean and variance are the batch's, and go into the running ones; in testing they are the running ones.

    Parameters
    ----------
    gamma : ndarray of shape (C,)
        The scale of each feature, float32 or float64; the layer uses this very array.
    beta : ndarray of shape (C,)
        What is added to each feature, of the same dtype; this very array.
    momentum : float
        From 0 to 1: ``running = momentum * running + (1 - momentum) * batch``.
    running_mean, running_var : ndarray of shape (C,), optional
        The running statistics to start from; zeros where left out. They are copied.

    Attributes
    ----------
    dgamma, dbeta : ndarray
        The gradients, after ``backward``; None before.

    Raises
    ------
    DtypeError, ArrayError, HyperparameterError
        By ``forward`` and ``backward``, if something does not fit.

    Notes
    -----
    The variance is a mean: it is divided by the number of rows. The running one starts at 0, in `fastdl.nn` at 1. A
    batch of one is its own mean: what comes out is beta.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import BatchNormalization
    >>> layer = BatchNormalization(np.ones(1), np.zeros(1))
    >>> layer.forward(np.array([[1.0], [3.0]])).round(5)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean, layer.running_var
    (array([0.2]), array([0.1]))
    """

    can_be_planned = True

    def __init__(
        self,
        gamma: Array,
        beta: Array,
        momentum: float = 0.9,
        running_mean: Array | None = None,
        running_var: Array | None = None,
    ) -> None:
        super().__init__(gamma, beta, momentum, _EPS, flatten=True)
        self.buffers["running_var"] = np.zeros_like(gamma)
        self._is_alone = False
        if running_mean is not None:
            self.running_mean = running_mean
        if running_var is not None:
            self.running_var = running_var

    @property
    def gamma(self) -> Array:
        """The scale of each feature."""
        return self.params["gamma"]

    @property
    def beta(self) -> Array:
        """What is added to each feature."""
        return self.params["beta"]

    @property
    def running_mean(self) -> Array:
        """The running mean of each feature."""
        return self.buffers["running_mean"]

    @running_mean.setter
    def running_mean(self, value: Array) -> None:
        self.buffers["running_mean"] = np.array(value, dtype=self.gamma.dtype)

    @property
    def running_var(self) -> Array:
        """The running variance of each feature."""
        return self.buffers["running_var"]

    @running_var.setter
    def running_var(self, value: Array) -> None:
        self.buffers["running_var"] = np.array(value, dtype=self.gamma.dtype)

    @property
    def dgamma(self) -> Array | None:
        """The gradient of gamma."""
        return self.grads.get("gamma")

    @property
    def dbeta(self) -> Array | None:
        """The gradient of beta."""
        return self.grads.get("beta")

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Return the output; in training, keep what ``backward`` needs.

        Parameters
        ----------
        x : ndarray of shape (B, C), or (B, ...) with C numbers in each input
            A batch of inputs.
        train_flg : bool
            Whether the batch's statistics are used, and added to the running ones.

        Returns
        -------
        ndarray of x's shape

        Raises
        ------
        DtypeError, ArrayError
            If something does not fit.
        """
        x = floats(x, "BatchNormalization", dtype_of(self.gamma))
        # The kernel refuses a batch of one, which has no variance. A plan could not repeat what is done here instead.
        self._is_alone = len(x) == 1 and train_flg and not kernels.Plan.is_recording()
        if not self._is_alone:
            return super().forward(x, train_flg)
        y = super().forward(x, train=False)
        for running, statistic in ((self.running_mean, x.reshape(-1)), (self.running_var, 0.0)):
            running *= self.momentum
            running += (1 - self.momentum) * statistic
        y.reshape(-1)[:] = self.beta
        return y

    def backward(self, dout: Array) -> Array:
        """Return the gradient of the input; keep those of the parameters in ``dgamma`` and ``dbeta``.

        Parameters
        ----------
        dout : ndarray of x's shape
            The gradient of the output.

        Returns
        -------
        ndarray of x's shape

        Raises
        ------
        DtypeError, ArrayError
            If something does not fit.
        """
        if not self._is_alone:
            return super().backward(dout)
        self.grads = {"gamma": np.zeros_like(self.gamma), "beta": dout.reshape(self.beta.shape).copy()}
        return np.zeros_like(dout)


class SoftmaxWithLoss(nn.SoftmaxCrossEntropy):
    """Softmax with the mean of ``-log(y[label] + 1e-7)``.

    Attributes
    ----------
    y : ndarray of shape (B, C)
        The softmax of the last forward pass; None before.
    t : ndarray
        Its labels.
    loss : float
        Its loss.

    Raises
    ------
    DtypeError, ArrayError, LabelError
        By ``forward``, if something does not fit.

    Notes
    -----
    The gradient is ``(y - onehot(t)) / B``, as if there were no 1e-7: the book's.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import SoftmaxWithLoss
    >>> layer = SoftmaxWithLoss()
    >>> round(layer.forward(np.zeros((1, 2)), np.array([1])), 4), layer.backward()
    (0.6931, array([[ 0.5, -0.5]]))
    """

    can_be_planned = True

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[Array, Array, float] | None = None

    @property
    def y(self) -> Array | None:
        """The softmax of the last forward pass."""
        return None if self._last is None else self._last[0]

    @property
    def t(self) -> Array | None:
        """The labels of the last forward pass."""
        return None if self._last is None else self._last[1]

    @property
    def loss(self) -> float | None:
        """The loss of the last forward pass."""
        return None if self._last is None else self._last[2]

    def forward(self, x: Array, t: Array) -> float:
        """Return the loss, and keep what ``backward`` needs.

        Parameters
        ----------
        x : ndarray of shape (B, C)
            Logits.
        t : ndarray of shape (B,) or (B, C)
            Class numbers, or one-hot rows.

        Returns
        -------
        float

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        x = floats(x, "SoftmaxWithLoss")
        t = np.asarray(t)
        _, self._gradient = self.loss_and_gradient(x, t)
        y = kernels.softmax(x)
        loss = cross_entropy_error(y, t)
        self._last = y, t, loss
        return loss

    def forget(self) -> None:
        """Have no last forward pass any more."""
        self._last = self._gradient = None

    def backward(self, dout: float = 1) -> Array:
        """Return the gradient of the last loss with respect to the logits.

        Parameters
        ----------
        dout : float
            1; the book's code has it and does not use it.

        Returns
        -------
        ndarray of shape (B, C)
        """
        return super().backward()
