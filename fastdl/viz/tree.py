"""A family tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastdl.errors import ArrayError
from fastdl.viz.style import GREY, new_axes, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Member:
    """A member of a family.

    Parameters
    ----------
    text : str
        What is said of it, below its name.
    parents : sequence of str
        Names of members; the tree grows along the first, the others are joined by dashed lines. None has a root.
    color : str
        Of its name.
    """

    text: str
    parents: Sequence[str] = ()
    color: str = "black"


def plot_tree(members: Mapping[str, Member], *, ax: Axes | None = None, title: str = "", note: str = "") -> Axes:
    """Draw a family tree: roots on the left, each member to the right of its first parent.

    Parameters
    ----------
    members : mapping of str to Member
        By name; parents before their children, siblings from top to bottom.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the axes: bold, and small below it.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArrayError
        If there is no member, or a parent does not come before its child.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_tree({"SGD": Member("against the gradient"), "Momentum": Member("keeps a velocity", ["SGD"])})
    >>> [text.get_text() for text in ax.texts if text.get_text()]
    ['SGD', 'against the gradient', 'Momentum', 'keeps a velocity']
    """
    if not members:
        raise ArrayError("nothing to draw", op="plot_tree", arg="members", expected="a member")
    known: list[str] = []
    for name, member in members.items():
        for parent in member.parents:
            if parent not in known:
                raise ArrayError(
                    "unknown parent", op="plot_tree", arg="members", key=name,
                    expected=f"one of {', '.join(known) or 'none'}", got=parent,
                )  # fmt: skip
        known.append(name)
    places = _places(members)
    columns, rows = (1 + max(place[axis] for place in places.values()) for axis in (0, 1))
    if ax is None:
        ax = new_axes("plot_tree", max(4.0, 1.75 * columns), max(2.0, 0.55 * rows + 0.5))
    ax.set_axis_off()
    ax.set(xlim=(-0.02, columns), ylim=(rows - 0.4, -0.6))
    for name, member in members.items():
        x, y = places[name]
        for number, parent in enumerate(member.parents):
            _draw_branch(ax, places[parent], (x, y), dashed=number > 0)
        for text, down, look in (
            (name, 0.0, {"va": "bottom", "fontweight": "bold", "color": member.color}),
            (member.text, 0.08, {"va": "top", "fontsize": "small", "color": GREY}),
        ):
            ax.text(x, y + down, text, bbox={"facecolor": "white", "edgecolor": "none", "pad": 2}, zorder=4, **look)  # type: ignore[arg-type]
    set_titles(ax, title, note)
    return ax


def _places(members: Mapping[str, Member]) -> dict[str, tuple[int, float]]:
    """Column and row of each member: a leaf has a row of its own, another stands amid its first children."""
    children: dict[str, list[str]] = {name: [] for name in members}
    for name, member in members.items():
        for parent in member.parents[:1]:
            children[parent].append(name)
    places: dict[str, tuple[int, float]] = {}
    leaves = 0

    def place(name: str, column: int) -> float:
        nonlocal leaves
        rows = [place(child, column + 1) for child in children[name]]
        if not rows:
            leaves += 1
        row = (rows[0] + rows[-1]) / 2 if rows else leaves - 1.0
        places[name] = column, row
        return row

    for name, member in members.items():
        if not member.parents:
            place(name, 0)
    return places


WIDTH = 0.80  # of a member, in columns: where its branches start


def _draw_branch(ax: Axes, parent: tuple[float, float], child: tuple[float, float], dashed: bool) -> None:
    """A line at the parent's height up to the last gap between columns, and there a curve to the left of the child."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    bend, end = (child[0] - 1 + WIDTH, parent[1]), (child[0] - 0.03, child[1])
    middle = (bend[0] + end[0]) / 2
    curve = Path(
        [(parent[0] + WIDTH, parent[1]), bend, (middle, bend[1]), (middle, end[1]), end],
        [Path.MOVETO, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )
    style = {"linestyle": ":" if dashed else "-", "linewidth": 1.0 if dashed else 1.4, "alpha": 0.7}
    ax.add_patch(PathPatch(curve, fill=False, edgecolor=GREY, **style))
