"""Videos and captions on HANet's seven levels."""

from __future__ import annotations

from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr, num_nodes
from graphvtr.nn.encoders.hierarchical_video import HierarchicalVideoEncoder
from graphvtr.nn.encoders.role_graph import RoleGraphEncoder
from graphvtr.nn.encoders.words import Recurrent
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.pool.concept_pool import ConceptPool
from graphvtr.nn.ragged import Layout
from graphvtr.ops._segments import host_ptr
from graphvtr.ops.csr import counts_to_ptr

FRAMES_OF_A_CONCEPT = 3


class HANetVideoEncoder(nn.Module):
    """The video side of HANet.

    HGR's three maps of the frames; concepts by multiple instance learning from those of actions and entities; and for
    each of a video's likeliest concepts the mean of its three likeliest frames. The released code also rescales
    frames by squeeze and excitation, which is left out.

    Args:
        video_dim: width of the frame features.
        hidden: D, width of the joint space.
        actions, entities: number of concepts.
        top_actions, top_entities: concepts of a video that become nodes; fewer where there are fewer concepts.
        dropout: after the maps.

    Shapes:
        - **input:** a video graph or a packed batch of N
        - **output:** ``event`` [N, D]; ragged ``action`` and ``entity`` (a vector for each of the likeliest concepts,
          for each frame if there are no concepts), ``individual_action`` and ``individual_entity`` (a vector a frame);
          ``concept_action`` and ``concept_entity`` ``[N, concepts]``
    """

    def __init__(
        self,
        video_dim: int,
        hidden: int,
        *,
        actions: int,
        entities: int,
        top_actions: int = 10,
        top_entities: int = 20,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.frames = HierarchicalVideoEncoder(video_dim, hidden, bias=True, dropout=dropout)
        self.concepts = nn.ModuleDict(
            {"action": ConceptPool(hidden, actions, kernel=5), "entity": ConceptPool(hidden, entities)}
        )
        self.top = {"action": min(top_actions, actions), "entity": min(top_entities, entities)}

    def forward(self, graph: VideoGraph) -> LevelEmbeddings:
        """Encode a video graph or a packed batch."""
        levels = dict(self.frames(graph))
        out: dict[str, Level | Tensor] = {"event": levels["event"]}
        for level, pool in self.concepts.items():
            x, ptr = levels[level].x, levels[level].ptr
            assert ptr is not None
            of_videos, of_frames = pool(x, ptr)
            out[f"individual_{level}"], out[f"concept_{level}"] = levels[level], of_videos
            out[level] = concept_nodes(x, ptr, of_videos, of_frames, self.top[level])
        return LevelEmbeddings(**out)


class HANetTextEncoder(RoleGraphEncoder):
    """The text side of HANet: HGR's role graph before and after reasoning, and concepts from the words.

    Args:
        vocab_size, word_dim, hidden, num_layers, rnn, word_dropout, graph_dropout, text: see :class:`RoleGraphEncoder`.
        actions, entities: number of concepts.

    Shapes:
        - **input:** a role graph or a packed batch of N (``word.id`` set)
        - **output:** ``event`` [N, D]; ragged ``action`` and ``entity`` after reasoning, ``individual_action`` and
          ``individual_entity`` before; ``concept_action`` and ``concept_entity`` ``[N, concepts]``
    """

    def __init__(
        self,
        vocab_size: int,
        word_dim: int,
        hidden: int,
        *,
        actions: int,
        entities: int,
        num_layers: int = 1,
        rnn: Recurrent = "gru",
        word_dropout: float = 0.0,
        graph_dropout: float = 0.0,
        text: str | None = None,
    ) -> None:
        super().__init__(
            vocab_size,
            word_dim,
            hidden,
            num_layers=num_layers,
            rnn=rnn,
            rnn_init="orthogonal",
            word_init="uniform",
            event_role=False,
            word_dropout=word_dropout,
            graph_dropout=graph_dropout,
            attention_bias=True,
            layer_norm=True,
            event_edges="to_action",
            attention_channels=max(hidden // 2, 1),
            text=text,
        )
        self.concepts = nn.ModuleDict({"action": ConceptPool(hidden, actions), "entity": ConceptPool(hidden, entities)})

    def forward(self, graph: RoleGraph) -> LevelEmbeddings:
        """Encode a role graph or a packed batch."""
        words, event, local = self._pooled(graph)
        x, reasoning = self._with_roles(graph, event, local)
        for layer in self.layers:
            x = layer(x, reasoning.edge_index, ptr=reasoning.ptr)
        actions, entities = (num_nodes(graph, level) for level in ("action", "entity"))
        after = dict(zip(("event", "action", "entity"), x.split([event.size(0), actions, entities]), strict=True))
        before = dict(zip(("action", "entity"), local.split([actions, entities]), strict=True))
        out: dict[str, Level | Tensor] = {"event": after["event"]}
        word_ptr = node_ptr(graph, "word").to(words.device)
        for level, pool in self.concepts.items():
            ptr = node_ptr(graph, level).to(words.device)
            out[level], out[f"individual_{level}"] = Level(after[level], ptr), Level(before[level], ptr)
            out[f"concept_{level}"] = pool(words, word_ptr)[0]
        return LevelEmbeddings(**out)


def concept_nodes(x: Tensor, ptr: Tensor, of_videos: Tensor, of_frames: Tensor, top: int) -> Level:
    """A vector for each of the ``top`` likeliest concepts of every video: the mean of its three likeliest frames.

    Args:
        x: [F, D], the frames.
        ptr: [N + 1].
        of_videos: [N, K], concepts of the videos.
        of_frames: [F, K], concepts of the frames.
        top: concepts of a video; 0 gives its frames.

    Returns:
        ``top`` vectors a video; none for a video without frames.
    """
    if top == 0 or not x.size(0):
        return Level(x, ptr)
    layout = Layout.from_ptr(x, ptr)
    chosen = of_videos.topk(top, dim=1).indices  # [N, top]
    dense = layout.pad(of_frames + 1.0)  # 1 and over for frames, 0 past the end
    of_chosen = dense.gather(2, chosen[:, None, :].expand(-1, dense.size(1), -1))  # [N, T, top]
    best = of_chosen.topk(min(FRAMES_OF_A_CONCEPT, dense.size(1)), dim=1)
    weight = (best.values >= 1.0).to(x.dtype)  # [N, 3, top]
    weight = weight / weight.sum(1, keepdim=True).clamp(min=1.0)
    rows = (best.indices + ptr[:-1, None, None]).clamp(max=x.size(0) - 1)
    nodes = (weight[..., None] * x[rows]).sum(1)  # [N, top, D]
    full = host_ptr(ptr).diff() > 0
    if not bool(full.all()):
        nodes = nodes.index_select(0, full.nonzero().flatten().to(x.device, non_blocking=True))
    return Level(nodes.flatten(0, 1), counts_to_ptr((ptr.diff() > 0) * top))
