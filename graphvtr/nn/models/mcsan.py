"""Multi-Level Cross-Modal Semantic Alignment Network (Nian, Ding, Hu, Gu; Mathematics 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphvtr.errors import check_choice
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.attribute_heads import AttributeHeads
from graphvtr.nn.encoders.mcsan_text import MCSANTextEncoder, TextGraph
from graphvtr.nn.encoders.mcsan_video import AttentionAxis, AttentionScale, MCSANVideoEncoder, Pool
from graphvtr.nn.encoders.words import Recurrent
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses import DistributionAlignmentLoss, FocalBCELoss, TripletRankingLoss
from graphvtr.nn.losses.focal_bce import AttributeNorm, Negatives
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.match import CosineMatch, HolographicMatch
from graphvtr.nn.models.concept_model import ConceptModel, read_concepts
from graphvtr.nn.models.released import Ablated
from graphvtr.nn.registered import MODELS
from graphvtr.text.concepts import SIZES

AttributeLoss = Literal["focal", "bce"]
GlobalMatch = Literal["holographic", "cosine"]
PRESETS: dict[str, dict[str, Any]] = {
    "full": {},
    "no_relationship": {"relationship": False},
    "no_shared": {"shared_heads": False, "distribution_weight": 0.0},
    "no_longtail": {"attribute_loss": "bce"},
}
"""The rows of Table 3: MCSAN, without R, without S, without L."""


@MODELS.register("mcsan")
class MCSAN(Ablated, ConceptModel):
    r"""`"Multi-Level Cross-Modal Semantic Alignment Network for Video-Text Retrieval"
    <https://doi.org/10.3390/math10183346>`_.

    Videos and captions meet on four levels: global (a holographic score), entity, action and relationship (cosines);
    their score is the mean of the four (Eq 33). On the last three a head predicts concepts, under a focal loss, as
    most of them are rare, and a divergence pulls the features of both sides to one distribution:

    .. math::
        L = L_{rank} + \lambda_1 (L_e + L_a + L_r) + \lambda_2 (L_{e\_kl} + L_{a\_kl} + L_{r\_kl})

    The defaults are the paper's. Where it is silent (widths, heads, dropout, how nodes and windows become one vector)
    the arguments say what is done.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        concepts: the concept vocabulary, as :meth:`graphvtr.text.ConceptVocabulary.to_dict` gives it; None has no
            concepts.
        concept_sizes: the most entities, actions and relationships to take from the training captions.
        hidden: D, width of all levels.
        word_dim: width of the word embedding; with ``text`` that of the language model counts instead.
        sentence: language model of the global level of captions: ``"minilm"``, a sentence-transformers directory or
            name; None does without, see :class:`graphvtr.nn.encoders.MCSANTextEncoder`.
        sentence_cache, sentence_freeze, text_graph: see :class:`graphvtr.nn.encoders.MCSANTextEncoder`.
        relationship: whether there is a relationship level.
        prepositions: relationships such as *dog on grass* are concepts too, see
            :class:`graphvtr.text.ConceptExtractor`; section 3.3 takes subject, verb and object only.
        shared_heads: whether both sides share the concept heads.
        attribute_loss: ``"focal"`` or ``"bce"``, plain binary cross entropy.
        attribute_weight: :math:`\lambda_1`.
        distribution_weight: :math:`\lambda_2`.
        alpha, gamma, negatives: of the :class:`graphvtr.nn.FocalBCELoss`.
        attribute_norm: its ``norm``: ``"mean"`` or, as Eq 35 prints, ``"batch"``.
        prior: probability that fresh heads give every concept; null for about one half. 0.01, which focal loss's
            paper takes, makes tags of use after far fewer steps.
        symmetric: whether the divergence is taken both ways.
        num_layers: layers of graph reasoning in the captions.
        rnn: of the captions' words, ``"gru"`` or ``"lstm"``.
        kernels: widths of the action convolutions.
        betas: weights of the action convolutions; null weighs them alike.
        pool: ``"max"`` or ``"mean"``, how frames of the entity and action level and nodes become one vector.
        heads: of the relationship level's attention.
        feedforward: width inside the relationship level's block; four times its features when null.
        frame_width: map frame features to this width first; null, as the paper, does not.
        attention_axis, attention_scale: how Eq 12 is read, see :class:`graphvtr.nn.encoders.MCSANVideoEncoder`.
        global_match: ``"holographic"`` (Eq 23) or ``"cosine"``, to compare with.
        normalize: whether the holographic score divides vectors by their length first.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: of the ranking loss.
        mining: ``"hardest"``, ``"all"`` or the ``"mean"`` of all negatives.
        reduction: ``"mean"`` or ``"sum"`` over the pairs of a batch.
        word_dropout: of the word embeddings.
        video_dropout: of the frame features.
        text: ``"minilm"`` or the directory of a BERT- or CLIP-like language model, whose frozen features of the words
            take the place of the learned embedding, see :class:`graphvtr.nn.PretrainedWords`; None learns one. It is
            the same model as ``sentence``, where both are given.

    Raises:
        DataError: an unknown option, or sizes that do not go together.
        MissingExtraError: the language model's package is not installed.

    Example:
        >>> from graphvtr.text import ConceptVocabulary
        >>> concepts = ConceptVocabulary([("dog", 2)], [("bark", 1)]).to_dict()
        >>> model = MCSAN(vocab_size=10, video_dim=16, concepts=concepts, hidden=8, word_dim=4, sentence=None)
        >>> caption = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> caption["word"].id = torch.tensor([3, 4])
        >>> video = model.encode_video(VideoGraph.build(torch.randn(5, 16)))
        >>> model.level_scores(video, model.encode_text(caption)).shape
        torch.Size([4, 1, 1])
    """

    published_vectors = "300-d GloVe"
    presets = PRESETS

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        concepts: Mapping[str, Any] | None = None,
        concept_sizes: Sequence[int] = SIZES,
        hidden: int = 1024,
        word_dim: int = 300,
        sentence: str | None = "minilm",
        sentence_cache: bool = True,
        sentence_freeze: bool = True,
        text_graph: TextGraph = "hanet",
        relationship: bool = True,
        prepositions: bool = False,
        shared_heads: bool = True,
        attribute_loss: AttributeLoss = "focal",
        attribute_weight: float = 0.1,
        distribution_weight: float = 0.001,
        alpha: float = 0.25,
        gamma: float = 2.0,
        negatives: Negatives = "focal",
        attribute_norm: AttributeNorm = "mean",
        prior: float | None = None,
        symmetric: bool = False,
        num_layers: int = 1,
        rnn: Recurrent = "gru",
        kernels: Sequence[int] = (2, 3, 5),
        betas: Sequence[float] | None = None,
        pool: Pool = "max",
        heads: int = 1,
        feedforward: int | None = None,
        frame_width: int | None = None,
        attention_axis: AttentionAxis = "frames",
        attention_scale: AttentionScale = "sum",
        global_match: GlobalMatch = "holographic",
        normalize: bool = False,
        max_frames: int | None = None,
        margin: float = 0.25,
        mining: Mining = "hardest",
        reduction: Reduction = "mean",
        word_dropout: float = 0.0,
        video_dropout: float = 0.0,
        text: str | None = None,
    ) -> None:
        super().__init__()
        check_choice("attribute_loss", attribute_loss, ("focal", "bce"))
        self.concept_levels = ("entity", "action", "relationship")[: 3 if relationship else 2]
        self.levels = ("global", *self.concept_levels)
        self.concepts = read_concepts(concepts, self.concept_levels)
        self.config["concepts"] = self.concepts.to_dict()
        self.video_encoder = MCSANVideoEncoder(
            video_dim,
            hidden,
            relationship=relationship,
            kernels=kernels,
            betas=betas,
            pool=pool,
            heads=heads,
            feedforward=feedforward,
            frame_width=frame_width,
            attention_axis=attention_axis,
            attention_scale=attention_scale,
            dropout=video_dropout,
        )
        self.text_encoder = MCSANTextEncoder(
            vocab_size,
            word_dim,
            hidden,
            sentence=sentence,
            sentence_cache=sentence_cache,
            sentence_freeze=sentence_freeze,
            text_graph=text_graph,
            relationship=relationship,
            num_layers=num_layers,
            rnn=rnn,
            pool=pool,
            heads=heads,
            feedforward=feedforward,
            word_dropout=word_dropout,
            text=text,
        )
        check_choice("global_match", global_match, GlobalMatch)
        holographic = global_match == "holographic"
        self.matchers = nn.ModuleDict({"global": HolographicMatch(hidden, normalize) if holographic else CosineMatch()})
        self.matchers.update({level: CosineMatch() for level in self.concept_levels})
        sizes = {level: self.concepts.sizes[level] for level in self.concept_levels}
        self.attributes = AttributeHeads(hidden, sizes, shared_heads, prior)
        self.ranking = TripletRankingLoss(margin, mining, reduction)
        plain = attribute_loss == "bce"
        self.attribute_loss = FocalBCELoss(*((1.0, 0.0) if plain else (alpha, gamma)), negatives, attribute_norm)
        self.alignment = DistributionAlignmentLoss(symmetric)

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """The four levels, [N, D] each.

        Raises:
            DataError: ``frame.x`` is not ``video_dim`` wide.
        """
        return self.video_encoder(graph)  # type: ignore[no-any-return]

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """The four levels, [N, D] each.

        Raises:
            DataError: ``word.id`` is missing or outside the vocabulary.
        """
        return self.with_labels(self.text_encoder(graph), graph)

    def transform_text(self, graph: RoleGraph) -> RoleGraph:
        """With a language model, the captions with their word pieces."""
        sentence = self.text_encoder.sentence
        if sentence is None or self.pretrained_words is not None:
            return super().transform_text(graph)
        return sentence.tokenize(graph)

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """Eq 41.

        Returns:
            ``loss``, the total, and its parts: ``ranking``, and ``LEVEL_attributes`` and ``LEVEL_alignment`` of the
            concept levels, as long as their weight is not 0.

        Raises:
            DataError: the model has concepts, and the batch carries none.
        """
        losses = {"ranking": self.ranking(self.similarity(video, text), video_of_text)}
        total = losses["ranking"]
        for level in self.concept_levels:
            if self.config["attribute_weight"] and len(self.concepts):
                losses[f"{level}_attributes"] = self._attributes(level, video, text, video_of_text)
                total = total + self.config["attribute_weight"] * losses[f"{level}_attributes"]
            if self.config["distribution_weight"]:
                losses[f"{level}_alignment"] = self.alignment(video[level].x[video_of_text], text[level].x)
                total = total + self.config["distribution_weight"] * losses[f"{level}_alignment"]
        return {"loss": total, **losses}

    def _attributes(self, level: str, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> Tensor:
        """Eq 35, 36 or 37; a video counts once, however many of its captions are in the batch."""
        own, of_video = (labels[:, self.concepts.columns(level)] for labels in self.labels_of(text))
        labels = of_video.new_zeros(video.num_items, of_video.size(1))
        labels[video_of_text] = of_video
        told = torch.zeros_like(labels, dtype=torch.bool)  # videos without a caption have no labels
        told[video_of_text] = True
        loss: Tensor = self.attribute_loss(self.attributes(level, video[level].x, "video"), labels, told)
        return loss + self.attribute_loss(self.attributes(level, text[level].x, "text"), own)

    def concept_probabilities(self, video: LevelEmbeddings) -> dict[str, Tensor]:
        """Eq 24-26, by the video's side."""
        return {level: torch.sigmoid(self.attributes(level, video[level].x, "video")) for level in self.concept_levels}

    @property
    def word_embedding(self) -> nn.Embedding | None:
        """The embedding of the captions' words."""
        return self.text_encoder.graph.words.embedding  # type: ignore[no-any-return]
