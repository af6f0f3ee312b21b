"""The torch_scatter backend where torch-scatter is not installed: the ops' tests again with a stand-in for it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OPS = ("segment_reduce", "segment_softmax", "gather_segment_reduce")


@pytest.mark.skipif(importlib.util.find_spec("torch_scatter") is not None, reason="the real one is tested")
def test_its_backend_agrees_with_the_reference() -> None:
    path = os.pathsep.join([str(HERE / "stubs"), *filter(None, [os.environ.get("PYTHONPATH")])])
    files = [str(HERE / f"test_{op}.py") for op in OPS]
    options = ["-q", "-rA", "-p", "no:cacheprovider", "-k", "torch_scatter and not 300"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASSED")]
    for op in OPS:
        assert sum(f"test_{op}.py" in line and "torch_scatter-cpu" in line for line in passed) >= 20, op
