"""The README's Python examples run."""

import re
import runpy
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("source", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_example(source, tmp_path, capsys, monkeypatch):
    if "optim.rule" in source or "nn.activation" in source:
        pytest.importorskip("numba", reason="a rule or an activation of one's own needs the extra numba")
    if "interop.torch" in source:
        pytest.importorskip("torch", reason="PyTorch's optimizers need the extra torch")
    if "tune.search" in source:
        pytest.importorskip("optuna", reason="a search needs the extra tune")
    program = tmp_path / "example.py"
    program.write_text(source)
    monkeypatch.chdir(tmp_path)  # where an example's files go
    runpy.run_path(str(program))
    assert capsys.readouterr().out
