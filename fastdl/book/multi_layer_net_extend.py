"""The book's fully connected network with batch normalization and dropout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastdl import nn
from fastdl.book.layers import BatchNormalization, Dropout
from fastdl.book.multi_layer_net import MultiLayerNet


class MultiLayerNetExtend(MultiLayerNet):
    """The book's fully connected network, in float64, with batch normalization and dropout where they are wanted.

    Parameters
    ----------
    input_size : int
        Numbers in each input.
    hidden_size_list : list of int
        The units of each hidden layer.
    output_size : int
        Classes.
    activation : {"relu", "sigmoid"}
        After each hidden layer.
    weight_init_std : float or {"relu", "he", "sigmoid", "xavier"}
        As in :class:`MultiLayerNet`.
    weight_decay_lambda : float
        As in :class:`MultiLayerNet`.
    use_dropout : bool
        Whether a :class:`Dropout` follows each activation.
    dropout_ration : float
        Its share, in [0, 1); the book spells it so.
    use_batchnorm : bool
        Whether a :class:`BatchNormalization` comes before each activation.

    Attributes
    ----------
    params : dict of str to ndarray
        W1, b1, W2, b2, ..., and with batch normalization gamma1, beta1, ...: the very arrays that the layers use.
    layers : OrderedDict
        Affine1, BatchNorm1, Activation_function1, Dropout1, Affine2, ...
    last_layer : SoftmaxWithLoss
        The loss.

    Raises
    ------
    HyperparameterError
        If a setting is not possible.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import Adam, MultiLayerNetExtend
    >>> np.random.seed(0)
    >>> network = MultiLayerNetExtend(2, [10], 2, use_dropout=True, dropout_ration=0.2, use_batchnorm=True)
    >>> list(network.layers)
    ['Affine1', 'BatchNorm1', 'Activation_function1', 'Dropout1', 'Affine2']
    >>> x, optimizer = np.random.randn(100, 2), Adam(lr=0.05)
    >>> t = (x[:, 0] > x[:, 1]).astype(int)
    >>> for step in range(100):
    ...     optimizer.update(network.params, network.gradient(x, t))
    >>> network.accuracy(x, t) > 0.9
    True
    """

    _differs_in_training = True

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        self.use_dropout = use_dropout
        self.dropout_ration = dropout_ration
        self.use_batchnorm = use_batchnorm
        super().__init__(input_size, hidden_size_list, output_size, activation, weight_init_std, weight_decay_lambda)

    def _hidden_layers(self, number: int) -> dict[str, nn.Layer]:
        layers = super()._hidden_layers(number)
        if self.use_batchnorm:
            units = len(self.params[f"b{number}"])
            gamma = self.params[f"gamma{number}"] = np.ones(units)
            beta = self.params[f"beta{number}"] = np.zeros(units)
            activation = layers.popitem()
            layers[f"BatchNorm{number}"] = BatchNormalization(gamma, beta)
            layers.update([activation])
        if self.use_dropout:
            layers[f"Dropout{number}"] = Dropout(self.dropout_ration)
        return layers
