from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from types import SimpleNamespace

import pytest

from graphvtr import freed_memory
from graphvtr.freed_memory import OWN, keep_freed_memory, nothing_collected

FAULTS = """
import resource
import sys

from graphvtr.freed_memory import keep_freed_memory

if sys.argv[1] == "kept" and not keep_freed_memory():
    print("cannot")
    raise SystemExit
for turn in range(4):
    blocks = [b"x" * (20 * 2**20) for _ in range(4)]
    del blocks
    if turn == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_memory_is_asked_for_once() -> None:
    found = [
        subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True).stdout.strip()
        for how in ("kept", "given back")
    ]
    if found[0] == "cannot":
        pytest.skip("no glibc")
    kept, given_back = map(int, found)
    assert kept < 1000 < given_back  # 3 turns of 80 MiB are 61,440 pages


@pytest.mark.parametrize("name", OWN)
def test_settings_of_the_user_go_before(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", None)  # is not asked
    monkeypatch.setenv(name, "1")
    assert not keep_freed_memory()


def test_without_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OWN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    assert not keep_freed_memory()
    asked: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda name, value: asked.append((name, value)) or 1)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    assert keep_freed_memory()
    assert tuple(asked) == freed_memory.SETTINGS


@pytest.mark.parametrize("enabled", [True, False])
def test_nothing_is_collected_inside_and_all_is_as_before_after(enabled: bool) -> None:
    was, inside = gc.isenabled(), []

    def make() -> None:
        with nothing_collected():
            inside.append(gc.isenabled())
            raise KeyError

    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(KeyError):
            make()
        assert (inside, gc.isenabled()) == ([False], enabled)
    finally:
        (gc.enable if was else gc.disable)()
