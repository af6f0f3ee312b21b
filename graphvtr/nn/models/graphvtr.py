"""GraphVTR: a closed form to start from, an ensemble beside it, graphs of regions and roles above both."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import ROLES, RoleGraph, VideoGraph, node_ptr
from graphvtr.graphs.reasoning import ReasoningGraph, attach_reasoning, reasoning_graph
from graphvtr.metrics import both_directions
from graphvtr.nn.closed_form import ClosedFormStart
from graphvtr.nn.conv import RandomWalkGCN, RoleGATConv
from graphvtr.nn.encoders.clip_vectors import ClipVectors
from graphvtr.nn.encoders.piece_bag import PieceBag
from graphvtr.nn.encoders.pretrained import MINILM
from graphvtr.nn.encoders.pretrained_words import PretrainedWords
from graphvtr.nn.encoders.relations import Relations
from graphvtr.nn.encoders.role_graph import layer_attention, reason
from graphvtr.nn.encoders.role_slots import SLOTS, node_words, role_slots
from graphvtr.nn.encoders.split_vectors import split_vectors
from graphvtr.nn.ensemble import Ensemble
from graphvtr.nn.frames_and_regions import clip_of_frame, frames_and_regions
from graphvtr.nn.hubness import HubOffsets
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.level_weights import choose_weights, few_pairs
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.losses.level_info_nce import LevelInfoNCE
from graphvtr.nn.match import CosineMatch, InnerProductMatch, LocalAttentiveMatch, RelationMatch
from graphvtr.nn.models.base import RetrievalModel
from graphvtr.nn.models.zero_shot import ZeroShot
from graphvtr.nn.node_features import node_features
from graphvtr.nn.ragged import batch_to_ptr
from graphvtr.nn.registered import MODELS
from graphvtr.ops import segment_reduce


@MODELS.register("graphvtr")
class GraphVTR(RetrievalModel):
    r"""What four systems proved, on top of a baseline that none of them gave back for free.

    - *start*: canonical correlation of a caption's sentence vector and bag of pieces with the mean frame feature (or
      ridge regression from one to the other), solved before the first step (:meth:`begin`)
    - *hubs*: offsets that take back what items gain that are near to everything (:class:`HubOffsets`)
    - *event*: an :class:`Ensemble` of two-tower networks over sentence, words by role (:func:`role_slots`) and frames
    - *action*, *entity*: the role graph (:class:`RoleGATConv`, as HGR) over frozen words, matched by local attention
      with frames, and with regions that have walked over space and time (:class:`RandomWalkGCN`, as ViSERN)
    - *relation*: who does what to whom, pairs of regions (:class:`Relations`) against actions (:class:`RelationMatch`)

    The score of a pair is :math:`s_{start} + \sum_l g_l s_l` with gates that begin at 0: at step 0 it is the start's.
    Each level learns by InfoNCE of its own. Gates are chosen on validation (:meth:`calibrate`); 0 is always a choice.

    Args:
        video_dim, region_dim: width of the frame and of the region features; None for clips without regions.
        hidden: D, width of the actions and entities, and of each member of the ensemble.
        members, inner: K, networks of the ensemble; width of their hidden layer.
        start, components: ``"cca"`` with so many or ``"ridge"``, see :class:`graphvtr.nn.closed_form.ClosedFormStart`.
        bag: frequent pieces whose bag (:class:`PieceBag`) the start reads beside the sentence vector; 0 for none.
        text: the frozen language model, see :class:`PretrainedWords`.
        slots: whether the ensemble reads the words in each role, or only the sentence vector.
        graphs: whether there are the levels *action* and *entity*.
        relations: regions of a frame whose pairs the level *relation* reads; 0, or no regions: there is no such level.
        relation_dropout: of that level, see :class:`Relations`.
        num_layers, dropout: layers over the role graph; dropout of the ensemble and of the nodes.
        hubs: whether there is the level *hubs*, of both sides or, with ``"videos"``, of videos alone.
        temperature: of InfoNCE on each level; it is learned.
        max_frames, max_regions: taken of a clip and of a frame, see :meth:`transform_video`; None for all.
        dct, pooled, scaled: what start and ensemble read (:class:`ClipVectors`), channels at the same spread or not.

    Raises:
        MissingExtraError: the language model's package is not installed.
    """

    gates: Tensor

    def __init__(
        self,
        video_dim: int,
        region_dim: int | None = None,
        hidden: int = 256,
        members: int = 4,
        inner: int = 768,
        start: Literal["cca", "ridge"] = "cca",
        components: int = 128,
        bag: int = 1000,
        text: str = MINILM,
        slots: bool = True,
        graphs: bool = True,
        relations: int = 0,
        relation_dropout: float = 0.2,
        num_layers: int = 1,
        dropout: float = 0.3,
        hubs: bool | Literal["videos"] = "videos",
        temperature: float = 0.05,
        max_frames: int | None = None,
        max_regions: int | None = None,
        dct: int = 1,
        pooled: bool = False,
        scaled: bool = False,
    ) -> None:
        super().__init__()
        self.video_dim, self.drop = video_dim, nn.Dropout(dropout)
        relates = relations > 0 and region_dim is not None
        self.learned_levels = ("event", *("action", "entity") * graphs, *("relation",) * relates)
        self.pretrained = PretrainedWords(text)
        check_choice("start", start, ("cca", "ridge"))
        self.bag = PieceBag(bag)
        self.clips = ClipVectors(video_dim, region_dim if pooled else None, dct)
        width, seen = self.pretrained.out_channels, self.clips.out_channels
        self.start = ClosedFormStart(width + bag, seen, components if start == "cca" else None, scaled)
        self.hubs = HubOffsets(self.start.text_map.size(1), captions=hubs != "videos") if hubs else None
        self.levels = ("start", *("hubs",) * bool(hubs), *self.learned_levels)
        read = width * (1 + len(SLOTS) * slots)
        self.text_event = Ensemble(read, inner, hidden, members, dropout)
        self.video_event = Ensemble(seen + video_dim, inner, hidden, members, dropout)
        self.text_scale, self.video_scale = nn.LayerNorm(read), nn.LayerNorm(seen + video_dim)
        self.matchers = nn.ModuleDict({"start": CosineMatch(), "hubs": InnerProductMatch(), "event": CosineMatch()})
        self.node_map = self.roles = self.reasoning = self.frame_maps = self.walk = self.region_map = None
        self.relations = None
        if relates:
            self.relations = Relations(region_dim or 0, width, hidden // 4, relations, relation_dropout)
            self.matchers["relation"] = RelationMatch(self.relations.key_channels)
        if graphs:
            self.node_map, self.roles = Linear(width, hidden), nn.Embedding(len(ROLES) + 1, hidden)
            nn.init.ones_(self.roles.weight)
            self.reasoning = nn.ModuleList(RoleGATConv(hidden, hidden, dropout=dropout) for _ in range(num_layers))
            self.frame_maps = nn.ModuleDict({level: Linear(video_dim, hidden) for level in ("action", "entity")})
            if region_dim is not None:
                self.region_map = Linear(region_dim, hidden)
                self.walk = RandomWalkGCN(hidden, zero_init=True, location=True, temporal=True)
            for level in ("action", "entity"):
                self.matchers[level] = LocalAttentiveMatch(fusion="embed", norm="clipped", node_reduce="mean")
        self.register_buffer("gates", torch.zeros(len(self.levels) - 1))
        self.rankings = LevelInfoNCE(self.learned_levels, temperature)

    @staticmethod
    def zero_shot(directory: str | Path, phrase_weight: float = 0.5) -> ZeroShot:
        """Retrieval with a CLIP-like model and no training, see :class:`graphvtr.nn.ZeroShot`."""
        return ZeroShot(directory, phrase_weight)

    def begin(self, train: RetrievalDataset, val: RetrievalDataset) -> None:
        """Solve the closed form on the training split; its strengths are the best on the validation split."""
        self.bag.fill(train.role_graphs)
        (text, video), held_out = (split_vectors(x, self.pretrained, self.bag, self.clips) for x in (train, val))
        owner, rsum = train.video_of_caption, lambda scores: both_directions(scores, val.video_of_caption)["rsum"]
        self.start.solve(text, video, owner, held_out, rsum)
        if self.hubs is not None:
            self.hubs.fill(self.start.video(video), self.start.text(text))

    def calibrate(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> None:
        """Choose the gates on the validation split (:func:`graphvtr.nn.level_weights.choose_weights`)."""
        videos, texts = few_pairs(video_of_text)
        scores = self.level_scores(video.select(videos), text.select(texts))
        self.gates.copy_(choose_weights(scores, torch.searchsorted(videos, video_of_text[texts])))

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``start`` and ``event`` [N, D], ragged ``action`` (frames) and ``entity`` (frames and regions).

        Raises:
            DataError: features of another width.
        """
        x = node_features(graph, "frame", self.video_dim, "video_dim").to(self.start.text_map.dtype)
        ptr = node_ptr(graph, "frame").to(x.device)
        clips = self.clips(graph, x.dtype)
        seen = torch.cat([self.start.standard(clips), segment_reduce(x, ptr, "max")], 1)
        event, start = self.video_event(self.video_scale(seen)).flatten(1), self.start.video(clips)
        levels: dict[str, Level | Tensor] = {"start": start, "event": event}
        if self.hubs is not None:
            levels["hubs"] = self.hubs.video(start)
        if self.frame_maps is not None:
            frames = {level: self.drop(linear(x)) for level, linear in self.frame_maps.items()}
            levels["action"] = Level(frames["action"], ptr)
            levels["entity"] = self._entities(graph, frames["entity"], ptr)
        if self.relations is not None:
            levels["relation"] = self.relations.video(graph, self._regions(graph))
        return LevelEmbeddings(**levels)

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``start`` and ``event`` [N, D], the ragged actions and entities.

        Raises:
            DataError: the captions have not passed through :meth:`transform_text`.
        """
        sentence, nodes = self._read(graph)
        read = torch.cat([sentence, role_slots(graph, *nodes)], 1) if self.config["slots"] else sentence
        event, start = self.text_event(self.text_scale(read)).flatten(1), self.start.text(self.bag(graph, sentence))
        levels: dict[str, Level | Tensor] = {"start": start, "event": event}
        if self.hubs is not None:
            levels["hubs"] = self.hubs.text(start)
        if self.reasoning is not None:
            reasoned = reason(self.reasoning, graph, *self._role_nodes(graph, sentence, nodes))
            levels |= {level: reasoned[level] for level in ("action", "entity")}
        if self.relations is not None:
            levels["relation"] = self.relations.text(graph, *nodes)
        return LevelEmbeddings(**levels)

    def attention_weights(self, graph: RoleGraph) -> tuple[ReasoningGraph, list[Tensor]]:
        """How much each node listens to each neighbour, a tensor [E] a layer over the edges of the returned graph.

        Raises:
            DataError: the model has no role graphs (``graphs=False``).
        """
        if self.reasoning is None:
            raise DataError("graphs", "is False", "a model without role graphs has no attention over them")
        x, reasoning = self._role_nodes(graph, *self._read(graph))
        return reasoning, layer_attention(cast(Iterable[RoleGATConv], self.reasoning), x, reasoning)

    def on_host(self, graph: RoleGraph) -> None:
        """Hang the reasoning graph onto a batch that has not left the CPU yet."""
        if self.reasoning is not None:
            attach_reasoning(graph)

    def fuse(self, level_scores: Tensor) -> Tensor:
        """The closed form's score and what the gates let through of the levels."""
        return level_scores[0] + torch.tensordot(self.gates, level_scores[1:], 1)

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """InfoNCE on each level that learns, and ``loss``, their mean."""
        return self.rankings.ranking(self.matchers, video, text, video_of_text)

    def pair_loss(self, video: LevelEmbeddings, pairs: LevelEmbeddings, video_of_pair: Tensor) -> Tensor:
        """The true caption against the wrong one, a softmax of two on each level that learns."""
        return self.rankings.pairs(self.matchers, video, pairs, video_of_pair)

    def _read(self, graph: RoleGraph) -> tuple[Tensor, list[Tensor]]:
        """The sentence, and the words of each action and entity."""
        words, sentence = (x.to(self.start.text_map.dtype) for x in self.pretrained.read(graph))
        return sentence, [node_words(graph, words, level) for level in ("action", "entity")]

    def _role_nodes(self, graph: RoleGraph, sentence: Tensor, nodes: list[Tensor]) -> tuple[Tensor, ReasoningGraph]:
        """Events, actions and entities with their roles, before they listen to each other, and how they are joined."""
        node_map, roles = cast(nn.Linear, self.node_map), cast(nn.Embedding, self.roles)
        reasoning = reasoning_graph(graph)
        return self.drop(node_map(torch.cat([sentence, *nodes]))) * roles(reasoning.node_role), reasoning

    def _entities(self, graph: VideoGraph, frames: Tensor, ptr: Tensor) -> Level:
        """Frames of each video, then its regions after their walk."""
        if self.region_map is None or self.walk is None:
            return Level(frames, ptr)
        x, region = self.drop(self.region_map(self._regions(graph))), graph["region"]
        x = self.walk(x, ptr=batch_to_ptr(region.frame, len(frames)), box=region.box, clip=clip_of_frame(graph))
        return frames_and_regions(graph, frames, x)

    def _regions(self, graph: VideoGraph) -> Tensor:
        return node_features(graph, "region", self.config["region_dim"], "region_dim").to(self.start.text_map.dtype)
