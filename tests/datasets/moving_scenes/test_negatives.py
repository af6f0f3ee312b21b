from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import KINDS, Event, Script, is_held_out
from graphvtr.datasets.moving_scenes.captions import Caption, outline, write_captions
from graphvtr.datasets.moving_scenes.negatives import Negative, is_valid, may_hold, write_negatives
from graphvtr.datasets.moving_scenes.world import ACTIONS, PLACE_PHRASES

ScriptMaker = Callable[..., Script]
Made = tuple[Script, list[Caption], list[Negative]]


@pytest.fixture(scope="module")
def made(scripts: dict[str, list[Script]]) -> list[Made]:
    out = []
    for script in scripts["test"][:120] + scripts["test_unseen"][:40]:
        rng = np.random.default_rng(script.seed)
        captions = write_captions(rng, script)
        unseen = script.name.startswith("test_unseen")
        out.append((script, captions, write_negatives(rng, script, captions, unseen=unseen)))
    return out


def of_kind(made: list[Made], kind: str) -> list[tuple[Script, Caption, Negative]]:
    return [(s, c[n.positive], n) for s, c, negatives in made for n in negatives if n.kind == kind]


def is_true(claim: Script, script: Script) -> bool:
    """Whether a claim holds, found in another way than the library: try all ways to map its events to real ones."""
    if claim.place != script.place:
        return False
    real = [(e.action, *(script.things[i].look for i in e.cast.values())) for e in script.events]
    told = [(e.action, *(claim.things[i].look for i in e.cast.values())) for e in claim.events]
    return any(list(choice) == told for choice in itertools.combinations(real, len(told)))


def test_nearly_every_clip_has_every_kind(made: list[Made]) -> None:
    counts = Counter(negative.kind for _, _, negatives in made for negative in negatives)
    assert set(counts) == set(KINDS)
    for kind in KINDS:
        assert counts[kind] > (0.75 if kind == "replace scenes" else 0.95) * len(made)
    assert all(len({n.kind for n in negatives}) == len(negatives) for _, _, negatives in made)


def test_negatives_are_false(made: list[Made]) -> None:
    for script, captions, negatives in made:
        assert is_true(script, script)
        for negative in negatives:
            assert is_true(negative.claim, script) == (negative.kind == "incomplete events")
            assert negative.caption.text not in {caption.text for caption in captions}
            assert negative.caption.graph.validate()


def test_negatives_name_no_held_out_composition(made: list[Made]) -> None:
    for script, _, negatives in made:
        if not script.name.startswith("test_unseen"):
            for negative in negatives:
                assert not any(is_held_out(negative.claim.things, event) for event in negative.claim.events)


def test_switch_roles_exchanges_two_things_and_nothing_else(made: list[Made]) -> None:
    for script, positive, negative in of_kind(made, "switch roles"):
        changed = [i for i, thing in enumerate(script.things) if negative.claim.things[i] != thing]
        assert len(changed) == 2
        one, other = changed
        assert negative.claim.things[one] == script.things[other]
        assert negative.claim.things[other] == script.things[one]
        assert replace(negative.claim, things=script.things) == script
        ours, theirs = (set(c.graph.words) for c in (positive, negative.caption))
        assert ours ^ theirs <= {"a", "an", "the"}  # the same words in another order


def test_replace_actions_changes_one_verb(made: list[Made]) -> None:
    for script, positive, negative in of_kind(made, "replace actions"):
        assert negative.claim.things == script.things
        changed = [k for k, event in enumerate(script.events) if negative.claim.events[k] != event]
        assert len(changed) == 1
        old, new = script.events[changed[0]], negative.claim.events[changed[0]]
        assert old.cast == new.cast
        assert ACTIONS[old.action].family != ACTIONS[new.action].family
        assert outline(script, positive.wording) == outline(negative.claim, positive.wording)
        ours, theirs = (set(c.graph.words) for c in (positive, negative.caption))
        particles = {"over", "behind", "the", "scene", "a", "an", "dance"}
        forms = {form for e in (old, new) for v in e.spec.verbs for form in (v.third, v.ing, v.participle)}
        assert ours ^ theirs <= forms | particles


def test_replace_persons_changes_one_thing(made: list[Made]) -> None:
    for script, positive, negative in of_kind(made, "replace persons"):
        assert negative.claim.events == script.events
        changed = [i for i in script.actors if negative.claim.things[i].look != script.things[i].look]
        assert len(changed) == 1
        looks = [thing.look for thing in negative.claim.things]
        assert len(set(looks)) == len(looks)
        assert len(negative.caption.graph.words) == len(positive.graph.words)
        assert negative.caption.graph.num_actions == positive.graph.num_actions


def test_some_wrong_persons_are_in_the_picture(made: list[Made]) -> None:
    present = 0
    for script, _, negative in of_kind(made, "replace persons"):
        bystanders = {script.things[i].look for i in script.bystanders}
        present += any(negative.claim.things[i].look in bystanders for i in script.actors)
    assert present > 20


def test_replace_scenes_changes_the_place_only(made: list[Made]) -> None:
    phrase_words = {word for phrases in PLACE_PHRASES.values() for phrase in phrases for word in phrase.split()}
    for script, positive, negative in of_kind(made, "replace scenes"):
        assert outline(script, positive.wording).tells_place
        assert negative.claim.place != script.place
        assert replace(negative.claim, place=script.place) == script
        ours, theirs = (set(c.graph.words) for c in (positive, negative.caption))
        assert ours ^ theirs <= phrase_words


def test_incomplete_events_tell_true_and_less(made: list[Made]) -> None:
    for script, positive, negative in of_kind(made, "incomplete events"):
        graph = negative.caption.graph
        assert graph.num_actions == len(script.events) - 1
        assert graph.num_entities < positive.graph.num_entities or graph.num_actions < positive.graph.num_actions
        assert negative.claim.place == script.place
        assert set(negative.claim.events) <= set(script.events)


def test_positions_point_at_the_positive(made: list[Made]) -> None:
    for _, captions, negatives in made:
        for negative in negatives:
            assert 0 <= negative.positive < len(captions)


def test_may_hold(make_script: ScriptMaker) -> None:
    chase, hit = Event("chase", 0, 1, manner="quickly"), Event("hit", 0, 2)
    script = make_script(chase, hit)
    assert may_hold(script, script)
    assert may_hold(make_script(hit), script)
    assert not may_hold(make_script(hit, chase), script)  # the order is wrong
    assert not may_hold(make_script(chase, hit, place="snow"), script)
    assert not may_hold(make_script(Event("chase", 1, 0, manner="quickly")), script)
    assert may_hold(make_script(Event("follow", 0, 1, manner="quickly")), script)  # a chase is a following, too
    assert not may_hold(make_script(Event("orbit", 0, 1, manner="quickly")), script)
    assert not may_hold(make_script(chase, chase), script)


def test_validity(make_script: ScriptMaker) -> None:
    script = make_script("chase")
    assert is_valid("incomplete events", script, script, unseen=True)
    assert not is_valid("replace scenes", script, script, unseen=True)
    things = tuple(
        replace(thing, colour=colour)
        for thing, colour in zip(script.things, ("red", "red", "white", "black"), strict=True)
    )
    for action in ACTIONS.values():
        if action.participants == ("agent", "patient"):
            claim = make_script(Event(action.name, 0, 1), things=things)
            assert is_valid("replace actions", claim, script, unseen=False) != is_held_out(things, claim.events[0])


def test_a_lone_event_has_no_roles_to_switch_and_nothing_to_leave_out(make_script: ScriptMaker) -> None:
    script = make_script("jump")
    rng = np.random.default_rng(0)
    kinds = {n.kind for n in write_negatives(rng, script, write_captions(rng, script), unseen=True)}
    assert "switch roles" not in kinds
    assert "incomplete events" not in kinds
    assert "replace persons" in kinds


def test_same_seed_same_negatives(scripts: dict[str, list[Script]]) -> None:
    def texts() -> list[str]:
        script = scripts["val"][0]
        captions = write_captions(np.random.default_rng(1), script)
        return [n.caption.text for n in write_negatives(np.random.default_rng(2), script, captions, unseen=False)]

    assert texts() == texts()
