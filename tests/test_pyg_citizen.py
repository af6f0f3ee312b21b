"""Our layers, poolings and graphs in PyG's own hands: what its users do with any conv must work with ours."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch_geometric.transforms as T
from torch import Tensor, nn
from torch.testing import assert_close
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, HeteroData, InMemoryDataset
from torch_geometric.explain import AttentionExplainer, Explainer, GNNExplainer
from torch_geometric.loader import DataLoader, RandomNodeLoader
from torch_geometric.nn import GATConv, HeteroConv, SAGEConv, Sequential, summary, to_hetero
from torch_geometric.nn.aggr import MaxAggregation
from torch_geometric.utils import to_torch_coo_tensor, to_torch_csc_tensor, to_torch_csr_tensor

from graphvtr.graphs import (
    AddFrameEdges,
    AddSpatialEdges,
    AddTemporalEdges,
    GraphStore,
    RemoveIsolatedNodes,
    RoleGraph,
    SplitRoles,
    TextList,
    VideoGraph,
)
from graphvtr.nn import CompleteGraphAttention, RandomWalkGCN, RandomWalkGCNConv, RoleGATConv
from graphvtr.nn.aggr import ChannelAttentionAggregation, SegmentAggregation, SoftAttentionAggregation
from graphvtr.ops import backend
from tests.processes import clean_context

D, SOURCES, TARGETS = 8, 5, 4
EDGES = torch.tensor([[0, 1, 2, 4, 3, 0, 1], [1, 0, 3, 3, 0, 3, 2]])
SQUARE = torch.tensor([[0, 1, 2, 3, 3, 0, 1], [1, 0, 3, 3, 0, 3, 2]])


class Conv:
    """How a layer is built and called with edges."""

    def __init__(self, make: Callable[..., nn.Module], by_name: bool = False) -> None:
        self.make, self.by_name = make, by_name

    def __call__(self, layer: nn.Module, x: Any, edges: Any, **kwargs: Any) -> Any:
        return layer(x, edge_index=edges, **kwargs) if self.by_name else layer(x, edges, **kwargs)


CONVS = {
    "RoleGATConv": Conv(lambda width=D, **kw: RoleGATConv(width, D, heads=2, **kw)),
    "RoleGATConv mean": Conv(lambda width=D, **kw: RoleGATConv(width, D, attention=False, **kw)),
    "RandomWalkGCNConv": Conv(lambda width=D, **kw: RandomWalkGCNConv(width, **kw)),
    "RandomWalkGCNConv symmetric": Conv(
        lambda width=D, **kw: RandomWalkGCNConv(width, normalization="symmetric", affinity="exp", **kw)
    ),
    "CompleteGraphAttention": Conv(lambda width=D, **kw: CompleteGraphAttention(width, heads=2, **kw), by_name=True),
}


@pytest.fixture(params=CONVS)
def conv(request: pytest.FixtureRequest) -> Conv:
    return CONVS[request.param]


def features(rows: int = TARGETS) -> Tensor:
    return torch.randn(rows, D, dtype=torch.float64)


# ---- forms of x and of edges --------------------------------------------------------------------------------------


def test_one_set_of_nodes_is_a_pair_of_the_same(conv: Conv) -> None:
    layer, x = conv.make().double(), features()
    out = conv(layer, x, SQUARE)
    assert out.shape == (TARGETS, D)
    assert_close(conv(layer, (x, x.clone()), SQUARE), out)
    assert_close(conv(layer, (x, x.clone()), SQUARE, size=(TARGETS, TARGETS)), out)
    with pytest.raises(ValueError, match="size"):
        conv(layer, x, SQUARE, size=(TARGETS + 1, TARGETS))


@pytest.mark.parametrize(
    "name", ["edge_index", "shuffled", "EdgeIndex by row", "EdgeIndex by col", "coo", "csr", "csc"]
)
def test_bipartite_graphs_in_every_form(conv: Conv, name: str) -> None:
    layer, x = conv.make().double(), (features(SOURCES), features(TARGETS))
    expected = conv(layer, x, EDGES)
    assert expected.shape == (TARGETS, D)
    size = (TARGETS, SOURCES)
    forms = {
        "edge_index": EDGES,
        "shuffled": EDGES[:, torch.randperm(7)],
        "EdgeIndex by row": EdgeIndex(EDGES, sparse_size=(SOURCES, TARGETS)).sort_by("row").values,
        "EdgeIndex by col": EdgeIndex(EDGES, sparse_size=(SOURCES, TARGETS)).sort_by("col").values,
        "coo": to_torch_coo_tensor(EDGES.flip(0), size=size),
        "csr": to_torch_csr_tensor(EDGES.flip(0), size=size),
        "csc": to_torch_csc_tensor(EDGES.flip(0), size=size),
    }
    assert_close(conv(layer, x, forms[name]), expected)
    out, (edges, alpha) = conv(layer, x, forms[name], return_attention_weights=True)
    assert_close(out, expected)
    assert alpha.size(0) == 7
    assert type(edges) is type(forms[name])
    layer.register_propagate_forward_hook(lambda *_: None)  # now it passes messages
    assert_close(conv(layer, x, forms[name]), expected)


def test_the_order_of_an_edge_index_is_used(conv: Conv, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = conv.make(), (torch.randn(SOURCES, D), torch.randn(TARGETS, D))
    edges = EdgeIndex(EDGES, sparse_size=(SOURCES, TARGETS)).sort_by("col").values
    if "symmetric" in repr(layer):
        return  # its out-degrees need another order
    expected = conv(layer, x, edges)
    monkeypatch.setattr(torch, "sort", None)
    assert_close(conv(layer, x, edges), expected)


def test_flow(conv: Conv) -> None:
    forth, back = conv.make().double(), conv.make(flow="target_to_source").double()
    back.load_state_dict(forth.state_dict())
    x = (features(SOURCES), features(TARGETS))
    expected = conv(forth, x, EDGES)
    assert_close(conv(back, x, EDGES.flip(0)), expected)
    out, (_, alpha) = conv(back, x, EDGES.flip(0), return_attention_weights=True)
    assert_close(out, expected)
    assert_close(alpha, conv(forth, x, EDGES, return_attention_weights=True)[1][1])
    back.register_propagate_forward_hook(lambda *_: None)
    assert_close(conv(back, x, EDGES.flip(0)), expected)
    with pytest.raises(ValueError, match="transposed"):
        conv(back, x, to_torch_csr_tensor(EDGES.flip(0), size=(TARGETS, SOURCES)))


def test_a_weight_counts_an_edge_more_than_once(conv: Conv) -> None:
    """An edge of weight 2 is two edges, one of weight 0 none; so are the values of a sparse matrix."""
    layer, x = conv.make().double(), (features(SOURCES), features(TARGETS))
    weight = torch.tensor([1.0, 2.0, 1.0, 0.0, 1.0, 3.0, 1.0], dtype=torch.float64)
    if "symmetric" not in repr(layer):
        repeated = EDGES.repeat_interleave(weight.long(), 1)
        assert_close(conv(layer, x, EDGES, edge_weight=weight), conv(layer, x, repeated))
    matrix = to_torch_csr_tensor(EDGES.flip(0), weight, size=(TARGETS, SOURCES))
    assert_close(conv(layer, x, matrix), conv(layer, x, EDGES, edge_weight=weight))
    weight.requires_grad_()
    (wanted,) = torch.autograd.grad(conv(layer, x, EDGES, edge_weight=weight).square().sum(), weight)
    assert torch.isfinite(wanted).all()
    matrix = torch.sparse_coo_tensor(EDGES.flip(0), weight, (TARGETS, SOURCES))
    (found,) = torch.autograd.grad(conv(layer, x, matrix).square().sum(), weight)
    assert_close(found, wanted)


def test_shapes_on_a_device_without_numbers(conv: Conv) -> None:
    layer, x = conv.make().to("meta"), (torch.randn(SOURCES, D).to("meta"), torch.randn(TARGETS, D).to("meta"))
    assert conv(layer, x, EDGES.to("meta")).shape == (TARGETS, D)


def test_wrong_edges_are_named(conv: Conv) -> None:
    layer, x = conv.make().double(), features()
    for edges, match in (
        (SQUARE.float(), "edge_index: is torch.float32"),
        (SQUARE[0], "edge_index: is torch.int64 of shape"),
        (SQUARE + 3, "edge_index: names node"),
        ("edges", "edge_index: is <class 'str'>"),
        (to_torch_csr_tensor(SQUARE, size=(9, 9)), "is a sparse matrix"),
    ):
        with pytest.raises(ValueError, match=match):
            conv(layer, x, edges)
    with pytest.raises(ValueError, match="destination nodes"):
        conv(layer, (x, None), SQUARE)
    with pytest.raises(ValueError, match="edge_weight"):
        conv(layer, x, SQUARE, edge_weight=torch.ones(3))


def test_a_pointer_of_other_edges_is_refused() -> None:
    layer, x = RoleGATConv(D, D), torch.randn(TARGETS, D)
    ptr = torch.tensor([0, 2, 3, 4, 7])
    ordered = SQUARE[:, torch.sort(SQUARE[1], stable=True).indices]
    assert_close(layer(x, ordered, ptr=ptr), layer(x, SQUARE))
    for edges, wrong in ((SQUARE, ptr), (ordered, torch.tensor([0, 1, 3, 4, 7])), (ordered, ptr[:-1])):
        with pytest.raises(ValueError, match="ptr"):
            layer(x, edges, ptr=wrong)
    ordered.copy_(SQUARE)  # the same tensor, which had been found sorted
    with pytest.raises(ValueError, match="ptr"):
        layer(x, ordered, ptr=ptr)


# ---- PyG's containers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [-1, (-1, -1)])
def test_lazy_widths(conv: Conv, width: Any) -> None:
    lazy, x = conv.make(width).double(), (features(SOURCES), features(TARGETS))
    other, before = copy.deepcopy(lazy), conv.make(width).double()
    expected = conv(lazy, x, EDGES)
    assert expected.shape == (TARGETS, D)
    other.load_state_dict(lazy.state_dict())  # widths come from the file
    assert_close(conv(other, x, EDGES), expected)
    before.load_state_dict(conv.make(width).double().state_dict())  # still without a width
    assert conv(before, x, EDGES).shape == (TARGETS, D)
    assert all(p.requires_grad for p in lazy.parameters())


def test_hetero_conv() -> None:
    graph = role_graph()
    x = {kind: torch.randn(int(graph[kind].num_nodes), D) for kind in graph.node_types}
    conv = HeteroConv(
        {
            ("entity", "fills", "action"): RoleGATConv((-1, -1), D),
            ("action", "of", "entity"): RandomWalkGCNConv(-1),
            ("action", "in", "event"): CompleteGraphAttention(-1, heads=2),
        }
    )
    out = conv(x, graph.edge_index_dict)
    assert {kind: value.shape for kind, value in out.items()} == {
        kind: (int(graph[kind].num_nodes), D) for kind in ("action", "entity", "event")
    }
    sum(value.sum() for value in out.values()).backward()


def test_roles_of_edges_by_type() -> None:
    graph, fills = role_graph(), ("entity", "fills", "action")
    x = {kind: torch.randn(int(graph[kind].num_nodes), D) for kind in ("entity", "action")}
    conv, edges = HeteroConv({fills: RoleGATConv((-1, -1), D, num_roles=16)}), {fills: graph[fills].edge_index}
    out = conv(x, edges, edge_role_dict={fills: graph[fills].role})["action"]
    hot = nn.functional.one_hot(graph[fills].role, 16).float()
    assert_close(conv(x, edges, edge_attr_dict={fills: hot})["action"], out)


@pytest.mark.parametrize("kind", [RandomWalkGCN, RandomWalkGCNConv, RoleGATConv, CompleteGraphAttention])
def test_a_misspelt_argument_is_named_with_its_layer(kind: type[nn.Module]) -> None:
    with pytest.raises(TypeError, match=rf"{kind.__name__}.*'num_layer'"):
        kind(D, num_layer=2)


class Net(nn.Module):
    """Two layers of a kind."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.first, self.second = make(), make()

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.second(self.first(x, edge_index).relu(), edge_index)


@pytest.mark.parametrize("name", ["RoleGATConv", "RandomWalkGCNConv", "CompleteGraphAttention"])
def test_to_hetero(name: str) -> None:
    graph = role_graph()
    edges = [key for key in graph.edge_types if key[0] != "word"]
    kinds = ["event", "action", "entity"]
    model = to_hetero(Net(lambda: CONVS[name].make((-1, -1))), (kinds, edges))
    x = {kind: torch.randn(int(graph[kind].num_nodes), D) for kind in kinds}
    out = model(x, {key: graph[key].edge_index for key in edges})
    assert {kind: value.shape for kind, value in out.items()} == {kind: value.shape for kind, value in x.items()}


def test_sequential_and_summary(conv: Conv) -> None:
    model = Sequential(
        "x, edge_index", [(conv.make(), "x, edge_index -> x"), nn.ReLU(), (conv.make(), "x, edge_index -> x")]
    )
    x = torch.randn(TARGETS, D)
    assert model(x, SQUARE).shape == x.shape
    pytest.importorskip("tabulate")
    name = type(conv.make()).__name__
    assert name in summary(model, x, SQUARE)


@pytest.mark.parametrize("name", ["RandomWalkGCNConv", "CompleteGraphAttention"])
def test_weights_stand_after_edges(name: str) -> None:
    layer, weight = CONVS[name].make(), torch.rand(7)
    model, x = Sequential("x, edge_index, w", [(layer, "x, edge_index, w -> x")]), torch.randn(TARGETS, D)
    assert_close(model(x, SQUARE, weight), layer(x, edge_index=SQUARE, edge_weight=weight))


def test_explainers(conv: Conv) -> None:
    config = {"mode": "regression", "task_level": "node", "return_type": "raw"}
    x = torch.randn(TARGETS, D)
    model = Net(conv.make)
    for algorithm in (GNNExplainer(epochs=2), AttentionExplainer()):
        explain = Explainer(
            model,
            algorithm,
            explanation_type="model",
            edge_mask_type="object",
            node_mask_type=None if isinstance(algorithm, AttentionExplainer) else "attributes",
            model_config=config,
        )
        mask = explain(x, SQUARE).edge_mask
        assert mask.shape == (7,)
        assert (mask > 0).any()


def test_message_passing_when_asked(conv: Conv) -> None:
    layer, x = conv.make().double(), features()
    x.requires_grad_()
    expected = conv(layer, x, SQUARE)
    grads = torch.autograd.grad(expected.square().sum(), [x, *layer.parameters()], allow_unused=True)
    calls = []
    layer.propagate = (lambda whole: lambda *args, **kw: calls.append(1) or whole(*args, **kw))(layer.propagate)
    with backend("message_passing"):
        out = conv(layer, x, SQUARE)
        others = torch.autograd.grad(out.square().sum(), [x, *layer.parameters()], allow_unused=True)
    assert len(calls) == 1
    assert_close(out, expected)
    for one, other in zip(others, grads, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert_close(one, other)


def test_transforms_of_functions_pass_messages(conv: Conv) -> None:
    """torch.func's, which the ops refuse."""
    layer, x, tangent = conv.make().double(), features(), features()
    jacobian = torch.autograd.functional.jacobian(lambda x: conv(layer, x, SQUARE), x)
    with backend("message_passing"):
        assert_close(torch.func.jacrev(lambda x: conv(layer, x, SQUARE))(x), jacobian)
        pushed = torch.func.jvp(lambda x: conv(layer, x, SQUARE), (x,), (tangent,))[1]
    assert_close(pushed, (jacobian * tangent).sum((-1, -2)))


def test_exports_with_any_number_of_nodes(conv: Conv) -> None:
    layer = Net(conv.make).eval()
    nodes, edges = torch.export.Dim("nodes", min=2), torch.export.Dim("edges", min=2)
    program = torch.export.export(
        layer, (torch.randn(TARGETS, D), SQUARE), dynamic_shapes={"x": {0: nodes}, "edge_index": {1: edges}}
    )
    x = torch.randn(9, D)
    more = torch.cat([SQUARE, torch.tensor([[8, 5], [4, 8]])], 1)
    assert_close(program.module()(x, more), layer(x, more))


@pytest.mark.parametrize("make", [RandomWalkGCN, CompleteGraphAttention])
def test_complete_graphs_export_with_any_number_of_nodes(make: Callable[..., nn.Module]) -> None:
    layer = make(D).eval()
    graphs, nodes = torch.export.Dim("graphs", min=2), torch.export.Dim("nodes", min=2)
    program = torch.export.export(layer, (torch.randn(3, 5, D),), dynamic_shapes={"x": {0: graphs, 1: nodes}})
    x = torch.randn(4, 9, D)
    assert_close(program.module()(x), layer(x))


# ---- aggregations ----------------------------------------------------------------------------------------------------


AGGREGATIONS = {
    "max": lambda: SegmentAggregation("max"),
    "mean": lambda: SegmentAggregation("mean"),
    "soft attention": lambda: SoftAttentionAggregation(D),
    "channel attention": lambda: ChannelAttentionAggregation(D),
}


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_aggregations(name: str) -> None:
    aggregation, x = AGGREGATIONS[name](), torch.randn(6, D)
    index, order = torch.tensor([0, 0, 2, 2, 2, 3]), torch.randperm(6)
    out = aggregation(x, index, dim_size=5)
    assert out.shape == (5, D)
    assert (out[[1, 4]] == 0).all()
    assert_close(aggregation(x[order], index[order], dim_size=5), out)
    assert_close(aggregation(x, ptr=torch.tensor([0, 2, 2, 5, 6, 6])), out)
    conv = SAGEConv(D, D, aggr=aggregation)
    conv(torch.randn(TARGETS, D), SQUARE).sum().backward()
    assert repr(aggregation).startswith(type(aggregation).__name__)


@pytest.mark.parametrize("dim", [0, 1, -2])
def test_messages_of_several_heads(dim: int) -> None:
    """As PyG's own do it, along any dimension; attention takes rows."""
    x, index = torch.randn(6, 6, D), torch.tensor([0, 2, 2, 0, 3, 2])
    assert_close(
        SegmentAggregation("max")(x, index, dim_size=5, dim=dim), MaxAggregation()(x, index, dim_size=5, dim=dim)
    )
    assert GATConv(D, D, heads=2, aggr=SegmentAggregation("mean"))(torch.randn(TARGETS, D), SQUARE).shape == (4, 2 * D)
    with pytest.raises(ValueError, match="two-dimensional"):
        SoftAttentionAggregation(D)(x, index)


# ---- graphs ----------------------------------------------------------------------------------------------------------


def role_graph() -> RoleGraph:
    return RoleGraph.build(
        ["a", "dog", "chases", "two", "cats"], [[2]], [("ARG0", [0, 1]), ("ARG1", [3, 4])], [(0, 0), (1, 0)]
    )


def video_graph() -> VideoGraph:
    return VideoGraph.build(
        torch.randn(3, 2), region_x=torch.randn(4, 3), region_frame=torch.tensor([0, 0, 2, 2]), name="clip"
    )


GRAPHS = {"role": role_graph, "video": video_graph}


def same(one: HeteroData, other: HeteroData) -> None:
    assert one.node_types == other.node_types
    assert one.edge_types == other.edge_types
    for key in (*one.node_types, *one.edge_types):
        for name, value in one[key].items():
            if name == "num_nodes":  # packed batches always say it
                assert one[key].num_nodes == other[key].num_nodes
            elif isinstance(value, Tensor):
                assert torch.equal(value, other[key][name]), (key, name)
            else:
                assert value == other[key][name], (key, name)


@pytest.fixture(params=GRAPHS)
def graph(request: pytest.FixtureRequest) -> HeteroData:
    return GRAPHS[request.param]()


def test_pygs_batches_come_apart_again(graph: HeteroData) -> None:
    batch = Batch.from_data_list([graph, graph])
    assert len(batch) == 2
    for one in (*batch.to_data_list(), batch[1], batch.get_example(0), *batch.index_select([1])):
        same(one, graph)


def test_packed_batches_come_apart_again(graph: HeteroData) -> None:
    batch = GraphStore.from_graphs([graph] * 3).batch([0, 1, 2], strings=True)
    assert (len(batch), batch.batch_size, batch.num_graphs) == (3, 3, 3)
    parts = [*batch.to_data_list(), batch[1], batch[-1], batch.get_example(0), *batch.index_select([1]), *batch[1:]]
    assert len(parts) == 9
    for one in parts:
        same(one, graph)
        assert type(one) is type(graph)
    assert len(batch[torch.tensor([True, False, True])]) == 2
    with pytest.raises(IndexError):
        batch[3]
    with pytest.raises(ValueError, match="single graph"):
        graph.get_example(0)
    assert batch["word" if isinstance(graph, RoleGraph) else "frame"].num_nodes  # names still name types


def test_in_memory_datasets(graph: HeteroData, tmp_path: Any) -> None:
    data, slices = InMemoryDataset.collate([graph, graph])
    torch.save((data, slices), tmp_path / "graphs.pt")

    class Set(InMemoryDataset):
        def __init__(self) -> None:
            super().__init__()
            self.load(str(tmp_path / "saved.pt"), data_cls=type(graph))

    InMemoryDataset.save([graph, graph], str(tmp_path / "saved.pt"))
    dataset = Set()
    assert len(dataset) == 2
    same(dataset[1], graph)
    assert len(dataset[[0]]) == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders(graph: HeteroData, workers: int) -> None:
    options = {"multiprocessing_context": clean_context()} if workers else {}
    loader = DataLoader([graph] * 5, batch_size=2, num_workers=workers, **options)
    assert [batch.num_graphs for batch in loader] == [2, 2, 1]


def test_a_spawned_loader() -> None:
    loader = DataLoader([role_graph()] * 3, batch_size=2, num_workers=1, multiprocessing_context="spawn")
    assert [batch.num_graphs for batch in loader] == [2, 1]


def test_nodes_at_random() -> None:
    parts = list(RandomNodeLoader(role_graph(), num_parts=2))
    assert sorted(word for part in parts for word in part["word"].text) == sorted(role_graph()["word"].text)


def test_homogeneous_graphs_have_no_pointer() -> None:
    batch = GraphStore.from_graphs([role_graph()] * 2).batch([0, 1])
    whole = batch.to_homogeneous()
    assert "ptr" not in whole
    assert whole.num_nodes == sum(int(batch[kind].num_nodes) for kind in batch.node_types)
    assert "ptr" in batch["entity"]  # the batch itself stays as it was


def test_subgraphs_keep_texts_and_frames() -> None:
    graph = role_graph()
    part = graph.subgraph({"word": torch.tensor([0, 1, 2]), "entity": torch.tensor([True, False])})
    assert part["word"].text == ["a", "dog", "chases"]
    assert part["entity", "fills", "action"].edge_index.tolist() == [[0], [0]]
    clip = video_graph()
    part = clip.subgraph({"frame": torch.tensor([1, 2])})
    assert part["region"].frame.tolist() == [1, 1]
    assert torch.equal(part["region"].x, clip["region"].x[2:])
    assert part.validate()


@pytest.mark.parametrize("transform", [None, AddSpatialEdges(), AddFrameEdges()])
def test_parts_of_pygs_batches_come_apart(transform: Any) -> None:
    """As if the parts had been batched."""
    clips, frames = [video_graph(), video_graph()], torch.tensor([0, 2, 3, 4])
    clips = clips if transform is None else [transform(clip) for clip in clips]
    batch = Batch.from_data_list(clips)
    part = batch.subgraph({"frame": frames})
    assert (type(part), part.num_graphs, part["frame"].ptr.tolist()) == (type(batch), 2, [0, 2, 4])
    wanted = [clips[0].subgraph({"frame": frames[:2]}), clips[1].subgraph({"frame": frames[2:] - 3})]
    for found, clip in zip(part.to_data_list(), wanted, strict=True):
        same(found, clip)
    same(batch[1], clips[1])  # the batch itself stays as it was
    words = torch.tensor([1, 2, 3, 5, 8])
    captions = Batch.from_data_list([role_graph(), role_graph()]).subgraph({"word": words})
    assert captions["word"].text == [["dog", "chases", "two"], ["a", "two"]]
    for place, chosen in enumerate((words[:3], words[3:] - 5)):
        same(captions[place], role_graph().subgraph({"word": chosen}))


def test_isolated_nodes_go_with_all_that_names_them() -> None:
    clip = AddFrameEdges()(video_graph())
    same(T.RemoveIsolatedNodes()(clip), clip)  # none is
    del clip["frame", "next", "frame"]
    ours, pygs = RemoveIsolatedNodes()(clip), T.RemoveIsolatedNodes()(clip)
    assert ours["region"].frame.tolist() == [0, 0, 1, 1]
    assert ours.validate()
    with pytest.raises(ValueError, match=r"region.frame: points to frame"):
        pygs.validate()
    pygs["region"].frame = pygs["region", "in", "frame"].edge_index[1]
    same(pygs, ours)
    clip["region", "in", "frame"].edge_index = torch.tensor([[0, 1, 2], [0, 0, 1]])
    with pytest.raises(ValueError, match=r"region.frame: says another frame than the edges.*RemoveIsolatedNodes"):
        clip.validate()


@pytest.mark.parametrize("kind", [RemoveIsolatedNodes, T.RemoveIsolatedNodes])
def test_isolated_words_go_with_their_texts(kind: type[Any]) -> None:
    graph = role_graph()
    graph["word"].text = ["-", *graph["word"].text, "!"]
    graph["word"].num_nodes = 7
    for level in ("event", "action", "entity"):
        graph["word", "in", level].edge_index[0] += 1
    out = kind()(graph)
    assert out.validate()
    same(out, role_graph())
    assert len(graph["word"].text) == 7
    packed = kind()(GraphStore.from_graphs([graph, graph]).batch([0, 1], strings=True))
    assert packed["word"].text == role_graph()["word"].text * 2
    if kind is T.RemoveIsolatedNodes:
        with pytest.raises(ValueError, match=r"word.ptr: ends at 14 of 10 nodes"):
            packed.validate()
    else:
        same(packed[1], role_graph())


def test_pyg_cuts_texts() -> None:
    """Node attributes that are lists, by masks and positions, wherever they were last."""
    graph = role_graph()
    graph["entity", "fills", "action"].note = ["agent", "patient"]
    saved = io.BytesIO()
    torch.save(graph.to_dict(), saved)
    saved.seek(0)
    loaded = RoleGraph.from_dict(torch.load(saved, weights_only=True))
    pickled = pickle.loads(pickle.dumps(graph))  # noqa: S301 - what a loader's processes do
    sources = [graph, graph.clone(), pickled, graph.to("cpu"), loaded]
    batch = Batch.from_data_list([graph, graph])
    packed = GraphStore.from_graphs([graph]).batch([0, 0], strings=True)
    for one in (*sources, batch[1], packed[1]):
        part = HeteroData.subgraph(one, {"word": torch.tensor([4, 1]), "entity": torch.tensor([False, True])})
        assert part["word"].text == ["cats", "dog"]
        assert part["entity", "fills", "action"].note == ["patient"]
        assert repr(one["word"].text) == "['a', 'dog', 'chases', 'two', 'cats']"
        assert type(one["word"].text) is type(one["word"].text[1:]) is TextList
    with pytest.raises(IndexError, match="mask of shape"):
        graph["word"].text[torch.tensor([True])]


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (AddSpatialEdges(False), "AddSpatialEdges(self_loops=False)"),
        (AddTemporalEdges("track"), "AddTemporalEdges(by='track', both_directions=False)"),
        (AddFrameEdges(), "AddFrameEdges()"),
        (SplitRoles(), "SplitRoles(all_roles=True)"),
    ],
)
def test_transforms_show_their_arguments(transform: Any, text: str) -> None:
    assert repr(transform) == text


def test_pygs_transforms(graph: HeteroData) -> None:
    out = T.Compose([T.ToUndirected(), T.ToDevice("cpu")])(copy.copy(graph))
    assert out.validate()
