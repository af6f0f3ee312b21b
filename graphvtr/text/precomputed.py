"""Role graphs from released files: ``sent2rolegraph*.json`` and ``sent2srl.json`` (specs/hgr.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from graphvtr.errors import DataError
from graphvtr.graphs import VERB_ROLE, role_id
from graphvtr.reading import DATA, parse_json, read_bytes
from graphvtr.text.frames import Span, frames_to_lists
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.parser import PARSERS, ListParser, shorten
from graphvtr.text.tagged import tagged_frames


@PARSERS.register("precomputed")
class PrecomputedParser(ListParser):
    """Looks graphs up in a file that another system has written.

    Two formats are read, told apart by their content:

    - ``sent2rolegraph*.json``: ``{sentence: [nodes, edges]}``. Nodes and their words are taken as they are, in the
      order of the file; the words of the graph are the sentence split at spaces.
    - ``sent2srl.json``: ``{sentence: {"words": [...], "verbs": [{"tags": [...]}]}}``, the output of AllenNLP's
      labeller, made into graphs as the specification says. A sentence that has no frame gets its noun phrases from
      the ``spacy`` parser's model, which is loaded only then.

    Args:
        path: the file.

    Raises:
        DataError: the file is missing, is not json, or holds neither format.
    """

    name = "precomputed"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        content = read_bytes(self.path, limit=DATA)
        self._entries = parse_json(content, self.path, fix="use a released file")
        if not isinstance(self._entries, dict) or not self._entries:
            raise DataError(self.path, "is not an object of sentences", "use sent2rolegraph*.json or sent2srl.json")
        self.version = hashlib.sha256(content).hexdigest()[:16]
        self._noun_finder: Any = None

    def __contains__(self, sentence: object) -> bool:
        return sentence in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        """The graph of each caption as lists.

        Raises:
            DataError: a caption is not in the file, or its entry is malformed; file, sentence and field are named.
        """
        for caption in captions:
            entry = self._entries.get(caption)
            if entry is None:
                raise DataError(
                    f"{self.path}: sentence '{shorten(str(caption))}'",
                    "is not in the file",
                    "parse the captions with --parser spacy, or use the file that belongs to them",
                )
            read = self._read_labels if isinstance(entry, dict) else self._read_graph
            yield read(caption, entry)

    def _fail(self, sentence: str, field: str, problem: str) -> NoReturn:
        raise DataError(
            f"{self.path}: sentence '{shorten(sentence)}': {field}", problem, "mend the entry, or parse it anew"
        )

    def _read_graph(self, sentence: str, entry: Any) -> GraphLists:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], dict):
            self._fail(sentence, "entry", "is not [nodes, edges]")
        nodes, edges = entry
        words = sentence.split()
        if not words:
            self._fail(sentence, "sentence", "has no words")
        actions: dict[str, list[int]] = {}
        entities: dict[str, tuple[int, list[int]]] = {}
        for name, node in nodes.items():
            if not isinstance(node, dict) or not isinstance(node.get("role"), str):
                self._fail(sentence, f"node {name}", "has no role")
            if node["role"] == "ROOT":
                continue
            span, role = self._span(sentence, name, node, len(words)), role_id(node["role"])
            if role == VERB_ROLE:
                actions[name] = span
            else:
                entities[name] = (role, span)
        fills = self._fills(sentence, edges, list(actions), list(entities))
        return GraphLists(sentence, words, list(actions.values()), list(entities.values()), fills)

    def _span(self, sentence: str, name: str, node: Mapping[str, Any], count: int) -> list[int]:
        span = node.get("spans")
        if not isinstance(span, list) or not span or not all(type(word) is int for word in span):
            self._fail(sentence, f"node {name}: spans", f"is {span!r}, not a list of word positions")
        if min(span) < 0 or max(span) >= count:
            self._fail(sentence, f"node {name}: spans", f"{span} points outside the {count} words")
        return sorted(set(span))

    def _fills(self, sentence: str, edges: Any, actions: list[str], entities: list[str]) -> list[tuple[int, int, int]]:
        if not isinstance(edges, list):
            self._fail(sentence, "edges", "is not a list")
        action_of = {name: index for index, name in enumerate(actions)}
        entity_of = {name: index for index, name in enumerate(entities)}
        fills: dict[tuple[int, int], int] = {}
        for position, edge in enumerate(edges):
            if not isinstance(edge, list) or len(edge) != 3 or not isinstance(edge[2], str):
                self._fail(sentence, f"edge {position}", "is not [action, entity, role]")
            source, target = str(edge[0]), str(edge[1])
            if source not in action_of or target not in entity_of:
                self._fail(sentence, f"edge {position}", f"{edge} does not lead from an action to an entity")
            fills.setdefault((entity_of[target], action_of[source]), role_id(edge[2]))
        return [(*pair, role) for pair, role in fills.items()]

    def _read_labels(self, sentence: str, entry: Mapping[str, Any]) -> GraphLists:
        words, verbs = entry.get("words"), entry.get("verbs")
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            self._fail(sentence, "words", "is not a list of words")
        if not isinstance(verbs, list):
            self._fail(sentence, "verbs", "is not a list")
        for position, verb in enumerate(verbs):
            tags = verb.get("tags") if isinstance(verb, dict) else None
            if not isinstance(tags, list) or len(tags) != len(words) or not all(isinstance(t, str) for t in tags):
                self._fail(sentence, f"verb {position}: tags", f"is not a list of {len(words)} tags")
        frames, bare = tagged_frames([verb["tags"] for verb in verbs])
        nouns = self._noun_phrases(words) if not frames else []
        return frames_to_lists(sentence, words, frames, nouns=nouns, verbs=bare)

    def _noun_phrases(self, words: list[str]) -> list[Span]:
        if self._noun_finder is None:
            self._noun_finder = PARSERS["spacy"]()
        spans: list[Span] = self._noun_finder.noun_phrases(words)
        return spans
