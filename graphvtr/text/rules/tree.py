"""A dependency parse in plain lists: what the role rules read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

PUNCTUATION = frozenset(("punct", "space"))
AUXILIARIES = frozenset(("aux", "auxpass"))
CLOSERS = {")": "(", "]": "[", "}": "{", '"': '"', "”": "“", "’": "‘", "'": "'", "''": "``"}
OPENERS = {opener: closer for closer, opener in CLOSERS.items()}


class Tree:
    """One parsed caption. Token i has a word, a Penn tag, a dependency label (ClearNLP's, which spaCy's English
    pipelines give) and a head; a root is its own head.

    The rules read each attribute several times, and every attribute of a spaCy token costs a call: plain lists
    keep the rules cheap beside the parser.

    Args:
        words: lower-case words.
        tags: Penn Treebank tags.
        deps: dependency labels.
        heads: index of each token's head.
        lemma_of: base form of a verb form.
    """

    __slots__ = ("children", "deps", "heads", "left", "lemma_of", "right", "tags", "words")

    def __init__(
        self,
        words: Sequence[str],
        tags: Sequence[str],
        deps: Sequence[str],
        heads: Sequence[int],
        lemma_of: Callable[[str], str] = str,
    ) -> None:
        self.words, self.tags, self.deps, self.lemma_of = words, tags, deps, lemma_of
        self.heads = self._lifted(heads)
        size = len(words)
        self.children: list[list[int]] = [[] for _ in range(size)]
        self.left, self.right = list(range(size)), list(range(size))
        for token, head in enumerate(self.heads):
            if head != token:
                self.children[head].append(token)
        for token in range(size):
            self._widen_ancestors(token)

    def _lifted(self, heads: Sequence[int]) -> Sequence[int]:
        """Heads with two slips of the parser mended: what hangs on an auxiliary moves up to its verb (`[a man] is
        dancing`), and so does a `then` that hangs on the subject (`and [then] [a man] sits`)."""
        deps, words = self.deps, self.words
        if "then" not in words and "aux" not in deps and "auxpass" not in deps:
            return heads
        return [
            heads[head]
            if (deps[head] in AUXILIARIES and deps[token] not in AUXILIARIES)
            or (words[token] == "then" and deps[head] in ("nsubj", "nsubjpass"))
            else head
            for token, head in enumerate(heads)
        ]

    def _widen_ancestors(self, token: int) -> None:
        node = token
        while self.heads[node] != node:
            node = self.heads[node]
            if token < self.left[node]:
                self.left[node] = token
            elif token > self.right[node]:
                self.right[node] = token
            else:  # an earlier token has widened all that lies above
                return

    def __len__(self) -> int:
        return len(self.words)

    def lemma(self, token: int) -> str:
        """The base form of the token, read as a verb."""
        return self.lemma_of(self.words[token])

    def child(self, token: int, *deps: str) -> int | None:
        """The first child with one of the labels."""
        return next((child for child in self.children[token] if self.deps[child] in deps), None)

    def all_children(self, token: int, *deps: str) -> list[int]:
        """The children with one of the labels."""
        return [child for child in self.children[token] if self.deps[child] in deps]

    def subtree(self, token: int, without: Iterable[int] = ()) -> list[int]:
        """Sorted tokens below and with ``token``, less the subtrees of the children in ``without``."""
        found, open_tokens, without = [], [token], set(without)
        while open_tokens:
            node = open_tokens.pop()
            found.append(node)
            open_tokens += [child for child in self.children[node] if child not in without]
        return sorted(found)

    def span(self, token: int, without: Iterable[int] = ()) -> tuple[int, int]:
        """First and last token of the phrase of ``token``: the unbroken run around it of its subtree, less the
        subtrees in ``without``, less punctuation at both ends."""
        if without:
            inside = set(self.subtree(token, without))
            first = last = token
            while first - 1 in inside:
                first -= 1
            while last + 1 in inside:
                last += 1
        else:
            first, last = self.left[token], self.right[token]
        while first < token and self.deps[first] in PUNCTUATION and not self._closed_inside(first, last):
            first += 1
        while last > token and (
            (self.deps[last] in PUNCTUATION and not self._opened_inside(first, last)) or self.deps[last] == "cc"
        ):
            last -= 1
        return first, last

    def _opened_inside(self, first: int, last: int) -> bool:
        """Whether the token at ``last`` closes a bracket or quote that opens in the span."""
        opener = CLOSERS.get(self.words[last])
        return opener is not None and opener in self.words[first:last]

    def _closed_inside(self, first: int, last: int) -> bool:
        closer = OPENERS.get(self.words[first])
        return closer is not None and closer in self.words[first + 1 : last + 1]
