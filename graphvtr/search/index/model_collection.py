"""The clips of an index with the model that embeds them: what is added, taken out, merged and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.nn import RetrievalModel
from graphvtr.nn.feeding import Mismatch
from graphvtr.search.encode import Encoder
from graphvtr.search.index.collection import Collection, open_folder, stamp
from graphvtr.search.index.editing import (
    Change,
    add_clips,
    compact,
    delete_clips,
    media_below,
    media_folder,
    opened_store,
)
from graphvtr.search.index.manifest import MODEL, Manifest
from graphvtr.search.index.model_folder import load_model
from graphvtr.search.index.nearest import KINDS
from graphvtr.search.index.ranking import Ranker
from graphvtr.search.index.segment import Segment
from graphvtr.search.index.verify import verify
from graphvtr.search.plain import MANIFEST
from graphvtr.search.projection import Projection
from graphvtr.video import FeatureStore


class ModelCollection(Collection):
    """A collection that changes: its model is read when clips are first embedded or scored."""

    def __init__(self, path: Path, manifest: Manifest, segments: list[Segment]) -> None:
        super().__init__(path, manifest, segments)
        self._encoder: Encoder | None = None
        self._parser: Any = None
        self._ranker: Ranker | None = None

    def refresh(self) -> bool:
        """Take up what has changed on disk since the index was opened; whether something has."""
        if stamp(self.path) == self._changed:
            return False
        digest = self.manifest.model_digest
        self._take(*open_folder(self.path))
        self._ranker = None
        if self.manifest.model_digest != digest:
            self._encoder = None
        return True

    @property
    def encoder(self) -> Encoder:
        """The model and its parser, read when first asked for."""
        if self._encoder is None:
            model = load_model(self.path / MODEL)
            named_by = None if self._parser else self.path / MANIFEST
            self._encoder = Encoder(model, self._parser or self.manifest.parser or None, named_by)
            self._projection, self._ranker = Projection(model), None
        return self._encoder

    @property
    def model(self) -> RetrievalModel:
        """The model."""
        return self.encoder.model

    @property
    def projection(self) -> Projection:
        """What makes the keys."""
        self.encoder  # noqa: B018  reads it
        return self._projection

    @property
    def _ranking(self) -> Ranker:
        if self._ranker is None:
            self._ranker = Ranker(self.path, self.segments, self.projection)
        return self._ranker

    def add(
        self,
        store: FeatureStore | str | Path,
        names: Iterable[str] | None = None,
        metadata: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        media: str | Path | None = None,
        progress: bool = False,
        mismatch: Mismatch = "error",
    ) -> Change:
        """Embed clips of a store; those that are there as they are are passed over, see :func:`build_index`.

        Args:
            store: the features.
            names: which of its clips; all of them when None.
            metadata: what is known of them, see :func:`read_metadata`.
            media: folder of the store's video files, where that is not the index's.
            progress: whether to show a progress bar.
            mismatch: what to do about features that the model was not trained on.
        """
        opened = opened_store(store)
        self.model.check(opened, mismatch=mismatch)
        below = media_below(self.path, media_folder(media))
        change = add_clips(self.path, self.encoder, opened, names, metadata, below=below, progress=progress)
        self.refresh()
        return change

    def delete(self, names: Iterable[str]) -> Change:
        """Take clips out; their bytes go with the next :meth:`compact`."""
        change = delete_clips(self.path, names)
        self.refresh()
        return change

    def compact(self, *, kind: str | None = None, progress: bool = False) -> None:
        """Merge all segments into one, without what is deleted.

        Raises:
            DataError: an unknown kind.
        """
        if kind is not None and kind not in (*KINDS, "auto"):
            raise DataError(f"kind '{kind}'", "is unknown", f"use auto, {', '.join(KINDS)}")
        compact(self.path, self.projection, kind=kind, progress=progress)
        self.refresh()

    def verify(self, *, progress: bool = False) -> dict[str, str]:
        """Compare every file with its digest: file -> what is wrong."""
        return verify(self.path, progress=progress)
