"""What a trainer asks of the processes that train its network together, and the answers of one that trains alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

T = TypeVar("T")


class Together(Protocol):
    """The processes that train a network. All of them call every method, in the same order."""

    @property
    def writes(self) -> bool:
        """Whether this process is the one that prints and writes files."""

    def align(self, *things: Any) -> None:
        """Give those of the things that have a ``state_dict`` the state that they have on the first process."""

    def agreed(self) -> AbstractContextManager[None]:
        """Run a block; what one process raises in it ends the training of all, at the same step."""

    def interruptible(self) -> AbstractContextManager[None]:
        """Run a block in which Ctrl-C waits for the end of the next ``agreed``."""

    def share(self, count: int) -> slice:
        """Which of a number of things are this process's."""

    def joined(self, mine: list[T]) -> list[T]:
        """The lists of all processes, one after the other."""

    def check_same(self, params: Mapping[str, NDArray[Any]]) -> None:
        """Raise ParallelError where the parameters are not the same on all."""


class Alone:
    """One process, which trains alone."""

    writes = True

    def align(self, *things: Any) -> None:
        """Do nothing: there is no other state."""

    def agreed(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return _NOTHING

    def interruptible(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return _NOTHING

    def share(self, count: int) -> slice:
        """Return all of it."""
        return slice(0, count)

    def joined(self, mine: list[T]) -> list[T]:
        """Return the list."""
        return mine

    def check_same(self, params: Mapping[str, NDArray[Any]]) -> None:
        """Do nothing: there are no others."""


_NOTHING = nullcontext()
