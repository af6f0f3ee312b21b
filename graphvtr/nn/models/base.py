"""The contract that every retrieval model keeps, so that one trainer, evaluator, index and plot serve all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.graphs.truncate import sample_frames, top_regions
from graphvtr.nn.encoders.pretrained_words import PretrainedWords
from graphvtr.nn.feeding import Captions, Clips, Fed, Mismatch, accepting, check_fed
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models.plain_arguments import with_plain_arguments
from graphvtr.nn.pair_margins import video_margins
from graphvtr.nn.pretrained import folder_of, read_folder, save_pretrained
from graphvtr.provenance import Provenance
from graphvtr.text import Vocabulary
from graphvtr.video.pipeline import ClipPipeline


class RetrievalModel(nn.Module, ABC):
    """A model that embeds videos and captions level by level and scores all pairs.

    A subclass is one file, here or of your own, registers itself with ``@MODELS.register(name)`` and takes
    only plain values (numbers, strings, booleans, lists of them) in its constructor, so that :attr:`config`
    rebuilds it: ``MODELS[name](**model.config)``. It sets :attr:`matchers`, one a level. Numbers of NumPy and torch
    reach the constructor as Python's (:func:`graphvtr.values.plain`), and anything else is refused before it starts.

    Attributes:
        levels: the names of the levels, in the order of ``level_scores``.
        config: all arguments of the constructor, noted when it is called; they rebuild the model.
        matchers: level -> module ``(video: Level, text: Level) -> scores [Nv, Nt]``.
        vocabulary: of its captions; set by what loads a model, and saved with it.
        info: what a checkpoint tells about its training, plain values.
        loaded_from: the file or folder it was read from, for messages.
        pipeline: turns video files into features; made from :attr:`provenance` where it is None.
    """

    levels: tuple[str, ...]
    config: dict[str, Any]
    matchers: nn.ModuleDict
    published_vectors: str = ""
    """The word vectors that the model's paper starts from."""
    vocabulary: Vocabulary | None = None
    info: dict[str, Any] = {}  # noqa: RUF012  replaced as a whole, never changed in place
    loaded_from: str = ""
    pipeline: ClipPipeline | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = with_plain_arguments(cls.__init__)  # type: ignore[method-assign]
        for side in ("video", "text"):
            name = f"encode_{side}"
            if name in cls.__dict__:
                setattr(cls, name, accepting(cls.__dict__[name], side))

    @abstractmethod
    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """Embed a video graph or a packed batch of them, as :meth:`transform_video` leaves them.

        Every model also takes a list of video files, described as in its training (:attr:`pipeline`), a list of
        graphs, and a :class:`~graphvtr.graphs.GraphStore`; these pass through :meth:`transform_video` first.
        """

    @abstractmethod
    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """Embed a role graph or a packed batch of them (``word.id`` set), as :meth:`transform_text` leaves them.

        Every model also takes a list of sentences, parsed as in its training, a list of graphs, and a
        :class:`~graphvtr.graphs.GraphStore`; their words are encoded with :attr:`vocabulary` and they pass through
        :meth:`transform_text` first.
        """

    @abstractmethod
    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """Losses of a batch, ``'loss'`` being the total.

        Args:
            video: Nv videos.
            text: Nt captions.
            video_of_text: [Nt], the position in ``video`` of each caption's video.
        """

    def pair_loss(self, video: LevelEmbeddings, pairs: LevelEmbeddings, video_of_pair: Tensor) -> Tensor:
        """The loss of hard negatives: a true caption of a video is to score higher than a wrong one that is like it.

        By default a hinge on :func:`video_margins`, its margin that of the configuration (0.2 without).

        Args:
            video: Nv videos.
            pairs: 2 n captions, n true ones and then for each a wrong one.
            video_of_pair: [n], the position in ``video`` of each pair's video.
        """
        margin = float(self.config.get("margin", 0.2))
        return (margin - video_margins(self.similarity(video, pairs), video_of_pair)).clamp(min=0).mean()

    def begin(self, train: RetrievalDataset, val: RetrievalDataset) -> None:
        """What a fresh model does before its first step: solve what has a closed form, for instance.

        Args:
            train: the training split, prepared for the model.
            val: the validation split, prepared too.
        """

    def calibrate(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> None:
        """What a model chooses on the validation split at the end of each epoch, before it is ranked there: weights of
        its levels, for instance. They are buffers, part of the epoch's checkpoint.

        Args:
            video: all videos of the split.
            text: all of its captions.
            video_of_text: [Nt].
        """

    def level_scores(self, video: LevelEmbeddings, text: LevelEmbeddings) -> Tensor:
        """Scores of all pairs on each level, ``[levels, Nv, Nt]``."""
        return torch.stack([self.matchers[level](video[level], text[level]) for level in self.levels])

    def fuse(self, level_scores: Tensor) -> Tensor:
        """``[levels, ...]`` -> ``[...]``: the mean of the levels unless a model says otherwise."""
        return level_scores.mean(0)

    def similarity(self, video: LevelEmbeddings, text: LevelEmbeddings) -> Tensor:
        """Scores of all pairs, ``[Nv, Nt]``."""
        return self.fuse(self.level_scores(video, text))

    @property
    def frame_levels(self) -> tuple[str, ...]:
        """The levels whose vectors of a video, where it has several, are those of its frames, then its regions."""
        return self.levels

    @property
    def pretrained_words(self) -> PretrainedWords | None:
        """The frozen language model that reads the captions' words in place of :attr:`word_embedding`, if one does."""
        return getattr(getattr(self, "text_encoder", self), "pretrained", None)

    def require_vocabulary(self) -> Vocabulary:
        """:attr:`vocabulary`.

        Raises:
            DataError: there is none.
        """
        if self.vocabulary is None:
            raise DataError(
                self.loaded_from or f"this {type(self).__name__}", "has no vocabulary", "set model.vocabulary"
            )
        return self.vocabulary

    @property
    def reads_regions(self) -> bool:
        """Whether the model looks at regions; where not, they are neither read from disk nor put into batches."""
        return self.config.get("region_dim") is not None

    @property
    def word_embedding(self) -> nn.Embedding | None:
        """The embedding of the captions' words: ``words`` of the model or of its ``text_encoder``, if they have one."""
        words = getattr(getattr(self, "text_encoder", self), "words", None)
        return words if isinstance(words, nn.Embedding) else getattr(words, "embedding", None)

    def load_word_vectors(self, vectors: Tensor, found: Tensor | None = None) -> None:
        """Start :attr:`word_embedding` from given vectors (GloVe, for instance), fine-tuned like any parameter.

        Args:
            vectors: [vocab_size, word_dim], one row a word.
            found: [vocab_size] of bool; a word that is not found keeps its random vector. None takes all rows.

        Raises:
            DataError: the model has no word embedding, or the shape is not that of it.
        """
        if self.word_embedding is None:
            name = type(self).__name__
            raise DataError("word vectors", f"cannot be used: {name} has no word embedding", "leave them out")
        weight = self.word_embedding.weight
        if vectors.shape != weight.shape:
            raise DataError(
                "word vectors",
                f"have shape {list(vectors.shape)}, expected {list(weight.shape)}",
                "give one row a word of the vocabulary and set word_dim to their width",
            )
        vectors = vectors.to(weight)
        with torch.no_grad():
            weight.copy_(vectors if found is None else torch.where(found.to(weight.device)[:, None], vectors, weight))

    def transform_text(self, graph: RoleGraph) -> RoleGraph:
        """What the model does to captions before it sees them (cut long ones, for instance).

        Maps a packed batch with its strings to a packed batch, and a single graph to a single graph.
        """
        words = self.pretrained_words
        return graph if words is None else words.tokenize(graph)

    def transform_video(self, graph: VideoGraph) -> VideoGraph:
        """What the model does to videos before it sees them, see :meth:`transform_text`.

        By default :attr:`config` decides: ``max_frames`` evenly spaced frames of each clip and the ``max_regions`` best
        regions of each frame are taken, all there are where these are None or missing.
        """
        frames, regions = self.config.get("max_frames"), self.config.get("max_regions")
        graph = graph if frames is None else sample_frames(graph, frames)
        return graph if regions is None else top_regions(graph, regions)

    def before_transfer(self, text: RoleGraph) -> RoleGraph:
        """What is worked out on a packed batch of captions where it was cut, before it moves to the model's device, so
        that a training step waits for nothing: graphs are sorted, features of a frozen language model are read from
        their cache. Encoders do themselves what they do not find.

        Every module of the model that has a method ``on_host(graph)`` adds to the batch there.
        """
        for part in self.modules():
            work: Callable[[RoleGraph], None] | None = getattr(part, "on_host", None)
            if work is not None:
                work(text)
        return text

    def score(self, captions: Captions, clips: Clips) -> Tensor:
        """How well each caption fits each clip, ``[captions, clips]``, in evaluation mode and without gradients.

        Args:
            captions: sentences, or what else :meth:`encode_text` takes.
            clips: video files, or what else :meth:`encode_video` takes.

        Raises:
            DataError: a file that cannot be read, a sentence that has no graph, features that cannot be made.

        Example::

            model = graphvtr.load("runs/hgr")
            model.score(["a man rides a horse"], ["a.mp4", "b.mp4"])  # [1, 2]
        """
        was = self.training
        self.eval()
        try:
            with torch.inference_mode():
                text, video = self.encode_text(captions), self.encode_video(clips)  # type: ignore[arg-type]
                return self.similarity(video, text).t()
        finally:
            self.train(was)

    @property
    def provenance(self) -> Provenance:
        """What the model was trained on; empty where its file does not tell."""
        return Provenance.from_dict(self.info.get("provenance") or {}, f"{self.loaded_from or 'info'}: provenance")

    def check(self, fed: Fed | Provenance, where: object = "", *, mismatch: Mismatch = "error") -> list[str]:
        """Refuse what the model was not trained on, or name every difference.

        Compared are the widths of the features and the full settings behind them, with the digests of the weights:
        backbone, frames or rate, motion, and for models that look at regions detector and tracks. A dataset's parser
        that differs is told by a warning.

        Args:
            fed: a feature store, a dataset, a pipeline, or their record.
            where: names it in messages; its path or name by default.
            mismatch: ``"error"``, or ``"warn"`` to go on with a warning.

        Returns:
            The differences, a sentence each.

        Raises:
            DataError: another width, or (with ``"error"``) any difference; the message names them all.
        """
        return check_fed(self, fed, where, mismatch=mismatch)

    def save_pretrained(self, folder: str | Path, *, card: str | None = None) -> None:
        """Write the model as a folder: ``config.json``, ``model.safetensors``, ``vocabulary.json`` (where
        :attr:`vocabulary` is set) and a model card, ``README.md``.

        Args:
            folder: made if it is not there.
            card: instead of the card that :func:`graphvtr.nn.model_card.model_card` fills from :attr:`info`.

        Raises:
            DataError: the model is not registered.
        """
        save_pretrained(self, folder, card)

    @classmethod
    def from_pretrained(
        cls, where: str | Path, *, revision: str | None = None, ignore_unknown: bool = False, **overrides: Any
    ) -> Self:
        """A model from a folder of :meth:`save_pretrained` or from the Hub; nothing in it is run.

        ``RetrievalModel.from_pretrained`` loads any registered model, a subclass only its own.

        Args:
            where, revision, overrides: see :func:`graphvtr.load`, which also reads runs and checkpoints.
            ignore_unknown: leave out options that this version's model does not have, with a warning.

        Raises:
            DataError: see there; or it is a folder of another model.
        """
        model = read_folder(folder_of(where, revision), ignore_unknown=ignore_unknown, **overrides)
        if not isinstance(model, cls):
            raise DataError(
                where,
                f"is a {type(model).__name__}, not a {cls.__name__}",
                f"use {type(model).__name__}.from_pretrained",
            )
        return model
