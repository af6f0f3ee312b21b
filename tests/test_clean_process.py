"""Workers that are neither forked nor run the script again."""

from __future__ import annotations

import subprocess
import sys
from multiprocessing import get_start_method
from pathlib import Path

from graphvtr.clean_process import CleanContext

SCRIPT = """
import os
from concurrent.futures import ProcessPoolExecutor
from graphvtr.clean_process import CleanContext

print("script", flush=True)
mine = object()
with ProcessPoolExecutor(1, CleanContext()) as pool:
    print(pool.submit(os.getpid).result() != os.getpid(), __import__("__main__").mine is mine)
"""


def test_a_script_needs_no_guard_and_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert done.stdout == "script\nTrue True\n", done.stderr


def test_it_does_not_change_how_others_start() -> None:
    before = get_start_method(allow_none=True)
    assert CleanContext().get_start_method() == "spawn"
    assert get_start_method(allow_none=True) == before
