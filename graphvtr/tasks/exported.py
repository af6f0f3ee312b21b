"""Encoders as graphs of tensor operations that run without the model's code: ``torch.export``."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

import graphvtr.ops  # noqa: F401  the operations that an exported encoder calls
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn.encoders import BertEncoder
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models import RetrievalModel

G = TypeVar("G", VideoGraph, RoleGraph)
SIDES = {"video": VideoGraph, "text": RoleGraph}
LABELS = ("concept", "video_concept")
TOLERANCE = 1e-5


@dataclass
class Exported:
    """What became of the encoders of a model.

    Attributes:
        files: side -> the file it is in.
        failed: side -> why it is in none.
    """

    files: dict[str, Path] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class FlatEncoder(nn.Module):
    """An encoder from named tensors to named tensors.

    Args:
        model: whose encoder.
        side: ``"video"`` or ``"text"``.
    """

    def __init__(self, model: RetrievalModel, side: str) -> None:
        super().__init__()
        self.model, self.side = model, side

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of a packed batch as :func:`flat_tensors` gives it, ``LEVEL.x`` and for sets ``LEVEL.ptr``."""
        graph = _graph(SIDES[self.side], tensors)
        encode = self.model.encode_video if self.side == "video" else self.model.encode_text
        return _flat(encode(graph))


def with_frozen_features(model: RetrievalModel, graph: G) -> G:
    """The batch with the features of the model's frozen language model, which an exported text encoder takes as
    ``piece.x_...``; videos, and captions of a model that has none, stay as they are."""
    for part in model.modules():
        if isinstance(part, BertEncoder) and part.freeze and isinstance(graph, RoleGraph):
            graph["piece"][part.kept] = part(graph)[0]
    return graph


def flat_tensors(graph: VideoGraph | RoleGraph) -> dict[str, Tensor]:
    """The tensors of a packed batch: ``frame.x``, ``frame.ptr``, ``word>in>event.edge_index``; no labels."""
    return {
        f"{key if isinstance(key, str) else '>'.join(key)}.{name}": value
        for key, store in (*graph.node_items(), *graph.edge_items())
        for name, value in store.items()
        if isinstance(value, Tensor) and key not in LABELS
    }


def export_encoders(
    model: RetrievalModel, folder: str | Path, videos: GraphStore[VideoGraph], texts: GraphStore[RoleGraph]
) -> Exported:
    """Write the encoders of a model as ``video.pt2`` and ``text.pt2``, where their graph allows it.

    Each is exported from an example and runs on batches of other numbers of items, frames and words. The file is read
    again and compared with the model, to 1e-5, on the example and on a smaller batch before it counts.
    ``torch.export.load(file).module()`` takes what :func:`flat_tensors` gives; ``import graphvtr.ops`` first, whose
    operations it calls. A frozen language model stays outside: its features come in (:func:`with_frozen_features`).
    What cannot be exported are encoders that make tensors of sizes that follow from values, such as convolutions over
    sequences filled up to the longest.

    Args:
        model: is put into evaluation mode.
        folder: for the files.
        videos: three or more as the model sees them, of different lengths.
        texts: likewise.

    Raises:
        DataError: neither side can be exported; says why.
    """
    folder, out = Path(folder), Exported()
    folder.mkdir(parents=True, exist_ok=True)
    stores: dict[str, GraphStore[Any]] = {"video": videos, "text": texts}
    for side, store in stores.items():
        path = folder / f"{side}.pt2"
        try:
            graphs = [store.batch(torch.arange(count)) for count in (len(store), len(store) - 1)]
            batches = [flat_tensors(with_frozen_features(model, graph)) for graph in graphs]
            _export(FlatEncoder(model.eval(), side), batches, path)
            out.files[side] = path
        except Exception as error:  # whatever torch has to say
            path.unlink(missing_ok=True)
            lines = str(error).strip().splitlines() or [""]
            out.failed[side] = f"{type(error).__name__}: {lines[0]}"
    if not out.files:
        raise DataError(
            type(model).__name__,
            f"has no encoder that can be exported: {out.failed['video']}",
            "use graphvtr export without --format",
        )
    return out


def example(model: RetrievalModel, generator: torch.Generator) -> tuple[GraphStore[VideoGraph], GraphStore[RoleGraph]]:
    """Random videos and three captions, as a model sees them."""
    size = model.config
    videos, words = [], "a woman breaks the bacon and lays it on tomatoes".split()
    for frames in (5, 3, 4):
        regions: dict[str, Any] = {}
        if model.reads_regions:
            box = torch.rand(2 * frames, 2, generator=generator) * 0.5
            regions = {
                "region_x": torch.randn(2 * frames, int(size["region_dim"]), generator=generator),
                "region_box": torch.cat([box, box + 0.4], 1),
                "region_frame": torch.arange(frames).repeat_interleave(2),
            }
        videos.append(VideoGraph.build(torch.randn(frames, int(size["video_dim"]), generator=generator), **regions))
    texts = [
        RoleGraph.build(words[:count], [[2]], [("ARG0", [0, 1]), ("ARG1", [3, 4])], [(0, 0), (1, 0)])
        for count in (10, 5, 7)
    ]
    for text in texts:
        text["word"].id = torch.arange(len(text.words)) % int(size.get("vocab_size", 2))
    stores = GraphStore.from_graphs(videos), GraphStore.from_graphs(texts)
    return stores[0].mapped(model.transform_video), stores[1].mapped(model.transform_text)


@torch.inference_mode(False)
@torch.no_grad()
def _export(encoder: FlatEncoder, batches: list[dict[str, Tensor]], path: Path) -> None:
    """Warnings of what fails, with the whole graph, would bury the one line that the error is."""
    told = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level, auto = told.level, torch.export.Dim.AUTO
    shapes = {name: dict.fromkeys(_free_axes(name, tensor), auto) for name, tensor in batches[0].items()}
    told.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            program = torch.export.export(encoder, (batches[0],), dynamic_shapes=(shapes,), strict=False)
    finally:
        told.setLevel(level)
    torch.export.save(program, path)
    again = torch.export.load(path).module()
    for batch in batches:
        found = again(batch)
        for name, wanted in encoder(batch).items():
            torch.testing.assert_close(found[name], wanted, rtol=TOLERANCE, atol=TOLERANCE)


def _free_axes(name: str, tensor: Tensor) -> list[int]:
    return [1] if name.endswith("edge_index") else [0] if tensor.dim() else []


def _graph(kind: type[Any], tensors: Mapping[str, Tensor]) -> Any:
    graph = kind()
    for name, tensor in tensors.items():
        key, _, attribute = name.rpartition(".")
        parts = tuple(key.split(">"))
        graph[parts[0] if len(parts) == 1 else parts][attribute] = tensor
    for key in graph.node_types:
        first = next((value for name, value in graph[key].items() if name != "ptr"), None)
        if first is not None:
            graph[key].num_nodes = first.size(0)
    return graph


def _flat(embeddings: LevelEmbeddings) -> dict[str, Tensor]:
    found = {f"{name}.x": level.x for name, level in embeddings.items()}
    return found | {f"{name}.ptr": level.ptr for name, level in embeddings.items() if level.ptr is not None}
