"""A sentence that is said piece by piece, each piece with its role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from graphvtr.text import GraphLists, role_id


@dataclass
class Sentence:
    """Words with the actions and entities among them; becomes a role graph.

    Example:
        >>> said = Sentence()
        >>> verb = said.entity("ARG0", "a person"), said.action("drinks"), said.entity("ARG2", "from the cup")
        >>> said.fill(0, 0), said.fill(1, 0)
        (None, None)
        >>> graph = said.lists().graph()
        >>> graph.caption, graph.role_names(), graph.phrase("entity", 1)
        ('a person drinks from the cup', ['ARG0', 'ARG2'], 'from the cup')
    """

    words: list[str] = field(default_factory=list)
    actions: list[list[int]] = field(default_factory=list)
    entities: list[tuple[int, list[int]]] = field(default_factory=list)
    fills: list[tuple[int, int, int]] = field(default_factory=list)

    def say(self, text: str) -> list[int]:
        """Add words without a node; returns their indices."""
        begin = len(self.words)
        self.words += text.split()
        return list(range(begin, len(self.words)))

    def action(self, text: str, *more: list[int]) -> int:
        """Add words that are an action (with words said before it, an auxiliary for instance); returns its number."""
        said = self.say(text)
        self.actions.append(sorted([*said, *(index for span in more for index in span)]))
        return len(self.actions) - 1

    def entity(self, role: str, text: str, actions: Sequence[int] = ()) -> int:
        """Add words that are an entity, of ``actions`` where these are said already; returns its number."""
        return self.span_entity(role, self.say(text), actions)

    def span_entity(self, role: str, span: list[int], actions: Sequence[int] = ()) -> int:
        """Make words said before an entity of ``actions``; returns its number."""
        self.entities.append((role_id(role), span))
        for action in actions:
            self.fill(len(self.entities) - 1, action)
        return len(self.entities) - 1

    def fill(self, entity: int, action: int) -> None:
        """An entity is an argument of an action."""
        self.fills.append((entity, action, self.entities[entity][0]))

    def lists(self) -> GraphLists:
        """The sentence as the text module's packing takes it."""
        return GraphLists(" ".join(self.words), self.words, self.actions, self.entities, self.fills)
