"""VSE and VSE++ against a computation step by step."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import MODELS, VSE, VSEPlusPlus

SIZES: dict[str, Any] = {"vocab_size": 12, "video_dim": 5, "hidden": 6, "word_dim": 4}
IDS = [[5, 4, 4, 9], [2], [3, 6, 7, 8, 10, 11, 2]]
OWNER = torch.tensor([0, 1, 0])


def caption(ids: list[int]) -> RoleGraph:
    graph = RoleGraph.build([f"w{i}" for i in ids], [], [], [])
    graph["word"].id = torch.tensor(ids)
    return graph


def last_state(model: VSE, ids: list[int]) -> Tensor:
    h = torch.zeros(6, dtype=torch.float64)
    rnn = model.rnn
    for x in model.words.weight[ids]:
        i_r, i_z, i_n = (rnn.weight_ih_l0 @ x + rnn.bias_ih_l0).chunk(3)
        h_r, h_z, h_n = (rnn.weight_hh_l0 @ h + rnn.bias_hh_l0).chunk(3)
        z = torch.sigmoid(i_z + h_z)
        h = (1 - z) * torch.tanh(i_n + torch.sigmoid(i_r + h_r) * h_n) + z * h
    return h


@pytest.mark.parametrize("kind", [VSE, VSEPlusPlus])
def test_scores_and_loss(kind: type[VSE]) -> None:
    model = kind(**SIZES, margin=0.3).double()
    clips = [torch.randn(3, 5, dtype=torch.float64), torch.randn(1, 5, dtype=torch.float64)]
    video = model.encode_video(GraphStore.from_graphs([VideoGraph.build(clip) for clip in clips]).batch([0, 1]))
    text = model.encode_text(GraphStore.from_graphs([caption(ids) for ids in IDS]).batch([0, 1, 2]))
    expected_video = torch.stack([model.video_map(clip.mean(0)) for clip in clips])
    expected_text = torch.stack([last_state(model, ids) for ids in IDS])
    torch.testing.assert_close(video["event"].x, expected_video)
    torch.testing.assert_close(text["event"].x, expected_text)
    scores = torch.cosine_similarity(expected_video[:, None], expected_text[None], dim=-1)
    torch.testing.assert_close(model.similarity(video, text), scores)
    total = torch.zeros((), dtype=torch.float64)
    reduce = torch.sum if kind is VSE else torch.max
    for t, v in enumerate(OWNER.tolist()):
        texts = torch.stack([scores[v, u] for u in range(3) if OWNER[u] != v])
        total += reduce((0.3 + texts - scores[v, t]).relu()) + (0.3 + scores[1 - v, t] - scores[v, t]).relu()
    torch.testing.assert_close(model.loss(video, text, OWNER)["loss"], total)


def test_the_two_differ_in_the_negatives() -> None:
    assert VSE(**SIZES).ranking.mining == "all"
    assert VSEPlusPlus(**SIZES).ranking.mining == "hardest"


@pytest.mark.parametrize(("name", "kind"), [("vse", VSE), ("vse++", VSEPlusPlus)])
def test_config_rebuilds_the_model(name: str, kind: type[VSE]) -> None:
    model = kind(**SIZES, margin=0.1, reduction="mean")
    again = MODELS[name](**model.config)
    assert type(again) is kind
    assert again.config == model.config
    again.load_state_dict(model.state_dict())


def test_word_vectors_and_wrong_inputs() -> None:
    model = VSE(**SIZES)
    vectors = torch.randn(12, 4)
    model.load_word_vectors(vectors)
    assert torch.equal(model.words.weight, vectors)
    with pytest.raises(DataError, match=r"frame.x: is 3 wide"):
        model.encode_video(VideoGraph.build(torch.zeros(2, 3)))
    with pytest.raises(DataError, match=r"word.id: has id 40"):
        model.encode_text(caption([40]))
    with pytest.raises(DataError, match=r"word.id: missing"):
        model.encode_text(RoleGraph.build(["a"], [], [], []))
