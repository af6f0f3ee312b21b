"""Features of clips and texts on disk: written once, read at random, safe to interrupt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.store.clip_buffer import ClipBuffer
from graphvtr.video.store.fields import check_widths
from graphvtr.video.store.files import locked, make_folder
from graphvtr.video.store.manifest import check_same, has_manifest, read_manifest, write_manifest
from graphvtr.video.store.reader import StoreReader
from graphvtr.video.store.removing import remove_all, remove_clips, without_files
from graphvtr.video.store.writing import SHARD_BYTES, pack_clips, write_batch, write_clip


class FeatureStore(StoreReader):
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

    Example:
        >>> import tempfile, torch
        >>> store = FeatureStore.create(tempfile.mkdtemp() + "/store", widths={"frame_x": 4})
        >>> store.add("clip 1", {"frame_x": torch.ones(3, 4), "frame_time": torch.tensor([0.5, 1.5, 2.5])})
        >>> store.video_graph("clip 1").num_frames
        3
    """

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
