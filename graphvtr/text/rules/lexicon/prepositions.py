"""Prepositions and conjunctions, and what verbs give to the phrases that they govern."""

from __future__ import annotations

from graphvtr.text.rules.lexicon.base import governed, words

# role and preposition: verbs
GOVERNED = governed(
    """
    ARG1 about: ask care complain dream forget hear inquire know learn read talk tell wonder worry write
    ARG1 after: ask look
    ARG1 as: serve work
    ARG1 at: aim bark gaze glance laugh look peek peer smile stare yell
    ARG1 for: account apply ask care hope look shop watch wish yearn
    ARG1 from: benefit suffer
    ARG1 in: believe engage participate specialize
    ARG1 into: bite dig look
    ARG1 like: feel look seem smell sound taste
    ARG1 of: approve beware complain consist dispose dream hear know speak think
    ARG1 on: call chew comment depend feed insist nibble plan rely spend step work
    ARG1 over: argue preside
    ARG1 through: browse flip go look
    ARG1 to: adhere belong listen look object react refer reply respond subscribe
    ARG1 upon: call
    ARG1 with: agree check cope deal do experiment fiddle help interact meet provide tamper
    ARG2 about: be think warn
    ARG2 across: throw toss
    ARG2 against: bang lean press rest throw toss
    ARG2 among: be sit stand
    ARG2 as: accept describe disguise dress know refer regard see treat use
    ARG2 at: throw toss
    ARG2 between: be sit stand
    ARG2 for: blame check exchange leave mistake pray prepare search substitute thank use wait work
    ARG2 from: abstain acquire borrow buy collect get hear hide learn obtain order prevent protect purchase
        receive recover refrain remove rent separate steal take
    ARG2 in: coat cover dip dress invest involve result soak throw toss wrap
    ARG2 into: bring chop cut divide fold form grow make mix move roll run shape slice split throw toss
        transform translate turn
    ARG2 like: be treat
    ARG2 of: accuse assure be deprive inform remind rob
    ARG2 on: base be bet concentrate focus impose throw toss
    ARG2 onto: throw toss
    ARG2 over: throw toss
    ARG2 through: throw toss
    ARG2 to: add apply assign attach attend bring compare connect contribute deliver do donate explain feed
        forward give introduce lead lend limit mention move offer pass prove read recommend relate reveal say
        sell send show sing speak talk throw tie toss wave
    ARG2 toward: be throw toss
    ARG2 towards: be throw toss
    ARG2 with: associate combine compare connect cover decorate discuss equip fence fight fill fit load mix pack
        replace share speak stuff surround talk wash
    ARG3 at: remain stay
    ARG3 for: bill charge pay
    ARG3 from: come emerge
    ARG3 in: pour remain stay
    ARG3 into: pour
    ARG3 on: pour remain stay
    ARG3 onto: pour
    ARG3 over: pour
    ARG3 to: pour take
    ARG3 with: remain work
    ARG4 at: arrive
    ARG4 from: rise
    ARG4 into: arrive come drop fall flow go return rise
    ARG4 onto: arrive come drop fall flow go return rise
    ARG4 to: arrive come drop fall flow go return rise
    ARGM-COM with: come dance go live stay travel walk
    ARGM-PRP for: call come go need stop
    """
)

SPATIAL = words(
    """
    above across against along alongside amid amidst among around at atop behind below beneath beside between
    beyond by in inside near nearby next off on onto opposite outside over past round throughout under
    underneath upon within
    """
)

PATHS = words("across along around away down from into off onto out over past round through to toward towards up")

# phrases with these belong to the event, not to the object before them (see `detached_phrase`)
DETACHED = words(
    """
    above across against along around at behind below beside from in inside into near next on onto outside over
    through toward towards under underneath
    """
)

# without a verb that governs it
PREPOSITION_ROLE = {
    "about": "ARG1",
    "according": "ARGM-ADV",
    "after": "ARGM-TMP",
    "against": "ARG2",
    "as": "ARGM-PRD",
    "because": "ARGM-CAU",
    "before": "ARGM-TMP",
    "by": "ARGM-MNR",
    "despite": "ARGM-ADV",
    "due": "ARGM-CAU",
    "during": "ARGM-TMP",
    "except": "ARGM-ADV",
    "for": "ARGM-PRP",
    "from": "ARG2",
    "into": "ARG2",
    "like": "ARGM-MNR",
    "of": "ARG1",
    "per": "ARGM-ADV",
    "regarding": "ARG1",
    "since": "ARGM-TMP",
    "than": "ARGM-ADV",
    "through": "ARGM-DIR",
    "throughout": "ARGM-TMP",
    "till": "ARGM-TMP",
    "to": "ARG2",
    "toward": "ARGM-DIR",
    "towards": "ARGM-DIR",
    "until": "ARGM-TMP",
    "upon": "ARGM-TMP",
    "via": "ARGM-MNR",
    "whilst": "ARGM-TMP",
    "with": "ARGM-MNR",
    "without": "ARGM-MNR",
}

# the word that opens an adverbial clause
MARKER_ROLE = {
    "after": "ARGM-TMP",
    "as": "ARGM-ADV",
    "because": "ARGM-CAU",
    "before": "ARGM-TMP",
    "cause": "ARGM-CAU",
    "cos": "ARGM-CAU",
    "for": "ARG1",
    "in": "ARGM-PRP",
    "like": "ARGM-MNR",
    "once": "ARGM-TMP",
    "since": "ARGM-CAU",
    "so": "ARGM-PRP",
    "till": "ARGM-TMP",
    "to": "ARGM-PRP",
    "until": "ARGM-TMP",
    "when": "ARGM-TMP",
    "whenever": "ARGM-TMP",
    "where": "ARGM-LOC",
    "wherever": "ARGM-LOC",
    "while": "ARGM-TMP",
    "whilst": "ARGM-TMP",
}
