"""A plain C loop, compiled here, for the bandwidth that the machine has."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = """
void axpy(long n, float s, float* a, const float* b) {
#pragma omp parallel for schedule(static)
  for (long i = 0; i < n; ++i) a[i] += s * b[i];
}
"""


def axpy(elements: int) -> Callable[[], Any]:
    """Prepare ``a += s b``, which reads 8 bytes an element and writes 4."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise RuntimeError("no C compiler found: set CC")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "axpy.so"
        flags = ["-O3", "-march=native", "-fopenmp", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
        subprocess.run([compiler, *flags], input=SOURCE, text=True, check=True)
        function = ctypes.CDLL(str(library)).axpy
    a, b = np.zeros(elements, np.float32), np.ones(elements, np.float32)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (a, b)]

    def call() -> list[np.ndarray]:
        function(ctypes.c_long(elements), ctypes.c_float(0.5), *pointers)
        return [a]

    return call
