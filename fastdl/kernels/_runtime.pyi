from typing import Final, SupportsIndex

MAX_THREADS: Final[int]
LEVELS: Final[list[str]]
FLAGS: Final[str]
OPENMP: Final[bool]

def set_num_threads(n: SupportsIndex) -> None: ...
def get_num_threads() -> int: ...
def cpu_level() -> str: ...
