from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from graphvtr.video import memory
from graphvtr.video.memory import trim_memory

HOLES = """
from pathlib import Path
import torch
from graphvtr.video.memory import trim_memory

def resident():  # bytes of this process in memory now
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

kept, freed = [], []
for _ in range(2000):  # freed blocks of 64 KiB between small ones that stay
    freed.append(torch.ones(16_384))
    kept.append(torch.ones(64))
freed.clear()
before = resident()
trim_memory()
print(before - resident())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no glibc")
def test_holes_are_given_back():
    # a process of its own: what other tests left free in this one takes some of the blocks
    run = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True, timeout=300)
    assert int(run.stdout) > 50 * 2**20


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory._trimmer.cache_clear()
    trim_memory()
    memory._trimmer.cache_clear()
