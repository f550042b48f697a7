"""The README's Python examples run."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("source", EXAMPLES, ids=lambda source: source.split("\n")[0])
def test_example(source, capsys):
    exec(compile(source, str(README), "exec"), {"__name__": "example"})
    assert capsys.readouterr().out
