"""What a network was when its plans were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastdl.kernels._arrays import hold
from fastdl.nn.layer import every_layer
from fastdl.nn.plannable import changes

if TYPE_CHECKING:
    from fastdl.nn.sequential import Sequential


class Snapshot:
    """What a network's plans were recorded with: they hold as long as it is the same.

    Parameters
    ----------
    network : Sequential
        As it is now.

    Attributes
    ----------
    can_infer, can_train : bool
        Whether evaluation and training can be planned.
    """

    def __init__(self, network: Sequential) -> None:
        self._count = changes.count  # before all else: what changes meanwhile is seen the next time
        self._layers = list(network.layers)
        self._loss_function = network.loss_function
        self._weight_decay = network.weight_decay
        self._parts = list(every_layer(self._layers))
        self._versions = self._current_versions()
        self._dicts = [vars(part)[name] for part in self._parts for name in ("params", "buffers") if name in vars(part)]
        self._arrays = [array for each in self._dicts for array in each.values()]
        self.can_infer = all(part.can_be_planned for part in self._parts)
        self.can_train = self.can_infer and getattr(self._loss_function, "can_be_planned", False)

    def holds(self, network: Sequential) -> bool:
        """Return whether the network is as it was; the values in its arrays may have changed.

        Parameters
        ----------
        network : Sequential
            The same as before.

        Returns
        -------
        bool
        """
        if (
            network.layers != self._layers
            or network.loss_function is not self._loss_function
            or network.weight_decay != self._weight_decay
        ):
            return False
        count = changes.count
        if count != self._count:
            if self._current_versions() != self._versions:
                return False
            self._count = count
        return hold(self._dicts, self._arrays)

    def _current_versions(self) -> list[int]:
        return [getattr(part, "_version", 0) for part in (self._loss_function, *self._parts)]
