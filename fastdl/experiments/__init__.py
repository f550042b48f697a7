"""The chapter's claims as experiments: each runs, is drawn, and checks its claim on its own numbers.

One file a claim, in the chapter's order; ``EXPERIMENT`` in it says what is claimed and how it is run, checked and
drawn. What all share is in ``experiment.py``. The functions take their settings as arguments:

>>> from fastdl.experiments import load
>>> anisotropy = load("anisotropy")
>>> print(anisotropy.claim)
SGD zig-zags down a long valley, because the gradient does not point to the minimum
>>> for check in anisotropy.check(anisotropy.function(steps=30)):
...     print(check)
steps that cross the valley 30 >= 27: holds
mean angle between -gradient and the minimum 64.5 > 45: holds
"""

from fastdl.experiments.experiment import Check, Experiment, compared, load, write

#: All experiments, in the chapter's order: the name of each one's file.
NAMES = (
    "gradient_descent",
    "anisotropy",
    "momentum",
    "nesterov",
    "adagrad",
    "rmsprop",
    "adam",
    "family",
    "learning_rate_decay",
    "hard_surfaces",
    "optimizers",
    "zero_weights",
    "activations",
    "initial_weights",
    "vanishing_gradients",
    "batch_norm",
    "gradient_check",
    "overfitting",
    "weight_decay",
    "dropout",
    "ensemble",
)

__all__ = ["NAMES", "Check", "Experiment", "compared", "load", "write"]
