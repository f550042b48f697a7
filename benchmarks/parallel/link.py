"""Two machines in one: a network namespace for each of two ranks, with a link of a given bandwidth between them.

The ranks cannot see each other's memory then, and all that they exchange goes through the kernel's TCP and a token
bucket (``tc tbf``). Needs Linux, root, and iproute2's ``ip`` and ``tc``; what it sets up it takes down again.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BRIDGE = "fastdl-link"
SUBNET = "10.213.7"
NAMES = {f"{SUBNET}.{number}": f"fastdl-{number}" for number in (1, 2)}  # the machines by address

# In place of ssh: enters the machine's namespace, under a host name of its own, by which MPICH tells machines apart.
ENTER = """#!/bin/sh
while [ "${{1#-}}" != "$1" ]; do shift; done
name={prefix}${{1##*.}}; shift
exec ip netns exec "$name" unshare --uts sh -c "hostname $name; $*"
"""


def is_possible() -> bool:
    """Return whether this user may set up a link here."""
    return os.geteuid() == 0 and all(map(shutil.which, ("ip", "tc", "unshare")))


@contextmanager
def linked(megabits: int) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Set up two machines with a link, in each direction, of so many megabits a second.

    Yields
    ------
    options, environment
        What ``mpiexec -n 2`` is to be given to start one rank on each.
    """
    with tempfile.TemporaryDirectory() as folder:
        enter = Path(folder) / "enter"
        enter.write_text(ENTER.format(prefix="fastdl-"))
        enter.chmod(enter.stat().st_mode | stat.S_IXUSR)
        try:
            _run(f"ip link add {BRIDGE} type bridge")
            _run(f"ip address add {SUBNET}.254/24 dev {BRIDGE}")
            _run(f"ip link set {BRIDGE} up")
            for address, name in NAMES.items():
                _run(f"ip netns add {name}")
                _run(f"ip link add {name} type veth peer name eth0 netns {name}")
                _run(f"ip link set {name} master {BRIDGE} up")
                _run(f"ip -n {name} address add {address}/24 dev eth0")
                _run(f"ip -n {name} link set eth0 up")
                _run(f"ip -n {name} link set lo up")
                _run(f"tc -n {name} qdisc add dev eth0 root tbf rate {megabits}mbit burst 96k latency 100ms")
            launcher = ["-launcher", "ssh", "-launcher-exec", str(enter)]
            yield ["-iface", BRIDGE, "-hosts", ",".join(NAMES), *launcher], {"UCX_TLS": "tcp,self"}
        finally:
            for name in NAMES.values():
                _run(f"ip netns delete {name}", check=False)
                _run(f"ip link delete {name}", check=False)
            _run(f"ip link delete {BRIDGE}", check=False)


def _run(command: str, *, check: bool = True) -> None:
    subprocess.run(command.split(), check=check, capture_output=True)
