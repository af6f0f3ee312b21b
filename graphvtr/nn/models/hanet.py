"""Hierarchical Alignment Network (Wu, He, Tang, Lv, Liu; ACM Multimedia 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.encoders.hanet import HANetTextEncoder, HANetVideoEncoder
from graphvtr.nn.encoders.words import Recurrent
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses import FocalBCELoss, TripletRankingLoss
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.match import CosineMatch, JaccardMatch, LocalAttentiveMatch
from graphvtr.nn.models.concept_model import ConceptModel, read_concepts
from graphvtr.nn.models.limited import LimitedInputs
from graphvtr.nn.precision import widened
from graphvtr.nn.registered import MODELS
from graphvtr.text.concepts import SIZES, sibling_mask

FEATURE_LEVELS = ("event", "action", "entity", "individual_action", "individual_entity")
CONCEPT_SCORES = ("concept_action", "concept_entity")
NEAREST = 1e-6
"""How near to 0 and 1 a probability may come before its logarithm is taken."""


@MODELS.register("hanet")
class HANet(LimitedInputs, ConceptModel):
    r"""`"HANet: Hierarchical Alignment Networks for Video-Text Retrieval" <https://arxiv.org/abs/2107.12059>`_.

    HGR with concepts: heads predict the entities and actions of frames and words, and videos and captions are matched
    on the event, on actions and entities after reasoning and on their own, and by the concepts they share. Scores are
    the mean of the five levels of features and the mean of the two of concepts, in equal parts.

    .. math::
        L = L_{rank}(s_{features}) + \eta L_{rank}(s_{concepts}) + \mu \sum_{4} L_{bce}

    The concepts of a pair are those of its caption; what only other captions of its video name is masked out, as it is
    neither right nor wrong (:func:`graphvtr.text.sibling_mask`). The parts are those of :class:`graphvtr.nn.HGR`'s
    released variant; settings that its paper shares with MCSAN's baseline are the released code's.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        concepts: the concept vocabulary, as :meth:`graphvtr.text.ConceptVocabulary.to_dict` gives it; None has no
            concepts.
        concept_sizes: the most entities, actions (and relationships, which are not used) to take from the captions.
        hidden: D, width of the joint space.
        word_dim: width of the word embedding; with ``text`` that of the language model counts instead.
        num_layers: layers of graph reasoning.
        rnn: of the words, ``"gru"`` or ``"lstm"``.
        top_actions, top_entities: concepts of a video that captions are matched with.
        temperature: of the local match.
        concept_ranking: :math:`\eta`.
        concept_weight: :math:`\mu`.
        margin: of the ranking losses.
        mining: ``"hardest"``, ``"all"`` or the ``"mean"`` of all negatives.
        reduction: ``"mean"`` or ``"sum"`` over the pairs of a batch.
        word_dropout: of the word embeddings.
        video_dropout: after the video maps.
        graph_dropout: of the context in graph reasoning.
        max_words, max_actions, max_entities: see :func:`graphvtr.graphs.truncate`; None for all.
        max_frames: see :func:`graphvtr.graphs.sample_frames`; None for all.
        text: ``"minilm"`` or the directory of a BERT- or CLIP-like language model, whose frozen features of the words
            take the place of the learned embedding, see :class:`graphvtr.nn.PretrainedWords`; None learns one.

    Raises:
        DataError: an unknown option, or sizes that do not go together.

    Example:
        >>> from graphvtr.text import ConceptVocabulary
        >>> concepts = ConceptVocabulary([("dog", 2)], [("bark", 1)]).to_dict()
        >>> model = HANet(vocab_size=10, video_dim=16, concepts=concepts, hidden=8, word_dim=4).eval()
        >>> caption = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> caption["word"].id = torch.tensor([3, 4])
        >>> video = model.encode_video(VideoGraph.build(torch.randn(5, 16)))
        >>> model.level_scores(video, model.encode_text(caption)).shape
        torch.Size([7, 1, 1])
    """

    levels = (*FEATURE_LEVELS, *CONCEPT_SCORES)
    concept_levels = ("entity", "action")
    published_vectors = "300-d GloVe"

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        concepts: Mapping[str, Any] | None = None,
        concept_sizes: Sequence[int] = SIZES,
        hidden: int = 1024,
        word_dim: int = 300,
        num_layers: int = 1,
        rnn: Recurrent = "gru",
        top_actions: int = 10,
        top_entities: int = 20,
        temperature: float = 4.0,
        concept_ranking: float = 0.1,
        concept_weight: float = 0.01,
        margin: float = 0.2,
        mining: Mining = "hardest",
        reduction: Reduction = "mean",
        word_dropout: float = 0.0,
        video_dropout: float = 0.0,
        graph_dropout: float = 0.0,
        max_words: int | None = None,
        max_frames: int | None = None,
        max_actions: int | None = None,
        max_entities: int | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__()
        self.concepts = read_concepts(concepts, self.concept_levels)
        self.config = {**self.config, "concepts": self.concepts.to_dict()}
        sizes = {"actions": self.concepts.sizes["action"], "entities": self.concepts.sizes["entity"]}
        self.video_encoder = HANetVideoEncoder(
            video_dim, hidden, **sizes, top_actions=top_actions, top_entities=top_entities, dropout=video_dropout
        )
        self.text_encoder = HANetTextEncoder(
            vocab_size,
            word_dim,
            hidden,
            **sizes,
            num_layers=num_layers,
            rnn=rnn,
            word_dropout=word_dropout,
            graph_dropout=graph_dropout,
            text=text,
        )
        self.matchers = nn.ModuleDict({"event": CosineMatch()})
        for level in FEATURE_LEVELS[1:]:
            self.matchers[level] = LocalAttentiveMatch(temperature, "embed", "clipped", "mean")
        self.matchers.update({level: JaccardMatch() for level in CONCEPT_SCORES})
        self.ranking = TripletRankingLoss(margin, mining, reduction)
        self.concept_loss = FocalBCELoss(alpha=1.0, gamma=0.0)

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """See :class:`graphvtr.nn.encoders.HANetVideoEncoder`.

        Raises:
            DataError: ``frame.x`` is not ``video_dim`` wide.
        """
        return self.video_encoder(graph)  # type: ignore[no-any-return]

    @property
    def frame_levels(self) -> tuple[str, ...]:
        """With concepts, actions and entities after reasoning are matched with concepts of the video, not frames."""
        return tuple(level for level in self.levels if not self.video_encoder.top.get(level))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """See :class:`graphvtr.nn.encoders.HANetTextEncoder`.

        Raises:
            DataError: ``word.id`` is missing or outside the vocabulary.
        """
        return self.with_labels(self.text_encoder(graph), graph)

    def fuse(self, level_scores: Tensor) -> Tensor:
        """The mean of the levels of features and that of the levels of concepts, in equal parts."""
        features = len(FEATURE_LEVELS)
        return (level_scores[:features].mean(0) + level_scores[features:].mean(0)) / 2

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """The total.

        Returns:
            ``loss`` and its parts ``features`` and, with concepts, ``concepts`` (both ranking losses), ``entity`` and
            ``action`` (binary cross entropies of both sides).

        Raises:
            DataError: the model has concepts, and the batch carries none.
        """
        level_scores = self.level_scores(video, text)
        features = len(FEATURE_LEVELS)
        losses = {"features": self.ranking(level_scores[:features].mean(0), video_of_text)}
        total = losses["features"]
        if len(self.concepts):
            losses["concepts"] = self.ranking(level_scores[features:].mean(0), video_of_text)
            total = total + self.config["concept_ranking"] * losses["concepts"]
            own, of_video = (labels.bool() for labels in self.labels_of(text))
            mask = sibling_mask(own, of_video)
            for level in self.concept_levels:
                columns = self.concepts.columns(level)
                pairs = (video[f"concept_{level}"].x[video_of_text], text[f"concept_{level}"].x)
                logits = [torch.logit(widened(p), eps=NEAREST) for p in pairs]
                terms = [self.concept_loss(x, own[:, columns], mask[:, columns]) for x in logits]
                losses[level] = terms[0] + terms[1]
                total = total + self.config["concept_weight"] * losses[level]
        return {"loss": total, **losses}

    def concept_probabilities(self, video: LevelEmbeddings) -> dict[str, Tensor]:
        """Concepts of the videos by their likeliest frames."""
        return {level: video[f"concept_{level}"].x for level in self.concept_levels}
