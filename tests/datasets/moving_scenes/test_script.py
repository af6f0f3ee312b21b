import json
from collections import Counter

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import Event, Script, Thing, composition, is_held_out
from graphvtr.datasets.moving_scenes.script import REUSABLE, ScriptWriter, redraw_details, sample_script
from graphvtr.datasets.moving_scenes.world import ACTIONS, COLOURS, SOLID_SHAPES


def all_events(scripts: list[Script]) -> list[tuple[Script, Event]]:
    return [(script, event) for script in scripts for event in script.events]


def test_json_round_trip() -> None:
    script = sample_script(np.random.default_rng(3), "clip")
    assert Script.from_dict(json.loads(json.dumps(script.to_dict()))) == script


def test_same_generator_same_script() -> None:
    assert sample_script(np.random.default_rng(5), "a") == sample_script(np.random.default_rng(5), "a")
    assert sample_script(np.random.default_rng(5), "a") != sample_script(np.random.default_rng(6), "a")


def test_counts_and_looks(scripts: dict[str, list[Script]]) -> None:
    for script in scripts["train"]:
        assert 1 <= len(script.events) <= 2
        assert 2 <= len(script.things) <= 5
        assert len({thing.look for thing in script.things}) == len(script.things)
        assert sorted(script.actors + script.bystanders) == list(range(len(script.things)))


def test_every_action_occurs_often(scripts: dict[str, list[Script]]) -> None:
    counts = Counter(event.action for _, event in all_events(scripts["train"]))
    assert set(counts) == set(ACTIONS)
    assert min(counts.values()) > 40


def test_things_are_in_random_order(scripts: dict[str, list[Script]]) -> None:
    first = [script.events[0].agent == 0 for script in scripts["train"]]
    assert 0.2 < np.mean(first) < 0.45  # two to five things


@pytest.mark.parametrize("distractors", [0, 3, 8])
def test_distractors(distractors: int) -> None:
    for seed in range(30):
        script = sample_script(np.random.default_rng(seed), "clip", distractors=distractors)
        assert len(script.bystanders) == distractors


def test_details_only_where_the_action_has_them(scripts: dict[str, list[Script]]) -> None:
    for _, event in all_events(scripts["train"]):
        assert (event.direction is not None) == (event.spec.way is not None)
        assert (event.manner is not None) == event.spec.paced
        assert event.position is None or event.position in event.spec.positions
        assert len(set(event.cast.values())) == len(event.spec.participants)


def test_hiding_needs_a_small_thing_and_a_large_solid_one(scripts: dict[str, list[Script]]) -> None:
    for script, event in all_events(scripts["train"]):
        if event.action == "hide":
            agent, patient = script.things[event.agent], script.things[event.patient or 0]
            assert (agent.size, patient.size) == ("small", "large")
            assert patient.shape in SOLID_SHAPES
            assert not agent.size_told
            assert not patient.size_told


def test_second_event_uses_only_things_that_can_still_act(scripts: dict[str, list[Script]]) -> None:
    for script in scripts["train"]:
        if len(script.events) == 2:
            one, two = script.events
            usable = {one.cast[role] for role in REUSABLE.get(one.action, one.spec.participants)}
            assert set(two.cast.values()) & set(one.cast.values()) <= usable
            for role in two.spec.needs_fresh:
                assert two.cast[role] not in one.cast.values()


def test_held_out_is_a_latin_square() -> None:
    pairs = [action for action in ACTIONS.values() if len(action.participants) > 1]
    for action in pairs:
        held = {
            (one, other)
            for one in COLOURS
            for other in COLOURS
            if is_held_out((Thing("circle", one, "small"), Thing("star", other, "small")), Event(action.name, 0, 1))
        }
        assert len(held) == len(COLOURS)
        assert {one for one, _ in held} == {other for _, other in held} == set(COLOURS)


def test_events_without_patient_have_no_composition() -> None:
    things = (Thing("circle", "red", "small"),)
    assert composition(things, Event("jump", 0)) is None
    assert not is_held_out(things, Event("jump", 0))


def test_unseen_compositions_are_unseen_and_their_parts_are_not(scripts: dict[str, list[Script]]) -> None:
    seen = {composition(script.things, event) for script, event in all_events(scripts["train"])} - {None}
    for split in ("val", "test"):
        for script, event in all_events(scripts[split]):
            assert not is_held_out(script.things, event)
    for script in scripts["test_unseen"]:
        keys = [composition(script.things, event) for event in script.events]
        found = [key for key in keys if key is not None]
        assert found
        for agent, action, patient in found:
            assert (agent, action, patient) not in seen
            assert any(key[:2] == (agent, action) for key in seen)
            assert any(key[1:] == (action, patient) for key in seen)
            assert any((key[0], key[2]) == (agent, patient) for key in seen)


def test_no_two_clips_can_be_told_by_one_caption(scripts: dict[str, list[Script]]) -> None:
    told: Counter[tuple[object, ...]] = Counter()
    alone, together = Counter(), Counter()
    for split in scripts.values():
        for script in split:
            events = tuple(script.signature(event) for event in script.events)
            told[events] += 1
            (alone if len(events) == 1 else together).update(events)
    assert max(told.values()) == 1
    assert max(alone.values()) == 1
    assert not set(alone) & set(together)


def test_redrawn_details_keep_the_plot() -> None:
    rng = np.random.default_rng(0)
    for seed in range(40):
        script = sample_script(np.random.default_rng(seed), "clip")
        again = redraw_details(rng, script)
        assert [again.signature(event) for event in again.events] == [script.signature(e) for e in script.events]
        assert (again.place, again.seed, again.name) == (script.place, script.seed, script.name)
        for old, new in zip(script.things, again.things, strict=True):
            assert old.size_told or old.size == new.size


def test_writer_never_repeats() -> None:
    writer = ScriptWriter()
    first = writer.write(np.random.default_rng(1), "a")
    second = writer.write(np.random.default_rng(1), "b")  # the same draws: the first script comes again and is refused
    assert [first.signature(e) for e in first.events] != [second.signature(e) for e in second.events]
