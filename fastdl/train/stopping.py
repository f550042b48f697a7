"""How a callback ends a training run."""

from __future__ import annotations


class StopTraining(Exception):
    """Raised by a callback of `fastdl.train.Trainer` to end the run: ``fit`` returns what there is.

    Parameters
    ----------
    reason : str
        Why, for those who ask.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.nn import MLP
    >>> from fastdl.optim import SGD
    >>> from fastdl.train import Trainer
    >>> def enough(record):
    ...     if record.step == 5:
    ...         raise StopTraining("five steps are enough")
    >>> trainer = Trainer(MLP([2, 2], seed=0), SGD(lr=0.1), batch_size=1, seed=0, callbacks=[enough])
    >>> len(trainer.fit(np.ones((20, 2), np.float32), np.arange(20) % 2).losses)
    5
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
