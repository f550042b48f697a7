"""The book's training loop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.book.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from fastdl.errors import ArrayError, HyperparameterError

Array = NDArray[Any]

_OPTIMIZERS: dict[str, Any] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
}
_MISSPELT = {"rmsprpo": "rmsprop"}  # what the Korean edition's Trainer understands
_DEFAULT: Mapping[str, Any] = MappingProxyType({"lr": 0.01})


class Trainer:
    """The book's training loop: mini-batches drawn at random, accuracies once an epoch.

    Parameters
    ----------
    network : object
        With ``params``, ``gradient``, ``loss`` and ``accuracy``, such as :class:`MultiLayerNet`.
    x_train, t_train : ndarray
        Training data.
    x_test, t_test : ndarray
        Test data.
    epochs : int
        How often ``train`` draws as many inputs as there are.
    mini_batch_size : int
        Inputs in a batch, drawn with replacement.
    optimizer : str
        SGD, Momentum, Nesterov, AdaGrad, RMSprop or Adam, in upper or lower case.
    optimizer_param : dict
        Its arguments.
    evaluate_sample_num_per_epoch : int, optional
        How many of the first inputs the accuracies are those of; all if left out.
    verbose : bool
        Whether losses and accuracies are printed.

    Attributes
    ----------
    train_loss_list : list of float
        The loss on its batch after each step.
    train_acc_list, test_acc_list : list of float
        The accuracies after the first step and once an epoch from then on.
    optimizer : Optimizer
        It may be another one from outside: anything with ``update(params, grads)``.

    Raises
    ------
    HyperparameterError
        If there is no such optimizer, or a number is not possible.
    ArrayError
        If inputs and targets are not equally many.

    Notes
    -----
    Batches are drawn by ``numpy.random.choice``: after ``numpy.random.seed`` they are those of the book's code. Where
    the batches do not divide the data, accuracies come at the steps whose number is a multiple of both, as in the book.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import MultiLayerNet, Trainer
    >>> np.random.seed(0)
    >>> x = np.random.randn(100, 2)
    >>> t = (x[:, 0] > x[:, 1]).astype(int)
    >>> trainer = Trainer(MultiLayerNet(2, [10], 2), x, t, x, t, 5, 20, "Adam", {"lr": 0.05}, verbose=False)
    >>> trainer.train()
    >>> len(trainer.train_loss_list), len(trainer.train_acc_list), trainer.test_acc_list[-1] > 0.9
    (25, 5, True)
    """

    def __init__(
        self,
        network: Any,
        x_train: Array,
        t_train: Array,
        x_test: Array,
        t_test: Array,
        epochs: float = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: Mapping[str, Any] = _DEFAULT,
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
    ) -> None:
        name = optimizer.lower() if isinstance(optimizer, str) else None
        kind = _OPTIMIZERS.get(_MISSPELT.get(name, name))
        if kind is None:
            hint = "Another optimizer is set afterwards: trainer.optimizer = ..."
            raise _not_possible("optimizer", f"one of {', '.join(_OPTIMIZERS)}", optimizer, hint)
        if not isinstance(optimizer_param, Mapping):
            raise _not_possible("optimizer_param", 'a dict, such as {"lr": 0.01}', optimizer_param)
        if not isinstance(mini_batch_size, int | np.integer) or mini_batch_size < 1:
            raise _not_possible("mini_batch_size", "a positive integer", mini_batch_size)
        if not isinstance(epochs, int | float | np.integer | np.floating) or not 0 <= epochs < math.inf:
            raise _not_possible("epochs", "a finite number >= 0", epochs)
        x_train, t_train, x_test, t_test = map(np.asarray, (x_train, t_train, x_test, t_test))
        for x, t, which in ((x_train, t_train, "train"), (x_test, t_test, "test")):
            if x.shape[:1] != t.shape[:1]:
                shapes = {"expected": f"as many as x_{which}: {x.shape[:1]}", "got": str(t.shape[:1])}
                raise ArrayError("wrong number of rows", op="Trainer", arg=f"t_{which}", **shapes)
        self.network = network
        self.x_train, self.t_train = x_train, t_train
        self.x_test, self.t_test = x_test, t_test
        self.epochs = epochs
        self.batch_size = mini_batch_size
        self.optimizer: Any = kind(**optimizer_param)
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        self.verbose = verbose
        self.train_size = len(x_train)
        self.iter_per_epoch = max(self.train_size / mini_batch_size, 1)
        self.max_iter = int(epochs * self.iter_per_epoch)
        self.current_iter = 0
        self.current_epoch = 0
        self.train_loss_list: list[float] = []
        self.train_acc_list: list[float] = []
        self.test_acc_list: list[float] = []

    def train(self) -> None:
        """Take the steps of all epochs; then print the accuracy on the test data."""
        for _ in range(self.max_iter):
            self.train_step()
        if self.verbose:
            print("=============== Final Test Accuracy ===============")
            print(f"test acc:{self.network.accuracy(self.x_test, self.t_test)}")

    def train_step(self) -> None:
        """Draw a batch, take a step on it, record its loss, and once an epoch the accuracies."""
        chosen = np.random.choice(self.train_size, self.batch_size)  # noqa: NPY002 - the book's numbers
        x, t = self.x_train[chosen], self.t_train[chosen]
        self.optimizer.update(self.network.params, self.network.gradient(x, t))
        loss = self.network.loss(x, t)
        self.train_loss_list.append(loss)
        if self.verbose:
            print(f"train loss:{loss}")
        if self.current_iter % self.iter_per_epoch == 0:
            self._evaluate()
        self.current_iter += 1

    def _evaluate(self) -> None:
        self.current_epoch += 1
        count = self.evaluate_sample_num_per_epoch
        train_acc = self.network.accuracy(self.x_train[:count], self.t_train[:count])
        test_acc = self.network.accuracy(self.x_test[:count], self.t_test[:count])
        self.train_acc_list.append(train_acc)
        self.test_acc_list.append(test_acc)
        if self.verbose:
            print(f"=== epoch:{self.current_epoch}, train acc:{train_acc}, test acc:{test_acc} ===")


def _not_possible(arg: str, expected: str, got: Any, hint: str = "") -> HyperparameterError:
    return HyperparameterError("not possible", op="Trainer", arg=arg, expected=expected, got=repr(got), hint=hint)
