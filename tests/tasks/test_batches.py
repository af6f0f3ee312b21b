from __future__ import annotations

import pytest
import torch

from graphvtr.tasks import prepare
from graphvtr.tasks.batches import EncodeData, PairData
from tests.every_model import small_run


def test_pairs_share_a_video(toy_dataset, toy_model, toy_vocabulary) -> None:
    dataset = prepare(toy_dataset(videos=4, captions=3), toy_model(), toy_vocabulary)
    captions = torch.tensor([7, 0, 8, 2])  # of videos 2, 0, 2, 0
    batch = PairData(dataset)[captions].to("cpu")
    assert batch.video_of_text.tolist() == [1, 0, 1, 0]
    assert batch.video.num_graphs == 2
    assert torch.equal(batch.video["frame"].x, dataset.video_graphs.batch([0, 2])["frame"].x)
    assert torch.equal(batch.text["word"].id, dataset.role_graphs.batch(captions)["word"].id)


def test_reasoning_graphs_are_sorted_where_batches_are_cut() -> None:
    model, dataset, _ = small_run("hgr")
    captions = torch.arange(6)
    batch, plain = PairData(dataset, model=model)[captions], PairData(dataset)[captions]
    assert batch.text.reasoning.event_edges == model.config["event_edges"]
    assert "reasoning" not in plain.text
    last = EncodeData(dataset, 4, model=model)[-1].graph
    assert last.reasoning.num_nodes == sum(int(last[level].num_nodes) for level in ("event", "action", "entity"))
    model.eval()
    for level, found in model.encode_text(batch.text).items():
        assert torch.equal(found.x, model.encode_text(plain.text)[level].x)


def test_encoding_sees_everything_in_order(toy_dataset, toy_model, toy_vocabulary) -> None:
    dataset = prepare(toy_dataset(videos=5, captions=2), toy_model(), toy_vocabulary)
    data = EncodeData(dataset, 4)
    parts = [data[position] for position in range(len(data))]
    assert [part.side for part in parts] == ["video"] * 2 + ["text"] * 3
    assert torch.equal(
        torch.cat([p.graph["frame"].x for p in parts[:2]]), dataset.video_graphs.nodes["frame"].tensors["x"]
    )
    assert torch.equal(
        torch.cat([p.graph["word"].id for p in parts[2:]]), dataset.role_graphs.nodes["word"].tensors["id"]
    )


@pytest.mark.parametrize(("ranks", "batch_size"), [(1, 4), (2, 4), (3, 5), (7, 8)])
def test_ranks_share_the_validation(ranks: int, batch_size: int, toy_dataset) -> None:
    dataset = toy_dataset(videos=9)
    shares = [EncodeData(dataset, batch_size, rank, ranks) for rank in range(ranks)]
    for side, number in (("video", 9), ("text", 18)):
        assert sum(shares[0].counts[side]) == number
        own = [torch.cat([part for kind, part in share.parts if kind == side]) for share in shares]
        kept = [items[:count] for items, count in zip(own, shares[0].counts[side], strict=True)]
        assert torch.cat(kept).tolist() == list(range(number))
        assert all(len(items) == max(count, 1) for items, count in zip(own, shares[0].counts[side], strict=True))
