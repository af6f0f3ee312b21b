"""Which way every model goes, and that there are two with one result: fused ops, and PyG's message passing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric.nn.conv import MessagePassing

from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import HGR, MODELS, RetrievalModel
from graphvtr.ops import backend
from tests.every_model import small_run

PAGE = Path(__file__).resolve().parents[3] / "docs" / "ops" / "paths.rst"
SIZES: dict[str, dict[str, Any]] = {
    "ce": {"video_dim": 6, "hidden": 8, "word_dim": 5},
    "corr_ae": {"video_dim": 6, "hidden": 8},
    "devise": {"video_dim": 6, "word_dim": 5},
    "jemc": {"video_dim": 6, "hidden": 8, "word_dim": 5},
    "order": {"video_dim": 6, "hidden": 8, "word_dim": 5},
    "pvse": {"video_dim": 6, "hidden": 8, "word_dim": 5},
    "w2vv": {"video_dim": 6, "hidden": 8, "word_dim": 5, "rnn": 4},
    "w2vv++": {"video_dim": 6, "hidden": 8, "word_dim": 5, "rnn": 4},
    "graphvtr": {
        "video_dim": 6,
        "region_dim": 6,
        "hidden": 8,
        "inner": 8,
        "components": 4,
        "members": 1,
        "relations": 2,
    },
    "dual_encoding": {"video_dim": 6, "hidden": 8, "word_dim": 5, "video_rnn": 4, "text_rnn": 4, "filters": 3},
    "hanet": {"video_dim": 6, "hidden": 8, "word_dim": 5},
    "hgr": {"video_dim": 6, "hidden": 8, "word_dim": 5},
    "mcsan": {"video_dim": 6, "hidden": 8, "word_dim": 6},
    "visern": {"region_dim": 6, "hidden": 8, "word_dim": 5, "video_rnn": 4, "text_rnn": 4, "filters": 3},
    "vse": {"video_dim": 6, "hidden": 8, "word_dim": 5},
    "vse++": {"video_dim": 6, "hidden": 8, "word_dim": 5},
    "vsrnet": {"video_dim": 6, "region_dim": 6, "hidden": 8, "heads": 2, "num_layers": 1, "text_cache": False},
}


def table() -> dict[str, tuple[set[str], bool]]:
    """Of every model in the page's first table: the ops of a training step, and whether messages can be passed."""
    found = {}
    for row in re.findall(r"^   \* - ``([\w+]+)``\n((?:     .*\n)+)", PAGE.read_text(), re.MULTILINE):
        cells = re.split(r"^     - ", row[1], flags=re.MULTILINE)[1:]
        found[row[0]] = (set(re.findall(r"``(\w+)``", cells[0])), cells[1].strip().startswith("yes"))
    return found


def inputs() -> tuple[GraphStore[VideoGraph], GraphStore[RoleGraph]]:
    clips = [
        VideoGraph.build(
            torch.randn(n, 6),
            region_x=torch.randn(2 * n - 1, 6),
            region_frame=torch.arange(2 * n - 1) // 2,
        )
        for n in (2, 3, 1)
    ]
    captions = [
        RoleGraph.build(["a", "dog", "chases", "cats"], [[2]], [("ARG0", [0, 1]), ("ARG1", [3])], [(0, 0), (1, 0)]),
        RoleGraph.build(["it", "barks", "loudly"], [[1]], [("ARG0", [0])], [(0, 0)]),
        RoleGraph.build(["cats"], [], [("NOUN", [0])], []),
    ]
    for caption in captions:
        caption["word"].id = torch.arange(int(caption["word"].num_nodes)) + 1
    return GraphStore.from_graphs(clips), GraphStore.from_graphs(captions)


class Calls(TorchDispatchMode):
    """The names of our ops that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "graphvtr":
            self.names.add(func._schema.name.split("::")[1].removesuffix("_backward"))
        return func(*args, **(kwargs or {}))


def step(model: RetrievalModel) -> tuple[Tensor, list[Tensor | None]]:
    videos, captions = inputs()
    clip = videos.mapped(model.transform_video).batch([0, 1, 2])
    caption = captions.mapped(model.transform_text).batch([0, 1, 2])
    for graph in (clip, caption):
        graph.apply(lambda x: x.double() if x.is_floating_point() else x)
    video, text = model.encode_video(clip), model.encode_text(caption)
    loss = model.loss(video, text, torch.arange(3))["loss"]
    parameters = [p for p in model.parameters() if p.requires_grad]
    return loss.detach(), list(torch.autograd.grad(loss, parameters, allow_unused=True))


@pytest.fixture(params=SIZES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def build(name: str, write_bert: Callable[..., Path]) -> Callable[..., RetrievalModel]:
    """A small model of the name."""

    def make(**options: Any) -> RetrievalModel:
        torch.manual_seed(4)
        sizes = SIZES[name] if name in ("graphvtr", "vsrnet") else {"vocab_size": 10, **SIZES[name]}
        if reader := {"graphvtr": "text", "vsrnet": "language_model", "mcsan": "sentence"}.get(name):
            pytest.importorskip("transformers")
            sizes = {**sizes, reader: str(write_bert(hidden=6, layers=1, positions=16))}
        return MODELS[name](**{**sizes, **options}).double().eval()

    return make


def test_the_table_has_every_model() -> None:
    assert set(table()) == set(SIZES)
    assert set(SIZES) == {name for name in MODELS if MODELS[name].__module__.startswith("graphvtr.nn")}


def test_a_training_step_calls_the_ops_of_the_table(name: str, build: Callable[[], RetrievalModel]) -> None:
    torch.manual_seed(0)
    with Calls() as calls:
        step(build())
    assert calls.names == table()[name][0]


def test_message_passing_gives_the_same(name: str, build: Callable[[], RetrievalModel]) -> None:
    passed: list[int] = []
    model = build()
    for layer in model.modules():
        if isinstance(layer, MessagePassing):  # a hook would make it pass messages anyway
            calls = layer.propagate
            layer.propagate = lambda *a, _calls=calls, **k: passed.append(1) or _calls(*a, **k)
    torch.manual_seed(0)
    loss, grads = step(model)
    assert not passed
    torch.manual_seed(0)
    with backend("message_passing"):
        other, others = step(model)
    assert bool(passed) == table()[name][1]
    torch.testing.assert_close(other, loss, rtol=1e-9, atol=1e-11)
    for one, two in zip(grads, others, strict=True):
        assert (one is None) == (two is None)
        if one is not None:
            torch.testing.assert_close(two, one, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("roles", ["edges", "relations"])
def test_roles_on_edges(roles: str) -> None:
    torch.manual_seed(0)
    model = HGR(10, roles_on=roles, **SIZES["hgr"]).double()
    torch.manual_seed(0)
    with Calls() as calls:
        loss, grads = step(model)
    assert ("role_attention" in calls.names) == (roles == "edges")
    torch.manual_seed(0)
    with backend("message_passing"):
        torch.testing.assert_close(step(model)[0], loss)
    assert torch.isfinite(loss)
    assert len(grads) > 0


class Waits(TorchDispatchMode):
    """Refuses copies from the CPU to the device that wait for it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._to_copy.default and args[0].device.type == "cpu":
            device = kwargs.get("device")
            assert device is None or device.type == "cpu" or kwargs.get("non_blocking"), "a copy that waits"
        return func(*args, **(kwargs or {}))


def step_on_meta(model: RetrievalModel, clip: VideoGraph, caption: RoleGraph, video_of_text: Tensor) -> None:
    """On ``meta`` tensors have no values to read: ``.item()``, ``.tolist()``, ``nonzero``, ``.cpu()`` raise. Lengths of
    a batch came along from the CPU; reasoning graphs and frozen features were hung on it where it was packed."""
    model.before_transfer(caption)
    model, clip, caption = model.to("meta"), clip.to("meta"), caption.to("meta")
    video_of_text = video_of_text.to("meta")
    with Waits():
        video, text = model.encode_video(clip), model.encode_text(caption)
        model.loss(video, text, video_of_text)["loss"].backward()


@pytest.fixture
def no_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not know the device."""
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())


def test_a_training_step_never_waits_for_its_device(
    name: str,
    build: Callable[..., RetrievalModel],
    no_autocast: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    model = build(**({"text_cache": True} if name == "vsrnet" else {})).train()
    videos, captions = inputs()
    clip = videos.mapped(model.transform_video).batch([0, 1, 2])
    caption = captions.mapped(model.transform_text).batch([0, 1, 2])
    with torch.no_grad():
        model.encode_text(caption)  # a frozen language model reads every caption once
    step_on_meta(model, clip, caption, torch.arange(3))


@pytest.mark.parametrize("name", ["hanet", "mcsan"])
def test_nor_does_one_that_learns_concepts(name: str, no_autocast: None) -> None:
    model, data, _ = small_run(name)
    captions = torch.arange(6)
    videos, owner = data.video_of_caption[captions].unique(return_inverse=True)
    step_on_meta(model.train(), data.video_graphs.batch(videos), data.role_graphs.batch(captions), owner)


def test_the_check_can_fail() -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.arange(3, device="meta").sum().item()
    with Waits(), pytest.raises(AssertionError, match="a copy that waits"):
        torch.arange(3).to("meta")
