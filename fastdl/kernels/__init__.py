"""The compiled core: every loop over array elements lives here.

=====================  ============================================================================
file                   what it holds
=====================  ============================================================================
``team.hpp``           threads: a region, a team, how tiles are shared
``product.hpp``        matrix product by register tiles
``pair.hpp``           numbers of twice the precision
``math.hpp``           exp, log, tanh and their like of one number, as vector code
``gated.hpp``          silu and gelu of one number, and their slopes
``random.hpp``         the generator of random bits
``distributions.hpp``  random numbers of a distribution
``affine.hpp`` ...     a layer's kernel each, as functions of a team
``batch_shares.hpp``   batch normalization in passes, for a batch of which each process has a share
``elementwise.hpp``    functions of several arrays' elements
``rules/*.hpp``        an optimizer's arithmetic on one element each
``storage.hpp``        how arrays of an optimizer are stored
``update.hpp``         the engine that runs a rule over many arrays
``level.cpp``          all of these compiled for one CPU level, as a table
``plan.hpp``           kernels one after the other in one region
``_runtime.pyx``       which level and how many threads
``_arrays.pyx``        the validator
``placement.py``       where an optimizer's large states lie in memory
``_layers.pyx`` ...    the functions below: check, then one call without the GIL that cannot fail
=====================  ============================================================================

``fastdl.reference`` has the same functions, with the same names and signatures, in plain NumPy.
"""

from __future__ import annotations

from typing import TypedDict

from fastdl.kernels._activations import ACTIVATIONS, NEED_INPUT, activation_backward, activation_forward
from fastdl.kernels._batch_norm import batch_norm_backward, batch_norm_forward, batch_norm_inference
from fastdl.kernels._batch_shares import (
    batch_norm_apply,
    batch_norm_apply_backward,
    batch_norm_moments,
    batch_norm_statistics,
    batch_norm_sums,
)
from fastdl.kernels._decay import decay_gradient
from fastdl.kernels._dropout import count_step, dropout_backward, dropout_forward, dropout_ratio
from fastdl.kernels._element_losses import (
    huber,
    mean_squared_error,
    probabilities,
    real_targets,
    sigmoid_cross_entropy,
)
from fastdl.kernels._elementwise import CompiledFunction, add, map_elements
from fastdl.kernels._layer_norm import layer_norm_backward, layer_norm_forward
from fastdl.kernels._layers import affine_backward, affine_forward, gather, row_numbers
from fastdl.kernels._plan import Plan
from fastdl.kernels._random import random_bits, random_normal, random_uniform
from fastdl.kernels._runtime import (
    FLAGS,
    LEVELS,
    OPENMP,
    cpu_level,
    get_num_threads,
    set_num_threads,
)
from fastdl.kernels._softmax import class_numbers, softmax, softmax_cross_entropy
from fastdl.kernels._states import decode_state, encode_state
from fastdl.kernels._update import RULES, CompiledRule, RuleSpec, update

_threads_at_import = get_num_threads()  # before anybody could change it

__all__ = [
    "ACTIVATIONS",
    "NEED_INPUT",
    "RULES",
    "BuildInfo",
    "CompiledFunction",
    "CompiledRule",
    "Plan",
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
    "build_info",
    "class_numbers",
    "count_step",
    "cpu_level",
    "decay_gradient",
    "decode_state",
    "dropout_backward",
    "dropout_forward",
    "dropout_ratio",
    "encode_state",
    "gather",
    "get_num_threads",
    "huber",
    "layer_norm_backward",
    "layer_norm_forward",
    "map_elements",
    "mean_squared_error",
    "probabilities",
    "random_bits",
    "random_normal",
    "random_uniform",
    "real_targets",
    "row_numbers",
    "set_num_threads",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_cross_entropy",
    "update",
]


class BuildInfo(TypedDict):
    """How the kernels were compiled, and which of them are in use."""

    cpu_level: str
    levels: list[str]
    openmp: bool
    flags: str


def build_info() -> BuildInfo:
    """Return how the kernels were compiled and which of them are in use.

    Returns
    -------
    dict
        ``cpu_level`` in use, ``levels`` that were built, ``openmp``, and the compiler's ``flags`` that all levels
        share.

    Examples
    --------
    >>> from fastdl import kernels
    >>> kernels.build_info()["cpu_level"] in kernels.build_info()["levels"]
    True
    """
    return {"cpu_level": cpu_level(), "levels": list(LEVELS), "openmp": OPENMP, "flags": FLAGS}
