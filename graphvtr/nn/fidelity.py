"""How much of a caption's rank its explanation holds: fidelity, as of PyG, for retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.explain import Explanation

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.explain import ScoreOfCaption, What
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models.base import RetrievalModel


class ExplainedRank(NamedTuple):
    """Ranks of a caption's own clip, from 1: whole, without the explained part, by that part alone."""

    whole: int
    without: int
    alone: int


def explained_rank(
    model: RetrievalModel,
    graph: RoleGraph,
    videos: LevelEmbeddings | VideoGraph,
    own: int,
    explanation: Explanation,
    what: What = "words",
    share: float = 0.25,
) -> ExplainedRank:
    """Rank a caption's own clip once more without what explains its score, and by that alone.

    The explained part are the ``share`` of words or nodes, at least one, with the largest ``node_mask``; vectors that
    are taken away are 0, as under PyG's ``Explainer.get_masked_prediction``.

    Args:
        model: a retrieval model.
        graph: one caption, its words encoded.
        videos: the clips to rank, a batch or its embeddings.
        own: position of the caption's clip among them.
        explanation: of :func:`graphvtr.nn.explain.explain_caption` with the same ``what``, or one to compare it with.
        what: ``"words"`` or ``"nodes"``, see :class:`graphvtr.nn.explain.ScoreOfCaption`.
        share: of the rows, in 0..1.

    Returns:
        Three ranks; a clip that scores as high as the own one counts as before it.

    Raises:
        DataError: ``own``, ``share`` or the explanation does not fit.

    Example:
        >>> from graphvtr.graphs import GraphStore
        >>> from graphvtr.nn import HGR
        >>> from graphvtr.nn.explain import explain_caption
        >>> model = HGR(vocab_size=10, video_dim=16, hidden=8, word_dim=4)
        >>> graph = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> graph["word"].id = torch.tensor([3, 4])
        >>> clips = GraphStore.from_graphs([VideoGraph.build(torch.randn(5, 16)) for _ in range(9)])
        >>> found = explained_rank(model, graph, clips.batch(range(9)), 2, explain_caption(model, graph, clips[2]))
        >>> all(1 <= rank <= 9 for rank in found)
        True
    """
    score = ScoreOfCaption(model, graph, videos, what)
    x, edge_index = score.inputs()
    mask = explanation.get("node_mask")
    if mask is None or mask.shape != (len(x), 1):
        shape = None if mask is None else list(mask.shape)
        raise DataError("explanation.node_mask", f"has shape {shape}", f"explain the {len(x)} {what} of this caption")
    if not 0 < share <= 1:
        raise DataError("share", f"is {share}", "give a number above 0, at most 1")
    top = mask.flatten().topk(max(1, round(share * len(x)))).indices
    kept = torch.zeros_like(mask).index_fill(0, top, 1.0).to(x.dtype)
    with torch.no_grad():
        found = [score.scores(rows, edge_index) for rows in (x, x * (1 - kept), x * kept)]
    if not 0 <= own < len(found[0]):
        raise DataError("own", f"is {own}", f"there are {len(found[0])} clips")
    return ExplainedRank(*(int((scores >= scores[own]).sum()) for scores in found))


def fidelity(ranks: Sequence[ExplainedRank], k: int = 1) -> tuple[float, float]:
    r"""Fidelity+ and fidelity- of explanations, where a caption's label is whether its own clip is among the first k.

    .. math::
        \mathrm{fid}_+ = 1 - \tfrac1N \sum_i \mathbb 1(\hat y_i^{G \setminus S} = \hat y_i), \qquad
        \mathrm{fid}_- = 1 - \tfrac1N \sum_i \mathbb 1(\hat y_i^{S} = \hat y_i)

    as :func:`torch_geometric.explain.metric.fidelity` for model explanations
    (`GraphFramEx <https://arxiv.org/abs/2206.09677>`_), which has no labels to compare where scores are ranked. Good
    explanations have a high fid+ (without them the rank is another) and a low fid- (they suffice). Read both beside
    those of random explanations: captions whose clip is never found agree whatever is taken away.

    Args:
        ranks: of :func:`explained_rank`, one a caption.
        k: as in R@k.

    Raises:
        DataError: no ranks, or k below 1.

    Example:
        >>> fidelity([ExplainedRank(1, 7, 1), ExplainedRank(1, 1, 3)])
        (0.5, 0.5)
    """
    if not ranks or k < 1:
        raise DataError("ranks" if not ranks else "k", "there are none" if not ranks else f"is {k}", "give 1 or more")
    hits: Tensor = torch.tensor(ranks) <= k  # [N, 3]
    changed = (hits[:, 1:] != hits[:, :1]).double().mean(0)
    return float(changed[0]), float(changed[1])
