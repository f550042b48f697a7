"""What each rank gets of a whole."""

from __future__ import annotations


def share(count: int, rank: int, ranks: int) -> slice:
    """Return which of a number of things a rank gets: all get as many, the first ones one more where that is not even.

    Parameters
    ----------
    count : int >= 0
        How many there are.
    rank, ranks : int
        The rank's number from 0, and how many ranks there are.

    Returns
    -------
    slice

    Examples
    --------
    >>> [share(5, rank, 3) for rank in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    each, more = divmod(count, ranks)
    begin = rank * each + min(rank, more)
    return slice(begin, begin + each + (rank < more))
