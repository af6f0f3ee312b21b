"""Forms of English verbs, for rebuilt captions: by rule, with a table of the irregular ones."""

from __future__ import annotations

# base: past, participle (where it differs); enough for the verbs of video captions
_IRREGULAR = """
arise arose arisen; awake awoke awoken; be was been; bear bore born; beat beat beaten; become became become;
begin began begun; bend bent; bet bet; bind bound; bite bit bitten; bleed bled; blow blew blown; break broke broken;
breed bred; bring brought; build built; burn burned; burst burst; buy bought; cast cast; catch caught;
choose chose chosen; cling clung; come came come; cost cost; creep crept; cut cut; deal dealt; dig dug; do did done;
draw drew drawn; drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed; feel felt;
fight fought; find found; flee fled; fling flung; fly flew flown; forget forgot forgotten; freeze froze frozen;
get got gotten; give gave given; go went gone; grind ground; grow grew grown; hang hung; have had; hear heard;
hide hid hidden; hit hit; hold held; hurt hurt; keep kept; kneel knelt; knit knit; know knew known; lay laid; lead led;
lean leaned; leap leaped; leave left; lend lent; let let; lie lay lain; light lit; lose lost; make made; mean meant;
meet met; overtake overtook overtaken; pay paid; put put; quit quit; read read; ride rode ridden; ring rang rung;
rise rose risen; run ran run; saw sawed sawn; say said; see saw seen; seek sought; sell sold; send sent; set set;
sew sewed sewn; shake shook shaken; shed shed; shine shone; shoot shot; show showed shown; shrink shrank shrunk;
shut shut; sing sang sung; sink sank sunk; sit sat; sleep slept; slide slid; sling slung; slit slit;
sow sowed sown; speak spoke spoken; speed sped; spend spent; spin spun; spit spat; split split; spread spread;
spring sprang sprung; stand stood; steal stole stolen; stick stuck; sting stung; stink stank stunk; stride strode;
strike struck; string strung; strive strove striven; swear swore sworn; sweep swept; swim swam swum; swing swung;
take took taken; teach taught; tear tore torn; tell told; think thought; throw threw thrown; tread trod trodden;
understand understood; undo undid undone; unwind unwound; wake woke woken; wear wore worn; weave wove woven; weep wept;
win won; wind wound; withdraw withdrew withdrawn; wring wrung; write wrote written
"""
IRREGULAR: dict[str, tuple[str, str]] = {}
for _entry in _IRREGULAR.replace("\n", " ").split(";"):
    _base, *_forms = _entry.split()
    IRREGULAR[_base] = (_forms[0], _forms[-1])

# two-syllable verbs whose last syllable is stressed double their last letter; most others do not
DOUBLING = frozenset("admit begin commit compel control equip forget occur permit prefer refer regret submit".split())
VOWELS = "aeiou"
NUMBERS = {
    "is": "are",
    "was": "were",
    "has": "have",
    "does": "do",
    "'s": "are",
    "’s": "are",
    "isn": "aren",
    "wasn": "weren",
    "hasn": "haven",
    "doesn": "don",
}
SINGULAR = {
    **{many: one for one, many in NUMBERS.items() if "'" not in one and "’" not in one},
    "'re": "is",
    "’re": "is",
}


def inflect(base: str, tag: str) -> str:
    """The form of a verb that has the Penn tag ``tag``.

    Example:
        >>> [inflect("cut", tag) for tag in ("VB", "VBP", "VBZ", "VBG", "VBD", "VBN")]
        ['cut', 'cut', 'cuts', 'cutting', 'cut', 'cut']
        >>> inflect("ride", "VBN"), inflect("carry", "VBZ"), inflect("stir", "VBG"), inflect("open", "VBG")
        ('ridden', 'carries', 'stirring', 'opening')
    """
    if tag == "VBZ":
        return third_person(base)
    if tag == "VBG":
        return _gerund(base)
    if tag in ("VBD", "VBN"):
        if base in IRREGULAR:
            return IRREGULAR[base][tag == "VBN"]
        return _regular_past(base)
    return base


def third_person(base: str) -> str:
    """What he, she or it does."""
    if base in ("be", "have"):
        return {"be": "is", "have": "has"}[base]
    if base.endswith(("s", "x", "z", "ch", "sh", "o")):
        return base + "es"
    if base.endswith("y") and base[-2:-1] not in VOWELS:
        return base[:-1] + "ies"
    return base + "s"


def agree(form: str, base: str, plural: bool) -> str:
    """A finite present form (or was, were) for a subject of the given number; other forms stay.

    Example:
        >>> agree("is", "be", True), agree("play", "play", False), agree("plays", "play", True)
        ('are', 'plays', 'play')
    """
    if plural and form in NUMBERS:
        return NUMBERS[form]
    if not plural and form in SINGULAR:
        return SINGULAR[form]
    if form == third_person(base) and plural:
        return base
    if form == base and not plural:
        return third_person(base)
    return form


def _gerund(base: str) -> str:
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")) and base != "be":
        return base[:-1] + "ing"
    return _doubled(base) + "ing"


def _regular_past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2:-1] not in VOWELS:
        return base[:-1] + "ied"
    return _doubled(base) + "ed"


def _doubled(base: str) -> str:
    """The base with its last consonant doubled where English does: after one stressed short vowel."""
    if len(base) < 3 or base[-1] in VOWELS + "wxy" or base[-2] not in VOWELS or base[-3] in VOWELS:
        return base + base[-1] if base.endswith(("quip", "quit")) else base
    syllables = sum(
        1 for i, letter in enumerate(base) if letter in VOWELS + "y" and (i == 0 or base[i - 1] not in VOWELS + "y")
    )
    return base + base[-1] if syllables == 1 or base in DOUBLING else base
