"""The example that trains a transformer with torch's optimizer and with fastdl's in its place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parity.experiment import EXTRA

pytest.importorskip("torch", reason=EXTRA)

pytestmark = pytest.mark.parity

EXAMPLE = Path(__file__).parents[2] / "examples" / "torch_transformer.py"


def test_both_runs_end_at_the_same_loss():
    options = ["--steps", "6", "--width", "16", "--layers", "1", "--length", "4"]
    done = subprocess.run([sys.executable, EXAMPLE, *options], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    losses = re.findall(r"^(\S+) +loss ([\d.]+), step\(\) +[\d.]+ ms", done.stdout, re.MULTILINE)
    assert [name for name, _ in losses] == ["torch.optim", "fastdl.interop.torch"]
    assert abs(float(losses[0][1]) - float(losses[1][1])) <= 2e-4
    assert re.search(r"step\(\) takes [\d.]+ of the time", done.stdout)
