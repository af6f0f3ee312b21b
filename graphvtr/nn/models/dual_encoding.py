"""Dual Encoding (Dong, Li, Xu, Ji, He, Yang, Wang; CVPR 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.encoders.dual_text import DualTextEncoder
from graphvtr.nn.encoders.dual_video import DualVideoEncoder
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.models.dual_encoding_released import ReleasedState, released_sizes, released_weights
from graphvtr.nn.models.one_vector import OneVectorModel
from graphvtr.nn.models.released import Released
from graphvtr.nn.registered import MODELS


@MODELS.register("dual_encoding")
class DualEncoding(Released, OneVectorModel):
    r"""`"Dual Encoding for Zero-Example Video Retrieval" <https://arxiv.org/abs/1809.06181>`_.

    Videos and captions pass through twin encoders of three levels each: global (mean of the frames, bag of words),
    temporal (bidirectional GRU) and local (convolutions over its outputs), and meet in a common space under the
    hinge loss with the hardest negatives.

    The defaults are the paper's; :meth:`released` is the released code's variant.

    Args:
        vocab_size: number of words, ``len(vocabulary)``; the published runs keep words that occur 5 times or more.
        video_dim: width of the frame features.
        hidden: D, width of the common space.
        word_dim: width of the word embedding; with ``text`` that of the language model counts instead.
        video_rnn: width of each direction of the video's GRU.
        text_rnn: width of each direction of the text's GRU.
        video_kernels: widths of the video's convolutions.
        text_kernels: widths of the text's convolutions.
        filters: of each convolution of both sides.
        video_filters: of the video's, where they differ.
        text_filters: of the text's, where they differ.
        first_level: False leaves out the first level of both sides, the mean of the frames and the bag of words: the
            released code's ``reduced`` variant.
        bow_size: words of the bag, the last of the vocabulary; all but its three special words when None.
        boundaries: put a begin and an end word around every caption.
        begin_id: id of the begin word.
        end_id: id of the end word.
        dropout: of the GRU's and the convolutions' level and after the mapping.
        packed: False fills videos and captions up with zeros as the released code does, see
            :class:`DualVideoEncoder` and :class:`DualTextEncoder`: vectors then depend on the batch.
        rnn_frames: first frames that the video's GRU and convolutions see, while the mean sees all; None for all.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: of the loss.
        mining: ``"hardest"``, ``"all"`` or the ``"mean"`` of all negatives.
        reduction: ``"mean"`` or ``"sum"`` over the pairs of a batch.
        text: ``"minilm"`` or the directory of a BERT- or CLIP-like language model, whose frozen features of the words
            take the place of the learned embedding, and their mean that of the bag, see
            :class:`graphvtr.nn.PretrainedWords`; None learns both.

    Raises:
        DataError: sizes that do not go together, or an unknown option.

    Example:
        >>> import torch
        >>> sizes = {"hidden": 8, "word_dim": 5, "video_rnn": 4, "text_rnn": 4, "filters": 3}
        >>> model = DualEncoding(vocab_size=10, video_dim=16, **sizes).eval()
        >>> caption = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> caption["word"].id = torch.tensor([3, 4])
        >>> video = model.encode_video(VideoGraph.build(torch.randn(5, 16)))
        >>> model.similarity(video, model.encode_text(caption)).shape
        torch.Size([1, 1])
    """

    released_options: ClassVar[dict[str, Any]] = {
        "packed": False,
        "boundaries": True,
        "rnn_frames": 64,
        "reduction": "sum",
    }

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        hidden: int = 2048,
        word_dim: int = 500,
        video_rnn: int = 1024,
        text_rnn: int = 512,
        video_kernels: Sequence[int] = (2, 3, 4, 5),
        text_kernels: Sequence[int] = (2, 3, 4),
        filters: int = 512,
        video_filters: int | None = None,
        text_filters: int | None = None,
        first_level: bool = True,
        bow_size: int | None = None,
        boundaries: bool = False,
        begin_id: int = 0,
        end_id: int = 1,
        dropout: float = 0.2,
        packed: bool = True,
        rnn_frames: int | None = None,
        max_frames: int | None = None,
        margin: float = 0.2,
        mining: Mining = "hardest",
        reduction: Reduction = "mean",
        text: str | None = None,
    ) -> None:
        super().__init__(margin, mining, reduction)
        self.video_encoder = DualVideoEncoder(
            video_dim,
            hidden,
            rnn=video_rnn,
            kernels=video_kernels,
            filters=filters if video_filters is None else video_filters,
            first_level=first_level,
            dropout=dropout,
            packed=packed,
            rnn_frames=rnn_frames,
        )
        self.text_encoder = DualTextEncoder(
            vocab_size,
            word_dim,
            hidden,
            rnn=text_rnn,
            kernels=text_kernels,
            filters=filters if text_filters is None else text_filters,
            first_level=first_level,
            bow_size=bow_size,
            boundaries=boundaries,
            begin_id=begin_id,
            end_id=end_id,
            dropout=dropout,
            packed=packed,
            text=text,
        )

    @classmethod
    def from_released(cls, state: ReleasedState, **overrides: Any) -> Self:
        """A model with the weights of a released checkpoint.

        Sizes are read from the shapes, of the full variant and of the reduced one. A checkpoint whose bag leaves out
        four words has the released vocabulary, padding 0, begin 1, end 2, unknown 3, words from 4 on, and so has the
        reduced variant; otherwise begin is 0 and end 1.

        Args:
            state: ``{"video": {...}, "text": {...}}`` of tensors by name; or the two in one mapping, under names such
                as ``video/rnn.weight_ih_l0``; or the list of the two that the released files keep under ``"model"``.
            **overrides: any argument of the constructor that is not a size.

        Raises:
            DataError: a key that is missing, unknown, or of a shape that does not fit; it is named.
        """
        model = cls.released(**{**released_sizes(state), **overrides})
        model.load_state_dict(released_weights(state, model.state_dict()))
        return model

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``event`` [N, D].

        Raises:
            DataError: ``frame.x`` is not ``video_dim`` wide.
        """
        return LevelEmbeddings(event=self.video_encoder(graph))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event`` [N, D].

        Raises:
            DataError: ``word.id`` is missing or outside the vocabulary.
        """
        return LevelEmbeddings(event=self.text_encoder(graph))
