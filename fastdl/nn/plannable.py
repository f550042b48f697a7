"""What a plan has to know of the parts of a network."""

from __future__ import annotations

from typing import Any, ClassVar


class Changes:
    """How many settings have been changed, of all layers and losses there are.

    Attributes
    ----------
    count : int
        As long as it is the same, nothing has changed.
    """

    def __init__(self) -> None:
        self.count = 0


changes = Changes()


class Plannable:
    """The base of layers and losses: whether a plan can do again what they did, and whether they are as they were.

    Attributes
    ----------
    can_be_planned : bool
        Of the class: whether all that it computes is done by fastdl's kernels, so that a :class:`fastdl.kernels.Plan`
        can do it again, and in evaluation each row of a batch for itself. Settings are attributes then, and are not
        changed in place. A class that derives from another one says so anew.
    read_when_run : frozenset of str
        Of the class: attributes that a plan finds as they are when it runs; they may change.
    """

    can_be_planned: ClassVar[bool] = False
    read_when_run: ClassVar[frozenset[str]] = frozenset({"grads"})
    _version: int = 0  # of the settings

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "can_be_planned" not in vars(cls):
            cls.can_be_planned = False

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name not in self.read_when_run and not name.startswith("_"):
            self.__dict__["_version"] = self._version + 1
            changes.count += 1  # the last, so that who sees the old count and reads on finds a new one the next time
