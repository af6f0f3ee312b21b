"""Features of clips and texts on disk: written once, read at random, safe to interrupt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.provenance import Provenance
from graphvtr.video.store.as_pyg import StoredClips
from graphvtr.video.store.clip_buffer import ClipBuffer
from graphvtr.video.store.clip_files import ClipFiles
from graphvtr.video.store.fields import check_widths
from graphvtr.video.store.files import ClipEntry, locked, make_folder
from graphvtr.video.store.manifest import check_same, has_manifest, read_manifest, write_manifest
from graphvtr.video.store.removing import remove_all, remove_clips, without_files
from graphvtr.video.store.soundness import Soundness
from graphvtr.video.store.writing import SHARD_BYTES, pack_clips, write_batch, write_clip


class FeatureStore:
    """A folder of features: of clips (frames, and regions in them), or of texts (tokens).

    ::

        manifest.json                    format, width of every feature field, settings that made them
        clips/<name>-<hash>.safetensors  one finished clip each (or a batch of them), until
        shards/shard-....safetensors     :meth:`pack` has put many together
        failures.json                    clips that could not be read, with reasons (graphvtr extract)

    Every file is safetensors or JSON and appears only once it is whole, so a process that is killed leaves the
    clips it finished and nothing else. Each data file carries the entries of its own clips; there is no central
    index to fall out of step. Reading maps a file into memory and copies out the asked fields. Any number of
    processes may read; several may add clips at a time, and of two that add the same clip the later one counts.

    Use :meth:`create`, :meth:`open` or :meth:`resume`, not the constructor. It is not PyG's class of that name, whose
    tensors are of one graph; :meth:`as_pyg` gives that one.

    Attributes:
        path: the folder.
        widths: feature field -> width; every clip has exactly these: ``frame_x`` and, in stores with regions,
            ``region_x``; ``token_x`` in stores of texts.
        settings: what made the features, plain JSON values.

    Example:
        >>> import tempfile
        >>> store = FeatureStore.create(tempfile.mkdtemp() + "/store", widths={"frame_x": 4})
        >>> store.add("clip 1", {"frame_x": torch.ones(3, 4), "frame_time": torch.tensor([0.5, 1.5, 2.5])})
        >>> store.video_graph("clip 1").num_frames
        3
    """

    def __init__(self, path: Path, widths: Mapping[str, int], settings: Mapping[str, Any]) -> None:
        self.path, self.widths, self.settings = path, dict(widths), dict(settings)
        self._files = ClipFiles(path)
        self._sound = Soundness(self._files)

    # -- making one ---------------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | Path,
        widths: Mapping[str, int],
        settings: Mapping[str, Any] | None = None,
        *,
        overwrite: bool = False,
    ) -> FeatureStore:
        """A new, empty store.

        Args:
            path: the folder; it and those above are made.
            widths: ``frame_x`` and, for stores with regions, ``region_x`` -> width; ``token_x`` for texts.
            settings: what makes the features, plain JSON values; :meth:`resume` compares them.
            overwrite: empty a store that is there already. Anything else in the folder is never touched.

        Raises:
            DataError: the folder holds a store (without ``overwrite``) or something else, or a width is wrong.
        """
        path = Path(path)
        check_widths(widths)
        replace = overwrite and has_manifest(path)
        if replace:
            read_manifest(path)  # of a store, and not of something else
            remove_all(path)  # the manifest comes afterwards, so that old clips never meet new settings
        write_manifest(path, widths, settings or {}, replace=replace)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> FeatureStore:
        """A store that is there.

        Raises:
            DataError: there is none, or its manifest is damaged or of another format.
        """
        return cls(Path(path), *read_manifest(Path(path)))

    @classmethod
    def resume(cls, path: str | Path, widths: Mapping[str, int], settings: Mapping[str, Any]) -> FeatureStore:
        """The store at ``path`` if it was made with these settings, a new one if there is none.

        Raises:
            DataError: it was made with others; says which differ.
        """
        if not has_manifest(path):
            try:
                return cls.create(path, widths, settings)
            except DataError:
                if not has_manifest(path):  # else another process made it just now
                    raise
        store = cls.open(path)
        check_same(store.path, (store.widths, store.settings), (widths, settings))
        return store

    @property
    def provenance(self) -> Provenance:
        """What made the features, to be compared with what a model was trained on (``model.check(store)``)."""
        return Provenance(self.settings, self.widths, version="")

    # -- looking ------------------------------------------------------------------------------------------------

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
        return f"FeatureStore('{self.path}', {len(self)} clips, {widths})"

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

    # -- reading ------------------------------------------------------------------------------------------------

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

    # -- writing ------------------------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        fields: Mapping[str, Tensor],
        *,
        source: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> None:
        """Write a clip, whole or not at all; one of that name is replaced.

        Args:
            name: of the clip.
            fields: ``frame_x [T, d]``, ``frame_time [T]`` and, in a store with regions, ``region_x``,
                ``region_box``, ``region_score``, ``region_frame`` (and ``region_track``,
                ``region_label``).
            source: where they come from, plain JSON values.
            note: what was odd about the clip.

        Raises:
            DataError: a field is unknown, missing, of another width, not finite, or too large for float16; the
                message names clip and field.
            StoreWriteError: the disk is full or the like.
        """
        with self.new_clip(name) as clip:
            clip.append(fields)
            self.add_clip(clip, source=source, note=note)

    def new_clip(self, name: str) -> ClipBuffer:
        """A buffer for a clip that comes in parts, to be given to :meth:`add_clip` when it is whole.

        Raises:
            DataError: no name.
            StoreWriteError: the store's folder cannot be written.
        """
        make_folder(self.path / "clips")
        return ClipBuffer(name, self.widths, self.path / "clips")

    def add_clip(self, clip: ClipBuffer, *, source: Mapping[str, Any] | None = None, note: str = "") -> None:
        """Write a clip that was gathered in parts, whole or not at all; see :meth:`add`.

        Raises:
            DataError: nothing was gathered.
            StoreWriteError: the disk is full or the like.
        """
        self._files.index |= write_clip(self.path, clip, source or {}, note)

    def add_many(self, clips: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Write many small clips, or texts, as one file, all of them or none.

        Raises:
            DataError: as :meth:`add`; then nothing is written.
            StoreWriteError: the disk is full or the like.
        """
        self._files.index |= write_batch(self.path, clips, self.widths)

    def pack(self, shard_bytes: int = SHARD_BYTES) -> None:
        """Put clips that lie in files of their own together into shards of about ``shard_bytes``.

        Raises:
            StoreWriteError: the disk is full or the like; nothing is lost.
        """
        with locked(self.path, exclusive=True):
            self.refresh()
            for file in self._files.shadowed():
                file.unlink()
            pack_clips(self.path, self._files.index, self._files.pieces, shard_bytes)
            self.refresh()

    def remove(self, names: Iterable[str]) -> list[str]:
        """Remove clips, all of them or (if a name is unknown) none; returns their names.

        Raises:
            DataError: the store has no such clip.
            StoreWriteError: the disk is full or the like; no other clip is lost.
        """
        names = list(dict.fromkeys(names))
        with locked(self.path, exclusive=True):
            self.refresh()
            for name in names:
                self.entry(name)
            remove_clips(self.path, names)
            self.refresh()
        return names

    def prune(self, folder: str | Path, *, dry_run: bool = False) -> list[str]:
        """Remove clips whose video files are not in ``folder`` any more; returns their names.

        Args:
            folder: that the clips were extracted from.
            dry_run: only return them.

        Raises:
            DataError: no such folder, or not one of the files is there.
            StoreWriteError: the disk is full or the like; no other clip is lost.
        """
        self.refresh()
        gone = without_files(map(self.entry, self.names), Path(folder), self.path)
        return gone if dry_run or not gone else self.remove(gone)
