"""Tables from text."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def governed(text: str) -> dict[tuple[str, str], str]:
    """Lines ``ROLE preposition: verb verb ...`` as ``{(verb, preposition): role}``; a line may go on below,
    without a colon.

    Example:
        >>> governed("ARG1 at: look stare")
        {('look', 'at'): 'ARG1', ('stare', 'at'): 'ARG1'}
    """
    table: dict[tuple[str, str], str] = {}
    role = preposition = ""
    for line in text.strip().splitlines():
        head, colon, tail = line.partition(":")
        if colon:
            role, preposition = head.split()
        table.update({(verb, preposition): role for verb in (tail if colon else head).split()})
    return table
