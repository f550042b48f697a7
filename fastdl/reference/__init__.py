"""The operations of `fastdl.kernels` in plain NumPy: same names, same signatures, same results.

========================  ====================================================================================
file                      holds
========================  ====================================================================================
``rules/``                the optimizers' formulas on arrays, each with its paper, and their table ``RULES``
``update.py``             `update`: one step of a rule over many tensors
``states.py``             `encode_state`, `decode_state`: how optimizers' states are stored
``activations.py``        `activation_forward`, `activation_backward`, the names ``ACTIVATIONS``, ``NEED_INPUT``
``addition.py``           `add`: the sum of two arrays, with an activation
``affine.py``             `affine_forward`, `affine_backward`: the fully connected layer
``batch_shares.py``       batch normalization in passes, between which processes exchange sums: `batch_norm_moments` ...
``norms.py``              `batch_norm_forward`, `batch_norm_inference`, `batch_norm_backward`, `layer_norm_...`
``softmax.py``            `softmax`
``losses.py``             `softmax_cross_entropy`, `sigmoid_cross_entropy`, `mean_squared_error`, `huber`
``random.py``             `random_bits`, and numbers made of them: `random_uniform`, `random_normal`
``decay.py``              `decay_gradient`
``dropout.py``            `dropout_forward`, `dropout_backward`, `dropout_ratio`
``gather.py``             `gather`: a mini-batch out of a data set
========================  ====================================================================================

It is three things at once: the specification of the compiled kernels, the oracle of their tests and the
baseline of their benchmarks. So it is NumPy as a careful engineer writes it (dtypes kept, results written
where ``out`` says, no needless copies), and short enough to be checked against the papers by eye.

It trusts its inputs: where the compiled kernels check every array and label before they write, these
functions do what NumPy does with them. They import nothing of fastdl.

B is the size of a batch, I and O are numbers of inputs and outputs, C is the number of classes. Arrays are
float32 or float64, all floating arrays of one call the same.
"""

from fastdl.reference.activations import ACTIVATIONS, NEED_INPUT, activation_backward, activation_forward
from fastdl.reference.addition import add
from fastdl.reference.affine import affine_backward, affine_forward
from fastdl.reference.batch_shares import (
    batch_norm_apply,
    batch_norm_apply_backward,
    batch_norm_moments,
    batch_norm_statistics,
    batch_norm_sums,
)
from fastdl.reference.decay import decay_gradient
from fastdl.reference.dropout import dropout_backward, dropout_forward, dropout_ratio
from fastdl.reference.gather import gather
from fastdl.reference.losses import huber, mean_squared_error, sigmoid_cross_entropy, softmax_cross_entropy
from fastdl.reference.norms import (
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_inference,
    layer_norm_backward,
    layer_norm_forward,
)
from fastdl.reference.random import random_bits, random_normal, random_uniform
from fastdl.reference.rules import RULES, RuleSpec
from fastdl.reference.softmax import softmax
from fastdl.reference.states import decode_state, encode_state
from fastdl.reference.update import update

__all__ = [
    "ACTIVATIONS",
    "NEED_INPUT",
    "RULES",
    "RuleSpec",
    "activation_backward",
    "activation_forward",
    "add",
    "affine_backward",
    "affine_forward",
    "batch_norm_apply",
    "batch_norm_apply_backward",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_inference",
    "batch_norm_moments",
    "batch_norm_statistics",
    "batch_norm_sums",
    "decay_gradient",
    "decode_state",
    "dropout_backward",
    "dropout_forward",
    "dropout_ratio",
    "encode_state",
    "gather",
    "huber",
    "layer_norm_backward",
    "layer_norm_forward",
    "mean_squared_error",
    "random_bits",
    "random_normal",
    "random_uniform",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_cross_entropy",
    "update",
]
