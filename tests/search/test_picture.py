"""Results of a search in a notebook."""

from __future__ import annotations

import re

from tests.search.conftest import QUERY, Files


def test_a_fragment_that_loads_nothing_and_runs_nothing(files: Files) -> None:
    files.metadata["clip 1"]["captions"] = ["<script>alert(1)</script> a cat"]
    results = files.build().search(QUERY)
    text = results._repr_html_()
    assert text.count("<figure>") == 7
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; a cat" in text
    assert not re.search(r"https?:|src=|@import|url\(", text)
    for match in results[0].phrases:
        assert f">{match.phrase} · {match.time:.1f} s<" in text
    widths = [int(width) for width in re.findall(r"width:(\d+)%\"", text)]
    assert len(widths) == 7 * 3
    for level in range(3):  # the best clip of a level has a whole bar
        assert max(widths[level::3]) == 100
        assert min(widths[level::3]) >= 0
    assert text.count("<svg") == 1  # how the sentence is read
    assert results._repr_html_().split(">")[0] != text.split(">")[0]  # the style of one is not the other's


def test_what_was_not_found_is_said(files: Files) -> None:
    index = files.build()
    assert "<p>nothing found</p>" in index.search(QUERY, where=["name=nobody"])._repr_html_()
    assert "never seen: zebra" in index.search("a zebra sleeps")._repr_html_()
    assert "<svg" not in index.search_videos(["clip 1"], top=1)[0]._repr_html_()
