"""What must work with the core dependencies alone, and what each missing extra has to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

import graphvtr
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.metrics import retrieval_metrics
from graphvtr.nn import HGR, RandomWalkGCN

assert "site-packages" in graphvtr.__file__, graphvtr.__file__
assert RandomWalkGCN(16)(torch.randn(4, 9, 16)).shape == (4, 9, 16)
clips = GraphStore.from_graphs([VideoGraph.build(torch.randn(5, 32), name=name) for name in ("one", "two")])
model = HGR(vocab_size=10, video_dim=32, hidden=16).eval()
assert set(model.encode_video(clips.batch([0, 1]))) == set(model.levels)
assert retrieval_metrics(torch.eye(3), torch.arange(3))["R@1"] == 100.0

Path("clips").mkdir()
Path("clips/a.mp4").write_bytes(b"")
COMMANDS = {
    ("--version",): (0, graphvtr.__version__),
    ("--help",): (0, "train"),
    ("parse", "a dog chases a cat"): (1, "graphvtr[text]"),
    ("extract", "clips", "--out", "store"): (1, "graphvtr["),
    ("train", "hgr", "--data", "moving_scenes", "--out", "run"): (1, "graphvtr[train]"),
}
command = Path(sys.executable).parent / "graphvtr"
for arguments, (status, says) in COMMANDS.items():
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert (done.returncode == 0) == (status == 0), (arguments, output)
    assert says in output, (arguments, output)
    assert "Traceback" not in output, (arguments, output)
print(f"package: {graphvtr.__version__} works with its core dependencies alone")
