"""Ranks without what explains them, and by it alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.explain import Explanation
from torch_geometric.explain.metric import fidelity as pyg_fidelity

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import HGR, VSE
from graphvtr.nn.explain import ScoreOfCaption, explain_caption
from graphvtr.nn.fidelity import ExplainedRank, explained_rank, fidelity

SIZES = {"vocab_size": 30, "video_dim": 6, "hidden": 16, "word_dim": 8}


def caption() -> RoleGraph:
    graph = RoleGraph.build("a dog chases a cat".split(), [[2]], [("ARG0", [0, 1]), ("ARG1", [3, 4])], [(0, 0), (1, 0)])
    graph["word"].id = torch.arange(5) + 3
    return graph


def clips(count: int = 12) -> VideoGraph:
    return GraphStore.from_graphs([VideoGraph.build(torch.randn(4, 6)) for _ in range(count)]).batch(range(count))


def mask(*rows: float) -> Explanation:
    return Explanation(node_mask=torch.tensor(rows).unsqueeze(1))


@pytest.mark.parametrize("what", ["words", "nodes"])
def test_ranks_are_those_of_the_scores(what) -> None:
    model, graph, videos = HGR(**SIZES).eval(), caption(), clips()
    rows = 5 if what == "words" else 4
    explanation = mask(*([0.1] * (rows - 1)), 0.9)  # the last one
    score = ScoreOfCaption(model, graph, videos, what)
    x, edges = score.inputs()
    whole = model.similarity(model.encode_video(videos), model.encode_text(graph))[:, 0]
    without, alone = x.clone(), torch.zeros_like(x)
    without[-1], alone[-1] = 0, x[-1]
    for own in range(12):

        def rank(scores: Tensor, own: int = own) -> int:
            return 1 + sum(bool(scores[i] >= scores[own]) for i in range(12) if i != own)

        found = explained_rank(model, graph, videos, own, explanation, what)
        assert found == (rank(whole), rank(score.scores(without, edges)), rank(score.scores(alone, edges)))
    same = explained_rank(model, graph, videos, 3, explanation, what, share=1.0)
    assert same.whole == same.alone


def test_a_caption_of_one_telling_word() -> None:
    """Only one word is in the embedding: it is the whole rank, and without it nothing tells the clips apart."""
    model = VSE(**SIZES).eval()
    with torch.no_grad():
        table = model.word_embedding.weight
        table[[3, 4, 6, 7]] = 0.0
    videos, graph = clips(), caption()
    own = int(model.similarity(model.encode_video(videos), model.encode_text(graph))[:, 0].argmax())
    first = explain_caption(model, graph, GraphStore.from_graphs([videos[own]]).batch([0]))
    assert int(first.node_mask.abs().argmax()) == 2
    found = explained_rank(model, graph, videos, own, mask(0.0, 0.0, 1.0, 0.0, 0.0))
    assert (found.whole, found.alone) == (1, 1)


def test_the_measure_is_that_of_pyg(monkeypatch) -> None:
    """Hits as PyG's classes: the same two numbers."""
    ranks = [ExplainedRank(*torch.randint(1, 4, (3,)).tolist()) for _ in range(40)]
    hits = (torch.tensor(ranks) <= 2).long()

    class Known:
        model_config = type("", (), {"mode": None})
        explanation_type = pytest.importorskip("torch_geometric.explain.config").ExplanationType.model
        answers = iter([hits[:, 2], hits[:, 1]])

        def get_masked_prediction(self, *args: object, **kwargs: object) -> Tensor:
            return next(self.answers)

        def get_target(self, prediction: Tensor) -> Tensor:
            return prediction

    explanation = Explanation(x=torch.zeros(1), edge_index=torch.zeros(2, 0), target=hits[:, 0], _model_args=[])
    assert fidelity(ranks, 2) == pytest.approx(pyg_fidelity(Known(), explanation))


def test_wrong_calls() -> None:
    model, graph, videos = VSE(**SIZES), caption(), clips(3)
    for arguments, match in (
        ((0, mask(1.0)), r"node_mask: has shape \[1, 1\]"),
        ((0, Explanation()), "node_mask: has shape None"),
        ((3, mask(*[1.0] * 5)), "own: is 3"),
    ):
        with pytest.raises(DataError, match=match):
            explained_rank(model, graph, videos, *arguments)
    with pytest.raises(DataError, match="share: is 0"):
        explained_rank(model, graph, videos, 0, mask(*[1.0] * 5), share=0)
    with pytest.raises(DataError, match="ranks: there are none"):
        fidelity([])
    with pytest.raises(DataError, match="k: is 0"):
        fidelity([ExplainedRank(1, 1, 1)], 0)
