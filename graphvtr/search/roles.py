"""Queries by role, ``agent=dog action=chase patient=cat``: straight into a role graph, no parser between."""

from __future__ import annotations

import shlex

from graphvtr.errors import DataError
from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.text import Vocabulary

NAMES = {
    "agent": "ARG0",
    "patient": "ARG1",
    "theme": "ARG1",
    "object": "ARG1",
    "recipient": "ARG2",
    "instrument": "ARG2",
    "start": "ARG3",
    "end": "ARG4",
    "place": "ARGM-LOC",
    "location": "ARGM-LOC",
    "manner": "ARGM-MNR",
    "time": "ARGM-TMP",
    "direction": "ARGM-DIR",
    "purpose": "ARGM-PRP",
    "with": "ARGM-COM",
    "thing": "NOUN",
}
"""Plain names of roles; PropBank's own (``ARG0``, ``ARGM-LOC``) are taken too."""
ACTION = ("action", "verb", "v")
FORMS = ("VBZ", "VBG", "VBN", "VBD")


def parse_roles(query: str, vocabulary: Vocabulary | None = None) -> RoleGraph:
    """The role graph of ``role=phrase`` pairs.

    A phrase of several words stands in quotes. Roles belong to the action beside them; a second ``action=`` begins
    another one, to which the roles after it belong. A phrase that plays the same role in two actions is one entity.

    Args:
        query: for instance ``agent="red dog" action=chase patient=cat place=yard``.
        vocabulary: an action that it does not know is taken in a form that it does (``chases`` for ``chase``).

    Raises:
        DataError: an unknown role, an empty phrase, a quote that does not end, or nothing at all.

    Example:
        >>> graph = parse_roles('agent="red dog" action=chases patient=cat')
        >>> graph.caption, graph.role_names()
        ('red dog chases cat', ['ARG0', 'ARG1'])
    """
    try:
        parts = shlex.split(query)
    except ValueError as error:
        raise DataError(f"query '{query[:60]}'", f"cannot be read ({error})", "close the quotes") from None
    clauses: list[tuple[list[str], list[tuple[str, list[str]]]]] = [([], [])]
    for part in parts:
        name, sign, phrase = part.partition("=")
        words = phrase.split()
        if not sign or not words:
            raise DataError(f"query '{query[:60]}': '{part[:40]}'", "is not role=phrase", f"roles: {_known()}")
        if name.lower() in ACTION:
            if clauses[-1][0]:
                clauses.append(([], []))
            clauses[-1][0].extend(_form(words, vocabulary))
        else:
            clauses[-1][1].append((_role(name), words))
    if not any(action or roles for action, roles in clauses):
        raise DataError("query", "is empty", f"roles: {_known()}")
    words_all: list[str] = []
    actions: list[list[int]] = []
    entities: list[tuple[str, list[int]]] = []
    fills: list[tuple[int, int]] = []
    seen: dict[tuple[str, str], int] = {}
    for action, roles in clauses:
        before = [role for role in roles if role[0] in ("ARG0", "NOUN")]
        for role, phrase_words in before:
            _entity(role, phrase_words, words_all, entities, seen)
        if action:
            actions.append(list(range(len(words_all), len(words_all) + len(action))))
            words_all += action
        for role, phrase_words in roles:
            entity = _entity(role, phrase_words, words_all, entities, seen)
            if action and role != "NOUN":
                fills.append((entity, len(actions) - 1))
    return RoleGraph.build(words_all, actions, entities, fills)


def _entity(
    role: str,
    phrase: list[str],
    words: list[str],
    entities: list[tuple[str, list[int]]],
    seen: dict[tuple[str, str], int],
) -> int:
    """The entity of a phrase, which is new unless it has played the role before."""
    key = (role, " ".join(phrase))
    if key not in seen:
        seen[key] = len(entities)
        entities.append((role, list(range(len(words), len(words) + len(phrase)))))
        words += phrase
    return seen[key]


def _role(name: str) -> str:
    label = NAMES.get(name.lower(), name.upper())
    if label not in ROLES or label == "V":
        raise DataError(f"role '{name[:40]}'", "is unknown", f"roles: {_known()}")
    return label


def _form(words: list[str], vocabulary: Vocabulary | None) -> list[str]:
    """An action's words, its verb in a form that the vocabulary has."""
    if vocabulary is None or words[0] in vocabulary:
        return words
    from graphvtr.text.perturb.inflect import inflect  # a sentence does not wait for it

    forms = (inflect(words[0], tag) for tag in FORMS)
    return [next((form for form in forms if form in vocabulary), words[0]), *words[1:]]


def _known() -> str:
    return ", ".join(["action", *NAMES])
