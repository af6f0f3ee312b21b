"""Which words, participants or roles carry the score of a caption and a clip: PyG's ``Explainer`` on role graphs."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch_geometric.explain import Explainer, ExplainerAlgorithm, Explanation
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.graphs.reasoning import reasoning_graph
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models.base import RetrievalModel

What = Literal["words", "nodes"]


class GradientTimesInput(ExplainerAlgorithm):  # type: ignore[misc]
    r"""Attributions :math:`x \cdot \partial s / \partial x`, summed over channels: to first order what the score loses
    when a row of x is set to 0. Edges have the gradient of a factor 1 on their messages. Positive raises the score.

    A PyG explainer algorithm for regression without parameters or training, the quick and deterministic choice beside
    ``GNNExplainer``.
    """

    def forward(
        self, model: nn.Module, x: Tensor, edge_index: Tensor, *, target: Tensor, index: Any = None, **kwargs: Any
    ) -> Explanation:
        """The explanation of ``model(x, edge_index)``; see :class:`torch_geometric.explain.ExplainerAlgorithm`."""
        x = x.detach().requires_grad_()
        edges = torch.ones(edge_index.size(1), device=x.device, requires_grad=True)
        masked = self.explainer_config.edge_mask_type is not None
        if masked:
            set_masks(model, edges, edge_index, apply_sigmoid=False)
        try:
            with torch.enable_grad():
                found = torch.autograd.grad(model(x, edge_index, **kwargs).sum(), [x, edges], allow_unused=True)
        finally:
            clear_masks(model)
        by_row = torch.zeros_like(x) if found[0] is None else x.detach() * found[0]
        by_edge = torch.zeros_like(edges) if found[1] is None else found[1]
        return Explanation(node_mask=by_row.sum(-1, keepdim=True), edge_mask=by_edge if masked else None)

    def supports(self) -> bool:
        """Scores of a whole graph, a row at a time."""
        kind = self.explainer_config.node_mask_type
        return bool(kind is not None and kind.value == "object" and self.model_config.mode.value == "regression")


class ScoreOfCaption(nn.Module):
    """The score of one caption and one clip as a function of the vectors of its words, or of its graph's nodes.

    Args:
        model: a retrieval model; put into evaluation mode.
        graph: one caption, its words encoded.
        video: the clip's embeddings, or the clip.
        what: ``"words"``: the rows of the word embedding, [W, word_dim]; ``"nodes"``: event, actions and entities
            before graph reasoning, [1 + A + E, D] (models with graph reasoning).

    Raises:
        DataError: the model has no such vectors; several captions, or (but for :meth:`scores`) clips.
    """

    def __init__(
        self, model: RetrievalModel, graph: RoleGraph, video: LevelEmbeddings | VideoGraph, what: What = "words"
    ) -> None:
        super().__init__()
        check_choice("what", what, ("words", "nodes"))
        self.model, self.graph, self.what = model.eval(), graph, what
        self.place = _word_embedding(model) if what == "words" else _first_layer(model)
        if isinstance(video, VideoGraph):
            with torch.no_grad():
                video = model.encode_video(video)
        self.video = video
        self.edge_index = (
            torch.zeros(2, 0, dtype=torch.long)
            if what == "words"
            else reasoning_graph(graph, model.text_encoder.event_edges).edge_index  # type: ignore[union-attr,arg-type]
        )

    def inputs(self) -> tuple[Tensor, Tensor]:
        """The vectors of the caption as the model has them, and the edges among them."""
        seen: list[Tensor] = []

        def look(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
            seen.append((output if self.what == "words" else arguments[0]).detach())

        handle = self.place.register_forward_hook(look)
        try:
            with torch.no_grad():
                self.model.encode_text(self.graph)
        finally:
            handle.remove()
        return seen[0], self.edge_index

    def scores(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """The scores with all clips, [N], with ``x`` in place of the vectors of the caption."""
        if self.what == "words":
            handle = self.place.register_forward_hook(lambda module, arguments, output: x)
        else:
            handle = self.place.register_forward_pre_hook(lambda module, arguments: (x, *arguments[1:]))
        try:
            text = self.model.encode_text(self.graph)
        finally:
            handle.remove()
        score: Tensor = self.model.similarity(self.video, text)
        if score.size(1) != 1:
            raise _several(*score.shape)
        return score[:, 0]

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """The score, [1], with ``x`` in place of the vectors of the caption."""
        score = self.scores(x, edge_index)
        if score.numel() != 1:
            raise _several(score.numel(), 1)
        return score


def explain_caption(
    model: RetrievalModel,
    graph: RoleGraph,
    video: LevelEmbeddings | VideoGraph,
    what: What = "words",
    algorithm: Any = None,
) -> Explanation:
    """Which words, or which nodes and roles, carry the score of a caption and a clip.

    Args:
        model: a retrieval model.
        graph: one caption, its words encoded.
        video: the clip, or its embeddings.
        what: ``"words"`` or ``"nodes"``, see :class:`ScoreOfCaption`. Edges are explained with nodes: their roles are
            ``reasoning_graph(graph).edge_role``.
        algorithm: of :mod:`torch_geometric.explain.algorithm`, for instance ``GNNExplainer()``;
            :class:`GradientTimesInput` by default.

    A language model beside the words (MCSAN) is left as it is; one in place of them (VSR-Net) cannot be explained.

    Returns:
        PyG's explanation: ``node_mask`` [W or 1 + A + E, 1] and, for nodes, ``edge_mask`` [E], in the order of the
        caption's words or of event, actions, entities.

    Raises:
        DataError: the model has no word embedding, or no graph reasoning; several captions or clips.

    Example:
        >>> from graphvtr.nn import HGR
        >>> model = HGR(vocab_size=10, video_dim=16, hidden=8, word_dim=4)
        >>> graph = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> graph["word"].id = torch.tensor([3, 4])
        >>> clip = VideoGraph.build(torch.randn(5, 16))
        >>> explain_caption(model, graph, clip).node_mask.shape
        torch.Size([2, 1])
        >>> explain_caption(model, graph, clip, "nodes").edge_mask.shape
        torch.Size([4])
    """
    score = ScoreOfCaption(model, graph, video, what)
    explainer = Explainer(
        score,
        algorithm=algorithm or GradientTimesInput(),
        explanation_type="model",
        node_mask_type="object",
        edge_mask_type=None if what == "words" else "object",
        model_config={"mode": "regression", "task_level": "graph", "return_type": "raw"},
    )
    x, edge_index = score.inputs()
    return explainer(x, edge_index)


def deletion_drops(
    model: RetrievalModel, graph: RoleGraph, video: LevelEmbeddings | VideoGraph, what: What = "words"
) -> Tensor:
    """What an explanation is tested against: how much the score falls when a word is taken out of the caption, or when
    the vector of a node is set to 0, one at a time.

    A word is taken out for good: the sentence is one word shorter, and a node that spanned only it is gone.

    Args:
        model: a retrieval model.
        graph: one caption, its words encoded.
        video: the clip, or its embeddings.
        what: ``"words"`` or ``"nodes"``.

    Returns:
        [W] or [1 + A + E]: score of the whole caption less the score without. A caption of one word has no shorter
        one: 0.
    """
    score = ScoreOfCaption(model, graph, video, what)
    x, edge_index = score.inputs()
    with torch.no_grad():
        whole = score(x, edge_index)
        if what == "nodes":
            kept = torch.ones(len(x), len(x), 1, device=x.device) - torch.eye(len(x), device=x.device)[..., None]
            return torch.cat([whole - score(x * kept[row], edge_index) for row in range(len(x))])
        if len(graph.words) == 1:
            return torch.zeros(1)
        shorter = [without_word(graph, word) for word in range(len(graph.words))]
        return torch.cat([whole - model.similarity(score.video, model.encode_text(one)).reshape(1) for one in shorter])


def without_word(graph: RoleGraph, word: int) -> RoleGraph:
    """The caption without a word; nodes without words are gone too.

    Raises:
        DataError: it is the only word.
    """
    keep = [index for index in range(len(graph.words)) if index != word]
    place = {old: new for new, old in enumerate(keep)}
    spans = {
        level: [[place[index] for index in graph.span(level, node) if index != word] for node in range(count)]
        for level, count in (("action", graph.num_actions), ("entity", graph.num_entities))
    }
    actions = [node for node, span in enumerate(spans["action"]) if span]
    entities = [node for node, span in enumerate(spans["entity"]) if span]
    fills = graph["entity", "fills", "action"]
    out = RoleGraph.build(
        [graph.words[index] for index in keep],
        [spans["action"][node] for node in actions],
        [(int(graph["entity"].role[node]), spans["entity"][node]) for node in entities],
        [
            (entities.index(entity), actions.index(action), role)
            for (entity, action), role in zip(fills.edge_index.t().tolist(), fills.role.tolist(), strict=True)
            if entity in entities and action in actions
        ],
    )
    if "id" in graph["word"]:
        out["word"].id = graph["word"].id[keep]
    return out


def _several(videos: int, captions: int) -> DataError:
    return DataError("the score", f"is of {captions} captions and {videos} clips", "explain one of each")


def _word_embedding(model: RetrievalModel) -> nn.Module:
    size = model.config.get("vocab_size")
    tables = [m for m in model.modules() if isinstance(m, nn.Embedding) and m.num_embeddings == size]
    if not tables:
        raise DataError(type(model).__name__, "has no word embedding", "explain a model with a vocabulary of its own")
    return tables[0]


def _first_layer(model: RetrievalModel) -> nn.Module:
    layers = getattr(getattr(model, "text_encoder", None), "layers", None)
    if layers is None or not len(layers):
        other = "explain its words" if model.word_embedding is not None else "explain another model"
        raise DataError(type(model).__name__, "has no layers of graph reasoning", other)
    first: nn.Module = layers[0]
    return first
