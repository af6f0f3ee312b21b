"""What the clips are made of: shapes, colours, sizes, places, directions and actions, with their words.

Every table is ordered, and an order that changes changes the clips: raise :data:`WORLD_VERSION` with it.
"""

from __future__ import annotations

from dataclasses import dataclass

WORLD_VERSION = 4
"""Part of the cache key; raised whenever tables, sampling, motion, rendering or wording change."""

IMAGE_SIZE = 64
"""Side of a frame in pixels. Positions and radii are fractions of it, y grows downwards."""

SHAPE_NOUNS: dict[str, tuple[str, ...]] = {
    "circle": ("ball", "circle"),
    "square": ("box", "square", "block"),
    "triangle": ("triangle", "wedge"),
    "star": ("star",),
    "ring": ("ring", "hoop"),
    "cross": ("cross",),
    "diamond": ("diamond",),
    "heart": ("heart",),
}
SHAPES = tuple(SHAPE_NOUNS)

SOLID_SHAPES = ("circle", "square", "diamond", "heart")
"""Shapes without notches or holes: a large one covers a small one wholly."""

COLOUR_RGB: dict[str, tuple[int, int, int]] = {
    "red": (216, 36, 36),
    "orange": (246, 138, 20),
    "yellow": (250, 222, 40),
    "green": (16, 132, 60),
    "blue": (32, 78, 216),
    "purple": (138, 44, 170),
    "white": (252, 252, 252),
    "black": (24, 24, 24),
}
COLOURS = tuple(COLOUR_RGB)
COLOUR_WORDS: dict[str, tuple[str, ...]] = {colour: (colour,) for colour in COLOURS} | {"purple": ("purple", "violet")}

SIZE_RADIUS: dict[str, float] = {"small": 0.062, "large": 0.105}
SIZES = tuple(SIZE_RADIUS)
SIZE_WORDS: dict[str, tuple[str, ...]] = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}

PLACE_PHRASES: dict[str, tuple[str, ...]] = {
    "grass": ("on the grass", "on the lawn"),
    "water": ("in the water", "on the lake"),
    "sand": ("on the sand", "on the beach"),
    "road": ("on the road", "on the street"),
    "snow": ("in the snow", "on the snow"),
    "floor": ("on the floor", "on the wooden floor"),
}
PLACES = tuple(PLACE_PHRASES)

DIRECTION_STEP: dict[str, tuple[float, float]] = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
}
DIRECTIONS = tuple(DIRECTION_STEP)
TOWARDS_PHRASES: dict[str, tuple[str, ...]] = {
    "left": ("towards the left", "towards the left side", "towards the left edge"),
    "right": ("towards the right side", "towards the right edge"),
    "up": ("towards the upper edge", "towards the top edge"),
    "down": ("towards the bottom", "towards the bottom edge"),
}
FROM_PHRASES: dict[str, tuple[str, ...]] = {  # keyed by the way of the motion: moving right is coming from the left
    "left": ("from the right",),
    "right": ("from the left",),
    "up": ("from the bottom",),
    "down": ("from the top",),
}

MANNER_PACE: dict[str, float] = {"quickly": 1.0, "slowly": 0.45}
"""Distance covered in the same time, relative to a quick one."""
MANNERS = tuple(MANNER_PACE)
MANNER_WORDS: dict[str, tuple[str, ...]] = {"quickly": ("quickly", "rapidly"), "slowly": ("slowly",)}

POSITION_ZONES: dict[str, tuple[float, float, float, float]] = {  # x0 y0 x1 y1 of the agent's ground point
    "left": (0.14, 0.36, 0.24, 0.64),
    "right": (0.76, 0.36, 0.86, 0.64),
    "top": (0.36, 0.16, 0.64, 0.26),
    "bottom": (0.36, 0.76, 0.64, 0.86),
    "corner": (0.14, 0.14, 0.22, 0.22),  # mirrored into one of the four corners
    "middle": (0.44, 0.44, 0.56, 0.56),
}
POSITIONS = tuple(POSITION_ZONES)
POSITION_PHRASES: dict[str, tuple[str, ...]] = {
    "left": ("on the left",),
    "right": ("on the right",),
    "top": ("at the top",),
    "bottom": ("at the bottom",),
    "corner": ("in the corner",),
    "middle": ("in the middle", "in the center"),
}


CONSTRUCTIONS: dict[str, str] = {
    "finite": "a ball chases a box",
    "led": "(it, and then, that) chases a box",
    "progressive": "a ball is chasing a box",
    "linked": "(before, after) a ball is chasing a box",
    "ing": "a ball chasing a box",
    "passive": "a box is chased by a ball",
    "participle": "a box chased by a ball",
}
"""Ways to use a verb."""


@dataclass(frozen=True)
class Verb:
    """Forms of a verb: third person, -ing form, past participle.

    Args:
        unclear: constructions in which small English parsers often misread the verb (``a ball circles a box`` is
            no noun phrase); captions never use them.
        patient_role: PropBank role of the patient in this verb's frame.
    """

    third: str
    ing: str
    participle: str = ""
    unclear: tuple[str, ...] = ()
    patient_role: str = "ARG1"

    def fits(self, construction: str) -> bool:
        """Whether the verb is used in a construction of ``CONSTRUCTIONS``."""
        needs_participle = construction in ("passive", "participle")
        return construction not in self.unclear and (bool(self.participle) or not needs_participle)


@dataclass(frozen=True)
class Action:
    """What can happen, who takes part, and how it is said.

    Args:
        name: key of the action.
        verbs: synonyms.
        participants: of ``agent``, ``patient``, ``recipient``, in this order.
        particle: preposition that introduces the patient (``jumps over``).
        object: words of an object that is no participant (``enters the scene``).
        places: whether the patient is put somewhere: ``drops a box in the water`` would tell where to, not where.
        way: how a direction is said: ``"towards"``, ``"from"`` or None when the action has no direction.
        paced: whether it is done quickly or slowly.
        positions: positions in the frame where the agent may do it and a caption may say so.
        needs_fresh: participants that must not have acted before (they begin out of the picture, or held).
        family: actions that a viewer may take for one another; a hard negative never swaps inside one.
    """

    name: str
    verbs: tuple[Verb, ...]
    participants: tuple[str, ...]
    family: str
    particle: str | None = None
    object: str | None = None
    places: bool = False
    way: str | None = None
    paced: bool = False
    positions: tuple[str, ...] = ()
    needs_fresh: tuple[str, ...] = ()


_ALONE, _PAIR, _THREE = ("agent",), ("agent", "patient"), ("agent", "patient", "recipient")

# a table: a verb a row, its other verbs and what only it has below
ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("travel", (Verb("travels", "traveling", unclear=("finite", "led", "ing")),
                          Verb("walks", "walking", unclear=("finite", "led", "ing"))), _ALONE, "travel",
               way="towards", paced=True),
        Action("jump", (Verb("jumps", "jumping", unclear=("finite", "led", "ing")),
                        Verb("hops", "hopping", unclear=("finite", "led", "ing"))), _ALONE, "jump",
               positions=("left", "right", "bottom", "corner", "middle")),
        Action("dance", (Verb("performs", "performing"), Verb("does", "doing")), _ALONE, "dance",
               object="a dance", positions=POSITIONS),
        Action("enter", (Verb("enters", "entering"),), _ALONE, "travel", object="the scene", way="from",
               needs_fresh=("agent",)),
        Action("leave", (Verb("leaves", "leaving"), Verb("exits", "exiting", unclear=("linked",))), _ALONE, "travel",
               object="the scene", way="towards"),
        Action("chase", (Verb("chases", "chasing", "chased", ("finite",)), Verb("pursues", "pursuing", "pursued")),
               _PAIR, "chase", paced=True),
        Action("follow", (Verb("follows", "following", "followed", ("ing",)),
                          Verb("trails", "trailing", "trailed", ("finite",))), _PAIR, "chase", paced=True),
        Action("push", (Verb("pushes", "pushing", "pushed"), Verb("shoves", "shoving", "shoved")), _PAIR, "push",
               places=True, way="towards", paced=True),
        Action("pull", (Verb("pulls", "pulling", "pulled"), Verb("drags", "dragging", "dragged"),
                        Verb("tows", "towing", "towed")), _PAIR, "pull", way="towards", paced=True),
        Action("hit", (Verb("hits", "hitting", "hit"), Verb("strikes", "striking", "struck", ("finite",))), _PAIR,
               "push"),
        Action("orbit", (Verb("orbits", "orbiting", "orbited", ("finite",)),
                         Verb("circles", "circling", "circled", ("finite", "linked"))), _PAIR, "orbit", paced=True),
        Action("pass", (Verb("passes", "passing", "passed", ("linked",)),
                        Verb("overtakes", "overtaking", "overtaken", ("participle",))), _PAIR, "pass", paced=True),
        Action("carry", (Verb("carries", "carrying", "carried"),), _PAIR, "lift", way="towards", paced=True),
        Action("lift", (Verb("lifts", "lifting", "lifted", ("finite",)),
                        Verb("raises", "raising", "raised", ("linked",))), _PAIR, "lift"),
        Action("drop", (Verb("drops", "dropping", "dropped"),
                        Verb("releases", "releasing", "released", ("finite", "linked"))), _PAIR, "drop",
               places=True, needs_fresh=("agent", "patient")),
        Action("jump over", (Verb("jumps", "jumping", "", ("finite", "ing"), "ARGM-DIR"),
                             Verb("leaps", "leaping", "", ("finite",), "ARGM-DIR"),
                             Verb("hops", "hopping", "", ("finite", "ing"), "ARGM-DIR")), _PAIR, "pass",
               particle="over"),
        Action("hide", (Verb("hides", "hiding", "", ("finite", "led", "ing"), "ARGM-LOC"),), _PAIR, "hide",
               particle="behind"),
        Action("give", (Verb("gives", "giving"),
                        Verb("hands", "handing", "handed", ("finite", "ing", "participle"))), _THREE, "give",
               needs_fresh=("agent", "patient")),
        Action("throw", (Verb("throws", "throwing", "", ("ing",)),), _THREE, "throw",
               needs_fresh=("agent", "patient")),
    )
}  # fmt: skip
