"""Two real processes of a Lightning trainer, gloo between them: each caption goes to one, and the model stays one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("pytorch_lightning")

SCRIPT = '''
import json, sys
import pytorch_lightning as pl
import torch
from graphvtr.datasets import RetrievalDataset
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.tasks.data import RetrievalData

CAPTIONS = 14


class Seen(pl.LightningModule):
    """Trains a weight on what its rank gets, and writes down which captions those were."""

    def __init__(self):
        super().__init__()
        self.layer, self.seen = torch.nn.Linear(3, 1), []

    def training_step(self, batch, batch_index):
        self.seen.append(batch.text["word"].id.tolist())
        return self.layer(batch.video["frame"].x).pow(2).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def on_train_end(self):
        weights = [value.flatten().tolist() for value in self.parameters()]
        found = {"ranks": self.trainer.world_size, "seen": self.seen, "weights": weights,
                 "backend": torch.distributed.get_backend()}
        with open(f"{sys.argv[1]}/rank{self.global_rank}.json", "w") as file:
            json.dump(found, file)


generator = torch.Generator().manual_seed(0)
videos = GraphStore.from_graphs(
    VideoGraph.build(torch.randn(2, 3, generator=generator), name=str(n)) for n in range(7)
)
texts = GraphStore.from_graphs(RoleGraph.build(["dog"], [], [("NOUN", [0])], []) for _ in range(CAPTIONS))
texts.nodes["word"].tensors["id"] = torch.arange(CAPTIONS)
names = [str(number) for number in range(7)]
dataset = RetrievalDataset("toy", "train", names, ["dog"] * CAPTIONS, torch.arange(CAPTIONS) // 2, videos, texts)
data = RetrievalData(dataset, dataset, batch_size=4, seed=5, workers=1)
trainer = pl.Trainer(
    accelerator="cpu", devices=2, strategy="ddp_fork", max_epochs=2, logger=False, enable_checkpointing=False,
    enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False, limit_val_batches=0,
)
torch.manual_seed(0)
trainer.fit(Seen(), datamodule=data)
'''


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch without gloo")
def test_two_processes_share_the_batches(tmp_path: Path) -> None:
    # in a process of its own: one that has started threads should not be forked
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    assert [(rank["ranks"], rank["backend"]) for rank in ranks] == [(2, "gloo")] * 2
    shares = [rank["seen"] for rank in ranks]
    assert [len(share) for share in shares] == [4, 4]  # 14 captions are 4 batches: 2 for each rank and epoch
    for epoch in range(2):
        given = [caption for share in shares for batch in share[2 * epoch : 2 * epoch + 2] for caption in batch]
        assert sorted(given) == list(range(14))
    assert shares[0][:2] != shares[0][2:]  # another order in the second epoch
    assert ranks[0]["weights"] == ranks[1]["weights"]
