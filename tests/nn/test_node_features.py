"""What a model is given has the nodes and the width it was made for."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.nn.node_features import node_features


def test_missing_nodes_and_other_widths_are_named_and_the_graph_stays_as_it_is() -> None:
    graph = VideoGraph.build(torch.randn(3, 4))
    assert node_features(graph, "frame", 4, "video_dim") is graph["frame"].x
    with pytest.raises(DataError, match=r"region: the graph has no regions \(extract regions, or use a model that"):
        node_features(graph, "region", 4, "region_dim")
    assert graph.node_types == ["frame"]
    with pytest.raises(DataError, match=r"frame.x: is 4 wide, the model expects 5 .* video_dim=4"):
        node_features(graph, "frame", 5, "video_dim")
