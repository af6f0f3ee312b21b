"""A typed sentence finds clips, level by level, and says which frames matched which phrase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr.errors import DataError
from graphvtr.graphs import ROLES, GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import LevelEmbeddings, LocalAttentiveMatch, RetrievalModel
from graphvtr.nn.feeding import Mismatch, parser_of
from graphvtr.search.tags import ConceptFilter, concept_model, keeps
from graphvtr.tasks.checkpoint import load_checkpoint
from graphvtr.text import RoleParser, Vocabulary
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs


@dataclass(frozen=True)
class PhraseMatch:
    """Where in a clip a phrase was found.

    Args:
        level: level of the phrase's node, ``"action"`` or ``"entity"``.
        phrase: its words.
        role: its semantic role; ``"V"`` for actions.
        time: seconds into the clip of the frame with the largest weight.
        weight: that weight; the weights of a phrase sum to 1 over the frames.
        weights: all of them, [T].
    """

    level: str
    phrase: str
    role: str
    time: float
    weight: float
    weights: Tensor = field(repr=False)


@dataclass(frozen=True)
class SearchResult:
    """A found clip: its name, fused score, score on each level, and where each phrase was found."""

    name: str
    score: float
    levels: dict[str, float]
    phrases: list[PhraseMatch]


class SearchEngine:
    """Clips embedded once, searched by sentences.

    The clips are embedded batch by batch; what stays in memory are their embeddings and the times of their frames, so a
    :class:`~graphvtr.video.store.DiskGraphs` of any size will do.

    Args:
        model: a trained model; it is put into evaluation mode.
        vocabulary: the vocabulary it was trained with.
        videos: graphs of the clips.
        parser: turns a query into a role graph.
        batch_size: clips embedded at a time.
        progress: show a progress bar while embedding.
    """

    def __init__(
        self,
        model: RetrievalModel,
        vocabulary: Vocabulary,
        videos: GraphStore[VideoGraph],
        parser: RoleParser,
        *,
        batch_size: int = 64,
        progress: bool = False,
    ) -> None:
        self.model, self.vocabulary, self.parser = model.eval(), vocabulary, parser
        self.names = list(videos.strings["name"])
        parts: list[LevelEmbeddings] = []
        times: list[Tensor] = []
        with torch.inference_mode():
            for chosen in tqdm(torch.arange(len(videos)).split(batch_size), "embedding clips", disable=not progress):
                batch = model.transform_video(videos.batch(chosen))
                parts.append(model.encode_video(batch))
                times += batch["frame"].time.split(batch["frame"].ptr.diff().tolist())
                del batch  # its memory may serve the next one
        self.video = LevelEmbeddings.cat(parts)
        self.times = times

    @classmethod
    def from_files(
        cls,
        checkpoint: str | Path,
        store: str | Path,
        *,
        parser: str | None = None,
        progress: bool = False,
        mismatch: Mismatch = "error",
    ) -> SearchEngine:
        """An engine over all clips of a feature store, which are read from disk batch by batch.

        Raises:
            DataError: the checkpoint or the store cannot be read, the store is empty, or its features are not
                those of the training (``mismatch``: see :meth:`graphvtr.nn.RetrievalModel.check`).
        """
        model, vocabulary, _ = load_checkpoint(checkpoint)
        if vocabulary is None:
            raise DataError(checkpoint, "carries no vocabulary", "search with a checkpoint of graphvtr train")
        features = FeatureStore.open(store)
        if not len(features):
            raise DataError(store, "has no clips", "run graphvtr extract")
        model.check(features, mismatch=mismatch)
        return cls(model, vocabulary, DiskGraphs(features), parser_of(model, parser), progress=progress)

    def search(self, query: str, top: int = 5, filters: Sequence[ConceptFilter] = ()) -> list[SearchResult]:
        """The ``top`` clips for a sentence, best first; clips of equal score in the order of the store.

        Args:
            query: a sentence.
            top: clips at most.
            filters: concepts that a clip must show, for models that predict concepts.

        Raises:
            DataError: the query is empty or too long for the parser, ``top`` is below 1, or the model does not know a
                concept.
        """
        if top < 1:
            raise DataError("top", f"is {top}", "give 1 or more")
        allowed = None
        if filters:
            with torch.inference_mode():
                allowed = keeps(concept_model(self.model), self.video, filters)
        graph = self.model.transform_text(self.vocabulary.encode(self.parser.parse_one(query)))
        with torch.inference_mode():
            text = self.model.encode_text(graph)
            levels = self.model.level_scores(self.video, text)[..., 0]  # [levels, Nv]
            scores = self.model.fuse(levels)  # [Nv]
        order = torch.sort(scores, descending=True, stable=True).indices
        if allowed is not None:
            order = order[allowed.to(order.device)[order]]
        return [
            SearchResult(
                self.names[item],
                float(scores[item]),
                dict(zip(self.model.levels, levels[:, item].tolist(), strict=True)),
                self.match_phrases(graph, text, item),
            )
            for item in order[:top].tolist()
        ]

    def match_phrases(self, graph: RoleGraph, text: LevelEmbeddings, item: int) -> list[PhraseMatch]:
        """Which frame of clip ``item`` each action and entity attended to, for levels that attend over frames."""
        out: list[PhraseMatch] = []
        for level in self.model.levels:
            matcher = self.model.matchers[level]
            if not isinstance(matcher, LocalAttentiveMatch):
                continue
            with torch.inference_mode():
                weights = matcher.frame_weights(self.video[level].select(torch.tensor([item])), text[level])
            for node, row in enumerate(weights):
                frame = int(row.argmax())
                role = "V" if level == "action" else ROLES[int(graph["entity"].role[node])]
                out.append(
                    PhraseMatch(
                        level, graph.phrase(level, node), role, float(self.times[item][frame]), float(row[frame]), row
                    )
                )
        return out


def format_results(results: Sequence[SearchResult], bold: Callable[[str], str] = str) -> str:
    """Results as text: a line a clip with its scores, and under it where each phrase was found."""
    lines: list[str] = []
    for rank, result in enumerate(results, start=1):
        levels = "  ".join(f"{level} {score:.3f}" for level, score in result.levels.items())
        lines.append(f"{rank:>2}. {bold(result.name)}  {result.score:.3f}   ({levels})")
        width = max((len(match.phrase) for match in result.phrases), default=0)
        for match in result.phrases:
            share = f"{match.weight:.0%} of its attention"
            lines.append(f"      {match.role:<8} {match.phrase:<{width}}  at {match.time:6.2f} s  ({share})")
    return "\n".join(lines)
