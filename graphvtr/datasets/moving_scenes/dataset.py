"""MovingScenes: the dataset that needs no download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.datasets.base import DATASETS, RetrievalDataset, check_split
from graphvtr.datasets.moving_scenes.cache import Settings, SplitFiles, load_or_make
from graphvtr.datasets.moving_scenes.generate import SPLITS
from graphvtr.datasets.moving_scenes.render import render
from graphvtr.datasets.moving_scenes.script import Script
from graphvtr.datasets.moving_scenes.simulate import simulate
from graphvtr.datasets.parsing import parse_with
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError


class MovingScenes(RetrievalDataset):
    """Simulated clips of coloured shapes that act on each other, with gold boxes, tracks and role graphs.

    A clip shows two to five shapes of two sizes in one of six places. One or two events happen, one after the other
    (chase, push, hit, follow, orbit, pass, jump over, hide behind, enter, leave, carry, lift, drop, give, throw,
    ...), quickly or slowly, in a direction, at a position. Five captions tell it in varied wording with their role
    graphs, and up to five hard negatives are wrong in one respect. Everything follows from ``seed``.

    ``frame.x`` [T, 1728] is a 16 x 16 thumbnail, its change since the frame before, and colour histograms of the
    picture and of what has moved (:func:`~graphvtr.datasets.moving_scenes.features.frame_features`); ``region.x``
    [R, 198] are 8 x 8 crops, centre, width, height and motion; ``region.box`` is tight around the visible pixels,
    ``region.track`` the index of the thing in the script, ``region.score`` the share of it that shows.

    ===========  =====  ========  ==============  ==============
    split        clips  captions  hard negatives  frames, things
    ===========  =====  ========  ==============  ==============
    train        1,400  7,000     6,787           16, 2 to 5
    val          150    750       726             16, 2 to 5
    test         225    1,125     1,085           16, 2 to 5
    test_unseen  225    1,125     1,077           16, 2 to 5
    ===========  =====  ========  ==============  ==============

    These are the numbers of 2,000 clips of seed 0. ``test_unseen`` holds events whose (agent's colour, action,
    patient's colour) never occurs in the other splits, though each two of the three do.

    The clips are made once and cached below ``root``, in a folder of their own for every choice of settings.

    Args:
        root: cache folder; ``$GRAPHVTR_CACHE`` or ``~/.cache/graphvtr`` by default.
        split: ``"train"``, ``"val"``, ``"test"`` or ``"test_unseen"``: 70, 7.5, 11.25 and 11.25 % of the clips.
        num_clips: clips of all splits together, 20 or more.
        seed: of everything.
        num_frames: frames a clip, 12 or more; four a second.
        distractors: bystanders in every clip, 0 to 8; by default 0 to 2, and never over five things in all.
        features: ``"thumbnail"``, or a name of :data:`graphvtr.video.FEATURIZERS` for ``frame.x``
            (``"efficientnet_lite0"``).
        twins: every other clip is the twin of the one before: the same things do the same in the same place, with two
            roles or the order exchanged; its name is that of the other and ``-twin``.
        weather: share, 0 to 1, of a colour drawn for each clip in the picture of its place. Without, places are told by
            their colour alone.
        workers: processes that make the clips; 0 for none, None for up to two. The clips do not depend on it.
        progress: show a bar while clips are made.

    Raises:
        DataError: unknown split or features, a number out of range.
        MissingExtraError: the features need a package that is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     scenes = MovingScenes(root, "val", num_clips=40, progress=False)
        >>> len(scenes.videos), len(scenes.captions), tuple(scenes.frames(0).shape)
        (3, 15, (16, 64, 64, 3))
    """

    def __init__(
        self,
        root: str | Path | None = None,
        split: str = "train",
        *,
        num_clips: int = 2000,
        seed: int = 0,
        num_frames: int = 16,
        distractors: int | None = None,
        features: str = "thumbnail",
        twins: bool = False,
        weather: float = 0.0,
        workers: int | None = None,
        progress: bool = True,
    ) -> None:
        check_split("moving_scenes", split, SPLITS)
        self.settings = Settings(num_clips, seed, num_frames, distractors, features, twins, weather)
        files = load_or_make(self.settings, split, root, workers=workers, progress=progress)
        owner = [video for video, clip in enumerate(files.clips) for _ in clip["captions"]]
        super().__init__(
            "moving_scenes",
            split,
            [clip["script"]["name"] for clip in files.clips],
            [caption["text"] for clip in files.clips for caption in clip["captions"]],
            torch.tensor(owner),
            files.video_graphs,
            files.role_graphs,
        )
        self.features = self.settings.features_record()
        self._take(files)

    def _take(self, files: SplitFiles) -> None:
        self.scripts = [Script.from_dict(clip["script"]) for clip in files.clips]
        self.templates = [caption["template"] for clip in files.clips for caption in clip["captions"]]
        """The template of each caption (``"passive"``, ``"before"``, ...)."""
        self.negatives = [
            {key: line[key] for key in ("video", "positive", "negative", "kind")} for line in files.negatives
        ]
        """Hard negatives as HGR's binary selection takes them: video, positive, negative and kind."""
        self.negative_graphs = files.negative_graphs
        """The gold role graph of each negative."""
        self.caption_of_negative = torch.tensor([line["caption"] for line in files.negatives], dtype=torch.long)
        """[Nn], position in ``captions`` of each negative's positive."""

    def script(self, index: int) -> Script:
        """What happens in the clip at ``index``."""
        return self.scripts[index]

    def frames(self, index: int) -> Tensor:
        """The pictures of the clip at ``index``, [T, 64, 64, 3] uint8, rendered anew."""
        script = self.scripts[index]
        return torch.from_numpy(
            render(script, simulate(script, self.settings.num_frames), self.settings.weather).frames
        )

    def encode_words(self, vocabulary: Any) -> None:
        """Set ``word.id`` of every role graph, those of the negatives too."""
        super().encode_words(vocabulary)
        vocabulary.encode_store(self.negative_graphs)


OPTIONS = ("num_clips", "seed", "num_frames", "distractors", "twins", "weather", "workers", "progress")


@DATASETS.register("moving_scenes")
def moving_scenes(split: str, source: DataSource) -> RetrievalDataset:
    """MovingScenes by name; ``source.feature`` chooses the frame features, ``source.cache`` the cache folder.

    ``source.options`` may hold ``num_clips``, ``seed``, ``num_frames``, ``distractors``, ``twins``, ``weather`` and
    ``workers``. With ``source.parser`` the captions are parsed instead of taking their gold graphs.

    Raises:
        DataError: an unknown option, or what :class:`MovingScenes` raises.
    """
    unknown = sorted(set(source.options) - set(OPTIONS))
    if unknown:
        raise DataError(f"option '{unknown[0]}' of moving_scenes", "unknown", f"known: {', '.join(OPTIONS)}")
    dataset = MovingScenes(source.cache, split, features=source.feature or "thumbnail", **source.options)
    if source.parser is not None:
        dataset.role_graphs, dataset.parser = parse_with(dataset.captions, source)
    return dataset
