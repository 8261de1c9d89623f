"""Memory that is freed goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

GROWTH = """
import numpy as np
from pathlib import Path
from fractura.service.memory import return_freed_memory

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

{first}
np.ones(2_000_000)  # what glibc learns its threshold from
start = resident_mib()
large, small = [], []
for _ in range(60):
    large.append(np.ones(200_000))
    small.append(np.ones(1000))
large.clear()
print(resident_mib() - start)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_large_arrays_are_given_back_though_small_ones_stay(
    command_environment: dict[str, str],
) -> None:
    def growth(first: str) -> float:
        command = [sys.executable, "-c", GROWTH.format(first=first)]
        return float(subprocess.check_output(command, env=command_environment, timeout=60))

    assert growth("return_freed_memory()") < 5 < 60 < growth("")
