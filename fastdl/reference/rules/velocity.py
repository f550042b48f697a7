"""Rules that remember at most a running sum or mean of gradients, the velocity."""

from __future__ import annotations

import numpy as np

from fastdl.reference.rules.arrays import Array, Arrays


def sgd(p: Array, g: Array, *, lr: float, t: int = 1) -> Arrays:
    """Stochastic gradient descent: ``p <- p - lr g``.

    H. Robbins and S. Monro, "A stochastic approximation method" (1951): their x_(n+1) = x_n + a_n (alpha - y_n) with
    the noisy gradient as y, alpha = 0 and a constant step size a.

    Examples
    --------
    >>> sgd(np.array([1.0, 2.0]), np.array([0.5, -1.0]), lr=0.1)
    (array([0.95, 2.1 ]),)
    """
    p -= lr * g
    return (p,)


def momentum(p: Array, g: Array, v: Array, *, lr: float, momentum: float, t: int = 1) -> Arrays:
    """Momentum, the heavy ball: ``v <- momentum v - lr g``, ``p <- p + v``.

    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964): his
    x_(n+1) = x_n - alpha f'(x_n) + beta (x_n - x_(n-1)) with v for the last step x_n - x_(n-1). So the learning rate is
    inside v, as in the book and Keras.

    Examples
    --------
    >>> momentum(np.array([1.0]), np.array([0.5]), np.array([0.2]), lr=0.1, momentum=0.9)
    (array([1.13]), array([0.13]))
    """
    v *= momentum
    v -= lr * g
    p += v
    return p, v


def momentum_outside(p: Array, g: Array, v: Array, *, lr: float, momentum: float, t: int = 1) -> Arrays:
    """Momentum with the learning rate outside the velocity: ``v <- momentum v + g``, ``p <- p - lr v``.

    PyTorch and optax. The same as `momentum`, whose v is -lr times this one, as long as lr stays the same.

    Examples
    --------
    >>> momentum_outside(np.array([1.0]), np.array([0.5]), np.array([-2.0]), lr=0.1, momentum=0.9)
    (array([1.13]), array([-1.3]))
    """
    v *= momentum
    v += g
    p -= lr * v
    return p, v


def nesterov(p: Array, g: Array, v: Array, *, lr: float, momentum: float, t: int = 1) -> Arrays:
    """Nesterov's accelerated gradient: ``v <- momentum v - lr g``, ``p <- p + momentum v - lr g``.

    Y. Nesterov (1983) as I. Sutskever et al., "On the importance of initialization and momentum in deep learning"
    (2013), eqs. (3) and (4), write it: v <- momentum v - lr grad f(q + momentum v), q <- q + v. p stands ahead of their
    q, at q + momentum v, where the gradient is taken (Y. Bengio et al., "Advances in optimizing recurrent networks",
    2012). The book's Japanese edition since 2021, Keras, scikit-learn.

    Examples
    --------
    >>> nesterov(np.array([1.0]), np.array([0.5]), np.array([0.2]), lr=0.1, momentum=0.9)
    (array([1.067]), array([0.13]))
    """
    v *= momentum
    v -= lr * g
    p += momentum * v - lr * g
    return p, v


def nesterov_outside(p: Array, g: Array, v: Array, *, lr: float, momentum: float, t: int = 1) -> Arrays:
    """The same with the learning rate outside: ``v <- momentum v + g``, ``p <- p - lr (g + momentum v)``.

    PyTorch and optax. The same as `nesterov` as long as lr stays the same.

    Examples
    --------
    >>> nesterov_outside(np.array([1.0]), np.array([0.5]), np.array([-2.0]), lr=0.1, momentum=0.9)
    (array([1.067]), array([-1.3]))
    """
    v *= momentum
    v += g
    p -= lr * (g + momentum * v)
    return p, v


def lion(p: Array, g: Array, m: Array, *, lr: float, beta1: float, beta2: float, t: int = 1) -> Arrays:
    """Lion: ``p <- p - lr sign(beta1 m + (1 - beta1) g)``, then ``m <- beta2 m + (1 - beta2) g``.

    X. Chen et al., "Symbolic discovery of optimization algorithms" (2023), algorithm 2; its weight decay is `update`'s.

    Examples
    --------
    >>> lion(np.array([1.0]), np.array([0.5]), np.array([-1.0]), lr=0.1, beta1=0.9, beta2=0.5)
    (array([1.1]), array([-0.25]))
    """
    p -= lr * np.sign(beta1 * m + (1.0 - beta1) * g)
    m *= beta2
    m += (1.0 - beta2) * g
    return p, m
