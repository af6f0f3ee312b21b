"""Wording, spans and roles. Expected graphs are written out by hand, PropBank style."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import Event, Script
from graphvtr.datasets.moving_scenes.captions import (
    Caption,
    choose_wording,
    fits,
    outline,
    realise,
    write_captions,
)
from graphvtr.datasets.moving_scenes.grammar import Wording
from graphvtr.datasets.moving_scenes.script import sample_script
from graphvtr.datasets.moving_scenes.templates import FRAGMENTS, TEMPLATES
from graphvtr.datasets.moving_scenes.world import COLOUR_WORDS, PLACE_PHRASES, SHAPE_NOUNS, SIZE_WORDS

ScriptMaker = Callable[..., Script]
Roles = dict[str, list[tuple[str, str]]]


def plain(template: str, **changes: object) -> Wording:
    """First synonyms of everything that must be said, and nothing else."""
    wording = Wording(
        template,
        noun=(0,) * 4,
        colour=(0,) * 4,
        size=(-1,) * 4,
        verb=(0, 0),
        manner=(-1, -1),
        direction=(-1, -1),
        position=(-1, -1),
    )
    return replace(wording, **changes)  # type: ignore[arg-type]


def roles(caption: Caption) -> Roles:
    """Verb -> its (role, words) in the order of the sentence."""
    graph = caption.graph
    found: Roles = {graph.phrase("action", action): [] for action in range(graph.num_actions)}
    names = graph.role_names()
    for entity, action in graph["entity", "fills", "action"].edge_index.t().tolist():
        found[graph.phrase("action", action)].append((names[entity], graph.phrase("entity", entity)))
    return found


CHASE = Event("chase", 0, 1, manner="quickly")
PUSH = Event("push", 0, 1, direction="left", manner="slowly")

# tables: what is worded and how, the sentence, and its roles below
ONE_EVENT: list[tuple[str, Event, dict[str, object], str, Roles]] = [
    ("active", PUSH, {}, "A red ball pushes a blue box.",
     {"pushes": [("ARG0", "a red ball"), ("ARG1", "a blue box")]}),
    ("active", CHASE, {"definite": True, "size": (0, 0, -1, -1), "manner": (0, 0), "progressive": True},
     "The small red ball is quickly chasing the large blue box.",
     {"chasing": [("ARG0", "the small red ball"), ("ARGM-MNR", "quickly"), ("ARG1", "the large blue box")]}),
    ("active", CHASE, {"manner": (1, 1), "manner_last": True, "place": 1, "place_first": True, "progressive": True},
     "On the lawn, a red ball is chasing a blue box rapidly.",
     {"chasing": [("ARGM-LOC", "on the lawn"), ("ARG0", "a red ball"), ("ARG1", "a blue box"),
                  ("ARGM-MNR", "rapidly")]}),
    ("active", CHASE, {"verb": (1, 1), "place": 0}, "A red ball pursues a blue box on the grass.",
     {"pursues": [("ARG0", "a red ball"), ("ARG1", "a blue box"), ("ARGM-LOC", "on the grass")]}),
    ("active", PUSH, {"direction": (0, 0), "progressive": True}, "A red ball is pushing a blue box towards the left.",
     {"pushing": [("ARG0", "a red ball"), ("ARG1", "a blue box"), ("ARGM-DIR", "towards the left")]}),
    ("passive", PUSH, {"direction": (0, 0), "manner": (0, 0)},
     "A blue box is slowly pushed towards the left by a red ball.",
     {"pushed": [("ARG1", "a blue box"), ("ARGM-MNR", "slowly"), ("ARGM-DIR", "towards the left"),
                 ("ARG0", "by a red ball")]}),
    ("ing", CHASE, {}, "A red ball chasing a blue box.", {"chasing": [("ARG0", "a red ball"), ("ARG1", "a blue box")]}),
    ("participle", PUSH, {"direction": (0, 0)}, "A blue box pushed by a red ball.",
     {"pushed": [("ARG1", "a blue box"), ("ARG0", "by a red ball")]}),
    ("relative", CHASE, {}, "A red ball that chases a blue box.",
     {"chases": [("ARG0", "a red ball"), ("ARG1", "a blue box")]}),
    ("relative passive", CHASE, {}, "A blue box that is chased by a red ball.",
     {"chased": [("ARG1", "a blue box"), ("ARG0", "by a red ball")]}),
    ("active", Event("hide", 0, 1), {}, "A red ball is hiding behind a blue box.",
     {"hiding": [("ARG0", "a red ball"), ("ARGM-LOC", "behind a blue box")]}),
    ("relative", Event("jump over", 0, 1), {}, "A red ball that jumps over a blue box.",
     {"jumps": [("ARG0", "a red ball"), ("ARGM-DIR", "over a blue box")]}),
    ("active", Event("enter", 0, direction="right"), {"direction": (0, 0), "progressive": True},
     "A red ball is entering the scene from the left.",
     {"entering": [("ARG0", "a red ball"), ("ARG1", "the scene"), ("ARGM-DIR", "from the left")]}),
    ("active", Event("dance", 0, position="corner"), {"position": (0, 0)}, "A red ball performs a dance in the corner.",
     {"performs": [("ARG0", "a red ball"), ("ARG1", "a dance"), ("ARGM-LOC", "in the corner")]}),
    ("active", Event("give", 0, 2, 1), {}, "A red ball gives a green star to a blue box.",
     {"gives": [("ARG0", "a red ball"), ("ARG1", "a green star"), ("ARG2", "to a blue box")]}),
    ("passive", Event("give", 0, 2, 1), {}, "A green star is handed to a blue box by a red ball.",
     {"handed": [("ARG1", "a green star"), ("ARG2", "to a blue box"), ("ARG0", "by a red ball")]}),
    ("passive", Event("give", 0, 2, 1), {"recipient_first": True}, "A blue box is handed a green star by a red ball.",
     {"handed": [("ARG2", "a blue box"), ("ARG1", "a green star"), ("ARG0", "by a red ball")]}),
    ("active", Event("throw", 0, 2, 1), {"recipient_first": True}, "A red ball throws a green star to a blue box.",
     {"throws": [("ARG0", "a red ball"), ("ARG1", "a green star"), ("ARG2", "to a blue box")]}),
]  # fmt: skip

HIT = Event("hit", 0, 2)
TWO_EVENTS: list[tuple[str, tuple[Event, Event], dict[str, object], str, Roles]] = [
    ("then", (CHASE, HIT), {}, "A red ball is chasing a blue box and then hits a green star.",
     {"chasing": [("ARG0", "a red ball"), ("ARG1", "a blue box")],
      "hits": [("ARG0", "a red ball"), ("ARGM-TMP", "then"), ("ARG1", "a green star")]}),
    ("then", (CHASE, Event("hit", 3, 0)), {},
     "A red ball is chasing a blue box, and then a yellow heart is hitting the red ball.",
     {"chasing": [("ARG0", "a red ball"), ("ARG1", "a blue box")],
      "hitting": [("ARGM-TMP", "then"), ("ARG0", "a yellow heart"), ("ARG1", "the red ball")]}),
    ("passive then", (CHASE, Event("hit", 1, 2)), {}, "A blue box is chased by a red ball and then hits a green star.",
     {"chased": [("ARG1", "a blue box"), ("ARG0", "by a red ball")],
      "hits": [("ARG0", "a blue box"), ("ARGM-TMP", "then"), ("ARG1", "a green star")]}),
    ("before", (CHASE, HIT), {"pronoun": True, "place": 0, "place_first": True},
     "On the grass, a red ball is chasing a blue box before it hits a green star.",
     {"chasing": [("ARGM-LOC", "on the grass"), ("ARG0", "a red ball"), ("ARG1", "a blue box"),
                  ("ARGM-TMP", "before it hits a green star")],
      "hits": [("ARG0", "it"), ("ARG1", "a green star")]}),
    ("after", (CHASE, HIT), {}, "A red ball is hitting a green star after the red ball is chasing a blue box.",
     {"hitting": [("ARG0", "a red ball"), ("ARG1", "a green star"),
                  ("ARGM-TMP", "after the red ball is chasing a blue box")],
      "chasing": [("ARG0", "the red ball"), ("ARG1", "a blue box")]}),
    ("after", (CHASE, HIT), {"passive_link": True},
     "A red ball is hitting a green star after a blue box is chased by the red ball.",
     {"hitting": [("ARG0", "a red ball"), ("ARG1", "a green star"),
                  ("ARGM-TMP", "after a blue box is chased by the red ball")],
      "chased": [("ARG1", "a blue box"), ("ARG0", "by the red ball")]}),
    ("passive subject", (CHASE, Event("hit", 1, 2)), {},
     "A blue box that is chased by a red ball is hitting a green star.",
     {"chased": [("ARG1", "a blue box"), ("ARG0", "by a red ball")],
      "hitting": [("ARG0", "a blue box that is chased by a red ball"), ("ARG1", "a green star")]}),
    ("aside", (CHASE, HIT), {}, "A red ball, which is chasing a blue box, is hitting a green star.",
     {"chasing": [("ARG0", "a red ball"), ("ARG1", "a blue box")],
      "hitting": [("ARG0", "a red ball which is chasing a blue box"), ("ARG1", "a green star")]}),
    ("object clause", (CHASE, Event("hit", 1, 2)), {}, "A red ball is chasing a blue box that hits a green star.",
     {"chasing": [("ARG0", "a red ball"), ("ARG1", "a blue box that hits a green star")],
      "hits": [("ARG0", "a blue box"), ("ARG1", "a green star")]}),
    ("passive object clause", (CHASE, Event("hit", 2, 1)), {},
     "A green star is hitting a blue box that is chased by a red ball.",
     {"hitting": [("ARG0", "a green star"), ("ARG1", "a blue box that is chased by a red ball")],
      "chased": [("ARG1", "a blue box"), ("ARG0", "by a red ball")]}),
]  # fmt: skip


@pytest.mark.parametrize(("template", "event", "changes", "text", "wanted"), ONE_EVENT)
def test_one_event(
    template: str, event: Event, changes: dict[str, object], text: str, wanted: Roles, make_script: ScriptMaker
) -> None:
    script = make_script(event)
    assert fits(template, script)
    caption = realise(script, plain(template, **changes))
    assert caption.text == text
    found = roles(caption)
    assert {verb: sorted(args) for verb, args in found.items()} == {v: sorted(args) for v, args in wanted.items()}


@pytest.mark.parametrize(("template", "events", "changes", "text", "wanted"), TWO_EVENTS)
def test_two_events(
    template: str,
    events: tuple[Event, Event],
    changes: dict[str, object],
    text: str,
    wanted: Roles,
    make_script: ScriptMaker,
) -> None:
    script = make_script(*events)
    assert fits(template, script)
    caption = realise(script, plain(template, **changes))
    assert caption.text == text
    found = roles(caption)
    assert {verb: sorted(args) for verb, args in found.items()} == {v: sorted(args) for v, args in wanted.items()}


def test_participants_are_nouns_without_actions(make_script: ScriptMaker) -> None:
    caption = realise(make_script(CHASE), plain("participants"))
    graph = caption.graph
    assert caption.text == "A red ball and a blue box."
    assert graph.num_actions == 0
    assert [(r, graph.phrase("entity", i)) for i, r in enumerate(graph.role_names())] == [
        ("NOUN", "a red ball"),
        ("NOUN", "a blue box"),
    ]


def test_article_before_a_vowel(make_script: ScriptMaker) -> None:
    things = (replace(make_script("jump").things[0], colour="orange"),)
    text = realise(make_script("jump", things=things), plain("active")).text
    assert text == "An orange ball is jumping."


@pytest.mark.parametrize("template", ["passive", "participle", "relative passive"])
@pytest.mark.parametrize("action", ["jump", "hide", "throw"])
def test_no_passive_where_there_is_none(template: str, action: str, make_script: ScriptMaker) -> None:
    assert not fits(template, make_script(action))


def test_templates_need_their_number_of_events(make_script: ScriptMaker) -> None:
    assert not fits("then", make_script("chase"))
    assert not fits("active", make_script("chase", "dance"))


@pytest.mark.parametrize("seed", range(25))
def test_words_and_text_agree(seed: int) -> None:
    """The text is the graph's words, with a capital, commas and a full stop; every span reads as in the text."""
    script = sample_script(np.random.default_rng(seed), "clip")
    captions = write_captions(np.random.default_rng(seed), script)
    assert len({caption.text for caption in captions}) == len(captions) == 5
    for caption in captions:
        graph = caption.graph
        assert graph.validate()
        assert caption.text[0].isupper()
        assert caption.text.endswith(".")
        assert caption.text[:-1].replace(",", "").lower().split() == graph.words
        assert all(word == word.lower() and word.isalpha() for word in graph.words)
        assert graph.caption == caption.text
        lowered = caption.text.lower().replace(",", "")
        for level, count in (("action", graph.num_actions), ("entity", graph.num_entities)):
            for node in range(count):
                span = graph.span(level, node)
                assert span == list(range(span[0], span[-1] + 1))
                assert graph.phrase(level, node) in lowered
        assert graph.num_actions == len(script.events)


@pytest.mark.parametrize("seed", range(25))
def test_every_event_and_look_is_told(seed: int) -> None:
    script = sample_script(np.random.default_rng(100 + seed), "clip")
    for caption in write_captions(np.random.default_rng(seed), script):
        words = caption.graph.words
        for event in script.events:
            assert any({verb.third, verb.ing, verb.participle} & set(words) for verb in event.spec.verbs)
        pairs = list(itertools.pairwise(words))
        for index in script.actors:
            colour, shape = script.things[index].look
            assert any((c, s) in pairs for c in COLOUR_WORDS[colour] for s in SHAPE_NOUNS[shape])


def test_what_is_told_is_true() -> None:
    """No word of size, manner or place that the script does not have."""
    sizes = {word: size for size, words in SIZE_WORDS.items() for word in words}
    for seed in range(40):
        script = sample_script(np.random.default_rng(seed), "clip")
        for caption in write_captions(np.random.default_rng(seed), script):
            words = caption.graph.words
            for position, word in enumerate(words):
                if word in sizes:
                    noun = (words[position + 1], words[position + 2])
                    thing = next(
                        t
                        for t in script.things
                        if noun[0] in COLOUR_WORDS[t.colour] and noun[1] in SHAPE_NOUNS[t.shape]
                    )
                    assert thing.size == sizes[word]
                    assert thing.size_told
            text = caption.text.lower()
            places = [p for p, phrases in PLACE_PHRASES.items() if any(phrase in text for phrase in phrases)]
            assert places in ([], [script.place])
            assert (places == [script.place]) == outline(script, caption.wording).tells_place
            if "quickly" in words or "rapidly" in words:
                assert any(event.manner == "quickly" for event in script.events)
            if "slowly" in words:
                assert any(event.manner == "slowly" for event in script.events)


def test_wording_is_varied() -> None:
    templates: Counter[str] = Counter()
    words: set[str] = set()
    for seed in range(150):
        script = sample_script(np.random.default_rng(seed), "clip")
        for caption in write_captions(np.random.default_rng(seed), script):
            templates[caption.wording.template] += 1
            words.update(caption.graph.words)
    assert set(templates) == set(TEMPLATES) - {"participants"}
    assert len(words) > 110
    assert sum(count for name, count in templates.items() if "passive" in name or name == "participle") > 120


def test_fragments_never_open_with_a_place() -> None:
    for seed in range(60):
        script = sample_script(np.random.default_rng(seed), "clip")
        for template in FRAGMENTS:
            if fits(template, script):
                assert not choose_wording(np.random.default_rng(seed), script, template).place_first
