"""Export to networkx."""

from __future__ import annotations

from graphvtr.graphs import AddFrameEdges, RoleGraph, VideoGraph, to_networkx


def test_role_graph(role_graphs: list[RoleGraph]) -> None:
    net = to_networkx(role_graphs[0])
    assert net.nodes["entity", 1] == {"kind": "entity", "text": "a cat", "role": "ARG1"}
    assert net.nodes["action", 0]["text"] == "chases"
    roles = {(a, b): data["role"] for a, b, data in net.edges(data=True) if data["relation"] == "fills"}
    assert roles == {
        (("entity", 0), ("action", 0)): "ARG0",
        (("entity", 1), ("action", 0)): "ARG1",
        (("entity", 0), ("action", 1)): "ARG0",
    }
    assert net.has_edge(("action", 1), ("event", 0))
    assert not any(kind == "word" for kind, _ in net)


def test_words_on_request(role_graphs: list[RoleGraph]) -> None:
    net = to_networkx(role_graphs[1], words=True)
    assert net.nodes["word", 1]["text"] == "cats"
    assert net.has_edge(("word", 1), ("entity", 0))


def test_video_graph(video_graphs: list[VideoGraph]) -> None:
    net = to_networkx(AddFrameEdges()(video_graphs[0]))
    assert net.nodes["frame", 2]["time"] == 1.0
    assert net.nodes["region", 2]["frame"] == 2
    assert len(net.nodes["region", 0]["box"]) == 4
    assert net.has_edge(("region", 4), ("frame", 2))
