from __future__ import annotations

import pytest
import torch

from graphvtr.metrics import retrieval_metrics

pytest.importorskip("torchmetrics")
from graphvtr.metrics.torchmetric import RetrievalMetric


def test_batches_add_up_and_reset() -> None:
    scores, relevant = torch.rand(10, 7), torch.randint(7, (10,))
    metric = RetrievalMetric(ks=(1, 3), ties="average", median="floor")
    metric.update(scores[:4], relevant[:4])
    metric.update(scores[4:], relevant[4:])
    expected = retrieval_metrics(scores, relevant, ks=(1, 3), ties="average", median="floor")
    assert {name: float(value) for name, value in metric.compute().items()} == pytest.approx(expected)
    metric.reset()
    metric.update(scores[:1], relevant[:1])
    assert float(metric.compute()["MnR"]) == retrieval_metrics(scores[:1], relevant[:1])["MnR"]


def test_forward_gives_the_batch() -> None:
    metric = RetrievalMetric(ks=(1,))
    assert float(metric(torch.eye(3), torch.arange(3))["R@1"]) == 100
    assert float(metric(torch.zeros(3, 3), torch.arange(3))["R@1"]) == 0
    assert float(metric.compute()["R@1"]) == 50
