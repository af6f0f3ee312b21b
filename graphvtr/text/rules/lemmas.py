"""Base forms of verbs and nouns.

spaCy's lemmatizer looks at every token and needs the attribute ruler before it, which together cost a quarter of
the pipeline's time. The role rules ask for verbs only, so they read the same WordNet tables from the pipeline and
look up a word once.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar, Self

_FORMS = {
    "be": "'s ’s s 'm ’m m 're ’re re ai am is are was were been being",
    "have": "'ve ’ve ve 'd ’d has had having",
    "do": "does did done doing",
    "will": "wo 'll ’ll",
    "can": "ca",
}
IRREGULAR = {form: verb for verb, forms in _FORMS.items() for form in forms.split()}
"""Of the auxiliaries and their contractions, which the tables lack or read as other verbs."""


class Lemmas:
    """Forms of a part of speech by the tables of a spaCy rule lemmatizer.

    Args:
        exceptions: irregular forms, ``{"ate": ["eat"]}``.
        index: the known base forms.
        rules: ``(ending, replacement)`` pairs, in order.
    """

    part: ClassVar[str]

    def __init__(
        self, exceptions: Mapping[str, Sequence[str]], index: Container[str], rules: Sequence[Sequence[str]]
    ) -> None:
        self._exceptions, self._index, self._rules = exceptions, index, rules

    @classmethod
    def from_pipeline(cls, pipeline: Any) -> Self:
        """Tables of ``pipeline``'s lemmatizer (it may be disabled); without one every form is its own lemma."""
        lookups = getattr(dict(pipeline._components).get("lemmatizer"), "lookups", None)

        def table(name: str) -> Any:
            return lookups.get_table(name, {}).get(cls.part, ()) if lookups is not None else ()

        return cls(dict(table("lemma_exc")), frozenset(table("lemma_index")), tuple(table("lemma_rules")))

    def _guesses(self, form: str) -> list[str]:
        """What the rules make of a form."""
        return [form[: len(form) - len(old)] + new for old, new in self._rules if form.endswith(old)]


class VerbLemmas(Lemmas):
    """Verb form -> base form; the first rule that gives a known verb counts.

    Example:
        >>> lemma = VerbLemmas({"ate": ["eat"]}, {"eat", "chase"}, [("s", ""), ("ing", "e"), ("ing", "")])
        >>> [lemma(word) for word in ("ate", "chasing", "eating", "is", "eats")]
        ['eat', 'chase', 'eat', 'be', 'eat']
    """

    part = "verb"

    def __init__(
        self, exceptions: Mapping[str, Sequence[str]], index: Container[str], rules: Sequence[Sequence[str]]
    ) -> None:
        super().__init__(exceptions, index, rules)
        self._known: dict[str, str] = dict(IRREGULAR)

    def __call__(self, form: str) -> str:
        """The base form of a lower-case verb form; a form that no rule explains is its own lemma."""
        lemma = self._known.get(form)
        if lemma is None:
            lemma = self._known[form] = self._look_up(form)
        return lemma

    def _look_up(self, form: str) -> str:
        if form in self._exceptions:
            return self._exceptions[form][0]
        if form in self._index:
            return form
        if form.endswith("nging") and form[:-3] in self._index:  # `singing`: of `sing`, as of `singe` is `singeing`
            return form[:-3]
        return next((guess for guess in self._guesses(form) if guess in self._index), form)


class NounLemmas(Lemmas):
    """Plural -> singular, as spaCy does: of the rules that give a known noun the last one counts, and a plural that is
    no known noun's loses its s.

    Example:
        >>> lemma = NounLemmas({"women": ["woman"]}, {"glass", "hand"}, [("s", ""), ("ses", "s"), ("ies", "y")])
        >>> [lemma(word) for word in ("women", "glasses", "hands", "gizmos")]
        ['woman', 'glass', 'hand', 'gizmo']
    """

    part = "noun"

    def __call__(self, form: str) -> str:
        """The singular of a lower-case plural."""
        if form in self._exceptions:
            return self._exceptions[form][0]
        guesses = self._guesses(form)
        known = [guess for guess in guesses if guess in self._index]
        return (known or guesses[:1] or [form])[-1]
