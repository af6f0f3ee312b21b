"""A mapping that forgets."""

from __future__ import annotations

import pytest

from graphvtr.recent import Recent


def test_what_was_used_longest_ago_goes() -> None:
    kept: Recent[str, int] = Recent(3)
    for number, key in enumerate("abc"):
        kept[key] = number
    assert kept["a"] == 0  # read
    kept["b"] = 7  # written again
    kept["d"] = 3
    assert [key for key in "abcd" if key in kept] == ["a", "b", "d"]
    assert (kept["b"], len(kept)) == (7, 3)
    kept.discard("b")
    kept.discard("b")
    assert "b" not in kept
    with pytest.raises(KeyError):
        kept["b"]
    kept.clear()
    assert len(kept) == 0
