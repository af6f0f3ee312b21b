"""Entities, actions and relationships of captions, lemmatised (MCSAN section 3.3; HANet's concepts)."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice, product
from typing import NamedTuple

from tqdm import tqdm

from graphvtr.graphs import ROLE_IDS, GraphStore, RoleGraph
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.rules.lemmas import NounLemmas, VerbLemmas
from graphvtr.text.spacy_parser import load_pipeline

ARGUMENTS = tuple(ROLE_IDS[role] for role in ("ARG0", "ARG1", "ARG2", "ARG3", "ARG4"))
NO_ACTIONS = frozenset(("be", "have", "do"))
"""Verbs that name no action of their own (HANet drops them as stop words)."""
CLAUSE = frozenset(("VB", "VBD", "VBP", "VBZ", "MD"))
PLURALS = frozenset(("NNS", "NNPS"))
NOT_JOINING = frozenset(("of", "that", "while", "because", "if", "as", "like", "than", "so", "whether"))
"""Words that the tagger calls prepositions and that join no two things in space."""
CHUNK = 1024


class CaptionConcepts(NamedTuple):
    """What a caption speaks of, each concept once, in the order of the sentence.

    A relationship is written as its lemmas: ``"man ride horse"``.
    """

    entities: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    relationships: tuple[str, ...] = ()


class ConceptExtractor:
    """Concepts of role graphs: MCSAN's nouns, verbs and subject-verb-object triplets.

    The parser that made the graphs has said what the verbs are and who does what to whom; only the parts of speech
    are looked up here, by spaCy's tagger, so that the concepts of any parser and of gold graphs are found alike.

    - *entities*: lemmas of all nouns.
    - *actions*: lemmas of the verbs of the graph's actions, without *be*, *have* and *do*.
    - *relationships*: for every action but *be* its subject, the head noun of its lowest numbered argument, and its
      object, that of the next one: ARG0 and ARG1 of *a man rides a horse*, in the passive too; ARG1 and ARG2 of *a cat
      sits on a chair*. Coordinated heads (*a man and a woman*) give a triplet each; pronouns give none.
    - with ``prepositions`` also what a preposition joins, MCSAN's own example *dog on grass*: the subject of an action
      and a phrase of it that begins with a preposition (*a dog chases a frisbee on the grass*), and two nouns of one
      phrase (*the girl with a red hat*; *of* joins none).

    Args:
        model: an English spaCy pipeline; by default the first that is installed.
        prepositions: see above.

    Raises:
        MissingExtraError: spaCy or its model is not installed.

    Example:
        >>> from graphvtr.text import get_parser
        >>> graph = get_parser("spacy").parse_one("Two women are slicing onions in the kitchen")
        >>> ConceptExtractor().extract_one(graph)
        CaptionConcepts(entities=('woman', 'onion', 'kitchen'), actions=('slice',),
        relationships=('woman slice onion',))
    """

    def __init__(self, model: str | None = None, prepositions: bool = False) -> None:
        self.prepositions = prepositions
        self.pipeline = load_pipeline(model)
        self._verb = VerbLemmas.from_pipeline(self.pipeline)
        self._noun = NounLemmas.from_pipeline(self.pipeline)
        self._tags: dict[tuple[str, ...], list[str]] = {}

    def extract_one(self, graph: RoleGraph) -> CaptionConcepts:
        """The concepts of one caption."""
        return next(self.extract([graph]))

    def extract(
        self, graphs: Iterable[RoleGraph] | GraphStore[RoleGraph], *, progress: bool = False
    ) -> Iterator[CaptionConcepts]:
        """The concepts of captions, in order.

        Args:
            graphs: role graphs, or a store of them.
            progress: show a progress bar on stderr.
        """
        total = len(graphs) if isinstance(graphs, GraphStore | Sequence) else None
        bar = tqdm(graphs, "concepts", total, disable=not progress, unit="caption")
        lists = (GraphLists.of(graph) for graph in bar)
        while chunk := list(islice(lists, CHUNK)):
            self._tag([tuple(one.words) for one in chunk])
            for one in chunk:
                yield self._concepts(one, self._tags[tuple(one.words)])

    def _tag(self, captions: list[tuple[str, ...]]) -> None:
        """Look up the tags of captions that are new; those of the last chunks are kept for repeated captions."""
        if len(self._tags) > 64 * CHUNK:
            self._tags.clear()
        unknown = [words for words in dict.fromkeys(captions) if words not in self._tags]
        doc = importlib.import_module("spacy.tokens").Doc
        documents = (doc(self.pipeline.vocab, words=list(words)) for words in unknown)
        for words, tagged in zip(unknown, self.pipeline.pipe(documents, disable=["parser"]), strict=True):
            self._tags[words] = [token.tag_ for token in tagged]
        self._tags.update({words: self._tags[words] for words in captions})

    def _concepts(self, graph: GraphLists, tags: Sequence[str]) -> CaptionConcepts:
        words = [word.lower() for word in graph.words]
        nouns = {i: self._lemma(words[i], tag) for i, tag in enumerate(tags) if tag.startswith("NN")}
        verbs = [self._base(words[span[0]]) for span in graph.actions]
        in_action = {word for span in graph.actions for word in span}  # a verb that the tagger calls a noun
        return CaptionConcepts(
            _once(lemma for i, lemma in nouns.items() if i not in in_action),
            _once(verb for verb in verbs if verb not in NO_ACTIONS and len(verb) > 1),  # no 's of a typo
            _once(
                " ".join(triplet)
                for triplet in chain(
                    self._triplets(graph, verbs, nouns, tags),
                    self._prepositional(graph, words, nouns, tags) if self.prepositions else (),
                )
            ),
        )

    def _prepositional(
        self, graph: GraphLists, words: Sequence[str], nouns: dict[int, str], tags: Sequence[str]
    ) -> Iterator[tuple[str, str, str]]:
        """Subject, preposition and noun of every phrase of an action; noun, preposition and noun within a phrase."""

        def joined(span: Sequence[int], begin: int) -> tuple[str, list[str]] | None:
            """The preposition at ``begin`` in the span and the nouns it governs."""
            word = words[span[begin]]
            if tags[span[begin]] not in ("IN", "TO") or word in NOT_JOINING:
                return None
            return word, [nouns[head] for head in head_nouns(span[begin + 1 :], tags)]

        subjects: dict[int, list[str]] = {}
        numbered = sorted((ARGUMENTS.index(role), entity, of) for entity, of, role in graph.fills if role in ARGUMENTS)
        for _, entity, action in numbered:
            heads = [nouns[head] for head in head_nouns(graph.entities[entity][1], tags)]
            subjects.setdefault(action, heads)
        for entity, action, _ in graph.fills:
            phrase = joined(graph.entities[entity][1], 0)
            if phrase is not None:
                yield from ((subject, phrase[0], thing) for subject in subjects.get(action, ()) for thing in phrase[1])
        for _, span in graph.entities:
            head: str | None = None
            for place, word in enumerate(span):
                if tags[word].startswith("NN"):
                    head = nouns.get(word)
                elif head is not None and (phrase := joined(span, place)) is not None:
                    yield from ((head, phrase[0], thing) for thing in phrase[1] if thing != head)
                    head = None

    def _triplets(
        self, graph: GraphLists, verbs: Sequence[str], nouns: dict[int, str], tags: Sequence[str]
    ) -> Iterator[tuple[str, str, str]]:
        for action, verb in enumerate(verbs):
            if verb == "be" or len(verb) == 1:
                continue
            filled: dict[int, list[str]] = {}
            for entity, of, role in graph.fills:
                if of == action and role in ARGUMENTS:
                    filled.setdefault(ARGUMENTS.index(role), []).extend(
                        nouns[head] for head in head_nouns(graph.entities[entity][1], tags)
                    )
            subjects, objects = [filled[role] for role in sorted(filled)[:2]] if len(filled) > 1 else ([], [])
            yield from ((subject, verb, thing) for subject, thing in product(subjects, objects))

    def _lemma(self, word: str, tag: str) -> str:
        return self._noun(word) if tag in PLURALS else word

    def _base(self, word: str) -> str:
        lemma = self._verb(word)
        return lemma[:-1] if lemma in ("singe", "swinge", "springe") else lemma  # singing, swinging

    @cached_property
    def version(self) -> str:
        """Changes with the tagger."""
        meta = self.pipeline.meta
        return f"{'1p' if self.prepositions else '1'}+{meta['lang']}_{meta['name']}-{meta['version']}"


def head_nouns(span: Sequence[int], tags: Sequence[str]) -> list[int]:
    """The head of a noun phrase, or its heads if it is coordinated: the last noun of the first run of nouns.

    A clause (*to cry in front of him*, *eating a carrot*) has none; a preposition before the phrase does not matter.

    Args:
        span: positions of the phrase's words, ascending.
        tags: Penn tags of the whole caption.

    Example:
        >>> tags = ["DT", "NN", "NN", "IN", "NNS", "CC", "DT", "NN"]  # a baby panda with toys and a ball
        >>> head_nouns(range(8), tags), head_nouns(range(3, 8), tags)
        ([2], [4, 7])
    """
    heads: list[int] = []
    head: int | None = None
    begun = False  # past a preposition before the phrase
    for word in span:
        tag = tags[word]
        if tag.startswith("NN"):
            head = word
        elif head is not None and tag == "CC":
            heads, head = [*heads, head], None
        elif (head is not None and tag != "POS") or tag in CLAUSE or (tag == "VBG" and not begun):
            break
        begun = begun or tag not in ("IN", "TO")
    return heads if head is None else [*heads, head]


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
