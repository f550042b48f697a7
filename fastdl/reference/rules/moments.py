"""Rules that divide a running mean of gradients, m, by the size of recent ones: Adam and its kin.

beta1 is how much of m a step keeps. Both start at 0, which the corrections 1 - beta^t make up for.
"""

from __future__ import annotations

import math

import numpy as np

from fastdl.reference.rules.arrays import Array, Arrays, store


def adam(
    p: Array, g: Array, m: Array, v: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """Adam, with the bias correction inside the step size.

    ``m <- m + (1 - beta1)(g - m)``, ``v <- v + (1 - beta2)(g g - v)``,
    ``p <- p - lr_t m / (sqrt(v) + eps)`` where ``lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t)``.

    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015), end of sec. 2: algorithm 1 in the more
    efficient order, whose eps is the paper's "eps-hat". The book, Keras, scikit-learn.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam(p, np.array([0.5]), m, v, t=1, lr=0.001, beta1=0.9, beta2=0.999, eps=0.0)
    (array([0.999]), array([0.05]), array([0.00025]))
    """
    c1, c2 = _correction(beta1, t), _correction(beta2, t)
    m, v = _moments(m, v, g, beta1, beta2)
    p -= lr * math.sqrt(c2) / c1 * m / (np.sqrt(v) + eps)
    return p, m, v


def adam_paper(
    p: Array, g: Array, m: Array, v: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """Adam in the paper's order: ``p <- p - lr m_hat / (sqrt(v_hat) + eps)``.

    ``m_hat = m / (1 - beta1^t)``, ``v_hat = v / (1 - beta2^t)``; algorithm 1. PyTorch, optax.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam_paper(p, np.array([0.5]), m, v, t=1, lr=0.5, beta1=0.9, beta2=0.999, eps=0.5)
    (array([0.75]), array([0.05]), array([0.00025]))
    """
    c1, c2 = _correction(beta1, t), _correction(beta2, t)
    m, v = _moments(m, v, g, beta1, beta2)
    p -= lr * (m / c1) / (np.sqrt(v / c2) + eps)
    return p, m, v


def amsgrad(
    p: Array, g: Array, m: Array, v: Array, v_max: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """AMSGrad: `adam` with ``v_max <- max(v_max, v)`` in the place of v in p's step.

    S. J. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and beyond" (2018), algorithm 2, which has no bias
    corrections and no eps. Keras.

    Examples
    --------
    >>> p, m, v, v_max = np.array([1.0]), np.zeros(1), np.zeros(1), np.ones(1)
    >>> amsgrad(p, np.array([0.5]), m, v, v_max, t=1, lr=1.0, beta1=0.0, beta2=0.75, eps=1.0)
    (array([0.875]), array([0.5]), array([0.0625]), array([1.]))
    """
    c1, c2 = _correction(beta1, t), _correction(beta2, t)
    m, v = _moments(m, v, g, beta1, beta2)
    v_max = store(v_max, np.maximum(v_max, v))
    p -= lr * math.sqrt(c2) / c1 * m / (np.sqrt(v_max) + eps)
    return p, m, v, v_max


def amsgrad_paper(
    p: Array, g: Array, m: Array, v: Array, v_max: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """AMSGrad over `adam_paper`: the largest v, corrected by 1 - beta2^t. PyTorch.

    Examples
    --------
    >>> p, m, v, v_max = np.array([1.0]), np.zeros(1), np.zeros(1), np.ones(1)
    >>> amsgrad_paper(p, np.array([0.5]), m, v, v_max, t=1, lr=1.0, beta1=0.0, beta2=0.75, eps=2.0)
    (array([0.875]), array([0.5]), array([0.0625]), array([1.]))
    """
    c1, c2 = _correction(beta1, t), _correction(beta2, t)
    m, v = _moments(m, v, g, beta1, beta2)
    v_max = store(v_max, np.maximum(v_max, v))
    p -= lr * (m / c1) / (np.sqrt(v_max / c2) + eps)
    return p, m, v, v_max


def amsgrad_corrected(
    p: Array, g: Array, m: Array, v: Array, v_max: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """AMSGrad over `adam_paper`: the largest of the corrected v. optax.

    Examples
    --------
    >>> p, m, v, v_max = np.array([1.0]), np.zeros(1), np.zeros(1), np.zeros(1)
    >>> amsgrad_corrected(p, np.array([0.5]), m, v, v_max, t=1, lr=1.0, beta1=0.0, beta2=0.75, eps=0.5)
    (array([0.5]), array([0.5]), array([0.0625]), array([0.25]))
    """
    c1, c2 = _correction(beta1, t), _correction(beta2, t)
    m, v = _moments(m, v, g, beta1, beta2)
    v_max = store(v_max, np.maximum(v_max, v / c2))
    p -= lr * (m / c1) / (np.sqrt(v_max) + eps)
    return p, m, v, v_max


def adamax(
    p: Array, g: Array, m: Array, u: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """Adamax: ``u <- max(beta2 u, |g|)``, ``p <- p - lr / (1 - beta1^t) m / (u + eps)``.

    D. P. Kingma and J. Ba, "Adam" (2015), algorithm 2, which has no eps. Keras.

    Examples
    --------
    >>> p, m, u = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adamax(p, np.array([-0.5]), m, u, t=1, lr=0.5, beta1=0.5, beta2=0.999, eps=0.5)
    (array([1.25]), array([-0.25]), array([0.5]))
    """
    m += (1.0 - beta1) * (g - m)
    u = store(u, np.maximum(beta2 * u, np.abs(g)))
    p -= lr / _correction(beta1, t) * m / (u + eps)
    return p, m, u


def adamax_inside(
    p: Array, g: Array, m: Array, u: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """Adamax with eps added to the gradient's size: ``u <- max(beta2 u, |g| + eps)``. PyTorch, optax.

    Examples
    --------
    >>> p, m, u = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adamax_inside(p, np.array([-0.5]), m, u, t=1, lr=0.5, beta1=0.5, beta2=0.999, eps=0.5)
    (array([1.25]), array([-0.25]), array([1.]))
    """
    m += (1.0 - beta1) * (g - m)
    u = store(u, np.maximum(beta2 * u, np.abs(g) + eps))
    p -= lr / _correction(beta1, t) * m / u
    return p, m, u


def nadam(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    *,
    t: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    momentum_decay: float,
) -> Arrays:
    """Nadam: Adam with Nesterov's look ahead, and a momentum that grows from step to step.

    ``mu_i = beta1 (1 - 0.96^(i momentum_decay) / 2)``, ``M_t = mu_1 mu_2 ... mu_t``,
    ``m_bar = (1 - mu_t) g / (1 - M_t) + mu_(t+1) m / (1 - M_(t+1))``, ``v_hat = v / (1 - beta2^t)``,
    ``p <- p - lr m_bar / (sqrt(v_hat) + eps)``; m and v as in `adam`.

    T. Dozat, "Incorporating Nesterov momentum into Adam" (2016), with momentum_decay 0.004, as in PyTorch. Keras has 1,
    and optax (``adam(nesterov=True)``) no schedule: infinity.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> hyper = {"lr": 0.5, "beta1": 0.5, "beta2": 0.999, "eps": 0.5, "momentum_decay": np.inf}
    >>> nadam(p, np.array([0.5]), m, v, t=1, **hyper)
    (array([0.66666667]), array([0.25]), array([0.00025]))
    """

    def mu(i: int) -> float:
        return beta1 * (1.0 - 0.5 * math.pow(0.96, i * momentum_decay))

    product = math.prod(map(mu, range(1, t + 1)))
    m, v = _moments(m, v, g, beta1, beta2)
    m_bar = (1.0 - mu(t)) / (1.0 - product) * g + mu(t + 1) / (1.0 - product * mu(t + 1)) * m
    p -= lr * m_bar / (np.sqrt(v / _correction(beta2, t)) + eps)
    return p, m, v


def radam(
    p: Array, g: Array, m: Array, v: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """RAdam: ``p <- p - lr r m_hat sqrt(1 - beta2^t) / (sqrt(v) + eps)`` once v can be trusted.

    That is when ``rho_t = rho - 2 t beta2^t / (1 - beta2^t) > 5``, ``rho = 2 / (1 - beta2) - 1``, with
    ``r = sqrt((rho_t - 4)(rho_t - 2) rho / ((rho - 4)(rho - 2) rho_t))``; until then ``p <- p - lr m_hat``. m, v and
    m_hat as in `adam_paper`.

    L. Liu et al., "On the variance of the adaptive learning rate and beyond" (2020), algorithm 2, which has no eps and
    4 for 5; their code has 5. PyTorch.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> radam(p, np.array([0.5]), m, v, t=1, lr=0.5, beta1=0.9, beta2=0.999, eps=0.5)
    (array([0.75]), array([0.05]), array([0.00025]))
    """
    c1, c2 = _correction(beta1, t), _correction(beta2, t)
    m, v = _moments(m, v, g, beta1, beta2)
    r = _rectification(t, beta2)
    p -= lr * (m / c1) * (1.0 if r is None else r * math.sqrt(c2) / (np.sqrt(v) + eps))
    return p, m, v


def radam_paper(
    p: Array, g: Array, m: Array, v: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Arrays:
    """RAdam with eps as in `adam_paper`: ``p <- p - lr r m_hat / (sqrt(v_hat) + eps)`` once v can be trusted. optax.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> radam_paper(p, np.array([0.5]), m, v, t=1, lr=0.5, beta1=0.9, beta2=0.999, eps=0.5)
    (array([0.75]), array([0.05]), array([0.00025]))
    """
    c1, c2 = _correction(beta1, t), _correction(beta2, t)
    m, v = _moments(m, v, g, beta1, beta2)
    r = _rectification(t, beta2)
    p -= lr * (m / c1) * (1.0 if r is None else r / (np.sqrt(v / c2) + eps))
    return p, m, v


def lamb(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    *,
    t: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> Arrays:
    """LAMB: ``u = m_hat / (sqrt(v_hat) + eps) + weight_decay p``, ``p <- p - lr |p| / |u| u``.

    m, v, m_hat and v_hat as in `adam_paper`; the norms are those of the whole array, and their ratio is 1 where one of
    them is 0 or NaN.

    Y. You et al., "Large batch optimization for deep learning: training BERT in 76 minutes" (2020), algorithm 2, with
    phi(x) = x. optax; Keras has the weight decay outside, as for every other optimizer.

    Examples
    --------
    >>> p, m, v = np.array([3.0, 4.0]), np.zeros(2), np.zeros(2)
    >>> lamb(p, np.array([-1.0, 2.0]), m, v, t=1, lr=0.1, beta1=0.5, beta2=0.5, eps=0.0, weight_decay=1.0)[0]
    array([2.81430466, 3.53576165])
    """
    c1, c2 = _correction(beta1, t), _correction(beta2, t)
    m, v = _moments(m, v, g, beta1, beta2)
    u = (m / c1) / (np.sqrt(v / c2) + eps) + weight_decay * p
    norm_p, norm_u = _norm(p), _norm(u)
    p -= lr * (norm_p / norm_u if norm_p > 0.0 and norm_u > 0.0 else 1.0) * u
    return p, m, v


def _correction(beta: float, t: int) -> float:
    """``1 - beta^t``, to the last digit also where beta is near 1."""
    return -math.expm1(t * math.log(beta)) if beta > 0.0 else 1.0


def _moments(m: Array, v: Array, g: Array, beta1: float, beta2: float) -> tuple[Array, Array]:
    m += (1.0 - beta1) * (g - m)
    v += (1.0 - beta2) * (g * g - v)
    return m, v


def _rectification(t: int, beta2: float) -> float | None:
    """Liu et al.'s r_t, or None while the variance of 1 / sqrt(v) is not tractable.

    rho_t is the mean of 1, 3, 5, ..., 2t - 1 with the weights beta2^i that v gives the last t gradients; unlike the
    difference of the formula, that loses no digits.
    """
    longest = 2.0 / (1.0 - beta2) - 1.0
    ages = np.arange(t, dtype=np.float64)
    length = 1.0 + 2.0 * float(np.average(ages, weights=beta2**ages))
    if length <= 5.0:
        return None
    return math.sqrt((length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length))


def _norm(array: Array) -> float:
    return math.sqrt(float(np.sum(np.square(array, dtype=np.float64))))
