"""The stubs of the compiled modules say what the modules have."""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from pathlib import Path

import pytest

STUBS = sorted(Path(importlib.import_module("fastdl.kernels").__file__).parent.glob("*.pyi"))

every_stub = pytest.mark.parametrize("path", STUBS, ids=lambda path: path.stem)


def load(path: Path) -> typing.Any:
    """A stub is Python too: as a module."""
    stub = types.ModuleType(path.name)
    exec(compile(path.read_text(), path, "exec"), vars(stub))
    return stub


def defined(module: typing.Any) -> set[str]:
    """The public functions and classes of the module's own."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


def outline(function: typing.Any, module: typing.Any) -> list[tuple[str, typing.Any, typing.Any]]:
    """Names, kinds and defaults; what a stub cannot write down, it leaves as an ellipsis."""
    written = inspect.signature(function).parameters
    real = inspect.signature(getattr(module, function.__name__)).parameters
    return [
        (each.name, each.kind, real[name].default if each.default is ... and name in real else each.default)
        for name, each in written.items()
    ]


def test_there_are_some():
    assert sorted(path.stem for path in STUBS) == [
        "_activations", "_arrays", "_batch_norm", "_batch_shares", "_decay", "_dropout", "_element_losses",
        "_elementwise", "_layer_norm", "_layers", "_plan", "_random", "_runtime", "_softmax", "_states", "_update",
    ]  # fmt: skip


@every_stub
def test_functions_and_classes(path):
    stub, module = load(path), importlib.import_module(f"fastdl.kernels.{path.stem}")
    assert defined(stub) == defined(module)
    for name in defined(stub):
        assert outline(getattr(stub, name), module) == outline(getattr(module, name), module), name


@every_stub
def test_constants(path):
    stub, module = load(path), importlib.import_module(f"fastdl.kernels.{path.stem}")
    for name, annotation in typing.get_type_hints(stub).items():
        assert typing.get_origin(annotation) is typing.Final
        (kind,) = typing.get_args(annotation)
        assert type(getattr(module, name)) is (typing.get_origin(kind) or kind), name
    assert set(stub.__annotations__) == {name for name in vars(module) if name.isupper() and not name.startswith("_")}
