"""The files of CAD-120's region annotation: boxes, tracks, relations and states of every frame."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphvtr.errors import DataError
from graphvtr.reading import lines_of, number_of_digits, parse_json, read_text

WIDTH, HEIGHT = 640, 480
LARGEST = 256 * 2**20  # bytes of a file
CATEGORIES = tuple("hand head box medicine-box bowl cup book microwave cloth remote apple bottle plate".split())
RELATIONS = ("holding", "not_holding", "contacting", "apart", "containing", "separate")
STATES = ("closed", "open")
SUBJECTS = ("Subject1", "Subject3", "Subject4", "Subject5")
FIX = (
    "put annotations.zip of https://github.com/visiontao/evar (or the folder annotations/ inside it) in the root folder"
)


@dataclass(frozen=True)
class Recording:
    """One video: O objects over T frames.

    Args:
        subject: who is seen, ``"Subject1"``.
        activity: label of the whole video, ``"making_cereal"``.
        number: id of the video.
        objects: O names, ``"hand_1"``: category and number; each is a track.
        boxes: [O, T, 4], x y width height in pixels of 640 x 480; all zero where the object is not seen.
        pairs: for each related pair of objects (positions in ``objects``) the relation in every frame [T], ids of
            :data:`RELATIONS`.
        states: for each object that can be open or closed its state in every frame [T], ids of :data:`STATES`.
    """

    subject: str
    activity: str
    number: str
    objects: tuple[str, ...]
    boxes: np.ndarray[Any, Any]
    pairs: dict[tuple[int, int], np.ndarray[Any, Any]]
    states: dict[int, np.ndarray[Any, Any]]

    @property
    def name(self) -> str:
        """``Subject1/making_cereal/1204142055``."""
        return f"{self.subject}/{self.activity}/{self.number}"

    @property
    def num_frames(self) -> int:
        """T."""
        return int(self.boxes.shape[1])

    def category(self, index: int) -> str:
        """Category of an object."""
        return self.objects[index].rpartition("_")[0]

    @property
    def seen(self) -> np.ndarray[Any, Any]:
        """[O, T], where an object has a box with an area."""
        return np.asarray((self.boxes[..., 2:] > 0).all(-1))


@dataclass(frozen=True)
class LabelledClip:
    """One line of ``video_clips.txt``: frames ``begin`` to ``end`` (inclusive, from 0) of a video show ``action``."""

    recording: str
    begin: int
    end: int
    action: str


class Annotations:
    """What ``annotations.zip`` or the unpacked folder holds.

    Args:
        root: folder with ``annotations.zip`` or ``annotations/`` in it, or either of them.

    Raises:
        DataError: nothing of the kind is there, or a file of it is damaged; the message says what to put where.
    """

    def __init__(self, root: str | Path) -> None:
        root = Path(root)
        found = [path for path in (root / "annotations", root / "annotations.zip", root) if _holds_clips(path)]
        if not found:
            raise DataError(root, "holds no CAD-120 annotations", FIX)
        self.path = found[0]
        self._zip: zipfile.ZipFile | None = zipfile.ZipFile(self.path) if self.path.is_file() else None

    def _read(self, name: str) -> str:
        """A text file below ``annotations/``."""
        if self._zip is None:
            return read_text(self.path / name, limit=LARGEST, fix=FIX)
        where = f"{self.path}: {name}"
        try:
            member = self._zip.getinfo(f"annotations/{name}")
            if member.file_size > LARGEST:
                raise DataError(where, f"unpacks to {member.file_size:,} bytes", "download it again")
            return self._zip.read(member).decode("utf-8-sig")
        except KeyError:
            raise DataError(where, "is missing", FIX) from None
        except (OSError, RuntimeError, UnicodeDecodeError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(where, f"cannot be read: {error}", "download it again") from error

    def clips(self) -> list[LabelledClip]:
        """Every labelled clip, in the order of the file, ``null`` ones too."""
        out = []
        for number, line in enumerate(lines_of(self._read("video_clips.txt")), 1):
            fields = [field.strip() for field in line.split(",")]
            if not any(fields):
                continue
            frames = [number_of_digits(field) or 0 for field in fields[3:5]]  # counted from 1
            if len(fields) != 6 or not all(frames):
                raise DataError(
                    f"{self.path}: video_clips.txt, line {number}",
                    f"is '{line}'",
                    "give: subject, activity, video, first frame, last frame, action",
                )
            out.append(LabelledClip("/".join(fields[:3]), frames[0] - 1, frames[1] - 1, fields[5]))
        return out

    def fold(self, number: int, part: str) -> list[str]:
        """Subjects of the official split ``trainlist0N.txt`` or ``testlist0N.txt``."""
        return self._read(f"splits/{part}list{number:02d}.txt").split()

    def recordings(self) -> dict[str, Recording]:
        """Every video by its name."""
        return {recording.name: recording for recording in map(self._recording, self._video_files())}

    def _video_files(self) -> list[str]:
        if self._zip:
            names = (name.removeprefix("annotations/") for name in self._zip.namelist())
            return sorted(name for name in names if name.startswith("all/") and name.endswith(".json"))
        return sorted(file.relative_to(self.path).as_posix() for file in self.path.glob("all/*/*/*.json"))

    def _recording(self, name: str) -> Recording:
        where = f"{self.path}: {name}"
        try:
            content = parse_json(self._read(name), where, fix="download it again")
            tracks = {track["obj_id"]: track["loc_list"] for track in content["locations"]}
            objects = tuple(tracks)
            boxes = np.asarray(list(tracks.values()), dtype=np.float32)  # [O, T, 4]
            place = {obj: position for position, obj in enumerate(objects)}
            pairs = {
                (place[pair["obj_ids"][0]], place[pair["obj_ids"][1]]): _ids(pair["rel_list"], RELATIONS)
                for pair in content["relations"]
            }
            states = {place[item["obj_id"]]: _ids(item["attr_list"], STATES) for item in content["attributes"]}
            found = Recording(
                content["person_id"], content["video_label"], content["video_id"], objects, boxes, pairs, states
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(where, f"is no CAD-120 annotation ({error!r})", "download it again") from error
        _check(found, where)
        return found


def _holds_clips(path: Path) -> bool:
    if path.is_dir():
        return (path / "video_clips.txt").is_file()
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "annotations/video_clips.txt" in archive.namelist()
    except zipfile.BadZipFile as error:
        raise DataError(path, f"is damaged: {error}", "download it again") from error


def _ids(labels: Sequence[str], known: tuple[str, ...]) -> np.ndarray[Any, Any]:
    number = {label: index for index, label in enumerate(known)}
    return np.array([number[label] for label in labels], dtype=np.int64)


def _check(recording: Recording, where: str) -> None:
    frames = recording.num_frames
    for pair, values in (*recording.pairs.items(), *(((index,), v) for index, v in recording.states.items())):
        if len(values) != frames:
            names = ", ".join(recording.objects[index] for index in pair)
            raise DataError(f"{where}: {names}", f"has {len(values)} labels for {frames} frames", "download it again")
    for index, name in enumerate(recording.objects):
        if recording.category(index) not in CATEGORIES:
            raise DataError(f"{where}: object '{name}'", "has an unknown category", f"known: {', '.join(CATEGORIES)}")
    if recording.boxes.ndim != 3 or recording.boxes.shape[2] != 4:
        raise DataError(f"{where}: loc_list", f"has shape {list(recording.boxes.shape)}", "give [objects, frames, 4]")
