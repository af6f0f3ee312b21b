"""Closed lists of English that a caption's meaning and grammar hang on."""

from __future__ import annotations

MALE = frozenset(
    "man men guy guys boy boys gentleman gentlemen male males dude dudes father son brother husband king actor he him "
    "himself fellow".split()
)
FEMALE = frozenset(
    "woman women girl girls lady ladies female females mother daughter sister wife queen actress she her herself "
    "bride".split()
)
PERSON = frozenset(
    "person persons people someone somebody anyone anybody everyone everybody human humans individual individuals kid "
    "kids child children baby babies toddler toddlers adult adults player players singer singers dancer dancers chef "
    "chefs cook cooks athlete athletes student students performer performers band crowd group team couple family "
    "friends friend soldier soldiers teenager teenagers youth they them themselves we us i me you one ones character "
    "characters worker workers driver rider skater skateboarder soccer musician artist doctor teacher speaker".split()
)
VAGUE = frozenset(
    "thing things something anything everything nothing it one ones other others another stuff item items object "
    "objects video clip scene part parts piece pieces bit lot lots kind type way time times number set pair some all "
    "none each both himself herself itself themselves yourself myself mixture side top front back end middle "
    "ingredient ingredients food animal animals instrument what who which that this these those".split()
)
PLACES = frozenset(
    "kitchen room bedroom bathroom livingroom house home garage garden yard backyard lawn street road highway sidewalk "
    "park forest wood woods jungle field farm beach sea ocean lake river pool water pond island mountain hill desert "
    "snow ice rink track court gym stadium arena stage theater theatre club bar restaurant cafe shop store market "
    "mall school classroom office hall hallway church temple airport station train bus car boat ship plane city town "
    "village bridge tunnel roof balcony porch stairs floor ground grass sand dirt path trail cage zoo barn stable cave "
    "ring playground studio hospital prison warehouse factory parking driveway outdoors outside sky air space meadow "
    "swamp cliff canyon valley sofa couch bed".split()
)
SUBJECT = {"him": "he", "her": "she", "them": "they", "me": "i", "us": "we"}
OBJECT = {nominative: objective for objective, nominative in SUBJECT.items()}
# verbs that say too little, need a clause after them, or cannot stand without what follows
DULL = frozenset(
    "be have do go come get make let start begin try seem want need like keep stop continue show appear look use see "
    "happen become take give say tell ask know think help cause include contain involve perform can will may might "
    "shall must could should would become remain stay finish put place lay set participate attempt "
    "prepare decide manage practice enjoy".split()
)
NEEDS_PLACE = frozenset("put place lay set".split())
POSSESSIVE = {"male": "his", "female": "her", "many": "their", "": "its"}
REFLEXIVE = {"male": "himself", "female": "herself", "many": "themselves", "": "itself"}


def person_group(word: str) -> str:
    """``"male"``, ``"female"``, ``"person"`` or ``""`` for what is none."""
    if word in MALE:
        return "male"
    if word in FEMALE:
        return "female"
    return "person" if word in PERSON else ""


def may_be_same(word: str, other: str) -> bool:
    """Whether the two may be said of one: equal, both vague, or persons whose sex does not differ.

    Example:
        >>> may_be_same("man", "person"), may_be_same("man", "woman"), may_be_same("men", "man")
        (True, False, True)
    """
    one, two = person_group(word), person_group(other)
    if one and two:
        return {one, two} != {"male", "female"}
    return singular(word) == singular(other)


def singular(noun: str) -> str:
    """A noun without the ending of its plural; two nouns that differ in number only give the same."""
    for ending, rest in (("ies", "y"), ("ves", "f"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x")):
        if noun.endswith(ending) and len(noun) > len(ending) + 1:
            return noun[: -len(ending)] + rest
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") and len(noun) > 3 else noun
