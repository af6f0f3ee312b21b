"""What a model is fed with: compared with its training, and made from sentences and files."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.provenance import Provenance, listed

if TYPE_CHECKING:
    from graphvtr.text import RoleParser
    from graphvtr.video import ClipPipeline

logger = logging.getLogger(__name__)

Mismatch = Literal["error", "warn"]
Captions = Sequence[str] | Sequence[RoleGraph] | GraphStore[RoleGraph]
Clips = Sequence[str] | Sequence[Path] | Sequence[VideoGraph] | GraphStore[VideoGraph]
BATCH = 64
OLD = "was written by a version that did not note how its features were made"


@runtime_checkable
class Fed(Protocol):
    """Anything that says what it gives: a feature store, a dataset, a pipeline."""

    @property
    def provenance(self) -> Provenance: ...


def check_fed(model: Any, fed: Fed | Provenance, where: object = "", *, mismatch: Mismatch = "error") -> list[str]:
    """See :meth:`graphvtr.nn.RetrievalModel.check`."""
    check_choice("mismatch", mismatch, Mismatch)
    other = fed if isinstance(fed, Provenance) else fed.provenance
    where = where or getattr(fed, "path", None) or getattr(fed, "name", None) or "the features"
    trained: Provenance = model.provenance
    name = model.loaded_from or f"this {type(model).__name__}"
    width, found = model.info.get("video_dim") or model.config.get("video_dim"), other.widths.get("frame_x")
    if width and found and width != found:
        made_by = trained.made_by or model.info.get("featurizer") or ""
        wanted = f"features of {made_by}, as in training" if made_by else "the features of the training"
        raise DataError(f"{where}: frame.x", f"is {found} wide, {name} was trained on {width}", f"extract {wanted}")
    differing = trained.differences(other, regions=model.reads_regions)
    if not trained.features:
        differing += _old(model, other, name)
    if differing and mismatch == "error":
        raise DataError(
            where,
            f"is not what {name} was trained on: {listed(differing)}",
            "extract the clips as for the training; to use them all the same: --mismatch warn",
        )
    if trained.dataset and other.dataset and trained.parser != other.parser:
        given, was = (
            " ".join(one.values()) or "graphs that came with the data" for one in (other.parser, trained.parser)
        )
        logger.warning("%s: captions are parsed by %s, %s was trained with %s", where, given, name, was)
    if differing:
        logger.warning("%s is not what %s was trained on: %s", where, name, listed(differing))
    return differing


def _old(model: Any, other: Provenance, name: object) -> list[str]:
    """Of models whose files only know what made their features by its name."""
    if model.info and not model.info.get("released"):
        logger.warning("%s %s: only their width and name are compared", name, OLD)
    was, now = str(model.info.get("featurizer") or ""), other.made_by
    return [f"features.name is {now}, in training it was {was}"] if was and now and was != now else []


def parser_of(model: Any, name: str | None = None, make: Callable[[str], RoleParser] | None = None) -> RoleParser:
    """The parser that a model's captions were parsed with.

    Args:
        model: of a file.
        name: of another one; the difference is told.
        make: makes it of its name; :func:`graphvtr.text.get_parser` by default.

    Raises:
        DataError: the parser of the training is none that the library knows by name.
    """
    from graphvtr.text.parser import get_parser, parser_from_file

    trained: Provenance = model.provenance
    where = model.loaded_from or "this model"
    known = trained.parser.get("name") or str(model.info.get("parser") or "") or "spacy"
    parser = (make or get_parser)(parser_from_file(known, where) if name is None else name)
    now = {"name": parser.name, "version": parser.version}
    if trained.parser and trained.parser != now:
        was = " ".join(trained.parser.values())
        logger.warning("captions are parsed by %s, %s was trained with %s", " ".join(now.values()), where, was)
    return parser


def pipeline_of(model: Any) -> ClipPipeline:
    """What turns video files into the features a model was trained on: its ``pipeline``, or one from its record.

    Raises:
        DataError: the features cannot be made from the record, or ``pipeline`` makes others.
        MissingExtraError: a part needs a package that is not installed.
    """
    from graphvtr.video.rebuild import FIX, pipeline_from

    where = model.loaded_from or f"this {type(model).__name__}"
    if model.pipeline is not None:
        check_fed(model, model.pipeline, "model.pipeline")
        return model.pipeline  # type: ignore[no-any-return]
    record = model.provenance.features
    if not record:
        told = model.info.get("featurizer")
        if not told:
            raise DataError(where, "does not say what made its features", FIX)
        from graphvtr.video import FEATURIZERS, ClipPipeline, build_featurizer

        if told not in FEATURIZERS:  # a file may not say which other file is loaded, or from where
            raise DataError(where, f"was trained on features of {told}", FIX)
        logger.warning("%s %s: clips are sampled as graphvtr extract does by default", where, OLD)
        pipeline = ClipPipeline(build_featurizer(told))
        check_fed(model, pipeline, f"the pipeline of {told}")
        return pipeline
    return pipeline_from(record, where, regions=model.reads_regions)


def caption_store(model: Any, captions: Captions, parser: RoleParser | None = None) -> GraphStore[RoleGraph]:
    """Captions as a model sees them: parsed, words encoded, through its transform.

    Raises:
        DataError: no captions, one that has no graph, or a model without vocabulary.
    """
    if isinstance(captions, str):
        raise DataError("captions", "is a string", "give a list of sentences")
    vocabulary = model.require_vocabulary()
    if isinstance(captions, GraphStore):
        store = captions
    else:
        items: list[Any] = list(captions)
        if all(isinstance(item, RoleGraph) for item in items):
            store = GraphStore.from_graphs(items)
        else:
            store = (parser or parser_of(model)).parse_store(items)
    store = store.mapped(lambda batch: batch)  # its own fields: the words' ids stay out of what was given
    return vocabulary.encode_store(store).mapped(model.transform_text)  # type: ignore[no-any-return]


def clip_store(model: Any, clips: Clips) -> GraphStore[VideoGraph]:
    """Clips as a model sees them: described as in its training, through its transform.

    Raises:
        DataError: no clips, one that is no video file, or features that cannot be made, see :func:`pipeline_of`.
    """
    if isinstance(clips, str | Path):
        raise DataError("clips", "is one path", "give a list of video files")
    if isinstance(clips, GraphStore):
        return clips.mapped(model.transform_video)
    items: list[Any] = list(clips)
    if not all(isinstance(item, VideoGraph) for item in items):
        for item in items:
            if not Path(item).is_file():
                raise DataError(
                    item, "no such file", "give a video file, or --store STORE and the name of a clip in it"
                )
        pipeline = pipeline_of(model)
        items = [_read_clip(pipeline, Path(item)) for item in items]
    return GraphStore.from_graphs(items).mapped(model.transform_video)


def _read_clip(pipeline: ClipPipeline, path: Path) -> VideoGraph:
    fields, _ = pipeline(path)
    fields = {name: value.float() if value.is_floating_point() else value.long() for name, value in fields.items()}
    return VideoGraph.build(**fields, name=path.stem)


def accepting(encode: Callable[..., LevelEmbeddings], side: str) -> Callable[..., LevelEmbeddings]:
    """A model's ``encode_text`` or ``encode_video`` that takes sentences, files, graphs and stores beside batches."""
    store_of: Any = caption_store if side == "text" else clip_store

    @functools.wraps(encode)
    def accept(self: Any, graph: Any) -> LevelEmbeddings:
        if isinstance(graph, HeteroData):
            return encode(self, graph)
        store = store_of(self, graph)
        device = next((tensor.device for tensor in self.parameters()), torch.device("cpu"))
        parts: Iterable[Tensor] = torch.arange(len(store)).split(BATCH)
        return LevelEmbeddings.cat([encode(self, store.batch(part).to(device)) for part in parts])

    return accept
