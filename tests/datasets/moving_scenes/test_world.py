import pytest

from graphvtr.datasets.moving_scenes.actions import MOTIONS
from graphvtr.datasets.moving_scenes.world import (
    ACTIONS,
    COLOUR_RGB,
    COLOURS,
    CONSTRUCTIONS,
    DIRECTIONS,
    FROM_PHRASES,
    MANNER_WORDS,
    MANNERS,
    PLACE_PHRASES,
    POSITION_PHRASES,
    POSITION_ZONES,
    SHAPE_NOUNS,
    SIZE_RADIUS,
    SOLID_SHAPES,
    TOWARDS_PHRASES,
    Verb,
)


def test_every_action_moves_and_every_motion_is_an_action() -> None:
    assert set(MOTIONS) == set(ACTIONS)


@pytest.mark.parametrize("name", ACTIONS)
def test_action_can_always_be_said(name: str) -> None:
    action = ACTIONS[name]
    assert action.name == name
    assert action.participants[0] == "agent"
    assert set(action.needs_fresh) <= set(action.participants)
    assert set(action.positions) <= set(POSITION_ZONES)
    for construction in ("progressive", "linked"):  # what the templates rely on
        assert any(verb.fits(construction) for verb in action.verbs)
    for verb in action.verbs:
        assert set(verb.unclear) <= set(CONSTRUCTIONS)
        assert verb.ing.endswith("ing")
        assert verb.third.endswith("s")


def test_passives_need_a_direct_object() -> None:
    for action in ACTIONS.values():
        if any(verb.participle for verb in action.verbs):
            assert "patient" in action.participants
            assert action.particle is None


def test_verb_fits() -> None:
    verb = Verb("follows", "following", "followed", ("ing",))
    assert verb.fits("passive")
    assert not verb.fits("ing")
    assert not Verb("gives", "giving").fits("participle")


def test_every_word_table_is_whole() -> None:
    assert set(TOWARDS_PHRASES) == set(FROM_PHRASES) == set(DIRECTIONS)
    assert set(MANNER_WORDS) == set(MANNERS)
    assert set(POSITION_PHRASES) == set(POSITION_ZONES)
    assert set(SOLID_SHAPES) <= set(SHAPE_NOUNS)


def test_no_word_means_two_things() -> None:
    for table in (SHAPE_NOUNS, PLACE_PHRASES, TOWARDS_PHRASES, FROM_PHRASES, POSITION_PHRASES):
        words = [word for synonyms in table.values() for word in synonyms]
        assert len(set(words)) == len(words)
    # `jumps` and `hops` are said of two actions, told apart by `over`
    verbs = [(verb.third, action.particle) for action in ACTIONS.values() for verb in action.verbs]
    assert len(set(verbs)) == len(verbs)


def test_colours_are_far_apart() -> None:
    for one in COLOURS:
        for other in COLOURS:
            if one != other:
                distance = sum((a - b) ** 2 for a, b in zip(COLOUR_RGB[one], COLOUR_RGB[other], strict=True)) ** 0.5
                assert distance > 60, (one, other)


def test_sizes_differ_enough() -> None:
    assert SIZE_RADIUS["large"] > 1.5 * SIZE_RADIUS["small"]
