"""HANet's scores, concepts and losses against direct computations."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.nn import HGR, MODELS, HANet, Level
from graphvtr.nn.encoders.hanet import concept_nodes
from graphvtr.text import ConceptVocabulary
from graphvtr.text.concepts import with_concepts

CONCEPTS = ConceptVocabulary([("dog", 5), ("man", 3), ("ball", 1)], [("run", 2), ("throw", 1)])
VOCAB, VIDEO_DIM, FRAMES = 30, 6, (3, 1, 25, 20, 7)
OWN = [[0, 3], [], [1, 2, 4], [0], [], [2], [0, 1]]
OF_VIDEO = [[0, 1, 2, 3, 4], [], [0], [], [0, 1, 2]]


def make(concepts: ConceptVocabulary | None = CONCEPTS, **options: Any) -> HANet:
    torch.manual_seed(0)
    values = None if concepts is None else concepts.to_dict()
    return HANet(VOCAB, VIDEO_DIM, values, **{"hidden": 8, "word_dim": 5, **options}).double().eval()


@pytest.fixture
def inputs(batch) -> tuple[Any, Any, Tensor]:
    video = GraphStore.from_graphs([VideoGraph.build(clip) for clip in batch.clips]).batch(range(5))
    of_video = [OF_VIDEO[v] for v in batch.video_of_text]
    text = with_concepts(GraphStore.from_graphs(batch.graphs), OWN, of_video).batch(range(7))
    return video, text, batch.video_of_text


def probabilities(pool: Any, x: Tensor) -> Tensor:
    """Concepts of the elements of one sequence: convolution, BatchNorm (its running statistics), sigmoid."""
    kernel = pool.conv.kernel_size[0]
    rows = []
    for t in range(len(x)):
        row = pool.conv.bias.clone()
        for k in range(kernel):
            if 0 <= t + k - kernel // 2 < len(x):
                row = row + pool.conv.weight[:, :, k] @ x[t + k - kernel // 2]
        rows.append(row)
    norm = pool.norm
    scaled = (torch.stack(rows) - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    return torch.sigmoid(scaled)


def mil(p: Tensor) -> Tensor:
    """The mean of the top ceil(T / 8), concept by concept."""
    count = math.ceil(len(p) / 8)
    return torch.stack([column.sort(descending=True).values[:count].mean() for column in p.T])


def test_concepts_of_videos_and_captions(batch, inputs) -> None:
    model = make()
    video, text = model.encode_video(inputs[0]), model.encode_text(inputs[1])
    for index, clip in enumerate(batch.clips):
        for level in ("action", "entity"):
            frames = model.video_encoder.frames.maps[level](clip.double())
            expected = mil(probabilities(model.video_encoder.concepts[level], frames))
            torch.testing.assert_close(video[f"concept_{level}"].x[index], expected)
    words, _, _ = model.text_encoder._pooled(inputs[1])
    ends = inputs[1]["word"].ptr.tolist()
    for index in range(7):
        expected = mil(probabilities(model.text_encoder.concepts["entity"], words[ends[index] : ends[index + 1]]))
        torch.testing.assert_close(text["concept_entity"].x[index], expected)
    torch.testing.assert_close(model.concept_probabilities(video)["action"], video["concept_action"].x)


def test_nodes_of_the_likeliest_concepts() -> None:
    x = torch.randn(7, 4)
    ptr = torch.tensor([0, 5, 5, 7])
    of_frames = torch.rand(7, 6)
    of_videos = torch.rand(3, 6)
    nodes = concept_nodes(x, ptr, of_videos, of_frames, top=2)
    assert nodes.ptr.tolist() == [0, 2, 2, 4]
    for row, (begin, end, video) in enumerate([(0, 5, 0), (5, 7, 2)]):
        for node, concept in enumerate(of_videos[video].argsort(descending=True)[:2]):
            best = of_frames[begin:end, concept].argsort(descending=True)[:3] + begin
            torch.testing.assert_close(nodes.x[2 * row + node], x[best].mean(0))
    assert concept_nodes(x, ptr, torch.zeros(3, 0), torch.zeros(7, 0), top=0) == Level(x, ptr)


def test_levels_and_scores(inputs) -> None:
    model = make()
    video, text = model.encode_video(inputs[0]), model.encode_text(inputs[1])
    scores = model.level_scores(video, text)
    assert scores.shape == (7, 5, 7)
    a, b = video["concept_entity"].x, text["concept_entity"].x
    expected = torch.minimum(a[:, None], b).sum(-1) / torch.maximum(a[:, None], b).sum(-1)
    torch.testing.assert_close(scores[6], expected)
    torch.testing.assert_close(model.fuse(scores), (scores[:5].mean(0) + scores[5:].mean(0)) / 2)


def test_individual_levels_are_hgr_without_reasoning(inputs) -> None:
    """Before reasoning, nodes are the maxima over their words, and match frames as HGR's released nodes do."""
    model = make()
    text, video = model.encode_text(inputs[1]), model.encode_video(inputs[0])
    hgr = HGR.released(VOCAB, VIDEO_DIM, hidden=8, word_dim=5, max_words=None, max_actions=None, max_entities=None)
    hgr = hgr.double().eval()
    shared = {k: v for k, v in model.text_encoder.state_dict().items() if not k.startswith("concepts")}
    hgr.text_encoder.load_state_dict(shared)
    for level in ("event", "action", "entity"):
        torch.testing.assert_close(text[level].x, hgr.encode_text(inputs[1])[level].x)
    local = model.text_encoder._pooled(inputs[1])[2]
    torch.testing.assert_close(torch.cat([text["individual_action"].x, text["individual_entity"].x]), local)
    hgr.video_encoder.load_state_dict(model.video_encoder.frames.state_dict())
    for level in ("action", "entity"):
        torch.testing.assert_close(video[f"individual_{level}"].x, hgr.encode_video(inputs[0])[level].x)


def test_loss_masks_siblings(inputs) -> None:
    model = make()
    video, text = model.encode_video(inputs[0]), model.encode_text(inputs[1])
    owner = inputs[2]
    losses = model.loss(video, text, owner)
    for level, columns in (("entity", range(3)), ("action", range(3, 5))):
        expected = torch.zeros((), dtype=torch.float64)
        for side in ("video", "text"):
            per_caption = []
            for t in range(7):
                probability = (
                    video[f"concept_{level}"].x[owner[t]] if side == "video" else text[f"concept_{level}"].x[t]
                )
                entries = []
                for k, p in zip(columns, probability, strict=True):
                    if k in OWN[t]:
                        entries.append(-p.log())
                    elif k not in OF_VIDEO[int(owner[t])]:
                        entries.append(-(1 - p).log())
                if entries:
                    per_caption.append(torch.stack(entries).mean())
            expected = expected + torch.stack(per_caption).mean()
        torch.testing.assert_close(losses[level], expected, rtol=1e-5, atol=1e-7)
    scores = model.level_scores(video, text)
    torch.testing.assert_close(losses["features"], model.ranking(scores[:5].mean(0), owner))
    torch.testing.assert_close(losses["concepts"], model.ranking(scores[5:].mean(0), owner))
    total = losses["features"] + 0.1 * losses["concepts"] + 0.01 * (losses["entity"] + losses["action"])
    torch.testing.assert_close(losses["loss"], total)


def test_it_learns(inputs) -> None:
    model = make().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    values = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = model.loss(model.encode_video(inputs[0]), model.encode_text(inputs[1]), inputs[2])["loss"]
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < values[0]


def test_without_concepts_it_is_matched_on_features(batch) -> None:
    for model in (make(concepts=None), make(ConceptVocabulary())):
        video = model.encode_video(batch.pack([VideoGraph.build(clip) for clip in batch.clips]))
        text = model.encode_text(batch.pack(batch.graphs))
        losses = model.loss(video, text, batch.video_of_text)
        assert set(losses) == {"loss", "features"}
        losses["loss"].backward()
        assert not model.level_scores(video, text)[5:].any()


def test_an_item_does_not_depend_on_its_batch(batch) -> None:
    model = make()
    clips = [VideoGraph.build(clip) for clip in batch.clips]
    video, text = model.encode_video(batch.pack(clips)), model.encode_text(batch.pack(batch.graphs))
    scores = model.similarity(video, text)
    for v, clip in enumerate(clips):
        for t, graph in enumerate(batch.graphs):
            torch.testing.assert_close(
                model.similarity(model.encode_video(clip), model.encode_text(graph))[0, 0], scores[v, t]
            )


def test_no_frames_and_one_frame_in_training() -> None:
    model = make()
    assert torch.isfinite(model.encode_video(VideoGraph.build(torch.zeros(0, VIDEO_DIM)))["concept_action"].x).all()
    one = model.train().encode_video(VideoGraph.build(torch.randn(1, VIDEO_DIM)))
    assert torch.isfinite(one["concept_action"].x).all()


def test_relationships_are_left_out_of_its_vocabulary() -> None:
    concepts = ConceptVocabulary([("dog", 1)], [("run", 1)], [("dog run mile", 1)])
    model = HANet(VOCAB, VIDEO_DIM, concepts.to_dict(), hidden=8, word_dim=5)
    assert model.concepts.sizes == {"entity": 1, "action": 1, "relationship": 0}
    assert MODELS["hanet"](**model.config).concepts == model.concepts


def test_transforms_and_errors(batch) -> None:
    model = make(max_words=5, max_frames=4)
    assert len(model.transform_text(batch.graphs[6]).words) == 5
    assert model.transform_video(VideoGraph.build(batch.clips[2]))["frame"].x.size(0) == 4
    with pytest.raises(DataError, match="concepts of the captions: missing"):
        make().loss(
            make().encode_video(VideoGraph.build(batch.clips[0])),
            make().encode_text(batch.graphs[0]),
            torch.tensor([0]),
        )
