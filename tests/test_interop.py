"""Packages that need another library say so where it is missing."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys

import pytest

from fastdl.errors import MissingDependencyError


class Without(importlib.abc.MetaPathFinder):
    """Finds no module of a name, as if it were not installed."""

    def __init__(self, name):
        self.name = name

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_torch(monkeypatch):
    loaded = [name for name in sys.modules if name == "torch" or name.startswith("fastdl.interop.torch")]
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Without("torch"), *sys.meta_path])
    with pytest.raises(
        MissingDependencyError, match=r'PyTorch is not installed.*pip install "fastdl\[torch\]"'
    ) as caught:
        importlib.import_module("fastdl.interop.torch")
    assert caught.value.op == "fastdl.interop.torch"
    assert importlib.import_module("fastdl.interop").__doc__
