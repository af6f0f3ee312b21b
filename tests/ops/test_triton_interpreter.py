"""The Triton kernels on the CPU: the tests of the ops again, in a process where Triton interprets kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packaging.version import Version

triton = pytest.importorskip("triton")

HERE = Path(__file__).parent
OPS = (
    "segment_reduce",
    "segment_softmax",
    "gather_segment_reduce",
    "role_attention",
    "local_match",
    "complete_graph_walk",
    "segment_attention",
)
#: An interpreted kernel is slow: no finite differences, no large graphs, minima as maxima go, half precision, poisoned
#: memory and repeats on two shapes only; nothing that runs no kernel.
CHOSEN = (
    "triton and not gradcheck and not large and not many and not -min"
    " and (not bfloat16 or ragged or trees) and (not poisoned or ragged or trees)"
)


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="this is that process")
@pytest.mark.skipif(
    Version(triton.__version__) < Version("3.7") and Version(np.__version__) >= Version("2.4"),
    reason="this Triton's interpreter makes Python numbers of arrays in a way that NumPy 2.4 refuses",
)
def test_interpreted_kernels_agree_with_the_reference() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    files = [str(HERE / f"test_{op}.py") for op in OPS]
    options = ["-q", "-rA", "-p", "no:cacheprovider", "-k", CHOSEN]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASSED") and "[triton-cpu" in line]
    for op in OPS:
        assert sum(f"test_{op}.py::test_values_and_gradients" in line for line in passed) >= 8, op
