"""What is compiled, with which flags, for which CPU level. Metadata is in pyproject.toml.

FASTDL_NO_OPENMP=1  builds without threads.
FASTDL_SANITIZE=1   builds with AddressSanitizer and UndefinedBehaviorSanitizer, for the tests.
"""

import os
import platform
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = "fastdl/kernels"

# The kernels are compiled once for each level, oldest first; the best that the CPU supports is chosen at import.
LEVELS = (
    {
        "v2": ["-march=x86-64-v2"],
        "v3": ["-march=x86-64-v3"],
        # By default GCC holds back from 512-bit vectors.
        "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    }
    if platform.machine() in ("x86_64", "AMD64")
    else {"generic": []}
)

OPENMP = not os.environ.get("FASTDL_NO_OPENMP")
SANITIZE = bool(os.environ.get("FASTDL_SANITIZE"))

FLAGS = [
    "-std=c++17",
    "-O1" if SANITIZE else "-O3",
    # Without this a loop with a square root is not vectorised, and without the next one a loop with a selection.
    # -ffast-math is not an option: it would also change how the whole process treats subnormal numbers.
    "-fno-math-errno",
    "-fno-trapping-math",
    # a * b + c in one rounding, wherever the CPU can: every element of an array gets the same treatment.
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    *(["-fopenmp"] if OPENMP else []),
    *(["-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"] if SANITIZE else ["-g0"]),
]
LINK_FLAGS = [flag for flag in FLAGS if flag.startswith(("-fopenmp", "-fsanitize"))]


def extension(name: str, source: str, flags: list[str], macros: dict[str, str]) -> Extension:
    """One compiled module of fastdl.kernels."""
    return Extension(
        f"fastdl.kernels.{name}",
        [source],
        language="c++",
        include_dirs=[KERNELS, numpy.get_include()],
        define_macros=list(macros.items()),
        depends=[f"{KERNELS}/{file}" for file in os.listdir(KERNELS) if file.endswith((".cpp", ".hpp", ".pxd"))]
        + [f"{KERNELS}/rules/{file}" for file in os.listdir(f"{KERNELS}/rules")],
        extra_compile_args=flags,
        extra_link_args=LINK_FLAGS,
    )


def level_source(level: str) -> str:
    """A source of its own for each level: extensions of one source share an object file, in parallel builds too."""
    path = Path("build", f"level_{level}.cpp")
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_text('#include "level.cpp"\n')
    return str(path)


levels = [
    extension(f"_level_{level}", level_source(level), FLAGS + flags, {"FASTDL_LEVEL": level})
    for level, flags in LEVELS.items()
]
borders = [
    extension(
        name,
        f"{KERNELS}/{name}.pyx",
        FLAGS,
        {
            "NPY_NO_DEPRECATED_API": "NPY_2_0_API_VERSION",
            "FASTDL_LEVELS": f'"{" ".join(LEVELS)}"',
            "FASTDL_FLAGS": f'"{" ".join(FLAGS)}"',
            "FASTDL_OPENMP": str(int(OPENMP)),
        },
    )
    for name in (
        "_activations",
        "_arrays",
        "_batch_norm",
        "_batch_shares",
        "_decay",
        "_dropout",
        "_element_losses",
        "_elementwise",
        "_layer_norm",
        "_layers",
        "_plan",
        "_random",
        "_recording",
        "_runtime",
        "_softmax",
        "_states",
        "_update",
    )
]

cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

setup(
    options={"build_ext": {"parallel": cores}},  # by itself pip compiles one file after the other, for minutes
    ext_modules=levels
    + cythonize(
        borders,
        build_dir="build",
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "binding": True,
            "embedsignature": False,
        },
    ),
)
