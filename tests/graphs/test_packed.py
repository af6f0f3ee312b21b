"""Packed batches against PyG's own batching, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, HeteroData

from graphvtr.errors import DataError
from graphvtr.graphs import (
    AddFrameEdges,
    AddSpatialEdges,
    AddTemporalEdges,
    GraphStore,
    RoleGraph,
    SplitRoles,
    VideoGraph,
    node_ptr,
    num_graphs,
    sample_frames,
    truncate,
)


def assert_same_batch(packed: HeteroData, graphs: list[HeteroData]) -> None:
    reference = Batch.from_data_list(graphs)
    assert packed.num_graphs == reference.num_graphs
    for node_type in reference.node_types:
        assert packed[node_type].num_nodes == reference[node_type].num_nodes
        for name in ("ptr", "batch"):
            assert torch.equal(packed[node_type][name], reference[node_type][name]), (node_type, name)
    for key in (*reference.node_types, *reference.edge_types):
        for name, value in reference[key].items():
            if isinstance(value, torch.Tensor) and name not in ("ptr", "batch"):
                assert torch.equal(packed[key][name], value), (key, name)


@pytest.mark.parametrize("index", [[0, 1, 2, 3], [2], [3, 0, 0, 1], [1, 3]])
def test_role_batch_equals_pyg(role_graphs: list[RoleGraph], index: list[int]) -> None:
    packed = GraphStore.from_graphs(role_graphs).batch(index)
    assert_same_batch(packed, [role_graphs[i] for i in index])
    assert packed.validate()


@pytest.mark.parametrize("index", [[0, 1, 2], [1], [2, 0, 2]])
def test_video_batch_equals_pyg(video_graphs: list[VideoGraph], index: list[int]) -> None:
    packed = GraphStore.from_graphs(video_graphs).batch(index)
    assert_same_batch(packed, [video_graphs[i] for i in index])
    assert packed.validate()


def test_empty_batch_has_the_fields_of_a_full_one(role_graphs: list[RoleGraph]) -> None:
    batch = GraphStore.from_graphs(role_graphs).batch([])
    assert batch.num_graphs == 0
    assert batch["word"].id.shape == (0,)
    assert batch["entity"].ptr.tolist() == [0]


def test_items_are_the_graphs(role_graphs: list[RoleGraph]) -> None:
    store = GraphStore.from_graphs(role_graphs)
    assert len(store) == 4
    for stored, graph in zip(store, role_graphs, strict=True):
        assert stored.validate()
        assert (stored.caption, stored.words) == (graph.caption, graph.words)
        for key in (*graph.node_types, *graph.edge_types):
            for name, value in graph[key].items():
                if isinstance(value, torch.Tensor):
                    assert torch.equal(stored[key][name], value)
    assert store[-1].caption == "dog"
    with pytest.raises(IndexError, match="graph 4 of 4"):
        store[4]


def test_strings_come_on_request(role_graphs: list[RoleGraph]) -> None:
    store = GraphStore.from_graphs(role_graphs)
    assert "text" not in store.batch([0])["word"]
    batch = store.batch([1, 3], strings=True)
    assert batch["word"].text == ["two", "cats", "dog"]
    assert batch.caption == ["two cats", "dog"]


def test_a_single_graph_counts_as_a_batch_of_one(role_graphs: list[RoleGraph]) -> None:
    assert node_ptr(role_graphs[0], "word").tolist() == [0, 8]
    assert node_ptr(role_graphs[3], "action").tolist() == [0, 0]
    assert num_graphs(role_graphs[0]) == 1
    assert num_graphs(GraphStore.from_graphs(role_graphs).batch([0, 1, 2])) == 3


def test_to_moves_every_tensor(video_graphs: list[VideoGraph]) -> None:
    moved = GraphStore.from_graphs(video_graphs).batch([0, 1]).to("meta")
    for key in moved.node_types:
        assert all(v.device.type == "meta" for v in moved[key].values() if isinstance(v, torch.Tensor))


def test_save_and_load(role_graphs: list[RoleGraph], video_graphs: list[VideoGraph], tmp_path: Path) -> None:
    role_graphs[1].caption = "zwei Kätzchen 🐈 \ud83d"  # astral characters and a lone surrogate survive
    for graphs in (role_graphs, video_graphs):
        path = tmp_path / "graphs.safetensors"
        GraphStore.from_graphs(graphs).save(path)
        loaded = GraphStore.load(path)
        assert not path.with_name(path.name + ".partial").exists()
        assert_same_batch(loaded.batch(range(len(graphs))), graphs)
        assert loaded.strings == GraphStore.from_graphs(graphs).strings
        assert type(loaded[0]) is type(graphs[0])


def test_equal_stores_have_equal_digests(role_graphs: list[RoleGraph], tmp_path: Path) -> None:
    store = GraphStore.from_graphs(role_graphs)
    store.save(tmp_path / "graphs")
    assert (
        GraphStore.load(tmp_path / "graphs").digest() == store.digest() == GraphStore.from_graphs(role_graphs).digest()
    )
    others = [GraphStore.from_graphs(role_graphs[::-1]), GraphStore.from_graphs(role_graphs[1:])]
    store.nodes["word"].strings["text"][0] += "s"
    assert (
        len({store.digest(), *(other.digest() for other in others), GraphStore.load(tmp_path / "graphs").digest()}) == 4
    )


def test_types_that_share_a_pointer_are_saved(role_graphs: list[RoleGraph], tmp_path: Path) -> None:
    store = GraphStore.from_graphs(role_graphs)
    store.edges["action", "of", "entity"].ptr = store.edges["entity", "fills", "action"].ptr
    store.save(tmp_path / "graphs.safetensors")
    assert_same_batch(GraphStore.load(tmp_path / "graphs.safetensors").batch([0, 1]), role_graphs[:2])


def test_load_names_the_file_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.safetensors: no such file"):
        GraphStore.load(tmp_path / "absent.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00not json at all")
    with pytest.raises(DataError, match=r"broken\.safetensors: is damaged.*write it again"):
        GraphStore.load(broken)
    other = tmp_path / "other.safetensors"
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, other)
    with pytest.raises(DataError, match=r"is not a graphvtr\.GraphStore/1 file"):
        GraphStore.load(other)


def test_packing_refuses_what_does_not_fit(role_graphs: list[RoleGraph]) -> None:
    with pytest.raises(DataError, match="graphs: there are none"):
        GraphStore.from_graphs([])
    del role_graphs[2]["word"].id
    with pytest.raises(DataError, match="graph 2: has other fields than graph 0 on word"):
        GraphStore.from_graphs(role_graphs)
    wide = [VideoGraph.build(torch.zeros(1, width)) for width in (3, 4)]
    with pytest.raises(DataError, match=r"field 'x': has rows of different shapes \[\(3,\), \(4,\)\]"):
        GraphStore.from_graphs(wide)


def test_subset(role_graphs: list[RoleGraph]) -> None:
    subset = GraphStore.from_graphs(role_graphs).subset([3, 0])
    assert [graph.caption for graph in subset] == ["dog", "a white dog chases a cat and barks"]


def labelled(role_graphs: list[RoleGraph]) -> list[RoleGraph]:
    """Graphs with a field of every kind that PyG's Batch keeps."""
    for place, graph in enumerate(role_graphs):
        graph.y = torch.tensor([place, -place])
        graph.target = torch.full((1, 3), float(place))
        graph.weight = torch.tensor(place / 3)
        graph.label = place
        graph.score = place / 7
        graph.seen = place % 2 == 0
        graph.profile = np.arange(place + 1)
        graph["word"].position = np.arange(graph["word"].num_nodes, dtype=np.float32)
        graph["entity", "fills", "action"].weight = torch.rand(graph["entity", "fills", "action"].role.numel())
    return role_graphs


def test_fields_of_ones_own_are_kept_as_pyg_keeps_them(role_graphs: list[RoleGraph], tmp_path: Path) -> None:
    graphs = labelled(role_graphs)
    store = GraphStore.from_graphs(graphs)
    store.save(tmp_path / "graphs.safetensors")
    for packed in (store, GraphStore.load(tmp_path / "graphs.safetensors"), store.subset([0, 1, 2, 3])):
        batch = packed.batch([3, 1, 1])
        for graph in graphs:  # PyG keeps lists of arrays, which no model can use
            graph.profile = torch.as_tensor(graph.profile)
            graph["word"].position = torch.as_tensor(graph["word"].position)
        reference = Batch.from_data_list([graphs[index] for index in (3, 1, 1)])
        for name in ("y", "target", "weight", "label", "score", "seen", "profile"):
            assert torch.equal(batch[name], reference[name]), name
            assert batch[name].dtype == reference[name].dtype, name
        assert torch.equal(batch["word"].position, reference["word"].position)
        for place, graph in enumerate(packed):
            assert (graph.label, graph.score, graph.seen) == (place, place / 7, place % 2 == 0)
            assert type(graph.label) is int
            assert graph.y.tolist() == [place, -place]
            assert torch.equal(graph.weight, torch.tensor(place / 3))
            assert graph.profile.tolist() == list(range(place + 1))
        assert packed.batch([]).y.shape == (0,)


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("tags", ["a", "b"], "field 'tags' of the graph: is a list"),
        ("meta", {"a": 1}, "field 'meta' of the graph: is a dict"),
    ],
)
def test_fields_that_cannot_be_kept_are_refused(role_graphs: list[RoleGraph], field, values, message) -> None:
    for graph in role_graphs:
        graph[field] = values
    with pytest.raises(DataError, match=message):
        GraphStore.from_graphs(role_graphs)


def test_fields_that_only_some_graphs_have_or_of_other_sizes_are_refused(role_graphs: list[RoleGraph]) -> None:
    role_graphs[2].y = torch.tensor([1])
    with pytest.raises(DataError, match="graph 2: has other fields than graph 0 on the graph"):
        GraphStore.from_graphs(role_graphs)
    for place, graph in enumerate(role_graphs):
        graph.y = torch.zeros(1, 1 + (place == 3))
    with pytest.raises(DataError, match="field 'y' of the graph: differs"):
        GraphStore.from_graphs(role_graphs)
    for graph in role_graphs:
        del graph.y
        graph["word"].weight = torch.ones(graph["word"].num_nodes)
    role_graphs[1]["word"].weight = torch.ones(9)
    with pytest.raises(DataError, match="graph 1: field 'weight' of word: has 9 rows for 2"):
        GraphStore.from_graphs(role_graphs)
    for graph in role_graphs:
        graph["word"].weight = 3.0
    with pytest.raises(DataError, match="field 'weight' of word: is a float"):
        GraphStore.from_graphs(role_graphs)


def assert_same_store(one: GraphStore, two: GraphStore) -> None:
    assert one.strings == two.strings
    assert one.fields.keys() == two.fields.keys()
    for name, packed in one.fields.items():
        assert packed.scalar == two.fields[name].scalar, name
        assert torch.equal(packed.ptr, two.fields[name].ptr), name
        assert torch.equal(packed.rows, two.fields[name].rows), name
    assert {key for key, _ in one.types()} == {key for key, _ in two.types()}
    others = dict(two.types())
    for key, flat in one.types():
        assert torch.equal(flat.ptr, others[key].ptr), key
        assert flat.strings == others[key].strings, key
        assert flat.tensors.keys() == others[key].tensors.keys(), key
        for name, tensor in flat.tensors.items():
            assert torch.equal(tensor, others[key].tensors[name]), (key, name)


@pytest.mark.parametrize("kind", ["role", "video"])
@pytest.mark.parametrize("index", [[2, 0], [-1], torch.tensor([1, 1]), torch.tensor([True, False, True])])
def test_subset_is_the_store_of_the_chosen_graphs(
    kind: str, index: Any, role_graphs: list[RoleGraph], video_graphs: list[VideoGraph]
) -> None:
    graphs: list[Any] = (role_graphs if kind == "role" else video_graphs)[:3]
    chosen = index if isinstance(index, list) else torch.arange(3)[index].tolist()
    store = GraphStore.from_graphs(graphs)
    assert_same_store(store.subset(index), GraphStore.from_graphs([graphs[i] for i in chosen]))
    with pytest.raises(DataError, match="of 3"):
        store.subset([3])


def test_whole_and_from_batch_are_inverse(role_graphs: list[RoleGraph], video_graphs: list[VideoGraph]) -> None:
    for graphs in (role_graphs, video_graphs):
        store = GraphStore.from_graphs(graphs)
        assert_same_batch(store.whole(), graphs)
        assert_same_store(GraphStore.from_batch(store.whole()), store)
        part = store.batch([1, 0, 1], strings=True)
        assert_same_store(GraphStore.from_batch(part), GraphStore.from_graphs([graphs[i] for i in (1, 0, 1)]))


def with_tracks(graph: VideoGraph) -> VideoGraph:
    graph["region"].track = torch.arange(graph.num_regions) % 3 - 1
    return graph


@pytest.mark.parametrize(
    ("kind", "transform"),
    [
        ("role", lambda graph: graph),
        ("video", lambda graph: graph),
        ("role", lambda graph: truncate(graph, 3, 1, 1)),
        ("role", SplitRoles()),
        ("video", lambda graph: sample_frames(graph, 2)),
        ("video", AddSpatialEdges(self_loops=False)),
        ("video", AddTemporalEdges(both_directions=True)),
        ("video", AddTemporalEdges(by="track")),
        ("video", AddFrameEdges()),
    ],
)
def test_a_mapped_store_is_the_store_of_mapped_graphs(
    kind: str, transform: Any, role_graphs: list[RoleGraph], video_graphs: list[VideoGraph]
) -> None:
    """Including clips of no regions and captions of no actions, and edges that come without a pointer."""
    graphs: list[Any] = role_graphs if kind == "role" else [with_tracks(graph) for graph in video_graphs]
    store = GraphStore.from_graphs(graphs)
    assert_same_store(store.mapped(transform), GraphStore.from_graphs([transform(graph) for graph in graphs]))
    assert_same_store(store, GraphStore.from_graphs(graphs))  # what was there is left alone


def test_fields_of_the_graphs_survive_a_transform(role_graphs: list[RoleGraph]) -> None:
    """Ragged ones and numbers too; a field may be changed or added."""
    store = GraphStore.from_graphs(labelled(role_graphs))
    assert_same_store(
        store.mapped(lambda batch: truncate(batch, 2)).subset([0, 2]),
        store.subset([0, 2]).mapped(lambda batch: truncate(batch, 2)),
    )

    def change(batch: RoleGraph) -> RoleGraph:
        batch.score, batch.fresh = batch.score + 1, torch.arange(2 * 4)
        return batch

    changed = store.mapped(change)
    assert changed[3].score == pytest.approx(3 / 7 + 1)
    assert changed[3].fresh.tolist() == [6, 7]
    assert changed[3].profile.tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match="field 'odd' of the graph: has shape"):
        store.mapped(lambda batch: setattr(batch, "odd", torch.ones(7)) or batch)


def test_a_transform_must_give_a_packed_batch(video_graphs: list[VideoGraph]) -> None:
    store = GraphStore.from_graphs(video_graphs)
    with pytest.raises(DataError, match=r"frame\.ptr: is missing.*packed batch"):
        store.mapped(lambda graph: VideoGraph.build(graph["frame"].x))
    batch = store.whole()
    batch["frame", "far", "frame"].edge_index = torch.tensor([[0], [batch["frame"].num_nodes - 1]])
    with pytest.raises(DataError, match="frame-far-frame: joins nodes of two graphs"):
        GraphStore.from_batch(batch)
