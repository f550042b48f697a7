"""Saving a training run to a file, and going on from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fastdl import kernels, optim
from fastdl._version import __version__
from fastdl.errors import CheckpointError, FastdlError, HyperparameterError
from fastdl.nn import MLP
from fastdl.train.checkpoints.container import read_container, write_container
from fastdl.train.checkpoints.tree import flatten, rebuild

_FORMAT = 1
_PARTS = ("network", "optimizer", "trainer", "notes", "made")


class HasState(Protocol):
    """What a checkpoint asks of networks, optimizers and trainers."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that it needs to go on: dicts of numbers, strings and arrays."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Take that over, all of it or nothing."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What `load_checkpoint` read.

    Parameters
    ----------
    network, optimizer, trainer : dict or None
        What ``state_dict()`` of each returned; None for one that was not saved.
    network_config, optimizer_config : dict or None
        What ``get_config()`` of each returned; None for one that has no such method, or a function among its settings.
    notes : dict
        What the one who saved it added.
    made : dict
        ``fastdl`` and ``cpu_level``: the version that wrote it, and the level of the CPU that it ran on. Another level
        may differ in the last bits.
    """

    network: Mapping[str, Any] = field(repr=False)
    optimizer: Mapping[str, Any] | None = field(repr=False)
    trainer: Mapping[str, Any] | None = field(repr=False)
    network_config: Mapping[str, Any] | None
    optimizer_config: Mapping[str, Any] | None
    notes: Mapping[str, Any]
    made: Mapping[str, Any]

    def restore(self, network: HasState, optimizer: HasState | None = None, trainer: HasState | None = None) -> None:
        """Give the saved states to a network, and an optimizer and a trainer: all of them, or none.

        Parameters
        ----------
        network, optimizer, trainer : object with load_state_dict()
            Of the same settings as those that were saved.

        Raises
        ------
        CheckpointError
            If one of the states is missing or does not fit; nothing has changed then.
        """
        todo = [(network, self.network), (optimizer, self.optimizer), (trainer, self.trainer)]
        for name, (taker, state) in zip(("network", "optimizer", "trainer"), todo, strict=True):
            if taker is not None and state is None:
                raise CheckpointError("was not saved", op="restore", arg=name)
        before = []
        try:
            for taker, state in todo:
                if taker is not None:
                    before.append((taker, taker.state_dict()))
                    taker.load_state_dict(state)  # type: ignore[arg-type]
        except CheckpointError:
            for taker, state in before[:-1]:
                taker.load_state_dict(state)
            raise

    def make_network(self) -> MLP:
        """Return the network that was saved, made anew.

        Returns
        -------
        MLP

        Raises
        ------
        CheckpointError
            If its configuration was not saved: make it yourself, and `restore` it.
        """
        if self.network_config is None:
            raise CheckpointError(
                "its configuration was not saved", op="make_network", hint="Make the network, then call restore()"
            )
        try:
            network = MLP.from_config(self.network_config)
        except (FastdlError, TypeError, ValueError, MemoryError) as error:
            raise CheckpointError(f"its configuration is not possible: {error}", op="make_network") from error
        network.load_state_dict(self.network)
        return network

    def make_optimizer(self) -> optim.Optimizer:
        """Return the optimizer that was saved, made anew.

        Returns
        -------
        Optimizer

        Raises
        ------
        CheckpointError
            If its configuration was not saved: make it yourself, and `restore` it.
        """
        if self.optimizer_config is None or self.optimizer is None:
            raise CheckpointError(
                "its configuration was not saved", op="make_optimizer", hint="Make the optimizer, then call restore()"
            )
        try:
            optimizer = optim.OPTIMIZERS[self.optimizer_config["name"]].from_config(self.optimizer_config)
        except (FastdlError, KeyError, TypeError) as error:
            raise CheckpointError(f"its configuration is not possible: {error}", op="make_optimizer") from error
        optimizer.load_state_dict(self.optimizer)
        return optimizer


def save_checkpoint(
    path: str | os.PathLike[str],
    network: HasState,
    optimizer: HasState | None = None,
    trainer: HasState | None = None,
    *,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Save a network, and what is needed to go on training it, to a file.

    Parameters
    ----------
    path : path
        Replaced if it is there. A crash at any moment leaves the old file or the new one, whole.
    network : object with state_dict()
        For example a `fastdl.nn.MLP`.
    optimizer : object with state_dict(), optional
        For example one of `fastdl.optim`, with its schedules and averages.
    trainer : object with state_dict(), optional
        For example a `fastdl.train.Trainer`, with its history, and its place within the epoch.
    notes : mapping, optional
        Anything to keep with them: dicts and lists of numbers, strings and arrays.

    Raises
    ------
    CheckpointError
        If something in it cannot be saved.
    DataError
        If the file cannot be written. The old file is as it was.

    Notes
    -----
    The file has the layout of safetensors, so that other programs can read the arrays (``network.params.W1``), and a
    checksum. NumPy alone writes and reads it, and nothing in it is ever run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastdl.nn import MLP
    >>> network = MLP([4, 3], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(Path(folder) / "network.safetensors", network, notes={"classes": ["a", "b", "c"]})
    ...     checkpoint = load_checkpoint(Path(folder) / "network.safetensors")
    >>> checkpoint.notes["classes"]
    ['a', 'b', 'c']
    >>> bool((checkpoint.make_network().params["W1"] == network.params["W1"]).all())
    True
    """
    for name, part in (("network", network), ("optimizer", optimizer), ("trainer", trainer)):
        if part is not None and not hasattr(part, "state_dict"):
            raise CheckpointError(
                "cannot be saved", op="save", arg=name, expected="an object with state_dict()",
                got=type(part).__qualname__,
            )  # fmt: skip
    tree = {
        "network": {"config": _config_of(network), "state": network.state_dict()},
        "optimizer": _saved(optimizer),
        "trainer": None if trainer is None else {"state": trainer.state_dict()},
        "notes": dict(notes or {}),
        "made": {"fastdl": __version__, "cpu_level": kernels.cpu_level()},
    }
    arrays, text = flatten(tree)
    write_container(Path(path), arrays, {"format": str(_FORMAT), "fastdl": text})


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint, checked to its last bit.

    Parameters
    ----------
    path : path
        A file that `save_checkpoint` wrote.

    Returns
    -------
    Checkpoint

    Raises
    ------
    CheckpointError
        If the file is missing, cannot be read, is no checkpoint, is damaged, or is of a later format.
    """
    path = Path(path)
    contents = read_container(path)
    if contents.texts.get("format") != str(_FORMAT):
        raise CheckpointError(
            f"{str(path)!r} is of another format", op="load", expected=str(_FORMAT),
            got=repr(contents.texts.get("format"))[:80], hint="Read it with the version of fastdl that wrote it",
        )  # fmt: skip
    try:
        tree = rebuild(contents.arrays, contents.texts.get("fastdl", ""))
    except CheckpointError as error:
        raise CheckpointError(f"{str(path)!r} {error.problem}", op="load", got=error.got) from None
    if (
        not isinstance(tree, dict)
        or set(tree) != set(_PARTS)
        or not all(isinstance(tree[name], dict) for name in ("network", "notes", "made"))
        or not all(isinstance(tree[name], dict | None) for name in ("optimizer", "trainer"))
    ):
        raise CheckpointError(f"{str(path)!r} does not hold what a checkpoint holds", op="load")
    optimizer, trainer = tree["optimizer"] or {}, tree["trainer"] or {}
    return Checkpoint(
        network=tree["network"].get("state", {}),
        optimizer=optimizer.get("state"),
        trainer=trainer.get("state"),
        network_config=tree["network"].get("config"),
        optimizer_config=optimizer.get("config"),
        notes=tree["notes"],
        made=tree["made"],
    )


def _saved(optimizer: HasState | None) -> dict[str, Any] | None:
    return None if optimizer is None else {"config": _config_of(optimizer), "state": optimizer.state_dict()}


def _config_of(thing: Any) -> dict[str, Any] | None:
    """Its configuration, if it has one: a function among its settings has none."""
    try:
        config: dict[str, Any] | None = thing.get_config() if hasattr(thing, "get_config") else None
    except HyperparameterError:
        config = None
    return config
