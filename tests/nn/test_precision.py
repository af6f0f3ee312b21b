"""Every model under autocast: training with finite losses and gradients near those of float32, and nearly its ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("pytorch_lightning")  # of the batches
from graphvtr.nn import CosineMatch, HolographicMatch, JaccardMatch, Level, LocalAttentiveMatch
from graphvtr.nn.losses import FocalBCELoss
from graphvtr.nn.models import RetrievalModel
from graphvtr.tasks.batches import PairBatch, PairData
from tests.every_model import CASES, small_run

HALF = [torch.bfloat16, torch.float16]
RANKS = {torch.bfloat16: 0.99, torch.float16: 0.999}  # least correlation of the order of all pairs


def losses(model: RetrievalModel, batch: PairBatch) -> dict[str, Tensor]:
    return model.loss(model.encode_video(batch.video), model.encode_text(batch.text), batch.video_of_text)


def scores(model: RetrievalModel, batch: PairBatch) -> Tensor:
    return model.similarity(model.encode_video(batch.video), model.encode_text(batch.text))


def order(found: Tensor) -> Tensor:
    return found.flatten().argsort().argsort().double()


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_training_and_ranks(name: str, options: dict[str, Any], dtype: torch.dtype, tmp_path: Path) -> None:
    model, dataset, _ = small_run(name, **options, **({"text_cache": str(tmp_path)} if name == "vsrnet" else {}))
    batch = PairData(dataset)[torch.arange(len(dataset.captions))]
    with torch.autocast("cpu", dtype):
        found = losses(model, batch)
    found["loss"].backward()
    expected = losses(model, batch)
    for key, value in expected.items():
        assert found[key].dtype == torch.float32
        torch.testing.assert_close(found[key], value, rtol=2e-2, atol=2e-3)
    gradients = {key: p.grad for key, p in model.named_parameters() if p.grad is not None}
    assert gradients
    assert all(bool(gradient.isfinite().all()) for gradient in gradients.values())
    model.eval()
    with torch.inference_mode():
        wanted = scores(model, batch)
        with torch.autocast("cpu", dtype):
            half = scores(model, batch)
    assert half.dtype == torch.float32
    assert float(torch.corrcoef(torch.stack([order(half), order(wanted)]))[0, 1]) > RANKS[dtype]


@pytest.mark.parametrize("match", [CosineMatch(), HolographicMatch(6), JaccardMatch(), LocalAttentiveMatch()], ids=str)
def test_scores_are_float32_scores(match: torch.nn.Module) -> None:
    x, y = torch.rand(5, 6).bfloat16(), torch.rand(4, 6).bfloat16()
    ptrs = (
        (torch.tensor([0, 2, 5]), torch.tensor([0, 1, 4])) if isinstance(match, LocalAttentiveMatch) else (None, None)
    )
    with torch.autocast("cpu", torch.bfloat16):
        found = match(Level(x, ptrs[0]), Level(y, ptrs[1]))
    expected = match(Level(x.float(), ptrs[0]), Level(y.float(), ptrs[1]))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    mixed = match(Level(x, ptrs[0]), Level(y.float(), ptrs[1]))  # after autocast
    torch.testing.assert_close(mixed, expected, rtol=0, atol=0)


def test_focal_loss_of_logits_beyond_half() -> None:
    logits, labels = torch.tensor([[300.0, -300.0]]), torch.tensor([[0.0, 1.0]])
    found = FocalBCELoss(alpha=300.0, gamma=0.0)(logits.half(), labels)
    assert found.item() == pytest.approx(90_000)  # float16 ends at 65,504


def test_kept_features_do_not_depend_on_the_precision_of_who_asks_first(tmp_path: Path) -> None:
    model, dataset, _ = small_run("vsrnet", text_cache=str(tmp_path / "half"))
    plain, *_ = small_run("vsrnet", text_cache=str(tmp_path / "plain"))
    batch = dataset.role_graphs.batch([0, 1])
    with torch.autocast("cpu", torch.bfloat16):
        first = model.words(batch)[0]
    torch.testing.assert_close(first, plain.words(batch)[0], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("rnn", ["lstm", "gru"])
def test_captions_of_one_length(rnn: str, dtype: torch.dtype) -> None:
    model, dataset, _ = small_run("hgr", rnn=rnn)
    lengths = dataset.role_graphs.nodes["word"].ptr.diff()
    batch = dataset.role_graphs.batch((lengths == lengths[0]).nonzero().squeeze(1)[:4])
    with torch.autocast("cpu", dtype):
        found = model.encode_text(batch)["event"].x
    torch.testing.assert_close(found.float(), model.encode_text(batch)["event"].x, rtol=0.05, atol=0.02)
