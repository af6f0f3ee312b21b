"""A released HGR tree and checkpoint through ``graphvtr eval``, against the specification computed by hand.

The reference below is a direct dense float64 computation, caption by caption and pair by pair, written from
``specs/hgr.md`` ("Released code") without any of graphvtr's code.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from graphvtr.cli.main import main

WORDS = "a man woman dog cat is breaking throwing egg ball into the cup on table runs while he laughs then the".split()
ROLES = "V ARG1 ARG0 ARG2 ARG3 ARG4 ARGM-LOC ARGM-MNR ARGM-TMP ARGM-DIR ARGM-ADV ARGM-PRP ARGM-PRD ARGM-COM ARGM-MOD"
ROLE_IDS = {role: index for index, role in enumerate([*ROLES.split(), "NOUN"])}
DIM, VIDEO_DIM, WORD_DIM, LAYERS = 8, 5, 6, 2
MAX_WORDS, MAX_ACTIONS, MAX_ENTITIES, MAX_FRAMES = 30, 4, 6, 20


def node(role: str, *spans: int, sentence: str) -> dict[str, object]:
    words = sentence.split()
    return {"role": role, "spans": list(spans), "words": [words[i] for i in spans]}


def sentence_graph(sentence: str, nodes: list[tuple[str, tuple[int, ...]]], edges: list[tuple[int, int]]) -> list:
    """[nodes, edges] as in the released json; node ids count from 1, edges run action -> entity."""
    words = sentence.split()
    out = {"ROOT": {"words": words, "spans": list(range(len(words))), "role": "ROOT"}}
    for index, (role, spans) in enumerate(nodes, start=1):
        out[str(index)] = node(role, *spans, sentence=sentence)
    return [out, [[str(a), str(e), nodes[e - 1][0]] for a, e in edges]]


LONG = " ".join(["a", "man"] * 20)
GRAPHS = {
    "a man is breaking the egg into the cup": sentence_graph(
        "a man is breaking the egg into the cup",
        [("V", (3,)), ("ARG0", (0, 1)), ("ARG1", (4, 5)), ("ARG2", (6, 7, 8))],
        [(1, 2), (1, 3), (1, 4)],
    ),
    # one span shared by two actions in one role (one node) and in two roles (two nodes)
    "a dog runs while he laughs": sentence_graph(
        "a dog runs while he laughs",
        [("V", (2,)), ("V", (5,)), ("ARG0", (0, 1)), ("ARG1", (0, 1)), ("ARGM-TMP", (3, 4, 5)), ("ARGM-CAU", (3,))],
        [(1, 3), (2, 3), (2, 4), (1, 5), (1, 6), (1, 3)],
    ),
    "the cat on the table": sentence_graph("the cat on the table", [("NOUN", (0, 1)), ("NOUN", (3, 4))], []),
    "dog": sentence_graph("dog", [("NOUN", (0,))], []),
    "runs": sentence_graph("runs", [("V", (0,))], []),
    "unheard zebra": sentence_graph("unheard zebra", [], []),
    # too long in every way: words past 30, 5 actions, 8 entities
    LONG: sentence_graph(
        LONG,
        [("V", (i,)) for i in range(5)]
        + [("ARG0", (5 + i, 6 + i)) for i in range(6)]
        + [("ARG1", (28, 29, 30, 31)), ("ARG1", (33, 34))],
        [(1, 6), (2, 7), (5, 8), (1, 12), (4, 11), (3, 13)],
    ),
    "a woman is throwing the ball": sentence_graph(
        "a woman is throwing the ball",
        [("ARG1", (4, 5)), ("V", (3,)), ("C-ARG0", (0, 1)), ("V", (2,))],  # an entity before its action
        [(2, 1), (2, 3)],
    ),
    LONG + " runs": sentence_graph(  # a span cut at word 30 and a node past it
        LONG + " runs", [("V", (40,)), ("V", (1,)), ("ARG0", (28, 29, 30, 31)), ("ARG1", (35, 36))], [(2, 3), (1, 4)]
    ),
}


@dataclass
class Tree:
    root: Path
    checkpoint: Path
    videos: list[str]
    frames: dict[str, np.ndarray]
    captions: dict[str, list[str]]
    word2int: dict[str, int]
    state: dict[str, dict[str, Tensor]]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A tree in the released layout, with random weights in the released key layout."""
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(1)
    frame_counts = {"clips/one": 1, "two": 3, "three": 20, "four": 27}
    frames = {v: rng.standard_normal((n, VIDEO_DIM)).astype(np.float32) for v, n in frame_counts.items()}
    sentences = list(GRAPHS)
    captions = {
        "clips/one": sentences[:3],
        "two": [*sentences[3:5], sentences[0]],  # the first sentence describes two clips
        "three": sentences[5:7],
        "four": sentences[7:],
    }
    word2int = {"<BOS>": 0, "<EOS>": 1, "<UNK>": 2}
    for word in WORDS:
        word2int.setdefault(word, len(word2int))
    annotation = tmp_path / "tree" / "annotation" / "RET"
    annotation.mkdir(parents=True)
    (annotation / "ref_captions.json").write_text(json.dumps(captions))
    (annotation / "sent2rolegraph.augment.json").write_text(json.dumps(GRAPHS))
    (annotation / "word2int.json").write_text(json.dumps(word2int))
    np.save(annotation / "int2word.npy", np.array(list(word2int)))
    splits = tmp_path / "tree" / "public_split"
    splits.mkdir()
    for split in ("trn", "val", "tst"):
        np.save(splits / f"{split}_names.npy", np.array(list(frame_counts)))
        folder = tmp_path / "tree" / "ordered_feature" / "SA" / "resnet152.pth"
        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / f"{split}_ft.hdf5", "w") as file:
            for video, value in frames.items():
                file.create_dataset(video.replace("/", "_"), data=value)
    state = random_state(len(word2int))
    checkpoint = tmp_path / "epoch.49.th"
    torch.save(state, checkpoint)
    return Tree(tmp_path / "tree", checkpoint, list(frame_counts), frames, captions, word2int, state)


def random_state(words: int) -> dict[str, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(7)

    def rand(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) / math.sqrt(shape[-1])

    video = {"ft_attn.weight": rand(1, DIM)}
    for level in range(3):
        video[f"level_embeds.{level}.weight"] = rand(DIM, VIDEO_DIM)
        video[f"level_embeds.{level}.bias"] = rand(DIM)
    text = {
        "embedding.we.weight": rand(words, WORD_DIM),
        "ft_attn.weight": rand(1, DIM),
        "role_embedding.weight": rand(16, DIM) * 2,
    }
    for suffix in ("", "_reverse"):
        text[f"rnn.weight_ih_l0{suffix}"] = rand(3 * DIM, WORD_DIM)
        text[f"rnn.weight_hh_l0{suffix}"] = rand(3 * DIM, DIM)
        text[f"rnn.bias_ih_l0{suffix}"] = rand(3 * DIM)
        text[f"rnn.bias_hh_l0{suffix}"] = rand(3 * DIM)
    for layer in range(LAYERS):
        prefix = f"gcn.layers.{layer}"
        text[f"{prefix}.ctx_layer.weight"] = rand(DIM, DIM)
        text[f"{prefix}.layernorm.weight"] = 1 + 0.1 * rand(DIM)
        text[f"{prefix}.layernorm.bias"] = rand(DIM)
        for side in ("query", "key"):
            text[f"{prefix}.edge_attn_{side}.weight"] = rand(DIM // 2, DIM)
            text[f"{prefix}.edge_attn_{side}.bias"] = rand(DIM // 2)
    return {"video_encoder": video, "text_encoder": text}


# ---- the reference ---------------------------------------------------------------------------------------------


def gru_direction(weights: dict[str, Tensor], x: Tensor, suffix: str) -> Tensor:
    """One direction of a GRU over x [n, d], step by step (r, z, n gates as in PyTorch's documentation)."""
    w_i, w_h = weights[f"rnn.weight_ih_l0{suffix}"], weights[f"rnn.weight_hh_l0{suffix}"]
    b_i, b_h = weights[f"rnn.bias_ih_l0{suffix}"], weights[f"rnn.bias_hh_l0{suffix}"]
    steps = range(len(x)) if not suffix else reversed(range(len(x)))
    h, out = torch.zeros(DIM, dtype=x.dtype), [torch.empty(0)] * len(x)
    for step in steps:
        i_r, i_z, i_n = (w_i @ x[step] + b_i).chunk(3)
        h_r, h_z, h_n = (w_h @ h + b_h).chunk(3)
        r, z = torch.sigmoid(i_r + h_r), torch.sigmoid(i_z + h_z)
        h = (1 - z) * torch.tanh(i_n + r * h_n) + z * h
        out[step] = h
    return torch.stack(out)


def encode_caption(weights: dict[str, Tensor], tree: Tree, sentence: str) -> tuple[Tensor, Tensor, Tensor]:
    """Event [D], actions [a, D], entities [e, D]."""
    nodes, edges = GRAPHS[sentence]
    ids = [tree.word2int.get(word, 2) for word in sentence.split()][:MAX_WORDS]
    x = weights["embedding.we.weight"][ids]
    words = (gru_direction(weights, x, "") + gru_direction(weights, x, "_reverse")) / 2
    attention = torch.softmax(words @ weights["ft_attn.weight"][0], 0)
    event = attention @ words
    place: dict[str, int] = {}
    features = [event]
    for kind, limit in (("action", MAX_ACTIONS), ("entity", MAX_ENTITIES)):
        begin = len(features)
        for name, entry in nodes.items():
            is_action = entry["role"] == "V"
            if name == "ROOT" or is_action != (kind == "action") or min(entry["spans"]) >= MAX_WORDS:
                continue
            if len(features) - begin == limit:
                break
            span = [index for index in entry["spans"] if index < MAX_WORDS]
            label = entry["role"].removeprefix("C-").removeprefix("R-")
            role = ROLE_IDS.get(label, ROLE_IDS["NOUN"])
            place[name] = len(features)
            features.append(words[span].max(0).values * weights["role_embedding.weight"][role])
        if kind == "action":
            actions = len(features)
    x = torch.stack(features)
    adjacency = torch.zeros(len(x), len(x), dtype=torch.bool)  # [to, from]
    adjacency[1:actions, 0] = True
    for action, entity, _ in edges:
        if action in place and entity in place:
            adjacency[place[action], place[entity]] = adjacency[place[entity], place[action]] = True
    for layer in range(LAYERS):
        prefix = f"gcn.layers.{layer}"
        q = x @ weights[f"{prefix}.edge_attn_query.weight"].T + weights[f"{prefix}.edge_attn_query.bias"]
        k = x @ weights[f"{prefix}.edge_attn_key.weight"].T + weights[f"{prefix}.edge_attn_key.bias"]
        score = (q @ k.T) / math.sqrt(DIM / 2)
        context = torch.zeros_like(x)
        for i in range(len(x)):
            if adjacency[i].any():
                context[i] = torch.softmax(score[i][adjacency[i]], 0) @ x[adjacency[i]]
        x = x + context @ weights[f"{prefix}.ctx_layer.weight"].T
        x = torch.nn.functional.layer_norm(
            x, (DIM,), weights[f"{prefix}.layernorm.weight"], weights[f"{prefix}.layernorm.bias"], 1e-5
        )
    return x[0], x[1:actions], x[actions:]


def encode_clip(weights: dict[str, Tensor], frames: np.ndarray) -> list[Tensor]:
    """Event [D], action frames [T, D], entity frames [T, D]."""
    x = torch.from_numpy(frames).double()
    if len(x) > MAX_FRAMES:
        x = x[np.round(np.linspace(0, len(x) - 1, MAX_FRAMES)).astype(int)]
    levels = [x @ weights[f"level_embeds.{i}.weight"].T + weights[f"level_embeds.{i}.bias"] for i in range(3)]
    attention = torch.softmax(levels[0] @ weights["ft_attn.weight"][0], 0)
    return [attention @ levels[0], levels[1], levels[2]]


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


def local_score(nodes: Tensor, frames: Tensor) -> Tensor:
    """Mean over nodes of cos(attended frame, node); 0 without nodes."""
    scores = []
    for c in nodes:
        s = cosine(frames, c).clamp(min=0)
        a = torch.softmax(4 * s / (s.square().sum().sqrt() + 1e-8), 0)
        scores.append(cosine(a @ frames, c))
    return torch.stack(scores).mean() if scores else torch.zeros((), dtype=torch.float64)


def reference(tree: Tree) -> tuple[np.ndarray, list[str]]:
    """level_scores [3, Nv, Nt] over captions in the order of the videos."""
    video, text = ({k: v.double() for k, v in tree.state[side].items()} for side in ("video_encoder", "text_encoder"))
    captions = [caption for name in tree.videos for caption in tree.captions[name]]
    clips = [encode_clip(video, tree.frames[name]) for name in tree.videos]
    out = torch.zeros(3, len(clips), len(captions), dtype=torch.float64)
    for column, caption in enumerate(captions):
        event, actions, entities = encode_caption(text, tree, caption)
        for row, clip in enumerate(clips):
            out[0, row, column] = cosine(clip[0], event)
            out[1, row, column] = local_score(actions, clip[1])
            out[2, row, column] = local_score(entities, clip[2])
    return out.numpy(), captions


# ---- the tests ---------------------------------------------------------------------------------------------------


def evaluate(tree: Tree, tmp_path: Path, *more: str) -> tuple[int, Path]:
    target = tmp_path / "scores.npz"
    arguments = ["--data", "hgr", "--root", str(tree.root), "--split", "tst", "--save-scores", str(target)]
    return main(["eval", str(tree.checkpoint), *arguments, *more]), target


def test_scores_equal_the_specification(tree: Tree, tmp_path: Path) -> None:
    code, target = evaluate(tree, tmp_path)
    assert code == 0
    expected, captions = reference(tree)
    with np.load(target, allow_pickle=False) as saved:
        assert saved["videos"].tolist() == tree.videos
        assert saved["captions"].tolist() == captions
        np.testing.assert_allclose(saved["level_scores"], expected, atol=1e-5)
        np.testing.assert_allclose(saved["scores"], expected.mean(0), atol=1e-5)
    assert np.abs(expected[1][:, captions.index("the cat on the table")]).max() == 0  # no action scores 0
    assert np.ptp(expected) > 0.5  # the weights are random, the scores are not all alike


def test_metrics_are_printed(tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(tree, tmp_path)[0] == 0
    out = capsys.readouterr().out
    assert "R@1" in out
    assert "rsum" in out.lower()


@pytest.mark.parametrize(
    ("damage", "item"),
    [
        ("graph", "dog"),
        ("feature", "two"),
        ("nan", "three"),
        ("width", "frame.x"),
        ("key", "level_embeds.1.weight"),
        ("pickle", "epoch.49.th"),
        ("names", "tst_names.npy"),
        ("caption", "clips/one"),
    ],
)
def test_damage_is_named_in_one_line(
    tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str, item: str
) -> None:
    import h5py

    annotation = tree.root / "annotation" / "RET"
    features = tree.root / "ordered_feature" / "SA" / "resnet152.pth" / "tst_ft.hdf5"
    if damage == "graph":
        graphs = {sentence: graph for sentence, graph in GRAPHS.items() if sentence != "dog"}
        (annotation / "sent2rolegraph.augment.json").write_text(json.dumps(graphs))
    elif damage in ("feature", "nan", "width"):
        with h5py.File(features, "a") as file:
            if damage == "feature":
                del file["two"]
            for video in list(file) if damage != "feature" else []:
                value = file[video][()]
                del file[video]
                if damage == "nan" and video == "three":
                    value[3, 2] = np.nan
                file[video] = value[:, :-1] if damage == "width" else value
    elif damage == "key":
        del tree.state["video_encoder"]["level_embeds.1.weight"]
        torch.save(tree.state, tree.checkpoint)
    elif damage == "pickle":
        torch.save({"video_encoder": Path("a python object"), "text_encoder": {}}, tree.checkpoint)
    elif damage == "names":
        np.save(tree.root / "public_split" / "tst_names.npy", np.array(tree.videos, dtype=object), allow_pickle=True)
    elif damage == "caption":
        captions = {**tree.captions, "clips/one": ["dog", " "]}
        (annotation / "ref_captions.json").write_text(json.dumps(captions))
    code, target = evaluate(tree, tmp_path)
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("graphvtr: error: ")]
    assert code == 2
    assert len(lines) == 1
    assert item in lines[0]
    assert "Traceback" not in error
    assert not target.exists()


def test_unknown_split_is_named(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["eval", str(tree.checkpoint), "--data", "hgr", "--root", str(tree.root), "--split", "tests"])
    assert code == 2
    assert "split 'tests' of hgr: unknown (known: train, val, test" in capsys.readouterr().err
