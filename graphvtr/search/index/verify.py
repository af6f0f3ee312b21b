"""Whether an index is whole."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from graphvtr.errors import DataError
from graphvtr.search.index.manifest import MODEL, SEGMENTS, file_digest, model_digest, read_manifest
from graphvtr.search.index.segment import Segment


def verify(path: str | Path, *, progress: bool = False) -> dict[str, str]:
    """Compare every file of an index with its digest, and open every segment: file or segment -> what is wrong.

    Raises:
        DataError: there is no index, or its manifest is damaged.
    """
    path = Path(path)
    manifest = read_manifest(path)
    wrong: dict[str, str] = {}
    for shard in manifest.shards:
        try:
            wrong |= {f"{shard}/{name}": problem for name, problem in verify(path / shard, progress=progress).items()}
        except DataError as error:
            wrong[shard] = error.problem
    if not manifest.shards and model_digest(path / MODEL) != manifest.model_digest:
        wrong[MODEL] = "its digest does not match: it is another model, or damaged"
    files = [(info, name, digest) for info in manifest.segments for name, digest in info.digests.items()]
    for info, name, digest in tqdm(files, desc="verify", unit="file", disable=not progress):
        file = path / SEGMENTS / info.name / name
        if not file.is_file():
            wrong[f"{info.name}/{name}"] = "is missing"
        elif file_digest(file) != digest:
            wrong[f"{info.name}/{name}"] = "its digest does not match: the stored values have changed"
    for info in manifest.segments:
        try:
            Segment(path / SEGMENTS / info.name, info, manifest.levels)
        except (DataError, FileNotFoundError) as error:
            wrong.setdefault(info.name, str(error))
    return wrong
