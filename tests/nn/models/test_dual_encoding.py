"""Dual Encoding against a float64 computation written from specs/visern.md, one caption and one video at a time."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import MODELS, DualEncoding, LevelEmbeddings

VOCAB, VIDEO_DIM, WORD_DIM, D, VIDEO_RNN, TEXT_RNN, FILTERS = 12, 5, 4, 6, 3, 2, 3
KERNELS = {"video": [2, 3, 4, 5], "text": [2, 3, 4]}
MAPPING = {"video": "visual_mapping", "text": "text_mapping"}
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "video_dim": VIDEO_DIM,
    "word_dim": WORD_DIM,
    "hidden": D,
    "video_rnn": VIDEO_RNN,
    "text_rnn": TEXT_RNN,
    "filters": FILTERS,
}
IDS = [[5, 4, 4, 9], [2], [3, 6, 7, 8, 10, 11, 2], [0, 1]]  # unknown, begin and end words among them
FRAMES = [7, 1, 3]


def rand(*shape: int) -> Tensor:
    return torch.randn(*shape) / math.sqrt(shape[-1])


def released_state(
    bag: int = VOCAB - 3, video_first: int = VIDEO_DIM, filters: tuple[int, int] = (FILTERS, FILTERS)
) -> dict[str, dict[str, Tensor]]:
    """Random weights under the names and shapes of a released checkpoint; ``filters`` of video and text."""
    state: dict[str, dict[str, Tensor]] = {}
    for part, width, hidden, first, count in (
        ("video", VIDEO_DIM, VIDEO_RNN, video_first, filters[0]),
        ("text", WORD_DIM, TEXT_RNN, bag, filters[1]),
    ):
        weights = {}
        for suffix in ("", "_reverse"):
            weights[f"rnn.weight_ih_l0{suffix}"] = rand(3 * hidden, width) * 2
            weights[f"rnn.weight_hh_l0{suffix}"] = rand(3 * hidden, hidden)
            weights[f"rnn.bias_ih_l0{suffix}"] = rand(3 * hidden)
            weights[f"rnn.bias_hh_l0{suffix}"] = rand(3 * hidden)
        for i, kernel in enumerate(KERNELS[part]):
            weights[f"convs1.{i}.weight"] = rand(count, 1, kernel, 2 * hidden) * 2
            weights[f"convs1.{i}.bias"] = rand(count)
        mapping, inputs = MAPPING[part], 2 * hidden + count * len(KERNELS[part]) + first
        weights[f"{mapping}.fc1.weight"], weights[f"{mapping}.fc1.bias"] = rand(D, inputs) * 2, rand(D)
        weights[f"{mapping}.bn_1.weight"], weights[f"{mapping}.bn_1.bias"] = 1 + rand(D) / 2, rand(D)
        weights[f"{mapping}.bn_1.running_mean"], weights[f"{mapping}.bn_1.running_var"] = rand(D), 0.5 + torch.rand(D)
        weights[f"{mapping}.bn_1.num_batches_tracked"] = torch.tensor(7)
        state[part] = weights
    state["text"]["embed.weight"] = rand(VOCAB, WORD_DIM) * 2
    return state


# ---- the reference --------------------------------------------------------------------------------------------------


def gru(w: dict[str, Tensor], x: Tensor, suffix: str) -> Tensor:
    """One direction over x [T, d], step by step."""
    w_i, w_h = w[f"rnn.weight_ih_l0{suffix}"], w[f"rnn.weight_hh_l0{suffix}"]
    b_i, b_h = w[f"rnn.bias_ih_l0{suffix}"], w[f"rnn.bias_hh_l0{suffix}"]
    h, out = x.new_zeros(w_h.size(1)), [x.new_zeros(0)] * len(x)
    for step in reversed(range(len(x))) if suffix else range(len(x)):
        i_r, i_z, i_n = (w_i @ x[step] + b_i).chunk(3)
        h_r, h_z, h_n = (w_h @ h + b_h).chunk(3)
        z = torch.sigmoid(i_z + h_z)
        h = (1 - z) * torch.tanh(i_n + torch.sigmoid(i_r + h_r) * h_n) + z * h
        out[step] = h
    return torch.stack(out)


def encode(part: str, w: dict[str, Tensor], x: Tensor, first: Tensor, rnn_zeros: int, window_zeros: int) -> Tensor:
    """One item: x [T, d]; so many zeros follow it in the GRU, and in the convolutions."""
    padded = torch.cat([x, x.new_zeros(rnn_zeros, x.size(1))])
    states = torch.cat([gru(w, padded, ""), gru(w, padded, "_reverse")], 1)[: len(x)]
    parts = [states.mean(0)]
    for i, kernel in enumerate(KERNELS[part]):
        weight, bias = w[f"convs1.{i}.weight"], w[f"convs1.{i}.bias"]
        zeros = x.new_zeros(kernel - 1, states.size(1))
        sequence = torch.cat([zeros, states, x.new_zeros(window_zeros, states.size(1)), zeros])
        windows = [sequence[t : t + kernel] for t in range(len(sequence) - kernel + 1)]
        out = torch.stack(
            [torch.stack([(weight[f, 0] * v).sum() + bias[f] for f in range(len(bias))]) for v in windows]
        )
        parts.append(out.relu().amax(0))
    mapping = MAPPING[part]
    out = w[f"{mapping}.fc1.weight"] @ torch.cat([*parts, first]) + w[f"{mapping}.fc1.bias"]
    out = (out - w[f"{mapping}.bn_1.running_mean"]) / (w[f"{mapping}.bn_1.running_var"] + 1e-5).sqrt()
    out = out * w[f"{mapping}.bn_1.weight"] + w[f"{mapping}.bn_1.bias"]
    return out / out.norm()


def reference(
    state: dict[str, dict[str, Tensor]], clips: list[Tensor], packed: bool, boundaries: bool, bag: int, ends: tuple
) -> tuple[Tensor, Tensor]:
    video, text = ({k: v.double() for k, v in state[part].items()} for part in ("video", "text"))
    longest = max(len(clip) for clip in clips)
    videos = []
    for clip in clips:
        x, fill = clip.double(), 0 if packed else longest - len(clip)
        videos.append(encode("video", video, x, x.mean(0)[: None if bag else 0], fill, fill))
    captions = []
    sequences = [[ends[0], *ids, ends[1]] if boundaries else ids for ids in IDS]
    longest = max(len(sequence) for sequence in sequences)
    for ids, sequence in zip(IDS, sequences, strict=True):
        counts = torch.zeros(bag).double()
        for word in ids:
            if word >= VOCAB - bag:
                counts[word - (VOCAB - bag)] += 1
        x = text["embed.weight"][sequence]
        captions.append(encode("text", text, x, counts, 0, 0 if packed else longest - len(sequence)))
    return torch.stack(videos), torch.stack(captions)


def graphs(clips: list[Tensor]) -> tuple[VideoGraph, RoleGraph]:
    captions = [RoleGraph.build([f"w{i}" for i in ids], [], [], []) for ids in IDS]
    for caption, ids in zip(captions, IDS, strict=True):
        caption["word"].id = torch.tensor(ids)
    video = GraphStore.from_graphs([VideoGraph.build(clip) for clip in clips]).batch(range(len(clips)))
    return video, GraphStore.from_graphs(captions).batch(range(len(captions)))


@pytest.fixture
def clips() -> list[Tensor]:
    return [torch.randn(count, VIDEO_DIM) for count in FRAMES]


# ---- the tests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("boundaries", [False, True])
@pytest.mark.parametrize("bag", [VOCAB - 3, VOCAB - 4, VOCAB])
def test_released_weights_equal_the_specification(
    clips: list[Tensor], packed: bool, boundaries: bool, bag: int
) -> None:
    state = released_state(bag)
    model = DualEncoding.from_released(state, packed=packed, boundaries=boundaries).eval()
    ends = (1, 2) if bag == VOCAB - 4 else (0, 1)
    assert (model.config["begin_id"], model.config["end_id"]) == ends
    expected_video, expected_text = reference(state, clips, packed, boundaries, bag, ends)
    video_graph, text_graph = graphs(clips)
    video, text = model.encode_video(video_graph), model.encode_text(text_graph)
    torch.testing.assert_close(video["event"].x.double(), expected_video, atol=1e-5, rtol=0)
    torch.testing.assert_close(text["event"].x.double(), expected_text, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        model.similarity(video, text).double(), expected_video @ expected_text.T, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(("bag", "filters"), [(VOCAB - 4, (4, 3)), (0, (FILTERS, FILTERS)), (0, (2, 5))])
def test_reduced_variant_and_filters_of_each_side(clips: list[Tensor], bag: int, filters: tuple[int, int]) -> None:
    """Without the first level on both sides (``bag`` 0), and with as many filters on each side as it likes."""
    state = released_state(bag, VIDEO_DIM if bag else 0, filters)
    model = DualEncoding.from_released(state).eval()
    assert (model.config["video_filters"], model.config["text_filters"]) == filters
    assert model.config["first_level"] == bool(bag)
    assert (model.config["begin_id"], model.config["end_id"]) == (1, 2)
    expected_video, expected_text = reference(state, clips, False, True, bag, (1, 2))
    video_graph, text_graph = graphs(clips)
    video, text = model.encode_video(video_graph)["event"].x, model.encode_text(text_graph)["event"].x
    torch.testing.assert_close(video.double(), expected_video, atol=1e-5, rtol=0)
    torch.testing.assert_close(text.double(), expected_text, atol=1e-5, rtol=0)
    again = MODELS["dual_encoding"](**model.config)
    again.load_state_dict(model.state_dict())


def test_the_released_variant(clips: list[Tensor]) -> None:
    model = DualEncoding.from_released(released_state())
    for name, value in {"packed": False, "boundaries": True, "rnn_frames": 64, "reduction": "sum"}.items():
        assert model.config[name] == value
    for name, value in SIZES.items():
        assert name == "filters" or model.config[name] == value
    assert model.config["video_filters"] == model.config["text_filters"] == FILTERS
    assert model.config["video_kernels"] == KERNELS["video"]
    assert model.config["text_kernels"] == KERNELS["text"]


def test_every_layout_of_a_checkpoint(clips: list[Tensor]) -> None:
    state = released_state()
    flat = {f"{part}/{name}": value for part, weights in state.items() for name, value in weights.items()}
    pair = [state["video"], state["text"]]
    wanted = DualEncoding.from_released(state).state_dict()
    for layout in (flat, pair, tuple(pair), {"epoch": 3, "model": pair}, {"model": state}):
        found = DualEncoding.from_released(layout).state_dict()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    for part in state:  # files older than PyTorch 0.4.1 do not count batches
        del state[part][f"{MAPPING[part]}.bn_1.num_batches_tracked"]
    DualEncoding.from_released(state)


def test_packed_vectors_do_not_depend_on_the_batch(clips: list[Tensor]) -> None:
    model = DualEncoding(**SIZES, boundaries=True).eval()
    video_graph, text_graph = graphs(clips)
    alone = [model.encode_video(VideoGraph.build(clip))["event"].x for clip in clips]
    torch.testing.assert_close(model.encode_video(video_graph)["event"].x, torch.cat(alone))
    alone = []
    for ids in IDS:
        caption = RoleGraph.build([f"w{i}" for i in ids], [], [], [])
        caption["word"].id = torch.tensor(ids)
        alone.append(model.encode_text(caption)["event"].x)
    torch.testing.assert_close(model.encode_text(text_graph)["event"].x, torch.cat(alone))
    unpacked = DualEncoding.from_released(released_state()).eval()
    apart = torch.cat([unpacked.encode_video(VideoGraph.build(clip))["event"].x for clip in clips])
    together = unpacked.encode_video(video_graph)["event"].x
    torch.testing.assert_close(together[0], apart[0])  # the longest one has nothing behind it
    assert not torch.allclose(together[1:], apart[1:], atol=1e-3)


def test_rnn_frames_cut_the_sequence_and_not_the_mean() -> None:
    model = DualEncoding(**SIZES, rnn_frames=4).eval()
    clip = torch.randn(9, VIDEO_DIM)
    changed = clip.clone()
    changed[6], changed[8] = clip[8], clip[6]  # another order past the cut: neither sequence nor mean changes
    out = model.encode_video(VideoGraph.build(clip))["event"].x
    torch.testing.assert_close(model.encode_video(VideoGraph.build(changed))["event"].x, out)
    changed[8] += 1  # the mean does
    assert not torch.allclose(model.encode_video(VideoGraph.build(changed))["event"].x, out)
    uncut = DualEncoding(**SIZES, rnn_frames=9).eval()
    uncut.load_state_dict(model.state_dict())
    assert not torch.allclose(uncut.encode_video(VideoGraph.build(clip))["event"].x, out)


def test_gradients_reach_every_parameter(clips: list[Tensor]) -> None:
    model = DualEncoding(**SIZES, dropout=0.0, margin=4.0)  # cosines differ by 2 at most: every hinge is open
    with torch.no_grad():
        for encoder in (model.video_encoder, model.text_encoder):
            for conv in encoder.levels.convs:
                conv.bias.fill_(2.0)  # no dead ReLU, whatever the random weights
    video, text = graphs(clips)
    owners = torch.tensor([0, 1, 2, 2])
    losses = model.loss(model.encode_video(video), model.encode_text(text), owners)
    losses["loss"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_loss_is_the_hinge_over_the_hardest() -> None:
    model = DualEncoding(**SIZES)
    scores = torch.tensor([[0.9, 0.8], [0.1, 0.6]])
    video, text = LevelEmbeddings(event=torch.eye(2)), LevelEmbeddings(event=torch.eye(2))
    model.similarity = lambda video, text: scores  # type: ignore[method-assign]
    # caption 0: nothing within 0.2; caption 1: its clip against caption 0 no, clip 0 by 0.2 + 0.8 - 0.6;
    # clip 0 against caption 1: 0.2 + 0.8 - 0.9
    assert model.loss(video, text, torch.arange(2))["loss"].item() == pytest.approx((0.1 + 0.4) / 2)
    model = DualEncoding(**SIZES, reduction="sum")
    model.similarity = lambda video, text: scores  # type: ignore[method-assign]
    assert model.loss(video, text, torch.arange(2))["loss"].item() == pytest.approx(0.1 + 0.4)


def test_xavier_over_the_whole_mapping() -> None:
    torch.manual_seed(1)
    model = DualEncoding(**{**SIZES, "vocab_size": 203})
    mapping = model.text_encoder.mapping
    bound = math.sqrt(6 / (2 * TEXT_RNN + 3 * FILTERS + 200 + D))
    assert mapping.bag.abs().max() <= bound
    assert mapping.bag.abs().max() > 0.95 * bound
    assert mapping.linear.weight.abs().max() <= bound
    assert (mapping.linear.bias == 0).all()


def test_config_rebuilds_the_model() -> None:
    model = DualEncoding(**SIZES, text_kernels=(2, 3), bow_size=5)
    again = MODELS["dual_encoding"](**model.config)
    assert again.config == model.config
    again.load_state_dict(model.state_dict())


def test_word_vectors() -> None:
    model = DualEncoding(**SIZES)
    before = model.text_encoder.words.weight.detach().clone()
    vectors, found = torch.randn(VOCAB, WORD_DIM), torch.arange(VOCAB) % 2 == 0
    model.load_word_vectors(vectors, found)
    assert torch.equal(model.text_encoder.words.weight[found], vectors[found])
    assert torch.equal(model.text_encoder.words.weight[~found], before[~found])
    model.load_word_vectors(vectors)
    assert torch.equal(model.text_encoder.words.weight, vectors)
    with pytest.raises(DataError, match="word vectors: have shape"):
        model.load_word_vectors(vectors[:, :2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bow_size": 13}, "bow_size: is 13 for 12"),
        ({"bow_size": 0}, "bow_size: is 0"),
        ({"vocab_size": 3}, "bow_size: is 0"),
        ({"begin_id": 12}, "begin_id: is 12"),
        ({"end_id": -1}, "end_id: is -1"),
        ({"video_kernels": []}, "kernels: are"),
        ({"text_kernels": [0]}, "kernels: are"),
        ({"rnn_frames": 0}, "rnn_frames: is 0"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        DualEncoding(**{**SIZES, **options})


def test_wrong_inputs() -> None:
    model = DualEncoding(**SIZES)
    with pytest.raises(DataError, match=r"frame.x: is 3 wide, the model expects 5"):
        model.encode_video(VideoGraph.build(torch.zeros(2, 3)))
    caption = RoleGraph.build(["a"], [], [], [])
    with pytest.raises(DataError, match=r"word.id: missing"):
        model.encode_text(caption)
    caption["word"].id = torch.tensor([12])
    with pytest.raises(DataError, match=r"word.id: has id 12 for 12 words"):
        model.encode_text(caption)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", r"'video/convs1.2.bias'.*missing"),
        ("missing size", r"'text/embed.weight'.*missing"),
        ("unknown", r"'text/fc9.weight'.*unknown"),
        ("shape", r"'video/visual_mapping.bn_1.weight'.*has shape"),
        ("dims", r"'text/convs1.0.weight'.*must have 4 dimensions"),
        ("reduced", r"'video/visual_mapping.fc1.weight'.*leaves 0 columns"),
        ("part", r"'audio/rnn'.*unknown"),
        ("list", "list of 3"),
        ("no convs", r"'text/convs1.0.weight'.*missing"),
    ],
)
def test_damaged_checkpoints(damage: str, message: str) -> None:
    state: Any = released_state()
    if damage == "missing":
        del state["video"]["convs1.2.bias"]
    elif damage == "missing size":
        del state["text"]["embed.weight"]
    elif damage == "unknown":
        state["text"]["fc9.weight"] = torch.zeros(1)
    elif damage == "shape":
        state["video"]["visual_mapping.bn_1.weight"] = torch.zeros(D + 1)
    elif damage == "dims":
        state["text"]["convs1.0.weight"] = torch.zeros(3, 2, 4)
    elif damage == "reduced":
        weight = state["video"]["visual_mapping.fc1.weight"]
        state["video"]["visual_mapping.fc1.weight"] = weight[:, :-VIDEO_DIM]
    elif damage == "part":
        state = {"audio/rnn": torch.zeros(1)}
    elif damage == "list":
        state = [state["video"]] * 3
    else:
        state["text"] = {name: value for name, value in state["text"].items() if not name.startswith("convs1")}
    with pytest.raises(DataError, match=message):
        DualEncoding.from_released(state)
