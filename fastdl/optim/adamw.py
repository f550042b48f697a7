"""AdamW."""

from __future__ import annotations

from fastdl.optim.adam import Adam
from fastdl.optim.conventions import Convention


class AdamW(Adam):
    """AdamW: Adam with weight decay that its running means do not see.

    ``p = (1 - lr * weight_decay) * p`` before each step of :class:`Adam`, whose arguments it has.

    Parameters
    ----------
    lr, beta1, beta2, eps, amsgrad, convention : optional
        As :class:`Adam` has them.
    **options : optional
        The settings of :class:`Optimizer`. Of these weight_decay is 0.01 by default, in Keras 0.004, in optax 0.0001.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: ``m`` and ``v``, twice as many bytes as the parameters.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2, with the decay multiplied by the
    learning rate as every library has it; the paper multiplies it by the schedule's factor alone. eps comes after the
    bias correction, in Keras before it.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import AdamW
    >>> params = {"W": np.array([1.0])}
    >>> AdamW(lr=0.1, weight_decay=0.5).update(params, {"W": np.array([0.0])})
    >>> params["W"]
    array([0.95])
    """

    name = "adamw"
    conventions = {
        "torch": Convention(
            "adam_paper",
            {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
            {},
            "decoupled",
        ),
        "keras": Convention(
            "adam", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "weight_decay": 0.004}, {}, "decoupled"
        ),
        "optax": Convention(
            "adam_paper", {"lr": None, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 1e-4}, {}, "decoupled"
        ),
    }
