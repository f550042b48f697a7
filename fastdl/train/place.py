"""Where a training run is: in which epoch, how far within it, and how many steps are left."""

from __future__ import annotations

from dataclasses import dataclass

from fastdl.errors import ArrayError


@dataclass(slots=True)
class Place:
    """Where a training run is.

    Parameters
    ----------
    epoch : int
        Number of the epoch that it is in, or was in last, from 1; 0 before the first.
    taken : int or None
        Steps taken in that epoch; None between epochs.
    left : int
        Steps left in this call of ``fit``; 0 between calls.
    rows : int
        Rows of the data; 0 before the first call of ``fit``.
    """

    epoch: int = 0
    taken: int | None = None
    left: int = 0
    rows: int = 0

    def begin(self, rows: int, steps: int) -> None:
        """Begin a call of ``fit``, or go on with one that a checkpoint was made in.

        Parameters
        ----------
        rows : int
            Of the data.
        steps : int
            Of a whole call.

        Raises
        ------
        ArrayError
            If an epoch is to go on with data of another number of rows.
        """
        if self.taken is not None and rows != self.rows:
            raise ArrayError(
                "an epoch goes on with the data that it began with", op="Trainer", arg="x",
                expected=f"{self.rows} rows", got=str(rows),
            )  # fmt: skip
        self.rows = rows
        if self.taken is None and not self.left:
            self.left = steps

    def enter(self) -> int:
        """Begin the next epoch, or go on with this one; the number of steps already taken in it."""
        if self.taken is None:
            self.epoch, self.taken = self.epoch + 1, 0
        return self.taken

    def step(self) -> int:
        """Count a step; how many of this epoch have been taken."""
        self.taken, self.left = (self.taken or 0) + 1, self.left - 1
        return self.taken

    def leave(self) -> None:
        """End the epoch."""
        self.taken = None

    def end(self) -> None:
        """End the call of ``fit``."""
        self.taken, self.left = None, 0
