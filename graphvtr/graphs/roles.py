"""The sixteen semantic roles of HGR, in the order of its role embedding (papers/hgr.txt, specs/hgr.md)."""

from __future__ import annotations

ROLES: tuple[str, ...] = (
    "V",
    "ARG1",
    "ARG0",
    "ARG2",
    "ARG3",
    "ARG4",
    "ARGM-LOC",
    "ARGM-MNR",
    "ARGM-TMP",
    "ARGM-DIR",
    "ARGM-ADV",
    "ARGM-PRP",
    "ARGM-PRD",
    "ARGM-COM",
    "ARGM-MOD",
    "NOUN",
)
ROLE_IDS: dict[str, int] = {role: index for index, role in enumerate(ROLES)}
VERB_ROLE: int = ROLE_IDS["V"]
NOUN_ROLE: int = ROLE_IDS["NOUN"]
EVENT_ROLE: int = len(ROLES)
"""The id that stands for an event: one past the sixteen semantic roles."""


def role_id(label: str) -> int:
    """Id of a PropBank label; ``C-x`` and ``R-x`` count as ``x``, any role outside the sixteen as NOUN.

    Example:
        >>> role_id("R-ARG0") == role_id("ARG0"), ROLES[role_id("ARGM-CAU")]
        (True, 'NOUN')
    """
    if label[:2] in ("C-", "R-"):
        label = label[2:]
    return ROLE_IDS.get(label, NOUN_ROLE)
