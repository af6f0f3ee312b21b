"""Moments of phrases: only where a phrase attends to some frames more than to others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn import HGR
from graphvtr.search.items import Item
from graphvtr.search.picture import results_html
from graphvtr.search.plain import MANIFEST, media_folder
from graphvtr.search.results import SearchResult, SearchResults, match_phrases
from graphvtr.text import Vocabulary


def matches(frames: torch.Tensor) -> list:
    torch.manual_seed(0)
    model = HGR(8, 6, hidden=8, word_dim=4).eval()
    graph = RoleGraph.build(["a", "dog", "runs"], [[2]], [("ARG0", [0, 1])], [(0, 0)])
    graph = Vocabulary(["a", "dog", "runs", "b", "c"]).encode(graph)
    with torch.inference_mode():
        video, text = model.encode_video(VideoGraph.build(frames)), model.encode_text(graph)
    (found,) = match_phrases(model, graph, text, video, [[float(second) for second in range(len(frames))]])
    return found


def test_a_phrase_that_attends_to_all_frames_alike_has_no_moment() -> None:
    same = torch.randn(1, 6)
    assert matches(same.repeat(5, 1)) == []
    found = matches(torch.cat([same, 3 * torch.randn(4, 6)]))
    assert [match.phrase for match in found] == ["runs", "a dog"]
    assert all(match.time == float(match.weights.argmax()) for match in found)


def test_a_clip_of_one_frame_has_that_frame() -> None:
    assert [match.time for match in matches(torch.randn(1, 6))] == [0.0, 0.0]


def test_a_picture_holds_no_tags_and_no_control_characters_of_others() -> None:
    item = Item("dog\x08<b>.mp4", captions=["a \x1b[31m<i>dog"])
    page = results_html(SearchResults([SearchResult(item, 0.5, {"event": 0.5})], "a <u>dog\x07", unknown=["\x01<s>"]))
    assert not any(tag in page for tag in ("<b>.mp4", "<i>dog", "<u>", "<s>"))
    assert not any(ord(char) < 32 and char not in "\t\n" for char in page)
    assert "dog &lt;b&gt;.mp4" in page


@pytest.mark.parametrize("content", ["[" * 200_000, "[1]", '{"media": null}', "no json"])
def test_a_manifest_that_says_nothing_names_no_folder(tmp_path: Path, content: str) -> None:
    assert media_folder(tmp_path) == ""
    (tmp_path / MANIFEST).write_text(content)
    assert media_folder(tmp_path) == ""
    (tmp_path / MANIFEST).write_text('{"media": "clips"}')
    assert media_folder(tmp_path) == "clips"
