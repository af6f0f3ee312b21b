"""The read side of a feature store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.provenance import Provenance
from graphvtr.video.store.as_pyg import StoredClips
from graphvtr.video.store.clip_files import ClipFiles
from graphvtr.video.store.files import ClipEntry
from graphvtr.video.store.manifest import read_manifest
from graphvtr.video.store.soundness import Soundness


class StoreReader:
    """What may be asked of a feature store, by any number of processes while others write.

    Use :meth:`FeatureStore.open <graphvtr.video.FeatureStore.open>`, not the constructor.

    Attributes:
        path: the folder.
        widths: feature field -> width; every clip has exactly these: ``frame_x`` and, in stores with regions,
            ``region_x``; ``token_x`` in stores of texts.
        settings: what made the features, plain JSON values.
    """

    def __init__(self, path: Path, widths: Mapping[str, int], settings: Mapping[str, Any]) -> None:
        self.path, self.widths, self.settings = path, dict(widths), dict(settings)
        self._files = ClipFiles(path)
        self._sound = Soundness(self._files)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """A store that is there.

        Raises:
            DataError: there is none, or its manifest is damaged or of another format.
        """
        return cls(Path(path), *read_manifest(Path(path)))

    @property
    def provenance(self) -> Provenance:
        """What made the features, to be compared with what a model was trained on (``model.check(store)``)."""
        return Provenance(self.settings, self.widths, version="")

    @property
    def damaged(self) -> dict[str, str]:
        """Data file -> what is wrong with it; their clips are missing from :attr:`names`."""
        return self._files.damaged

    @property
    def names(self) -> list[str]:
        """Names of the clips, sorted."""
        return sorted(self._files.index)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes that ``region_label`` counts; empty where the detector had none."""
        regions = self.settings.get("regions")
        settings = regions.get("settings") if isinstance(regions, Mapping) else None
        names = settings.get("labels") if isinstance(settings, Mapping) else None
        return tuple(map(str, names)) if isinstance(names, list) else ()

    def __len__(self) -> int:
        return len(self._files.index)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._files.index

    def __repr__(self) -> str:
        widths = ", ".join(f"{name}={width}" for name, width in self.widths.items())
        return f"{type(self).__name__}('{self.path}', {len(self)} clips, {widths})"

    def entry(self, name: str) -> ClipEntry:
        """Shapes, source, checksum and note of a clip.

        Raises:
            DataError: the store has no such clip.
        """
        return self._files.find(name)[1]

    def file_of(self, name: str) -> Path:
        """The data file that holds a clip.

        Raises:
            DataError: the store has no such clip.
        """
        return self._files.find(name)[0]

    def refresh(self) -> None:
        """Take note of what other processes have added since the store was opened."""
        self._files.refresh()

    def read(self, name: str, *, raw: bool = False) -> dict[str, Tensor]:
        """The fields of a clip: floats as float32, integers as int64.

        Args:
            name: of the clip.
            raw: leave them in the types they are stored in, features in float16.

        Returns:
            ``frame_x [T, d]``, ``frame_time [T]`` and whatever region fields there are, see
            :class:`graphvtr.graphs.VideoGraph`; of a text ``token_x [n, d]``.

        Raises:
            DataError: no such clip (says which names are near), its file is damaged, or its values are not those
                that were stored: the first time a clip is read its checksum is compared.
        """
        tensors = {key: torch.from_numpy(array) for key, array in self._sound.arrays(name).items()}
        if raw:
            return tensors
        return {key: value.float() if value.is_floating_point() else value.long() for key, value in tensors.items()}

    def video_graph(self, name: str) -> VideoGraph:
        """The clip as a graph, validated.

        Raises:
            DataError: as :meth:`read`, or the store holds texts.
        """
        if "frame_x" not in self.widths:
            raise DataError(self.path, "holds features of texts, no clips", "give a store of clips")
        return VideoGraph.build(**self.read(name), name=name)

    def video_graphs(self, names: Iterable[str] | None = None) -> GraphStore[VideoGraph]:
        """Clips as one packed store in memory, in the order of ``names`` (all, sorted, by default).

        Raises:
            DataError: as :meth:`read`, or there are no clips.
        """
        return GraphStore.from_graphs(self.video_graph(name) for name in (self.names if names is None else names))

    def as_pyg(self) -> StoredClips:
        """The clips behind PyG's ``FeatureStore`` and ``GraphStore``, for its loaders."""
        return StoredClips(self)

    def verify(self, *, progress: bool = False) -> dict[str, str]:
        """Read everything and compare checksums: clip or data file -> what is wrong with it."""
        self.refresh()
        names = tqdm(self.names, desc="verify", unit="clip", disable=not progress)
        return {**self.damaged, **self._sound.problems(names, self.widths)}

    def require_sound(self, names: Iterable[str]) -> None:
        """Read clips once to compare their checksums, those that have been compared before passed over.

        :class:`~graphvtr.video.store.DiskGraphs` reads without a look at checksums.

        Raises:
            DataError: as :meth:`read`.
        """
        self.refresh()
        self._sound.require(names)

    def problem_of(self, name: str) -> str:
        """What is wrong with the stored values of a clip, empty for a sound one; they are read for it.

        Raises:
            DataError: no such clip, or its file is damaged.
        """
        return self._sound.problem_of(name, self.widths)

    def checksum(self) -> str:
        """SHA-256 of the names and checksums of all clips: the same for the same features, however packed."""
        lines = (f"{name}\0{self.entry(name).crc32:08x}\n" for name in self.names)
        return hashlib.sha256("".join(lines).encode()).hexdigest()
